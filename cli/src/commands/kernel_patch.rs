// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi kernel-patch`: from the wire file to the list, and back.

use super::{known_contracts, matching_checkout, models};
use crate::output::{note, Failure, Outcome, Output};
use kho_abi_codegen::generate::unified_diff;
use kho_abi_codegen::kernel_patch::{self, Request};
use kho_abi_codegen::{freeze, rustfmt, wire_edit};
use kho_abi_model::{Contract, Header, Model};
use kho_abi_read::checkout::Checkout;
use kho_abi_read::frozen::Status;
use kho_abi_read::headers;
use kho_abi_read::source::Options;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
The patch is a mail as `git format-patch` writes one, for `git am` and `git send-email`. The tree is read \
and not touched. The tree's own scripts/checkpatch.pl sees the patch; what it says is a finding. Author \
and Signed-off-by are git's identity in the tree, and no other.

Examples:
  kho-abi kernel-patch vfio-pci-v1 --tree linux            the patch, on standard output
  kho-abi kernel-patch vfio-pci-v1 --tree linux --kunit    with the header's unit tests
  kho-abi kernel-patch vfio-pci-v1 --tree linux --reverse  what an edited header means

Exit status: 0 when the patch is written, or the tree has the header; with --reverse, when the header \
means no change. 1 when checkpatch says something, or there is a change. 2 when it could not be done.";

/// Write the patch that brings a contract's header to a kernel tree
///
/// It adds the header, or makes it what the types say, with a message that lists what changes. With
/// --reverse, it goes the other way: a header that was edited by hand in the tree is shown as the change
/// of the wire file that it means.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The contract, by compatible string
    contract: String,
    /// The top of the kernel tree
    #[arg(long, value_name = "TREE")]
    tree: PathBuf,
    /// Add the header's unit tests
    #[arg(long)]
    kunit: bool,
    /// The section of MAINTAINERS that gets the new files
    #[arg(long, value_name = "SECTION")]
    maintainers: Option<String>,
    /// Show what the tree's header means for the wire file
    #[arg(long, conflicts_with_all = ["kunit", "maintainers"])]
    reverse: bool,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let (current, _) = models()?;
    let Some((header, contract)) = current.contract(&args.contract) else {
        return Err(Failure {
            message: format!("no contract has the compatible string \"{}\"", args.contract),
            help: format!("give one of {}", known_contracts(&current)),
        });
    };
    if args.reverse {
        let checkout = matching_checkout(root)?;
        return reverse(args, &checkout, header, contract, out);
    }
    let is_there = args.tree.join("include").join(header.include_path()).exists();
    let before = match is_there.then(|| tree_of(args)) {
        Some(Ok(model)) => Some(model),
        Some(Err(failure)) => {
            note(format_args!("note: the message lists no changes: {}", failure.message));
            None
        }
        None => None,
    };
    let request =
        Request { tree: &args.tree, kunit: args.kunit, section: args.maintainers.as_deref() };
    let patch = kernel_patch::write(&current, header, contract, before.as_ref(), request)
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    let Some(patch) = patch else {
        note(format_args!("{} has this already", args.tree.display()));
        return Ok(Outcome::Clean);
    };
    for text in &patch.notes {
        note(format_args!("note: {text}"));
    }
    out.raw(&patch.text);
    if patch.complaints.is_empty() {
        return Ok(Outcome::Clean);
    }
    note("the tree's checkpatch says:");
    for line in patch.complaints.lines() {
        note(format_args!("  {line}"));
    }
    Ok(Outcome::Findings)
}

/// The headers of the tree.
fn tree_of(args: &Args) -> Result<Model, Failure> {
    let read = headers::read_dir(&args.tree, &Options::default())
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    Ok(read.model)
}

/// Shows the header of the tree as a change of the wire file.
fn reverse(
    args: &Args,
    checkout: &Checkout,
    header: &Header,
    contract: &Contract,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let tree = tree_of(args)?;
    let path = format!("include/{}", header.include_path());
    let Some(theirs) = tree.headers.iter().find(|other| other.name == header.name) else {
        return Err(Failure {
            message: format!("{} has no {path}", args.tree.display()),
            help: "leave out --reverse for the patch that adds it".into(),
        });
    };
    let file = checkout.root().join(&header.file);
    let source = std::fs::read_to_string(&file).map_err(kho_abi_read::checkout::at(&file))?;
    let edited = wire_edit::edit(&source, header, theirs).map_err(|why| Failure {
        message: format!("{}: {why}", header.file),
        help: "correct the wire file".into(),
    })?;
    let text = rustfmt::format(checkout.root(), &edited.text);
    for left in &edited.left {
        note(format_args!("to do by hand: {left}"));
    }
    if text == source && edited.left.is_empty() {
        note(format_args!("{path} of the tree says what {} says", header.file));
        return Ok(Outcome::Clean);
    }
    out.raw(&unified_diff(&header.file, &source, &text));
    let compatible = &contract.compatible;
    if freeze::status(checkout, compatible)? == Some(Status::Released) {
        note(format_args!(
            "\"{compatible}\" is released, and never changes: run `kho-abi bump {compatible}`, then \
             apply this to the new version"
        ));
    }
    Ok(Outcome::Findings)
}
