// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What an answer to a mail needs: its recipient, and the lines that it is about.

use crate::patch::{FilePatch, Line, Patch};
use kho_abi_model::{put, Place};

/// A mail to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Who wrote it.
    pub author: String,
    /// The date; empty if the mail has none.
    pub date: String,
    /// Its subject, as it was sent.
    pub subject: String,
    /// Its id, without angle brackets; empty if it has none.
    pub id: String,
    /// The ids of the mails that it answers.
    pub references: Vec<String>,
}

impl Reply {
    /// Makes an answer to a patch; `None` if the patch did not come by mail.
    #[must_use]
    pub fn to(patch: &Patch) -> Option<Self> {
        (!patch.author.is_empty()).then(|| Self {
            author: patch.author.clone(),
            date: patch.mail.date.clone(),
            subject: patch.mail.subject.clone(),
            id: patch.mail.id.clone(),
            references: patch.mail.references.clone(),
        })
    }

    /// Changes each text of it.
    pub(crate) fn each(&mut self, change: impl Fn(&mut String)) {
        let Self { author, date, subject, id, references } = self;
        [author, date, subject, id].into_iter().chain(references).for_each(change);
    }

    /// The header lines of a mail that can be sent; empty if there is no id to answer.
    pub(crate) fn head(&self) -> String {
        let is_id = |id: &&String| {
            !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || "<>".contains(c))
        };
        let mut out = String::new();
        if !is_id(&&self.id) {
            return out;
        }
        let subject = self.subject.trim();
        let is_answer = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
        put!(out, "To: {}", self.author);
        put!(out, "Subject: {}{subject}", if is_answer { "" } else { "Re: " });
        put!(out, "In-Reply-To: <{}>", self.id);
        let ids = self.references.iter().filter(is_id).chain([&self.id]);
        let ids: Vec<_> = ids.map(|id| format!("<{id}>")).collect();
        put!(out, "References: {}", ids.join("\n "));
        out.push_str("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n");
        out.push_str("Content-Transfer-Encoding: 8bit\n\n");
        out
    }

    /// The line before what is quoted.
    pub(crate) fn attribution(&self) -> String {
        match self.date.as_str() {
            "" => format!("{} wrote:", self.author),
            date => format!("On {date}, {} wrote:", self.author),
        }
    }
}

/// A hunk, as a mail shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The file.
    pub file: String,
    /// The first line before and after the patch.
    pub starts: (usize, usize),
    /// The lines, with their signs.
    pub lines: Vec<String>,
}

/// Most lines of a hunk to quote before and after the line in question.
const AROUND: usize = 8;

impl Quote {
    /// The hunks of a file.
    #[must_use]
    pub fn of(file: &FilePatch) -> Vec<Self> {
        let path = file.new.as_ref().or(file.old.as_ref()).cloned().unwrap_or_default();
        let hunks = file.hunks.iter().map(|hunk| Self {
            file: path.clone(),
            starts: (hunk.old_start, hunk.new_start),
            lines: hunk
                .lines
                .iter()
                .map(|line| match line {
                    Line::Context(text) => format!(" {text}"),
                    Line::Removed(text) => format!("-{text}"),
                    Line::Added(text) => format!("+{text}"),
                })
                .collect(),
        });
        hunks.collect()
    }

    /// Whether it is of the file of a place.
    pub(crate) fn is_of(&self, place: &Place) -> bool {
        let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_string();
        name(&self.file) == name(&place.file)
    }

    /// The index of the line at a place: one that the patch changes.
    pub(crate) fn index_of(&self, place: &Place) -> Option<usize> {
        if !self.is_of(place) {
            return None;
        }
        let find = |own: char, start: usize| {
            let mut at = start;
            for (index, line) in self.lines.iter().enumerate() {
                if line.starts_with(own) && at == place.line {
                    return Some(index);
                }
                at += usize::from(line.starts_with([' ', own]));
            }
            None
        };
        find('+', self.starts.1).or_else(|| find('-', self.starts.0))
    }

    /// The lines around one line, quoted.
    pub(crate) fn quoted(&self, index: usize) -> String {
        let mut out = String::new();
        put!(out, "> +++ b/{}", self.file);
        let first = index.saturating_sub(AROUND);
        let last = (index + AROUND + 1).min(self.lines.len());
        if first > 0 {
            out.push_str("> [...]\n");
        }
        for line in self.lines.get(first..last).unwrap_or_default() {
            put!(out, "> {}", line.trim_end());
        }
        if last < self.lines.len() {
            out.push_str("> [...]\n");
        }
        out
    }
}
