// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The output of subcommands: results, findings, failures, and the resulting exit status.

mod destination;
mod fit;

pub(crate) use destination::{Destination, Inputs, Keep, Replace, MONITOR, STUB};
pub(crate) use fit::{columns, fit, Fitted};
pub(crate) use kho_abi_review::report::style::{BAD, GOOD, OPEN, STRONG};

use clap::ValueEnum;
use kho_abi_codegen::bump::BumpError;
use kho_abi_model::finding::Finding;
use kho_abi_read::checkout::CheckoutError;
use kho_abi_read::source::SourceError;
use kho_abi_read::truth::TruthError;
use kho_abi_review::project::ProjectError;
use kho_abi_review::report::style;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

/// When to use colours.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` or `TERM` disables colours
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl ColorWhen {
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// How a report is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs, with a schema version
    Json,
}

/// The outcome of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Clean,
    Findings,
    /// Some content is missing, which is worse than a finding.
    Incomplete,
}

impl Outcome {
    pub(crate) fn of(findings: usize) -> Self {
        if findings == 0 {
            Self::Clean
        } else {
            Self::Findings
        }
    }
}

/// Standard output, written at the end, so that nothing is printed in part.
#[derive(Default)]
pub(crate) struct Output {
    /// Parts, and whether each is for people: it fits the terminal then.
    parts: Vec<(bool, String)>,
}

impl Output {
    fn part(&mut self, is_for_people: bool) -> &mut String {
        if self.parts.last().is_none_or(|(last, _)| *last != is_for_people) {
            self.parts.push((is_for_people, String::new()));
        }
        // There is one.
        let last = self.parts.len() - 1;
        &mut self.parts[last].1
    }

    /// Adds a line for people.
    pub(crate) fn line(&mut self, line: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.part(true), "{line}");
    }

    /// Adds text for people that ends its own lines.
    pub(crate) fn text(&mut self, text: &str) {
        self.part(true).push_str(text);
    }

    /// Adds text for programs, or with lines that are as they are: code, a patch.
    pub(crate) fn raw(&mut self, text: &str) {
        self.part(false).push_str(text);
    }

    /// Adds findings, one after the other. What one quotes of files stays as it is.
    pub(crate) fn findings(&mut self, findings: &[Finding]) {
        for finding in findings {
            let is_prose = finding.diff.is_empty();
            style::findings(self.part(is_prose), std::slice::from_ref(finding));
        }
    }

    /// Adds a JSON document.
    pub(crate) fn json(&mut self, document: &impl Serialize) {
        // This can only fail on map keys that are not strings, and no document here has any.
        let text = serde_json::to_string_pretty(document).unwrap_or_default();
        self.raw(&text);
        self.raw("\n");
    }

    /// Writes everything. A closed pipe is not an error.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let columns = columns(&io::stdout());
        let parts = std::mem::take(&mut self.parts);
        let fitted = parts.iter().map(|(prose, text)| fit(text, columns.filter(|_| *prose)));
        let text: String = fitted.collect();
        let mut stdout = anstream::AutoStream::auto(io::stdout().lock());
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure {
                message: format!("cannot write to standard output: {error}"),
                help: "check the free space, or write elsewhere".into(),
            }),
            _ => Ok(()),
        }
    }
}

/// Writes something other than a result to standard error.
pub(crate) fn note(text: impl fmt::Display) {
    // Ignore errors: stderr may be closed.
    let text = format!("kho-abi: {text}\n");
    let _ = anstream::stderr().write_all(fit(&text, columns(&io::stderr())).as_bytes());
}

/// Why a command could not run.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Failure {
    pub(crate) fn print(&self) {
        let Self { message, help } = self;
        let text = format!("kho-abi: {BAD}error{BAD:#}: {message}\n  help: {help}\n");
        let _ = anstream::stderr().write_all(fit(&text, columns(&io::stderr())).as_bytes());
    }
}

impl From<CheckoutError> for Failure {
    fn from(error: CheckoutError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}

impl From<TruthError> for Failure {
    fn from(error: TruthError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}

impl From<BumpError> for Failure {
    fn from(error: BumpError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}
