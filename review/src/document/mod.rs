// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is reported, before a format is chosen: judgements, and the subject of each.

mod reply;

pub use reply::{Quote, Reply};

use crate::policy::Report;

/// What is reported: one judgement, or one for each patch or commit.
#[derive(Clone, Debug)]
pub struct Document {
    /// The subcommand, as `diff`: a part of the schema's name.
    pub command: &'static str,
    /// The judgements.
    pub sections: Vec<Section>,
}

/// A judgement and its subject.
#[derive(Clone, Debug)]
pub struct Section {
    /// The subject of a patch, or a commit; empty if there is only one judgement.
    pub title: String,
    /// The judgement.
    pub report: Report,
    /// What could not be known, in sentences.
    pub unknown: Vec<String>,
    /// What else is worth knowing, in sentences.
    pub notes: Vec<String>,
    /// The mail to answer.
    pub reply: Option<Reply>,
    /// The hunks of that mail that may be quoted.
    pub quotes: Vec<Quote>,
    /// Whether it judges all the others together.
    pub is_whole: bool,
}

impl Section {
    /// Makes a section in which nothing is unknown.
    #[must_use]
    pub fn new(title: &str, report: Report) -> Self {
        Self {
            title: title.into(),
            report,
            unknown: Vec::new(),
            notes: Vec::new(),
            reply: None,
            quotes: Vec::new(),
            is_whole: false,
        }
    }
}

impl Document {
    /// Makes a document of one judgement.
    #[must_use]
    pub fn of(command: &'static str, report: Report) -> Self {
        Self { command, sections: vec![Section::new("", report)] }
    }

    /// How many findings there are.
    #[must_use]
    pub fn findings(&self) -> usize {
        self.sections.iter().map(|section| section.report.findings()).sum()
    }
}
