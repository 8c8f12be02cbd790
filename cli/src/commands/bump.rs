// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi bump`: the next version of a contract.

use super::{contract_help, matching_checkout, models};
use crate::complete::words;
use crate::output::{note, Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_codegen::bump::{self, BumpError};
use std::path::Path;

const AFTER_HELP: &str = "\
Examples:
  kho-abi bump vfio-pci-v1       its types may change then, as vfio-pci-v2";

/// Prepare the next version of a contract
///
/// The present types are kept under abi/src/wire/earlier/, so that what kernels wrote with them stays
/// readable. The compatible string gets its next version, the header is generated, and a draft of the
/// new layout is frozen. Then the types can be changed.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The contract, by its present compatible string
    #[arg(add = ArgValueCompleter::new(words::contracts))]
    contract: String,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let checkout = matching_checkout(root)?;
    let (current, _) = models()?;
    let bumped = match bump::bump(&checkout, &current, &args.contract) {
        Ok(bumped) => bumped,
        Err(BumpError::Changed { findings, .. }) => {
            out.findings(&findings);
            return Ok(Outcome::Findings);
        }
        Err(error @ BumpError::Unknown { .. }) => {
            let help = contract_help(&args.contract, &current);
            return Err(Failure { message: error.to_string(), help });
        }
        Err(error) => return Err(error.into()),
    };
    for path in &bumped.written {
        out.line(checkout.display(path));
    }
    let next = &bumped.compatible;
    note(format_args!("\"{}\" is now \"{next}\". What remains:", args.contract));
    note(format_args!("  1. change the types in {}", checkout.display(&bumped.wire_file)));
    note(format_args!("  2. `cargo run -- generate` and `cargo run -- freeze --draft {next}`"));
    note("  3. `make bless`, and review what it changed");
    note(format_args!("  4. once a kernel is released with it: `cargo run -- freeze {next}`"));
    Ok(Outcome::Clean)
}
