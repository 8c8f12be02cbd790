// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi completions`: completions for shells.

use crate::complete::{self, Shell};
use crate::output::{Failure, Outcome, Output};

const AFTER_HELP: &str = "\
The script calls this program as you type, so it also completes rules, compatible strings, structs, \
schemas, revisions and files.

Examples:
  kho-abi completions bash > ~/.local/share/bash-completion/completions/kho-abi
  kho-abi completions zsh > ~/.zfunc/_kho-abi
  kho-abi completions fish > ~/.config/fish/completions/kho-abi.fish";

/// Print the completions for a shell
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    out.raw(&complete::script(args.shell).map_err(|error| Failure {
        message: format!("cannot write the completions: {error}"),
        help: "report this as a bug in kho-abi".into(),
    })?);
    Ok(Outcome::Clean)
}
