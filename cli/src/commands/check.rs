// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi check`: every check of a checkout or tree in one call.

use super::{judging, models, place};
use crate::output::{Failure, Format, Outcome, Output, BAD, GOOD, OPEN};
use kho_abi_codegen::check::{self, Check};
use kho_abi_review::history::cache_dir;
use kho_abi_review::project::{self, Found};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

const AFTER_HELP: &str = "\
In a kernel tree, or in any repository with a kho-abi.toml, the C headers are the truth: every \
declaration must be readable, a version must cover every struct, and each contract must match its frozen \
layout. `kho-abi init` sets this up. In a checkout of kho-abi, the Rust types are the truth.

Examples:
  kho-abi check                      in the tree around the current directory
  kho-abi check --root ~/linux       another tree
  kho-abi check --format json        for programs: `kho-abi schema check-1`

Exit status: 0 without findings, 1 with findings or if something could not be checked, 2 when the headers cannot be read.";

/// Run every check of a tree
///
/// Checks the headers, the frozen layouts and their history, the documentation, and how a C compiler lays
/// out the headers. Lists what cannot be checked here as not checked, and exits with 1.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Exit with 0 although something cannot be checked here, as in a shallow clone or without clang
    #[arg(long)]
    allow_unchecked: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// The schema of a document.
pub(crate) const SCHEMA: &str = "kho-abi/check/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    checks: &'a [Check],
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let mut checks = match place(root)? {
        Found::Checkout(checkout) => {
            let (current, earlier) = models()?;
            check::run(&checkout, &current, &earlier)?
        }
        Found::Project(project) => {
            let held = project::held(&project)?;
            project::check::run(&project, &held, judging::today(), cache_dir().as_deref())?
        }
    };
    if args.allow_unchecked {
        checks.iter_mut().for_each(Check::accept_unchecked);
    }
    let findings: usize = checks.iter().map(|check| check.findings.len()).sum();
    let not_checked = checks.iter().filter(|check| check.not_checked.is_some()).count();
    let counted = if args.allow_unchecked { 0 } else { not_checked };
    let outcome = Outcome::of(findings + counted);
    if args.format == Format::Json {
        out.json(&Document { schema: SCHEMA, checks: &checks });
        return Ok(outcome);
    }
    for Check { name, not_checked, findings, notes } in &checks {
        match (not_checked, findings.len()) {
            (Some(why), _) => out.line(format_args!("{OPEN}not checked{OPEN:#}  {name}: {why}")),
            (None, 0) => out.line(format_args!("{GOOD}ok{GOOD:#}           {name}")),
            (None, _) => {
                out.line(format_args!("{BAD}failed{BAD:#}       {name}"));
                out.findings(findings);
            }
        }
        for note in notes {
            out.line(format_args!("  {OPEN}note{OPEN:#}: {note}"));
        }
    }
    let s = if findings == 1 { "" } else { "s" };
    out.line(format_args!(
        "{} checks, {not_checked} not checked, {findings} finding{s}",
        checks.len()
    ));
    Ok(outcome)
}
