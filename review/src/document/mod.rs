// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is reported, before any format is chosen: judgements, and what each is about.

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

/// A judgement with what it is about.
#[derive(Clone, Debug)]
pub struct Section {
    /// A patch's subject, or a commit; empty where there is one judgement alone.
    pub title: String,
    /// The judgement.
    pub report: Report,
    /// What could not be known, in sentences.
    pub unknown: Vec<String>,
    /// What else there is to know, in sentences.
    pub notes: Vec<String>,
    /// The mail that it is about.
    pub reply: Option<Reply>,
    /// What of that mail may be quoted.
    pub quotes: Vec<Quote>,
    /// Whether it is about all the others together.
    pub is_whole: bool,
}

impl Section {
    /// A section of which all was known.
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
    /// A document of one judgement.
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
