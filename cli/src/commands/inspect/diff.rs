// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect diff`: what two images of one machine show differently.

use super::FindingArgs;
use crate::output::{Destination, Failure, Format, Inputs, Outcome, BAD, GOOD, OPEN};
use kho_abi_inspect::diff::{compare, Difference, Kind, Side, SCHEMA};
use kho_abi_inspect::inspect;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Compare what two images of one machine show
///
/// Sessions are compared by name, their files by token. The exit status is 1 where anything differs.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The earlier image
    before: PathBuf,
    /// The later image
    after: PathBuf,
    #[command(flatten)]
    finding: FindingArgs,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Where to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    before: &'d Path,
    after: &'d Path,
    differences: &'d [Difference],
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let inputs = Inputs::of([&args.before, &args.after]);
    let to = Destination::new(args.output.as_deref(), &inputs)?;
    let options = args.finding.options();
    let open = |path: &PathBuf| args.finding.open(std::slice::from_ref(path));
    let (before, after) = (open(&args.before)?, open(&args.after)?);
    let (before_state, after_state) = (inspect(&before, &options), inspect(&after, &options));
    let differences = compare(
        Side { image: &before, state: &before_state },
        Side { image: &after, state: &after_state },
    );
    to.write(|out| {
        if args.format == Format::Json {
            let document = Document {
                schema: SCHEMA,
                before: &args.before,
                after: &args.after,
                differences: &differences,
            };
            serde_json::to_writer_pretty(&mut *out, &document)?;
            return writeln!(out);
        }
        for Difference { kind, what, before, after } in &differences {
            let (before, after) =
                (before.as_deref().unwrap_or_default(), after.as_deref().unwrap_or_default());
            match kind {
                Kind::Removed => writeln!(out, "{BAD}-{BAD:#} {what}: {before}")?,
                Kind::Added => writeln!(out, "{GOOD}+{GOOD:#} {what}: {after}")?,
                Kind::Changed => writeln!(out, "{OPEN}~{OPEN:#} {what}: {before} → {after}")?,
            }
        }
        match differences.len() {
            1 => writeln!(out, "1 difference"),
            number => writeln!(out, "{number} differences"),
        }
    })?;
    Ok(Outcome::of(differences.len()))
}
