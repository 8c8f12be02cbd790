// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A running machine: is live update on, what was handed over to its kernel, and what is being
//! prepared.
//!
//! ```text
//!   text      for people
//!     └── judge        what is wrong, and what is unknown
//!           └── gather       debugfs, /proc/misc, sysfs, the boot protocol: what the kernel shows
//!                 ├── handover     device trees and entries of kho/in and kho/out
//!                 ├── parameters   command line, configuration
//!                 ├── log          messages of KHO and LUO
//!                 └── tree         bounded reading, of this machine or of a copy of its file system
//! ```
//!
//! Each answer names its source. What could not be read is listed, and an answer without a source
//! is unknown. A machine is healthy if both subsystems are on, everything was read, and nothing is
//! wrong.

mod gather;
mod handover;
mod judge;
mod log;
mod parameters;
pub mod text;
mod tree;

pub use handover::{Entry, Handover, Metadata, Prepared};
pub use log::{Log, Message};
pub use parameters::{Built, CommandLine};

use crate::rules::Rule;
use crate::scratch::Area;
use schemars::JsonSchema;
use serde::Serialize;
use std::io;
use std::path::Path;

/// The schema name in a document.
pub const SCHEMA: &str = "kho-abi/status/1";

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Nothing that could be read says so.
    Unknown,
}

/// An answer and its source.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Answer {
    /// The answer.
    pub state: State,
    /// The source of the answer, or why there is none.
    pub because: String,
}

impl Answer {
    fn new(state: State, because: impl Into<String>) -> Self {
        Self { state, because: because.into() }
    }
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct NotRead {
    /// Its path on the machine.
    pub path: String,
    /// Why.
    pub why: String,
}

/// Something that is wrong, or unknown.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Remark {
    /// The id of the rule that found it; absent for what is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// What.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl Remark {
    fn wrong(rule: &Rule, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { rule: Some(rule.id), what: what.into(), help: help.into() }
    }

    fn unknown(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { rule: None, what: what.into(), help: help.into() }
    }
}

/// Whether files are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Do not read the log.
    pub without_log: bool,
}

/// The state of a machine.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The root of the file system that was read.
    pub root: String,
    /// The kernel's release.
    pub release: Option<String>,
    /// Whether KHO is on.
    pub kho: Answer,
    /// Whether LUO is on.
    pub luo: Answer,
    /// Whether a state was handed over to this kernel.
    pub handed_over: Answer,
    /// The state that was handed over, as far as the kernel shows it.
    pub incoming: Option<Handover>,
    /// The state that this kernel prepares for the next one, if the kernel shows it.
    pub outgoing: Option<Prepared>,
    /// The areas that the next kernel starts in; `None` if unknown.
    pub scratch: Option<Vec<Area>>,
    /// Whether the next kernel is loaded.
    pub next_kernel_loaded: Answer,
    /// Parameters of the kernel command line; `None` if it could not be read.
    pub command_line: Option<CommandLine>,
    /// The configuration of the kernel; `None` if unknown.
    pub built: Option<Built>,
    /// The log; `None` if it was not read.
    pub log: Option<Log>,
    /// What could not be read.
    pub not_read: Vec<NotRead>,
    /// What is wrong.
    pub findings: Vec<Remark>,
    /// What is unknown, but must be known to call the machine healthy.
    pub unknown: Vec<Remark>,
}

impl Status {
    /// Whether everything was read and nothing is wrong.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty() && self.unknown.is_empty()
    }
}

/// Reads the state of the machine whose file system has that root: `/` is this machine.
///
/// # Errors
///
/// The root cannot be read, or nothing of a machine's file system is in it. If something below it is missing, that is part of the answer.
pub fn read(root: &Path, options: Options) -> io::Result<Status> {
    let tree = tree::Tree::open(root)?;
    let has = |name: &&str| tree.exists(name).unwrap_or(true);
    if !["proc", "sys", "dev", "boot", "lib", "var", "etc"].iter().any(has) {
        return Err(io::Error::other("not a copy of a file system: it has neither proc nor sys"));
    }
    let mut status = gather::gather(&tree, root, options);
    judge::judge(&mut status, &tree, options);
    Ok(status)
}
