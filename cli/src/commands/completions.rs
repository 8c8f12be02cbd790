// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi completions`: completions for shells.

use crate::output::{Outcome, Output};
use clap::CommandFactory as _;

/// Print the completions for a shell
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "kho-abi", &mut script);
    out.raw(&String::from_utf8_lossy(&script));
    Outcome::Clean
}
