// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi verify`: compares kernels with the truth.

use super::word;
use crate::complete::words;
use crate::output::{columns, note, Failure, Format, Inputs, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_read::source::{Kind, Options};
use kho_abi_review::project::catalogue;
use kho_abi_review::report;
use kho_abi_review::verify::{self, pages, Report, Truth, Verdict};
use kho_abi_show::names;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

const AFTER_HELP: &str = "\
The truth is the ABI that this program defines, or with --against, what that tree froze; `kho-abi layout` \
shows it. The verdicts, one for each contract:
  equal          everything that the source says about it matches the truth
  partly         what was compared matches, but the source lacks what one of its kind would show: its string,
                 a struct, an enumeration. It may be different: a finding
  different      something does not match: a finding
  newer, older   the source has another version; a finding unless the truth knows that version
                 and it matches
  unknown        the source has a contract that the truth does not have: a finding
  absent         the source has neither its string nor a struct of its own
  not checkable  this source says nothing about what it promises

What was not checked is listed for each contract.

Examples:
  kho-abi verify vmlinux                      against the types of this program
  kho-abi verify /sys/kernel/btf/vmlinux      the running kernel
  kho-abi verify git:v7.3 --git-dir ~/linux   a revision's headers
  kho-abi verify --against ~/linux vmlinux    against what that tree froze
  kho-abi verify --against kho-abi.toml .     a tree against its own frozen layouts

Exit status:
  0  everything that could be checked matches the truth
  1  findings
  2  a source cannot be read, or nothing in it could be checked";

/// Compare kernels with the ABI that this program defines
///
/// A SOURCE is a kernel tree or a directory with its headers, a vmlinux, a module, a bzImage, raw BTF
/// such as /sys/kernel/btf/vmlinux, a frozen layout, `git:REV`, `snapshots` or `abi`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// What to compare with the ABI
    #[arg(value_name = "SOURCE", required = true, add = ArgValueCompleter::new(words::sources), value_parser = word())]
    sources: Vec<String>,
    /// Read BTF even if there is DWARF
    #[arg(long, conflicts_with = "dwarf")]
    btf: bool,
    /// Read only DWARF
    #[arg(long)]
    dwarf: bool,
    /// The base BTF of a module: raw, or in a vmlinux
    #[arg(long, value_name = "FILE")]
    btf_base: Option<PathBuf>,
    /// Page size of the kernel in bytes, if the source does not say it
    #[arg(long, value_name = "BYTES", value_parser = page_size)]
    page_size: Option<u64>,
    /// Read C headers for this machine, as clang names it
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// The repository of git:REV, instead of the one around the current directory
    #[arg(long, value_name = "DIR")]
    git_dir: Option<PathBuf>,
    /// Compare with a tree's frozen layouts instead: give its kho-abi.toml, its directory, or the
    /// layouts' directory
    #[arg(long, value_name = "CATALOGUE", add = ArgValueCompleter::new(words::catalogues))]
    against: Option<PathBuf>,
    /// Print nothing; the exit status is the answer
    #[arg(short, long)]
    quiet: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

fn page_size(text: &str) -> Result<u64, String> {
    let size: u64 = text.parse().map_err(|_| "expected a number of bytes".to_string())?;
    if size.is_power_of_two() && (4096..=65536).contains(&size) {
        Ok(size)
    } else {
        Err("page sizes are powers of two from 4096 to 65536".into())
    }
}

/// The schema of a document.
pub(crate) const SCHEMA: &str = "kho-abi/verify/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    sources: &'a [Report],
    failures: Vec<Unreadable>,
}

#[derive(JsonSchema, Serialize)]
struct Unreadable {
    source: String,
    error: String,
    help: String,
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut inputs = Inputs::of(args.sources.iter().map(|word| names::path(word)));
    inputs.add(&args.btf_base);
    inputs.add(&args.against);
    inputs.guard_stdout()?;
    let (catalogue, name) = match &args.against {
        Some(word) => {
            let (catalogue, dir) = catalogue::open(word)?;
            (Arc::new(catalogue), Some(names::shown(&dir)))
        }
        None => (Arc::default(), None),
    };
    let options = Options {
        triple: args.target.clone(),
        page_size: args.page_size,
        git_dir: args.git_dir.clone(),
        prefer_btf: args.btf,
        btf_base: args.btf_base.clone(),
        snapshots: super::layouts_here(),
        catalogue,
        ..Options::default()
    };
    let truth = Truth::load(&options.catalogue)?;
    let truth = match &name {
        Some(name) => truth.called(name),
        None => truth,
    };
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for word in &args.sources {
        match one(word, args, &options, &truth) {
            Ok(report) => {
                if !report.anything_checked() && report.only_open() {
                    failures.push((word, nothing(&report)));
                }
                reports.push(report);
            }
            Err(failure) => failures.push((word, failure)),
        }
    }
    match args.format {
        _ if args.quiet => {}
        Format::Text => {
            for (index, report) in reports.iter().enumerate() {
                if index > 0 {
                    out.line("");
                }
                out.text(&report::verified(report, columns(&std::io::stdout())));
            }
        }
        Format::Json => out.json(&Document {
            schema: SCHEMA,
            sources: &reports,
            failures: failures
                .iter()
                .map(|(word, failure)| Unreadable {
                    source: (*word).clone(),
                    error: failure.message.clone(),
                    help: failure.help.clone(),
                })
                .collect(),
        }),
    }
    // The caller reports the last failure.
    let Some((_, last)) = failures.pop() else {
        return Ok(Outcome::of(reports.iter().map(|report| report.findings.len()).sum()));
    };
    for (_, failure) in failures {
        failure.print();
    }
    Err(last)
}

fn one(word: &str, args: &Args, options: &Options, truth: &Truth) -> Result<Report, Failure> {
    let reading = pages::open(word, options)
        .map_err(|error| Failure { message: error.to_string(), help: error.help() })?;
    let lacks = match (args.btf, args.dwarf, reading.kind) {
        (true, _, Kind::Dwarf | Kind::Strings) => Some("BTF"),
        (_, true, Kind::Btf | Kind::Strings) => Some("DWARF"),
        _ => None,
    };
    if let Some(lacks) = lacks {
        return Err(Failure {
            message: format!("{word} has no {lacks}"),
            help: "leave out the option to read what there is".into(),
        });
    }
    if (args.btf || args.dwarf) && !matches!(reading.kind, Kind::Btf | Kind::Dwarf) {
        note(format_args!("note: {word} is not an image: --btf and --dwarf have no effect"));
    }
    Ok(verify::verify(truth, &reading)?)
}

/// Nothing was checked. Silence would look like success.
fn nothing(report: &Report) -> Failure {
    let has_types = matches!(report.kind, Kind::Btf | Kind::Dwarf);
    // What has no struct cannot be seen in types.
    let absent = report.contracts.iter().all(|checked| {
        let unseen = has_types && checked.verdict == Verdict::NotCheckable;
        checked.verdict == Verdict::Absent || unseen && !checked.compared.string
    });
    let (why, help) = if absent {
        (
            "it has none of the contracts, so the kernel is built without Kexec HandOver",
            "give a kernel that was built with CONFIG_KEXEC_HANDOVER",
        )
    } else if has_types {
        (
            "its types do not show what contracts promise",
            "give the kernel's vmlinux, or with --btf-base the one that a module belongs to",
        )
    } else {
        ("it does not say what contracts promise", "give a kernel that has BTF or DWARF")
    };
    Failure {
        message: format!("{}: nothing could be checked: {why}", report.source),
        help: help.into(),
    }
}
