// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi bump`: the next version of a contract.

use super::{checkout_of_types, contract_help, models};
use crate::complete::words;
use crate::output::{note, Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_codegen::bump::{self, BumpError, Next};
use std::path::Path;

const AFTER_HELP: &str = "\
Examples:
  kho-abi bump vfio-pci-v1       prepare vfio-pci-v2, whose types may then change";

/// Prepare the next version of contracts
///
/// Copies the current types to abi/src/wire/earlier/, so that memory written with them stays readable.
/// Gives the compatible string its next version, generates the header, and freezes a draft of the new
/// layout. Change the types after that. If several contracts embed the struct to change, name all of
/// them.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Contracts, by their current compatible strings
    #[arg(required = true, value_name = "CONTRACT", add = ArgValueCompleter::new(words::current_contracts))]
    contracts: Vec<String>,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let instead = "write the next string in the header, and run `kho-abi freeze`";
    let checkout = checkout_of_types(root, instead)?;
    let (current, _) = models()?;
    let bumped = match bump::bump(&checkout, &current, &args.contracts) {
        Ok(bumped) => bumped,
        Err(BumpError::Changed { findings, .. }) => {
            out.findings(&findings);
            return Ok(Outcome::Findings);
        }
        Err(ref error @ BumpError::Unknown { ref compatible, .. }) => {
            let help = contract_help(compatible, &current);
            return Err(Failure { message: error.to_string(), help });
        }
        Err(error) => return Err(error.into()),
    };
    for path in &bumped.written {
        out.line(checkout.display(path));
    }
    for next in &bumped.contracts {
        note(format_args!("\"{}\" is now \"{}\".", next.before, next.compatible));
    }
    let join =
        |of: fn(&Next) -> &str| bumped.contracts.iter().map(of).collect::<Vec<_>>().join(" ");
    let nexts = join(|next| &next.compatible);
    let mut files: Vec<_> =
        bumped.contracts.iter().map(|next| checkout.display(&next.wire_file)).collect();
    files.dedup();
    note("Next steps:");
    note(format_args!("  1. change the types in {}", files.join(" and ")));
    note(format_args!("  2. `cargo run -- generate` and `cargo run -- freeze {nexts}`"));
    note("  3. `make bless`, and review what it changed");
    note(format_args!(
        "  4. once a kernel is released with it: `cargo run -- freeze --release TAG {nexts}`"
    ));
    Ok(Outcome::Clean)
}
