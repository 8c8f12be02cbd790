// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi kernel-patch`: from the wire file to the list, and back.

use super::{known_contracts, matching_checkout, models};
use crate::output::{note, Failure, Outcome, Output};
use kho_abi_codegen::generate::unified_diff;
use kho_abi_codegen::kernel_patch::{self, Patch, Request};
use kho_abi_codegen::{freeze, rustfmt, wire_edit};
use kho_abi_model::finding::Finding;
use kho_abi_model::{Contract, Header, Model};
use kho_abi_read::checkout::Checkout;
use kho_abi_read::frozen::Status;
use kho_abi_read::headers;
use kho_abi_read::source::Options;
use kho_abi_review::project::suites::{self, Suites};
use kho_abi_review::project::{self, Found, Project};
use kho_abi_show::names;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
The patch is a mail like those of `git format-patch`, for `git am` and `git send-email`. The tree is only \
read. Its scripts/checkpatch.pl checks the patch, and every complaint is a finding. Author and \
Signed-off-by are git's identity in the tree.

Examples:
  kho-abi kernel-patch vfio-pci-v1 --tree linux            the patch, on standard output
  kho-abi kernel-patch vfio-pci-v1 --tree linux --kunit    with the header's unit tests
  kho-abi kernel-patch x-v1 --tree linux --kunit --keep-header
                                                           unit tests of a header that the tree keeps
  kho-abi kernel-patch vfio-pci-v1 --tree linux --reverse  what an edited header means

Exit status: 0 when the patch is written, or the tree already has the header; with --reverse, when the \
header means no change. 1 when checkpatch complains; with --reverse, when there is a change. 2 when \
the command could not run.";

/// Write a patch that adds or updates a contract's header in a kernel tree
///
/// The patch adds the header, or makes it match the types. Its message lists what changes. --reverse goes
/// the other way: if the header was edited by hand in the tree, it shows the change of the wire file that
/// this means.
///
/// With --keep-header, the tree's header stays as it is, and the patch adds its unit tests, which expect
/// the layouts that are frozen in the tree.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The contract, by compatible string
    contract: String,
    /// Top directory of the kernel tree
    #[arg(long, value_name = "TREE")]
    tree: PathBuf,
    /// Add the header's unit tests
    #[arg(long)]
    kunit: bool,
    /// Leave the tree's header as it is, and make its unit tests from the layouts that are frozen in the
    /// tree; the default for a contract that this program has no types for
    #[arg(long, requires = "kunit", conflicts_with = "reverse")]
    keep_header: bool,
    /// The section of MAINTAINERS that gets the new files
    #[arg(long, value_name = "SECTION")]
    maintainers: Option<String>,
    /// Show what the tree's header means for the wire file
    #[arg(long, conflicts_with_all = ["kunit", "maintainers"])]
    reverse: bool,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let (current, _) = models()?;
    let of_types = current.contract(&args.contract);
    if args.keep_header || (args.kunit && of_types.is_none()) {
        return tests_alone(args, out);
    }
    let Some((header, contract)) = of_types else {
        return Err(Failure {
            message: format!("this program has no types for \"{}\"", args.contract),
            help: format!(
                "give one of {}, or --kunit for the unit tests of a header that the tree has",
                known_contracts(&current)
            ),
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
    Ok(print(args, patch, out))
}

/// Prints the patch; `None` where the tree needs none.
fn print(args: &Args, patch: Option<Patch>, out: &mut Output) -> Outcome {
    let Some(patch) = patch else {
        note(format_args!("{} already has this", names::shown(&args.tree)));
        return Outcome::Clean;
    };
    for text in &patch.notes {
        note(format_args!("note: {text}"));
    }
    out.raw(&patch.text);
    if patch.complaints.is_empty() {
        return Outcome::Clean;
    }
    note("the tree's checkpatch says:");
    for line in patch.complaints.lines() {
        note(format_args!("  {line}"));
    }
    Outcome::Findings
}

/// The patch with the unit tests of a header that is the tree's own.
fn tests_alone(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let project = match project::at(&args.tree)? {
        Found::Project(project) => project,
        Found::Checkout(_) => {
            return Err(Failure {
                message: format!("{} is a checkout of kho-abi", names::shown(&args.tree)),
                help: "give the top of a kernel tree: --tree DIR".into(),
            })
        }
    };
    let held = project::held(&project)?;
    let Some((_, contract)) = held.model.contract(&args.contract) else {
        let types = if args.keep_header { "" } else { ", and this program has no types for it" };
        let (tree, name) = (names::shown(&args.tree), &args.contract);
        return Err(Failure {
            message: format!("no header in {tree} has \"{name}\"{types}"),
            help: super::contract_help(name, &held.model),
        });
    };
    let suites = suites::of(&project, &held)?;
    let Some((header, tests)) = suites.of_contract(&args.contract) else {
        return Err(no_tests(&args.contract, &project, &suites));
    };
    let dir = &project.config().tests;
    let request = Request { tree: &args.tree, kunit: true, section: args.maintainers.as_deref() };
    let patch = kernel_patch::write_tests(tests, dir, (header, contract), request)
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    Ok(print(args, patch, out))
}

/// Why a contract of a tree has no unit tests.
fn no_tests(name: &str, project: &Project, suites: &Suites) -> Failure {
    let layouts = names::shown(project.layouts().dir());
    let is_of_it = |finding: &&Finding| finding.what.contains(&format!("\"{name}\""));
    let finding = suites.findings.iter().find(is_of_it);
    Failure {
        message: finding.map_or_else(
            || {
                format!(
                    "\"{name}\" has no unit tests: its header has a contract that is not frozen"
                )
            },
            |finding| finding.what.clone(),
        ),
        help: format!("`kho-abi freeze` freezes it in {layouts}"),
    }
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
            message: format!("{} has no {path}", names::shown(&args.tree)),
            help: "leave out --reverse to write the patch that adds it".into(),
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
        note(format_args!("{path} in the tree says the same as {}", header.file));
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
