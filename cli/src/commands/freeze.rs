// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi freeze`: the layout of a contract, written down for good.

use super::{known_contracts, matching_checkout, models};
use crate::output::{note, Failure, Outcome, Output};
use kho_abi_codegen::freeze;
use kho_abi_model::Model;
use kho_abi_read::frozen::Status;
use std::path::Path;

/// Write down the layout that a compatible string stands for
///
/// Once released, a frozen layout is never written again: where the types differ from it, they are
/// refused. A draft may be written again until it is released.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The contract, by its compatible string
    contract: String,
    /// As a draft: no kernel has this version yet
    #[arg(long)]
    draft: bool,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let checkout = matching_checkout(root)?;
    let (current, earlier) = models()?;
    let name = args.contract.as_str();
    let mut models = std::iter::once(&current).chain(&earlier);
    let Some((model, header)) = models.find_map(|m: &Model| Some((m, m.contract(name)?.0))) else {
        return Err(Failure {
            message: format!("no contract has the compatible string \"{name}\""),
            help: format!("give one of {}", known_contracts(&current)),
        });
    };
    let status = if args.draft { Status::Draft } else { Status::Released };
    match freeze::freeze(&checkout, model, header, name, status)? {
        freeze::Outcome::Written(path) => out.line(checkout.display(&path)),
        freeze::Outcome::Unchanged(path) => {
            note(format_args!("{} says this already", checkout.display(&path)));
        }
        freeze::Outcome::Refused(findings) => {
            out.findings(&findings);
            return Ok(Outcome::Findings);
        }
    }
    Ok(Outcome::Clean)
}
