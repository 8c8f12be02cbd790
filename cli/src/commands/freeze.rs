// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi freeze`: writes down the layout of a contract for good.

use super::{contract_help, judging, known_contracts, models, place, word};
use crate::complete::words;
use crate::output::{note, Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_codegen::freeze;
use kho_abi_codegen::layouts::Layouts;
use kho_abi_model::finding::Finding;
use kho_abi_model::{Header, Model};
use kho_abi_read::checkout::Checkout;
use kho_abi_read::frozen::Status;
use kho_abi_read::source::{self, Options};
use kho_abi_review::project::read::{self, Release};
use kho_abi_review::project::{self, kernel, Found, Project};
use kho_abi_review::verify::{self, Truth, Verdict};
use kho_abi_show::names;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Layouts are frozen as drafts, which may be frozen again. --release freezes for good: it reads the named \
release, which must have the same bytes. In a kernel tree, or in any repository with a kho-abi.toml, the \
release is a tag or another revision of the repository, or a tree. In a checkout of kho-abi, it is a \
kernel: a tag of --git-dir, a tree, a vmlinux, or another source that `kho-abi verify` reads.

Examples:
  kho-abi freeze                             drafts of everything that is not released
  kho-abi freeze vfio-pci-v2                 a draft of one contract
  kho-abi freeze vfio-pci-v2 --release v7.4  for good: the tag v7.4 has it
  kho-abi freeze --source vmlinux memfd-v2   a draft of what a kernel has, from its DWARF or BTF
  kho-abi freeze --source vmlinux --root-struct x-v1=x_ser x-v1
                                             of a contract that no header here has
  kho-abi freeze vfio-pci-v2 --release v7.4 --git-dir ~/linux
                                             in a checkout of kho-abi

A kernel does not record macros, device trees, packing, or which structs a string promises, and BTF has \
no strings. The layout lists what is unknown and what was given, and stays a draft.

Exit status: 0 when frozen, 1 when refused, 2 when the command could not run.";

/// Freeze the layout of a contract
///
/// A draft may be rewritten until it is released. A released layout is never rewritten: types that differ
/// from it are refused.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The contracts, by compatible string; all if none is given
    #[arg(value_name = "CONTRACT", add = ArgValueCompleter::new(words::contracts))]
    contracts: Vec<String>,
    /// Freeze a draft; this is the default
    #[arg(long, hide = true)]
    draft: bool,
    /// Freeze for good: the tag or kernel that released the layout, which must have these bytes
    #[arg(long, value_name = "TAG|KERNEL", alias = "released", conflicts_with = "draft", add = ArgValueCompleter::new(words::releases), value_parser = word())]
    release: Option<String>,
    /// The repository of the tag, instead of the one around the current directory
    #[arg(long, value_name = "DIR", requires = "release")]
    git_dir: Option<PathBuf>,
    /// Freeze what a kernel has: a vmlinux, a module or a bzImage with DWARF or BTF, or raw BTF
    #[arg(long, value_name = "KERNEL", conflicts_with_all = ["draft", "release"], value_parser = word())]
    source: Option<String>,
    /// The root struct of a compatible string, which a kernel does not record
    #[arg(long, value_name = "COMPATIBLE=STRUCT", requires = "source", value_parser = root_struct)]
    root_struct: Vec<(String, String)>,
    /// Read BTF even if there is DWARF
    #[arg(long, requires = "source")]
    btf: bool,
    /// The base BTF of a module: raw, or in a vmlinux
    #[arg(long, value_name = "FILE", requires = "source")]
    btf_base: Option<PathBuf>,
}

/// `STRING=STRUCT`, as several commands take it.
pub(super) fn root_struct(text: &str) -> Result<(String, String), String> {
    let (string, name) = text.split_once('=').ok_or("expected COMPATIBLE=STRUCT")?;
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
    if args.git_dir.is_some() {
        return Err(Failure {
            message: "--git-dir only works in a checkout of kho-abi".into(),
            help: "leave it out: a tree's release is a revision of its own repository, or a tree"
                .into(),
        });
    }
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
    let release = match args.release.as_deref().map(Release::of) {
        Some(release) => {
            let read = read::release(project, &release)?;
            Some((release, read))
        }
        None => None,
    };
    let flaws = project::freeze::refused(project, &held, judging::today())?;
    let outcomes =
        project::freeze::freeze(project, &held, &args.contracts, release.as_ref(), &flaws)?;
    let refused = report(&project.layouts(), &outcomes, out);
    if let Some(from_kernel) = &held.from_kernel {
        note(format_args!("note: {} does not contain {}", from_kernel.source, from_kernel.words()));
        let given: Vec<_> = from_kernel.given.iter().map(|part| part.what()).collect();
        note(format_args!("note: the layouts record as given: {}", given.join(", ")));
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
            message:
                "--source does not work in a checkout of kho-abi, where the types are the truth"
                    .into(),
            help: "compare a kernel with them: `kho-abi verify KERNEL`".into(),
        });
    }
    let mut models = vec![current];
    models.extend(earlier);
    let chosen = chosen(args, checkout, &models)?;
    let released = match &args.release {
        Some(word) => {
            let findings = prove(word, args, &chosen)?;
            if !findings.is_empty() {
                out.findings(&findings);
                return Ok(Outcome::Findings);
            }
            true
        }
        None => false,
    };
    let status = if released { Status::Released } else { Status::Draft };
    let mut refused = 0;
    for (model, header, name) in chosen {
        match freeze::freeze(checkout, model, header, name, status)? {
            freeze::Outcome::Written(path) => out.line(checkout.display(&path)),
            freeze::Outcome::Unchanged(path) => {
                note(format_args!("{} is up to date", checkout.display(&path)));
            }
            freeze::Outcome::Refused(findings) => {
                out.findings(&findings);
                refused += findings.len();
                continue;
            }
        }
        if let Some(path) = freeze::list(checkout, name)? {
            out.line(checkout.display(&path));
        }
    }
    Ok(Outcome::of(refused))
}

/// A contract, with where it is.
type Chosen<'a> = (&'a Model, &'a Header, &'a str);

/// The contracts that are named; where none is, those that are not released yet.
fn chosen<'a>(
    args: &Args,
    checkout: &Checkout,
    models: &'a [Model],
) -> Result<Vec<Chosen<'a>>, Failure> {
    let all = || {
        let of = |model: &'a Model| model.contracts().map(move |(header, c)| (model, header, c));
        models.iter().flat_map(of).map(|(model, header, c)| (model, header, c.compatible.as_str()))
    };
    if args.contracts.is_empty() {
        if args.release.is_some() {
            return Err(Failure {
                message: "--release freezes for good, and needs the contracts by name".into(),
                help: format!("give one or more of {}", known_contracts(&models[0])),
            });
        }
        let mut open = Vec::new();
        for one in all() {
            if freeze::status(checkout, one.2)? != Some(Status::Released) {
                open.push(one);
            }
        }
        return Ok(open);
    }
    let named = args.contracts.iter().map(|name| {
        all().find(|(_, _, compatible)| compatible == name).ok_or_else(|| Failure {
            message: format!("no contract has the compatible string \"{name}\""),
            help: contract_help(name, &models[0]),
        })
    });
    named.collect()
}

/// What keeps a kernel from being the release that has these contracts.
fn prove(word: &str, args: &Args, chosen: &[Chosen<'_>]) -> Result<Vec<Finding>, Failure> {
    let options = Options { git_dir: args.git_dir.clone(), ..Options::default() };
    // A tag is a revision, as in a tree whose headers are the truth.
    let is_source = names::path(word).exists() || word.starts_with(GIT);
    let source = if is_source { word.into() } else { format!("{GIT}{word}") };
    let reading = source::open(&source, &options)
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    let mut findings = Vec::new();
    for (model, _, name) in chosen {
        let report = verify::verify(&Truth::of((*model).clone(), Vec::new()), &reading)?;
        let checked = report.contracts.iter().find(|checked| checked.contract == *name);
        let why = match checked.map(|checked| (checked, checked.verdict)) {
            Some((checked, Verdict::Equal)) if checked.compared.anything() => continue,
            // Properties of device trees are in the code alone: there is no more to see than the string.
            Some((_, Verdict::Equal)) if is_string_alone(model, name) => continue,
            Some((_, Verdict::Equal)) => "only its string was found there".into(),
            Some((checked, _)) if checked.found.is_some() => {
                format!("it has \"{}\"", checked.found.as_deref().unwrap_or_default())
            }
            Some((_, verdict)) => format!("there it is {verdict}"),
            None => "it is not there".into(),
        };
        findings.push(Finding::new(
            "release_not_proven",
            word,
            format!("{word} does not prove that \"{name}\" was released: {why}"),
            format!("name the kernel that has it, or freeze a draft: `kho-abi freeze {name}`"),
        ));
    }
    Ok(findings)
}

/// Whether a contract promises nothing that a source shows but its string.
fn is_string_alone(model: &Model, name: &str) -> bool {
    let contract = model.contract(name).map(|(_, contract)| contract);
    contract.is_some_and(|contract| contract.roots.is_empty() && contract.constants.is_empty())
}

/// How a revision is distinguished from a file.
const GIT: &str = "git:";
