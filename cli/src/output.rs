// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The output of subcommands: results, findings, failures, and the resulting exit status.

mod destination;

pub(crate) use destination::{Destination, Inputs, Keep, MONITOR, STUB};
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

/// When to colour.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ColorWhen {
    /// When writing to a terminal, and neither `NO_COLOR` nor `TERM` speaks against it
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
    text: String,
}

impl Output {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// Adds text that ends its own lines.
    pub(crate) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds findings, one after the other.
    pub(crate) fn findings(&mut self, findings: &[Finding]) {
        style::findings(&mut self.text, findings);
    }

    /// Adds a JSON document.
    pub(crate) fn json(&mut self, document: &impl Serialize) {
        // This can only fail on map keys that are not strings, and no document here has any.
        let text = serde_json::to_string_pretty(document).unwrap_or_default();
        self.line(text);
    }

    /// Writes everything. A closed pipe is not an error.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let text = std::mem::take(&mut self.text);
        let mut stdout = anstream::AutoStream::auto(io::stdout().lock());
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure {
                message: format!("cannot write to standard output: {error}"),
                help: "check the space that is left, or write elsewhere".into(),
            }),
            _ => Ok(()),
        }
    }
}

/// Writes something other than a result to standard error.
pub(crate) fn note(text: impl fmt::Display) {
    // Ignore errors: stderr may be closed.
    let _ = writeln!(anstream::stderr(), "kho-abi: {text}");
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
        let _ =
            writeln!(anstream::stderr(), "kho-abi: {BAD}error{BAD:#}: {message}\n  help: {help}");
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
