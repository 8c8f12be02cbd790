// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi generate`: the kernel's C headers from the types, with unit tests for them.

use super::{matching_checkout, models, note_stale};
use crate::output::{note, Failure, Format, Outcome, Output};
use kho_abi_codegen::generate;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Write the kernel's C headers from the types, and unit tests for them
///
/// Files whose text is right already are not touched. With --check nothing is written: differences
/// are shown as a unified diff, and the exit status is 1.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compare instead of writing
    #[arg(long)]
    check: bool,
    /// Where to write, instead of the checkout's c-headers; `-` prints the headers
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How to print what --check finds
    #[arg(long, value_name = "FORMAT", default_value = "text", requires = "check")]
    format: Format,
}

/// The schema of a document.
pub(crate) const SCHEMA: &str = "kho-abi/generate/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    findings: &'a [kho_abi_model::finding::Finding],
}

/// The JSON Schema of what is written with `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    crate::commands::schema::of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let (dir, shown_from) = match &args.out {
        Some(dir) if dir.as_os_str() == "-" && args.check => {
            return Err(Failure {
                message: "standard output has nothing to compare with".into(),
                help: "give --check a directory, or leave --out away".into(),
            });
        }
        Some(dir) => {
            note_stale(root);
            (dir.clone(), PathBuf::new())
        }
        None => {
            let checkout = matching_checkout(root)?;
            (checkout.headers_dir(), checkout.root().to_path_buf())
        }
    };
    let (current, _) = models()?;
    if dir.as_os_str() == "-" {
        for header in &generate::render(&current) {
            out.raw(&header.text);
        }
        return Ok(Outcome::Clean);
    }
    let generated = generate::render_all(&current);
    let show = |path: &Path| path.strip_prefix(&shown_from).unwrap_or(path).display().to_string();
    if args.check {
        if args.out.is_some() {
            // A mistyped directory is no set of missing headers.
            dir.read_dir().map_err(|source| kho_abi_read::checkout::CheckoutError::Io {
                path: dir.clone(),
                source,
            })?;
        }
        let findings = generate::check(&dir, show, &generated)?;
        match args.format {
            Format::Json => {
                out.json(&Document { schema: SCHEMA, findings: &findings });
            }
            Format::Text => out.findings(&findings),
        }
        return Ok(Outcome::of(findings.len()));
    }
    let written = generate::write(&dir, &generated)?;
    for path in &written {
        out.line(show(path));
    }
    note(format_args!("{} of {} files written", written.len(), generated.len()));
    Ok(Outcome::Clean)
}
