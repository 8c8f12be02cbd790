// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What `diff`, `review`, `log` and `lint` have in common: how to read, how to judge, how to report.

use crate::output::{Destination, Failure, Inputs, Outcome, Output};
use clap::ValueEnum;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source;
use kho_abi_review::policy::{allow, Baseline, Options, Strictness};
use kho_abi_review::report::{Document, Format, FORMATS};
use kho_abi_review::rules;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How strictly to judge.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Policy {
    /// The kernel's own rule: any modification of what a string promises needs another string
    #[default]
    Strict,
    /// What leaves all bytes and their meaning as they are is a note: a renamed field, an attribute
    Wire,
}

/// How sources are read.
#[derive(clap::Args)]
pub(crate) struct Reading {
    /// The repository that git:REV means, instead of the one around the current directory
    #[arg(long, value_name = "DIR")]
    pub(crate) git_dir: Option<PathBuf>,
    /// Read headers for this machine, as clang names it
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Read headers for this page size alone, instead of 4096, 16384 and 65536
    #[arg(long, value_name = "BYTES")]
    page_size: Option<u64>,
    /// Read the BTF of an image, even where it has DWARF: quicker, but BTF contains less
    #[arg(long)]
    btf: bool,
    /// The BTF that a module's continues: raw, or in a vmlinux
    #[arg(long, value_name = "FILE")]
    btf_base: Option<PathBuf>,
    /// The frozen layouts that `snapshots` means, instead of those of the tree or checkout
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
}

impl Reading {
    pub(crate) fn options(&self) -> source::Options {
        source::Options {
            git_dir: self.git_dir.clone(),
            triple: self.target.clone(),
            page_size: self.page_size,
            snapshots: self.snapshots.clone().or_else(super::layouts_here),
            prefer_btf: self.btf,
            btf_base: self.btf_base.clone(),
            tree: None,
            structs: BTreeSet::new(),
            catalogue: Arc::default(),
        }
    }
}

/// How changes are judged and reported.
#[derive(clap::Args)]
pub(crate) struct Judging {
    /// How strictly to judge
    #[arg(long, value_name = "POLICY", default_value = "strict")]
    policy: Policy,
    #[command(flatten)]
    reporting: Reporting,
}

/// What is allowed, and how findings are reported.
#[derive(clap::Args)]
pub(crate) struct Reporting {
    /// A reviewed file of what is allowed: rule, item, reason and expiry of each
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format_parser())]
    format: String,
    /// Explain each rule that found something
    #[arg(long)]
    explain: bool,
    /// Write the report to a file; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// The day, in days since 1970.
pub(super) fn today() -> i64 {
    // A clock before 1970 makes nothing expire.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs() / 86_400).unwrap_or(i64::MAX)
}

fn format_parser() -> clap::builder::PossibleValuesParser {
    let value =
        |format: &Format| clap::builder::PossibleValue::new(format.name).help(format.summary);
    FORMATS.iter().map(value).collect::<Vec<_>>().into()
}

impl Judging {
    /// How to judge, with the allow file read.
    pub(crate) fn options(
        &self,
        baseline: Baseline,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Options, Failure> {
        let strictness = match self.policy {
            Policy::Strict => Strictness::Strict,
            Policy::Wire => Strictness::Wire,
        };
        self.reporting.options(strictness, baseline, catalogue)
    }

    /// Whether the report is text on standard output, and nothing more.
    pub(crate) fn is_plain_text(&self) -> bool {
        let Reporting { format, explain, output, .. } = &self.reporting;
        format == "text" && !explain && output.as_os_str() == "-"
    }

    /// Where the report goes, held against everything that the command reads.
    pub(crate) fn destination(
        &self,
        reading: &Reading,
        sources: &[&str],
    ) -> Result<Destination, Failure> {
        self.reporting.destination(reading, sources)
    }

    /// Prints a report.
    pub(crate) fn report(
        &self,
        document: &Document,
        to: &Destination,
        out: &mut Output,
    ) -> Result<Outcome, Failure> {
        self.reporting.report(document, to, out)
    }
}

impl Reporting {
    /// How to judge, with the allow file read.
    pub(crate) fn options(
        &self,
        strictness: Strictness,
        baseline: Baseline,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Options, Failure> {
        let allowances = match &self.allow {
            None => Vec::new(),
            Some(path) => {
                let shown = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| Failure {
                    message: format!("cannot read {shown}: {error}"),
                    help: "check the path and the permissions".into(),
                })?;
                allow::parse(&shown, &text, &rules::all())
                    .map_err(|error| Failure { message: error.to_string(), help: error.help() })?
            }
        };
        let catalogue = Arc::clone(catalogue);
        Ok(Options { strictness, baseline, catalogue, allowances, today: today() })
    }

    /// Where the report goes, held against everything that the command reads.
    pub(crate) fn destination(
        &self,
        reading: &Reading,
        sources: &[&str],
    ) -> Result<Destination, Failure> {
        let mut inputs = Inputs::of(sources);
        inputs.add([&self.allow, &reading.btf_base, &reading.snapshots].into_iter().flatten());
        Destination::new(Some(&self.output), &inputs)
    }

    /// Prints a report.
    pub(crate) fn report(
        &self,
        document: &Document,
        to: &Destination,
        out: &mut Output,
    ) -> Result<Outcome, Failure> {
        let format = FORMATS.iter().find(|format| format.name == self.format);
        let mut text = format.map(|format| (format.write)(document)).unwrap_or_default();
        if self.explain && self.format == "text" {
            let events = document.sections.iter().flat_map(|section| &section.report.events);
            let fired: BTreeSet<_> = events.map(|event| event.rule.as_str()).collect();
            for rule in fired.into_iter().filter_map(rules::find) {
                let rules::Rule { id, summary, reason, remedy, .. } = rule;
                let _ =
                    write!(text, "\n{id}: {summary}\n  Why:      {reason}\n  Remedy:   {remedy}\n");
            }
        }
        if to.is_standard() {
            out.raw(&text);
        } else {
            to.write(|file| file.write_all(text.as_bytes()))?;
        }
        Ok(Outcome::of(document.findings()))
    }
}
