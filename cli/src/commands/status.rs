// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi status`: this machine's live-update state.

use crate::output::{Failure, Format, Outcome, Output};
use kho_abi_inspect::status::{self, text, Options};
use kho_abi_show::names;
use std::path::Path;

const AFTER_HELP: &str = "\
Reads debugfs, sysfs, /proc and the kernel's log, and changes nothing. With --root, reads a copy of a \
machine's file system, such as an unpacked sosreport.

Examples:
  kho-abi status                          this machine, as root
  kho-abi status --root sosreport         a copy of another machine's files
  kho-abi status --format json            for programs: `kho-abi schema status-1`

Exit status:
  0  healthy: KHO and LUO are on, everything was read, nothing is wrong
  1  something is wrong or unknown
  2  the command could not run";

/// Show whether live update is on, what this kernel received, and what it prepares
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Do not read the kernel's log
    #[arg(long)]
    no_log: bool,
    /// Print nothing; the exit status is the answer
    #[arg(short, long)]
    quiet: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let root = root.unwrap_or(Path::new("/"));
    let options = Options { without_log: args.no_log };
    let status = status::read(root, options).map_err(|error| Failure {
        message: format!("{}: {error}", names::shown(root)),
        help: "give the root of a file system with --root DIR".into(),
    })?;
    match args.format {
        _ if args.quiet => {}
        Format::Text => {
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = text::write(&status, &mut text);
            out.text(&text);
        }
        Format::Json => out.json(&status),
    }
    Ok(Outcome::of(status.findings.len() + status.unknown.len()))
}
