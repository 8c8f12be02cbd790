// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One thing found wrong, with its place, its consequences and its remedy.

use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// One thing found wrong.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Finding {
    /// The id of the rule that found it.
    pub rule: &'static str,
    /// Where: a file, with a line where there is one.
    pub place: String,
    /// What was found, and what was expected.
    pub what: String,
    /// What follows from it, one entry each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
    /// A unified diff that shows it, where that helps.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// What to do, in one line.
    pub help: String,
}

impl Finding {
    /// A finding without consequences and without a diff.
    #[must_use]
    pub fn new(
        rule: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            place: place.to_string(),
            what: what.into(),
            consequences: Vec::new(),
            diff: String::new(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} [{}]", self.place, self.what, self.rule)?;
        for consequence in &self.consequences {
            writeln!(f, "  so: {consequence}")?;
        }
        for line in self.diff.lines() {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "  help: {}", self.help)
    }
}
