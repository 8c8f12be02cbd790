// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi generate`: the kernel's C headers from the types, unit tests for them, and bindings; in a tree
//! whose C headers are the truth, their unit tests.

use super::{matching_checkout, models, note_stale, project_here};
use crate::output::{note, Failure, Format, Outcome, Output};
use kho_abi_codegen::generate;
use kho_abi_codegen::origin::Origin;
use kho_abi_model::finding::{self, Finding};
use kho_abi_review::project::{self, suites, Project};
use kho_abi_show::names;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
In a kernel tree, or in any repository with a kho-abi.toml, the C headers are the truth, and this command \
writes KUnit suites for them. Each suite expects its header's frozen layouts, and fails if the header \
differs. A contract that is not frozen is a finding, and its header's suite stays as it is.

Examples:
  kho-abi generate                 write what differs
  kho-abi generate --check         write nothing, and show what differs
  kho-abi generate --out ~/linux   write the headers of this program's types into a kernel tree

Exit status: 0 when everything is written or up to date, 1 with findings, 2 when the command could not run.";

/// Write C headers and unit tests from the types, or unit tests for C headers
///
/// In a checkout of kho-abi, writes the kernel's C headers, unit tests for them, and bindings for other
/// tools. In a tree whose C headers are the truth, writes unit tests for them.
///
/// The bindings let other tools parse preserved memory: a Python module of ctypes structures, a
/// description for Kaitai Struct, and a pattern for ImHex.
///
/// Leaves files alone that are up to date. With --check, writes nothing: it shows differences as a
/// unified diff, and exits with 1 if there are any.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Compare instead of writing
    #[arg(long)]
    check: bool,
    /// Where to write headers and unit tests, instead of the checkout's c-headers; `-` prints the
    /// headers. Without --bindings, no bindings are written
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to write bindings, instead of the checkout's bindings. Without --out, nothing else is
    /// written
    #[arg(long, value_name = "DIR")]
    bindings: Option<PathBuf>,
    /// Output format of --check
    #[arg(long, value_name = "FORMAT", default_value = "text", requires = "check")]
    format: Format,
}

/// The schema of a document.
pub(crate) const SCHEMA: &str = "kho-abi/generate/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(serialize_with = "finding::brief")]
    #[schemars(with = "Vec<finding::Brief<'static>>")]
    findings: &'a [Finding],
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let printed = args.out.as_ref().is_some_and(|dir| dir.as_os_str() == "-");
    if printed && (args.check || args.bindings.is_some()) {
        let (message, help) = if args.check {
            (
                "--check cannot compare with standard output",
                "give --out a directory, or leave it out",
            )
        } else {
            (
                "headers and bindings cannot both go to standard output",
                "give --out a directory, or leave it out",
            )
        };
        return Err(Failure { message: message.into(), help: help.into() });
    }
    // Where headers and bindings go; by default both go to the checkout.
    let (headers, bindings, shown_from) = match (&args.out, &args.bindings) {
        (None, None) => {
            if let Some(project) = project_here(root)? {
                return of_project(args, &project, out);
            }
            let checkout = matching_checkout(root)?;
            let root = checkout.root().to_path_buf();
            (Some(checkout.headers_dir()), Some(checkout.bindings_dir()), root)
        }
        (headers, bindings) => {
            note_stale(root);
            (headers.clone(), bindings.clone(), PathBuf::new())
        }
    };
    let (current, _) = models()?;
    if printed {
        for header in &generate::render(&current) {
            out.raw(&header.text);
        }
        return Ok(Outcome::Clean);
    }
    let headers = headers.map(|dir| (dir, generate::render_all(&current)));
    let bindings = bindings.map(|dir| (dir, generate::render_bindings(&current)));
    let all: Vec<_> = headers.into_iter().chain(bindings).collect();
    let show = |path: &Path| names::shown(path.strip_prefix(&shown_from).unwrap_or(path));
    if args.check {
        let mut findings = Vec::new();
        for (dir, generated) in &all {
            if args.out.is_some() || args.bindings.is_some() {
                // A mistyped directory is an error, not a set of missing headers.
                dir.read_dir().map_err(|source| kho_abi_read::checkout::CheckoutError::Io {
                    path: dir.clone(),
                    source,
                })?;
            }
            findings.extend(generate::check(dir, show, generated, &Origin::CHECKOUT)?);
        }
        match args.format {
            Format::Json => {
                out.json(&Document { schema: SCHEMA, findings: &findings });
            }
            Format::Text => out.findings(&findings),
        }
        return Ok(Outcome::of(findings.len()));
    }
    let mut written = 0;
    for (dir, generated) in &all {
        for path in generate::write(dir, generated)? {
            out.line(show(&path));
            written += 1;
        }
    }
    let files: usize = all.iter().map(|(_, generated)| generated.len()).sum();
    note(format_args!("{written} of {files} files written"));
    Ok(Outcome::Clean)
}

/// Unit tests for the headers of a tree whose headers are the truth.
fn of_project(args: &Args, project: &Project, out: &mut Output) -> Result<Outcome, Failure> {
    let suites = suites::of(project, &project::held(project)?)?;
    let mut findings = suites.findings.clone();
    if args.check {
        findings.extend(suites.check(project)?);
    } else {
        let written = suites.write(project)?;
        for path in &written {
            out.line(names::shown(path));
        }
        let count = suites.len();
        let s = if count == 1 { "" } else { "s" };
        let files = written.len();
        let which = if files == 1 { "file" } else { "files" };
        note(format_args!("unit tests of {count} header{s}: {files} {which} written"));
        for text in suites::not_built(project)? {
            note(format_args!("note: {text}"));
        }
    }
    for text in &suites.notes {
        note(format_args!("note: {text}"));
    }
    match args.format {
        Format::Json => out.json(&Document { schema: SCHEMA, findings: &findings }),
        Format::Text => out.findings(&findings),
    }
    Ok(Outcome::of(findings.len()))
}
