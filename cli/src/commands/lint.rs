// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi lint`: what is wrong with a header by itself.

use super::judging::{Reading, Reporting};
use super::word;
use crate::complete::words;
use crate::output::{Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_review::lint::sources::{self, LintError};
use kho_abi_review::policy::{Baseline, Finding, Strictness};
use kho_abi_review::report::{Document, Section};
use kho_abi_review::review::Base;

const AFTER_HELP: &str = "\
A source is a header, a kernel tree or any directory with include/linux/kho/abi, git:REV, `abi`, \
`snapshots`, an image of a kernel, or a file with patches. A patch that changes a header needs the tree \
that it applies to (--base); only what the patch adds is reported.

Examples:
  kho-abi lint include/linux/kho/abi/luo.h    one header
  kho-abi lint ~/linux                        all headers of a tree
  kho-abi lint new.patch --base git:HEAD      what a patch adds

Exit status: 0 without findings (notes are not findings), 1 with findings or when something could not be \
checked, 2 when a source cannot be read.";

/// Check headers by themselves for what no handover ABI should have
///
/// Finds pointers, `bool`, `long`, enums, bit-fields that leave bits without a name, padding, locks and
/// lists, types of other headers, layouts that depend on the configuration, a version that is not the
/// first field, a string that does not fit its field, two strings with the same value, structs without a
/// version, and comments that name another version or a macro that does not exist. `kho-abi explain RULE`
/// gives the reason for each.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Headers, trees, files with patches, or other sources; - is a patch on standard input
    #[arg(required = true, value_name = "HEADER|TREE|PATCH", add = ArgValueCompleter::new(words::sources), value_parser = word())]
    sources: Vec<String>,
    /// What the patches apply to: a tree, or git:REV
    #[arg(long, value_name = "TREE|git:REV", add = ArgValueCompleter::new(words::sources), value_parser = word())]
    base: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    reporting: Reporting,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let mut read: Vec<&str> = args.sources.iter().map(String::as_str).collect();
    read.extend(args.base.as_deref());
    let to = args.reporting.destination(&args.reading, &read)?;
    let reading = args.reading.options()?;
    let options = args.reporting.options(Strictness::Strict, Baseline::Old, &reading.catalogue)?;
    let base = args.base.as_ref().map(|word| Base::open(word, &reading)).transpose()?;
    let mut sections = Vec::new();
    for word in &args.sources {
        let report = sources::lint(word, base.as_ref(), &reading, &options)?;
        sections.push(Section::new("", report));
    }
    // An allowance is not stale if only another source needs it.
    let stale = |event: &Finding| event.rule == "allowance_stale";
    let unused = |event: &Finding, section: &Section| section.report.events.contains(event);
    let everywhere: Vec<Finding> = sections.first().map_or_else(Vec::new, |first| {
        let events = first.report.events.iter().filter(|event| stale(event));
        events.filter(|event| sections.iter().all(|s| unused(event, s))).cloned().collect()
    });
    for section in &mut sections {
        section.report.events.retain(|event| !stale(event));
    }
    if let Some(last) = sections.last_mut() {
        last.report.events.extend(everywhere);
    }
    args.reporting.report(&Document { command: "lint", sections }, &to, out)
}

impl From<LintError> for Failure {
    fn from(error: LintError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}
