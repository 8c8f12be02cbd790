// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect diff`: the differences between two images of one machine.

use super::{absent, FilterArgs, FindingArgs, OutputArgs};
use crate::output::{Failure, Fitted, Format, Inputs, Outcome, BAD, GOOD, OPEN};
use crate::progress::Shown;
pub(crate) use kho_abi_inspect::diff::SCHEMA;
use kho_abi_inspect::diff::{compare, Difference, How, Kind, Side};
use kho_abi_show::names;
use schemars::JsonSchema;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  kho-abi inspect diff before.raw after.raw            sessions, files and their content
  kho-abi inspect diff a.elf b.elf --no-content        without the content of memfds

Exit status:
  0  the images show the same
  1  something differs, or could not be compared
  2  an image cannot be read, or there is nothing to compare";

/// Compare two images of one machine
///
/// Compares sessions by name, their files by token, and memfds by content. The exit status is 1 if
/// anything differs or could not be compared, and 2 if there is nothing to compare.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The earlier image and the later one
    #[arg(value_name = "IMAGE", num_args = 2, required_unless_present = "before")]
    images: Vec<PathBuf>,
    /// The earlier image, if it consists of several files, each as FILE@ADDRESS
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "after", conflicts_with = "images")]
    before: Vec<PathBuf>,
    /// The later image, if it consists of several files
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "before")]
    after: Vec<PathBuf>,
    /// Also compare addresses in memory
    #[arg(long)]
    places: bool,
    /// Do not compare the content of memfds
    #[arg(long)]
    no_content: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    finding: FindingArgs,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    to: OutputArgs,
}

#[derive(JsonSchema, Serialize)]
struct Document<'d> {
    schema: &'static str,
    before: String,
    after: String,
    /// What was not compared, as requested.
    not_compared: &'d [&'static str],
    differences: &'d [Difference],
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let (before_files, after_files) = match args.images.as_slice() {
        [before, after] => (std::slice::from_ref(before), std::slice::from_ref(after)),
        _ => (args.before.as_slice(), args.after.as_slice()),
    };
    let mut inputs = Inputs::of(before_files.iter().chain(after_files));
    inputs.add(args.finding.types.inputs());
    let to = args.to.destination(&inputs)?;
    let options = args.finding.options()?;
    let (before, before_state) = args.finding.inspect(before_files, &options)?;
    let (after, after_state) = args.finding.inspect(after_files, &options)?;
    let sides = [
        Side { image: &before, state: &before_state },
        Side { image: &after, state: &after_state },
    ];
    if sides.iter().all(|side| side.is_empty()) {
        return Err(Failure {
            message: "there is nothing to compare: neither image shows a KHO device tree".into(),
            help: "`kho-abi inspect IMAGE` says what was searched for".into(),
        });
    }
    let shown = Shown::begin();
    let how = How {
        places: args.places,
        no_content: args.no_content,
        filter: args.filter.filter(),
        progress: shown.progress().clone(),
    };
    if !how.filter.is_all() && !sides.iter().any(|side| side.has(&how.filter)) {
        return Err(absent::nothing_matches(&sides.map(|side| side.state), &how.filter));
    }
    let differences = compare(sides[0], sides[1], &how);
    drop(shown);
    let not_compared: &[&str] = if how.no_content { &["the content of memfds"] } else { &[] };
    to.write(|out| {
        if args.format == Format::Json {
            let name =
                |files: &[PathBuf]| files.iter().map(names::shown).collect::<Vec<_>>().join(" ");
            let document = Document {
                schema: SCHEMA,
                before: name(before_files),
                after: name(after_files),
                not_compared,
                differences: &differences,
            };
            serde_json::to_writer_pretty(&mut *out, &document)?;
            return writeln!(out);
        }
        let mut out = Fitted::new(out, to.columns());
        for Difference { kind, what, before, after } in &differences {
            let said = match (before, after) {
                (Some(before), Some(after)) => format!("{before} → {after}"),
                (Some(one), None) | (None, Some(one)) => one.clone(),
                (None, None) => String::new(),
            };
            let (mark, style) = match kind {
                Kind::Removed => ("-", BAD),
                Kind::Added => ("+", GOOD),
                Kind::Changed => ("~", OPEN),
                Kind::Unknown => ("?", OPEN),
            };
            writeln!(out, "{style}{mark}{style:#} {what}: {said}")?;
        }
        for what in not_compared {
            writeln!(out, "not compared: {what}")?;
        }
        let unknown = differences.iter().filter(|d| d.kind == Kind::Unknown).count();
        let number = differences.len() - unknown;
        let s = if number == 1 { "" } else { "s" };
        match unknown {
            0 => writeln!(out, "{number} difference{s}")?,
            _ => writeln!(out, "{number} difference{s}, {unknown} not comparable")?,
        }
        out.flush()
    })?;
    Ok(Outcome::of(differences.len()))
}
