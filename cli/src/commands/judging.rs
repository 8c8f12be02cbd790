// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Common parts of `diff`, `review`, `log` and `lint`: how to read, how to judge, how to report.

use super::{project_here, word};
use crate::complete::words;
use crate::output::{note, Destination, Failure, Inputs, Outcome, Output, Replace};
use clap::ValueEnum;
use clap_complete::engine::ArgValueCompleter;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source;
use kho_abi_review::nearest;
use kho_abi_review::policy::allow::{self, Allowance};
use kho_abi_review::policy::{Baseline, Options, Strictness};
use kho_abi_review::project::catalogue;
use kho_abi_review::report::{self, Document, Format, FORMATS};
use kho_abi_review::rules;
use kho_abi_show::names;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How strictly to judge.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Policy {
    /// The kernel's own rule: any change of what a string promises needs a new string
    Strict,
    /// A change that keeps all bytes and their meaning is only a note: a renamed field, an attribute
    Wire,
}

/// How sources are read.
#[derive(clap::Args)]
pub(crate) struct Reading {
    /// The repository of git:REV, instead of the one around the current directory
    #[arg(long, value_name = "DIR")]
    pub(crate) git_dir: Option<PathBuf>,
    /// Read headers for this machine, as clang names it
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Read headers only for this page size, instead of 4096, 16384 and 65536
    #[arg(long, value_name = "BYTES")]
    page_size: Option<u64>,
    /// Read the BTF of an image even if it has DWARF: faster, but BTF contains less
    #[arg(long)]
    btf: bool,
    /// The base BTF of a module: raw, or in a vmlinux
    #[arg(long, value_name = "FILE")]
    btf_base: Option<PathBuf>,
    /// The frozen layouts to use as `snapshots`, instead of those of the tree or checkout
    #[arg(long, value_name = "DIR")]
    snapshots: Option<PathBuf>,
    /// For kernels, take what strings promise from a tree's frozen layouts: give its kho-abi.toml, its
    /// directory, or the layouts' directory
    #[arg(long, value_name = "CATALOGUE", add = ArgValueCompleter::new(words::catalogues))]
    catalogue: Option<PathBuf>,
}

impl Reading {
    /// Whether an image was to be read by its BTF, and has none.
    pub(crate) fn lacks_btf(&self, kind: source::Kind) -> bool {
        self.btf && kind == source::Kind::Dwarf
    }

    pub(crate) fn options(&self) -> Result<source::Options, Failure> {
        if let Some(dir) = self.git_dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(Failure {
                message: format!("{}: no such directory", names::shown(dir)),
                help: "give the directory of a git repository with --git-dir".into(),
            });
        }
        let catalogue = match &self.catalogue {
            Some(word) => Arc::new(catalogue::open(word)?.0),
            // Who owns what in the tree around the current directory.
            None => match project_here(None)? {
                Some(project) => {
                    Arc::new(Catalogue::built_in().owning(project.config().declared()))
                }
                None => Arc::default(),
            },
        };
        Ok(source::Options {
            git_dir: self.git_dir.clone(),
            triple: self.target.clone(),
            page_size: self.page_size,
            snapshots: self.snapshots.clone().or_else(super::layouts_here),
            prefer_btf: self.btf,
            btf_base: self.btf_base.clone(),
            tree: None,
            structs: BTreeSet::new(),
            catalogue,
        })
    }
}

/// How changes are judged and reported.
#[derive(clap::Args)]
pub(crate) struct Judging {
    /// How strictly to judge; by default, as the kho-abi.toml around the current directory says, or else
    /// `strict`
    #[arg(long, value_name = "POLICY")]
    policy: Option<Policy>,
    #[command(flatten)]
    reporting: Reporting,
}

/// What is allowed, and how findings are reported.
#[derive(clap::Args)]
pub(crate) struct Reporting {
    /// A reviewed file of allowances, each with a rule, an item, a reason and an expiry date
    #[arg(long, value_name = "FILE")]
    allow: Option<PathBuf>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format_parser())]
    format: String,
    /// Print one line per finding, starting with its file and line; the same as --format terse
    #[arg(long, conflicts_with = "format")]
    terse: bool,
    /// Explain each rule that found something, after the report as text
    #[arg(long)]
    explain: bool,
    /// Write the report to a file; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Also write the report to a file in another format; may be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = word())]
    report: Vec<String>,
    /// Overwrite the -o and --report files if they exist and are not empty
    #[arg(long)]
    force: bool,
}

/// The format and the file of a further report.
fn further(word: &str) -> Result<(&'static Format, PathBuf), Failure> {
    let fail = |message: String, help: String| Failure { message, help };
    let (name, file) = word.split_once('=').ok_or_else(|| {
        fail(
            format!("--report {word}: no file given"),
            "give FORMAT=FILE, such as sarif=report.sarif".into(),
        )
    })?;
    let known: Vec<_> = FORMATS.iter().map(|format| format.name).collect();
    let format = FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
        let question = nearest::question(name, &known);
        let message = format!("--report {word}: unknown format {name}");
        fail(message, format!("{question}give one of {}", known.join(", ")))
    })?;
    match file {
        "" => Err(fail(
            format!("--report {word}: the file has no name"),
            "give FORMAT=FILE, such as sarif=report.sarif".into(),
        )),
        "-" => Err(fail(
            format!("--report {word}: standard output is for --format and --output"),
            "name a file".into(),
        )),
        _ => Ok((format, names::path(file))),
    }
}

/// Where reports go.
pub(crate) struct Destinations {
    first: Destination,
    further: Vec<(&'static Format, Destination)>,
}

/// The report in a format. Forges look for files from the root of the repository.
fn written(format: &Format, document: &Document) -> String {
    if !matches!(format.name, "sarif" | "github") {
        return (format.write)(document);
    }
    let mut document = document.clone();
    for event in document.sections.iter_mut().flat_map(|section| &mut section.report.events) {
        if let Some(place) = &mut event.place {
            place.file = from_root(&place.file);
        }
    }
    (format.write)(&document)
}

/// A file's path from the root of the repository that it lies in; what lies in none is named as it was.
fn from_root(file: &str) -> String {
    let plain = file.strip_prefix("./").unwrap_or(file).to_string();
    let Ok(path) = names::path(file).canonicalize() else { return plain };
    let root = path.ancestors().skip(1).find(|dir| dir.join(".git").exists());
    let inside = root.and_then(|root| path.strip_prefix(root).ok());
    inside.map_or(plain, names::shown)
}

/// Today, in days since 1970.
pub(super) fn today() -> i64 {
    // With a clock before 1970, nothing expires.
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
            Some(Policy::Strict) => Strictness::Strict,
            Some(Policy::Wire) => Strictness::Wire,
            None => project_here(None)?.map_or_else(Strictness::default, |p| p.config().policy),
        };
        self.reporting.options(strictness, baseline, catalogue)
    }

    /// Whether the report is only text on standard output.
    pub(crate) fn is_plain_text(&self) -> bool {
        let Reporting { format, terse, explain, output, report, .. } = &self.reporting;
        format == "text" && !terse && !explain && output.as_os_str() == "-" && report.is_empty()
    }

    /// Where the report goes, checked against everything that the command reads.
    pub(crate) fn destination(
        &self,
        reading: &Reading,
        sources: &[&str],
    ) -> Result<Destinations, Failure> {
        self.reporting.destination(reading, sources)
    }

    /// Prints a report.
    pub(crate) fn report(
        &self,
        document: &Document,
        to: &Destinations,
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
        let mut allowances = match &self.allow {
            None => Vec::new(),
            Some(path) => {
                let shown = names::shown(path);
                let text = std::fs::read_to_string(path).map_err(|error| Failure {
                    message: format!("cannot read {shown}: {error}"),
                    help: "check the path and the permissions".into(),
                })?;
                allow::parse(&shown, &text, &rules::all())
                    .map_err(|error| Failure { message: error.to_string(), help: error.help() })?
            }
        };
        // What the tree around the current directory allows, whatever else is allowed.
        if let Some(project) = project_here(None)? {
            let of_tree = project.config().allowances.iter().cloned();
            allowances.extend(of_tree.map(|entry| Allowance { standing: true, ..entry }));
        }
        let catalogue = Arc::clone(catalogue);
        Ok(Options {
            strictness,
            baseline,
            drafts: BTreeSet::new(),
            catalogue,
            allowances,
            today: today(),
        })
    }

    /// Where the report goes, checked against everything that the command reads.
    pub(crate) fn destination(
        &self,
        reading: &Reading,
        sources: &[&str],
    ) -> Result<Destinations, Failure> {
        let name = self.name();
        if self.explain && name != "text" {
            return Err(Failure {
                message: format!("--explain is for a report as text, not as {name}"),
                help: "`kho-abi explain RULE` explains a rule".into(),
            });
        }
        let mut inputs = Inputs::of(sources.iter().map(|word| names::path(word)));
        inputs.add(
            [&self.allow, &reading.btf_base, &reading.snapshots, &reading.catalogue]
                .into_iter()
                .flatten(),
        );
        let replace = Replace::by(self.force);
        let first = Destination::new(Some(&self.output), &inputs, replace)?;
        let mut taken = vec![self.output.clone()];
        let mut others = Vec::new();
        for word in &self.report {
            let (format, file) = further(word)?;
            if taken.contains(&file) {
                return Err(Failure {
                    message: format!("two reports would go to one file: {}", names::shown(&file)),
                    help: "give each report a file of its own".into(),
                });
            }
            others.push((format, Destination::new(Some(&file), &inputs, replace)?));
            taken.push(file);
        }
        Ok(Destinations { first, further: others })
    }

    /// The format of the main report.
    fn name(&self) -> &str {
        if self.terse {
            "terse"
        } else {
            &self.format
        }
    }

    /// Prints a report.
    pub(crate) fn report(
        &self,
        document: &Document,
        to: &Destinations,
        out: &mut Output,
    ) -> Result<Outcome, Failure> {
        let name = self.name();
        let format = FORMATS.iter().find(|format| format.name == name);
        let mut text = format.map(|format| written(format, document)).unwrap_or_default();
        if self.explain && name == "text" {
            let events = document.sections.iter().flat_map(|section| &section.report.events);
            let fired: BTreeSet<_> = events.map(|event| event.rule.as_str()).collect();
            for rule in fired.into_iter().filter_map(rules::find) {
                let rules::Rule { id, summary, reason, remedy, .. } = rule;
                let _ =
                    write!(text, "\n{id}: {summary}\n  Why:      {reason}\n  Remedy:   {remedy}\n");
            }
        }
        if name == "mail" {
            // What the author of the patch can do nothing about is for the one who reviews it.
            for section in &document.sections {
                for event in section.report.events.iter().filter(|e| report::is_for_reviewer(e)) {
                    note(format!("{} [{}]; help: {}", event.what, event.rule, event.help));
                }
                for (label, what) in report::remarks(section) {
                    note(if label == "note" { what } else { format!("{label}: {what}") });
                }
            }
        }
        if to.first.is_standard() {
            if name == "text" {
                out.text(&text);
            } else {
                out.raw(&text);
            }
        } else {
            to.first.write(|file| file.write_all(text.as_bytes()))?;
        }
        for (format, to) in &to.further {
            let text = written(format, document);
            to.write(|file| file.write_all(text.as_bytes()))?;
        }
        Ok(Outcome::of(document.findings()))
    }
}
