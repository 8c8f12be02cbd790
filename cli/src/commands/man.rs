// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi man`: manual pages.

use crate::output::{Failure, Outcome, Output};
use clap::CommandFactory as _;
use kho_abi_codegen::output::write_file;
use kho_abi_read::checkout::CheckoutError;
use std::path::PathBuf;

/// Print the manual page, or write the pages of all subcommands
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to write kho-abi.1 and a page for each subcommand
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut command = crate::Cli::command();
    command.build();
    let Some(dir) = args.out.as_ref().filter(|dir| dir.as_os_str() != "-") else {
        out.raw(&page(command)?);
        return Ok(Outcome::Clean);
    };
    let subcommands: Vec<_> =
        command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect();
    let mut pages = vec![("kho-abi.1".to_string(), page(command)?)];
    for sub in subcommands {
        let name = format!("kho-abi-{}", sub.get_name());
        // Pages name their command in full; clap needs such a name for the life of the program.
        let leaked: &'static str = Box::leak(name.clone().into_boxed_str());
        pages.push((format!("{name}.1"), page(sub.name(leaked))?));
    }
    for (name, text) in pages {
        let path = dir.join(name);
        write_file(&path, &text)?;
        out.line(path.display());
    }
    Ok(Outcome::Clean)
}

fn page(command: clap::Command) -> Result<String, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|source| CheckoutError::Io { path: "kho-abi.1".into(), source })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
