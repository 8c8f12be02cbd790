// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi check`: everything that must hold, in one call.

use super::{matching_checkout, models};
use crate::output::{Failure, Format, Outcome, Output, BAD, GOOD, OPEN};
use kho_abi_codegen::check::{self, Check};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// Check everything that must hold in a checkout
///
/// Headers, frozen layouts and their history, documentation, and what a C compiler makes of the
/// headers. What cannot be checked here is listed as not checked, and never passed over.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How to print
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

/// The JSON Schema of what is written with `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    crate::commands::schema_of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let checkout = matching_checkout(root)?;
    let (current, earlier) = models()?;
    let checks = check::run(&checkout, &current, &earlier)?;
    let findings = checks.iter().map(|check| check.findings.len()).sum();
    if args.format == Format::Json {
        out.json(&Document { schema: SCHEMA, checks: &checks });
        return Ok(Outcome::of(findings));
    }
    for Check { name, not_checked, findings } in &checks {
        match (not_checked, findings.len()) {
            (Some(why), _) => out.line(format_args!("{OPEN}not checked{OPEN:#}  {name}: {why}")),
            (None, 0) => out.line(format_args!("{GOOD}ok{GOOD:#}           {name}")),
            (None, _) => {
                out.line(format_args!("{BAD}failed{BAD:#}       {name}"));
                out.findings(findings);
            }
        }
    }
    let not_checked = checks.iter().filter(|check| check.not_checked.is_some()).count();
    let s = if findings == 1 { "" } else { "s" };
    out.line(format_args!(
        "{} checks, {not_checked} not checked, {findings} finding{s}",
        checks.len()
    ));
    Ok(Outcome::of(findings))
}
