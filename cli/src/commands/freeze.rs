// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi freeze`: writes down the layout of a contract for good.

use super::{contract_help, known_contracts, models, place};
use crate::complete::words;
use crate::output::{note, Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_codegen::freeze;
use kho_abi_codegen::layouts::Layouts;
use kho_abi_model::Model;
use kho_abi_read::checkout::Checkout;
use kho_abi_read::frozen::Status;
use kho_abi_read::source::Options;
use kho_abi_review::project::read::{self, Release};
use kho_abi_review::project::{self, kernel, Found, Project};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
In a kernel tree, or in any repository with a kho-abi.toml, a layout is frozen as a draft. With \
--released, it is frozen for good, if that release has the same bytes.

Examples:
  kho-abi freeze                             drafts of everything that is not released
  kho-abi freeze vfio-pci-v2                 a draft of one contract
  kho-abi freeze vfio-pci-v2 --released v7.4 for good: the tag v7.4 has it
  kho-abi freeze --source vmlinux memfd-v2   a draft of what a kernel has, by DWARF or BTF
  kho-abi freeze --source vmlinux --root-struct x-v1=x_ser x-v1
                                             of a contract that no header here has
  kho-abi freeze --draft vfio-pci-v2         in a checkout of kho-abi: a draft
  kho-abi freeze vfio-pci-v2                 in a checkout of kho-abi: for good

A kernel contains neither macros, nor device trees, nor packing, nor which structs a string promises; BTF has no \
strings. The layout says what is unknown and what was given, and stays a draft.

Exit status: 0 when it is frozen, 1 when it is refused, 2 when it could not be done.";

/// Write down the layout that a compatible string stands for
///
/// Once released, a frozen layout is never written again: where the types differ from it, they are
/// refused. A draft may be written again until it is released.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The contracts, by compatible string; in a tree whose headers are the truth, all if none is given
    #[arg(value_name = "CONTRACT", add = ArgValueCompleter::new(words::contracts))]
    contracts: Vec<String>,
    /// As a draft: no kernel has this version yet
    #[arg(long)]
    draft: bool,
    /// As released: a tag or another revision of the tree's repository, or a tree, that has these bytes
    #[arg(long, value_name = "TAG|REV|TREE", conflicts_with = "draft", add = ArgValueCompleter::new(words::releases))]
    released: Option<String>,
    /// Freeze what a kernel has: a vmlinux, a module or a bzImage with DWARF or BTF, or raw BTF
    #[arg(long, value_name = "KERNEL", conflicts_with_all = ["draft", "released"])]
    source: Option<String>,
    /// The struct with which the state of a compatible string begins: a kernel does not say it
    #[arg(long, value_name = "COMPATIBLE=STRUCT", requires = "source", value_parser = root_struct)]
    root_struct: Vec<(String, String)>,
    /// Read BTF, also where there is DWARF
    #[arg(long, requires = "source")]
    btf: bool,
    /// The BTF that a module's continues: raw, or in a vmlinux
    #[arg(long, value_name = "FILE", requires = "source")]
    btf_base: Option<PathBuf>,
}

/// `STRING=STRUCT`, as several commands take it.
pub(super) fn root_struct(text: &str) -> Result<(String, String), String> {
    let (string, name) = text.split_once('=').ok_or("COMPATIBLE=STRUCT is expected")?;
    let name = name.strip_prefix("struct ").unwrap_or(name);
    Ok((string.into(), name.into()))
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    match place(root)? {
        Found::Checkout(checkout) => of_types(args, &checkout, out),
        Found::Project(project) => of_headers(args, &project, out),
    }
}

/// Freezes the layouts of a tree's headers.
fn of_headers(args: &Args, project: &Project, out: &mut Output) -> Result<Outcome, Failure> {
    let held = match &args.source {
        Some(word) => {
            let options = Options {
                prefer_btf: args.btf,
                btf_base: args.btf_base.clone(),
                ..Options::default()
            };
            kernel::read(project, word, &args.contracts, &args.root_struct, &options)?
        }
        None => project::held(project)?,
    };
    let release = match args.released.as_deref().map(Release::of) {
        Some(release) => {
            let read = read::release(project, &release)?;
            Some((release, read))
        }
        None => None,
    };
    let outcomes = project::freeze::freeze(project, &held, &args.contracts, release.as_ref())?;
    let refused = report(&project.layouts(), &outcomes, out);
    if let Some(from_kernel) = &held.from_kernel {
        note(format_args!("note: {} does not contain {}", from_kernel.source, from_kernel.words()));
        let given: Vec<_> = from_kernel.given.iter().map(|part| part.what()).collect();
        note(format_args!("note: the layouts say that it was given: {}", given.join(", ")));
    }
    Ok(Outcome::of(refused))
}

/// Prints the result for each contract; returns how many were refused.
pub(super) fn report(
    layouts: &Layouts,
    outcomes: &[project::freeze::Outcome],
    out: &mut Output,
) -> usize {
    for outcome in outcomes {
        match &outcome.written {
            Some(path) => out.line(layouts.display(path)),
            None if outcome.status.is_some() && outcome.findings.is_empty() => {
                let path = layouts.path(&outcome.contract);
                note(format_args!("{} is up to date", layouts.display(&path)));
            }
            None => {}
        }
    }
    let findings: Vec<_> = outcomes.iter().flat_map(|one| one.findings.clone()).collect();
    out.findings(&findings);
    findings.len()
}

/// Freezes contracts of this program's types.
fn of_types(args: &Args, checkout: &Checkout, out: &mut Output) -> Result<Outcome, Failure> {
    let (current, earlier) = models()?;
    if args.source.is_some() {
        return Err(Failure {
            message: "--source is for trees of their own; here, the types are the truth".into(),
            help: "compare a kernel with them: `kho-abi verify KERNEL`".into(),
        });
    }
    if args.released.is_some() {
        return Err(Failure {
            message: "--released is for trees whose headers are the truth".into(),
            help: "in a checkout of kho-abi, `kho-abi freeze CONTRACT` freezes for good".into(),
        });
    }
    let [name] = args.contracts.as_slice() else {
        return Err(Failure {
            message: "one contract is frozen at a time".into(),
            help: format!("give one of {}", known_contracts(&current)),
        });
    };
    let mut models = std::iter::once(&current).chain(&earlier);
    let Some((model, header)) = models.find_map(|m: &Model| Some((m, m.contract(name)?.0))) else {
        return Err(Failure {
            message: format!("no contract has the compatible string \"{name}\""),
            help: contract_help(name, &current),
        });
    };
    let status = if args.draft { Status::Draft } else { Status::Released };
    match freeze::freeze(checkout, model, header, name, status)? {
        freeze::Outcome::Written(path) => out.line(checkout.display(&path)),
        freeze::Outcome::Unchanged(path) => {
            note(format_args!("{} is up to date", checkout.display(&path)));
        }
        freeze::Outcome::Refused(findings) => {
            out.findings(&findings);
            return Ok(Outcome::Findings);
        }
    }
    Ok(Outcome::Clean)
}
