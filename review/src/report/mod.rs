// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes judgements: for a terminal, a mail, a forge, a fleet.
//!
//! To add a format, add a file here and a line in [`FORMATS`].

mod answers;
mod github;
mod html;
mod json;
mod junit;
mod layouts;
mod mail;
mod markdown;
mod sarif;
pub mod style;
mod terse;
mod text;
mod verified;

pub use crate::document::{Document, Quote, Reply, Section};
pub use answers::{answers, matrix, tally, Shown};
pub use json::schema;
pub use verified::verified;

use crate::diff::is_in_code_alone;
use crate::policy::{ContractReport, Finding, Level, Report, Verdict};
use kho_abi_read::source::{Gap, Kind};

/// A format.
#[derive(Clone, Copy)]
pub struct Format {
    /// What the command line calls it.
    pub name: &'static str,
    /// Its readers, in a few words.
    pub summary: &'static str,
    /// The function that writes it. Colours are escape sequences, which the caller strips if they
    /// are not wanted.
    pub write: fn(&Document) -> String,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format { name: "text", summary: "For a terminal", write: text::write },
    Format {
        name: "terse",
        summary: "One line per finding, starting with its place",
        write: terse::write,
    },
    Format { name: "markdown", summary: "For a comment on a forge", write: markdown::write },
    Format {
        name: "html",
        summary: "For a browser, with changed structs drawn before and after",
        write: html::write,
    },
    Format { name: "mail", summary: "For a reply to a patch", write: mail::write },
    Format { name: "json", summary: "For programs, with a schema version", write: json::write },
    Format { name: "sarif", summary: "SARIF 2.1.0, for code scanning", write: sarif::write },
    Format { name: "github", summary: "GitHub's workflow annotations", write: github::write },
    Format {
        name: "junit",
        summary: "JUnit's XML, one test case per contract",
        write: junit::write,
    },
];

/// The document without control characters: names and subjects are untrusted.
fn cleaned(document: &Document) -> Document {
    let mut document = document.clone();
    let clean = |text: &mut String| {
        if text.contains(char::is_control) {
            *text = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        }
    };
    for section in &mut document.sections {
        clean(&mut section.title);
        section.unknown.iter_mut().chain(&mut section.notes).for_each(clean);
        section.reply.iter_mut().for_each(|reply| reply.each(clean));
        for quote in &mut section.quotes {
            clean(&mut quote.file);
            // A line of C begins with tabs.
            let tabs = |line: &mut String| {
                let mut parts: Vec<String> = line.split('\t').map(Into::into).collect();
                parts.iter_mut().for_each(clean);
                *line = parts.join("\t");
            };
            quote.lines.iter_mut().for_each(tabs);
        }
        let report = &mut section.report;
        clean(&mut report.old.name);
        clean(&mut report.new.name);
        for contract in &mut report.contracts {
            contract.old.iter_mut().chain(&mut contract.new).for_each(clean);
            clean(&mut contract.header);
        }
        for event in &mut report.events {
            event.contracts.iter_mut().chain(&mut event.consequences).for_each(clean);
            event.place.iter_mut().for_each(|place| clean(&mut place.file));
            clean(&mut event.what);
            clean(&mut event.help);
        }
        for gap in &mut report.not_checked {
            clean(&mut gap.item);
            clean(&mut gap.why);
        }
    }
    document
}

/// Whether to show a contract: an unchanged one is not interesting.
fn is_relevant(contract: &ContractReport) -> bool {
    // That headers do not show the properties of device trees is said once, below.
    let open = contract.open.iter().any(|item| !is_in_code_alone(item));
    contract.verdict != Verdict::Unchanged || open
}

/// The events about a contract, or about one that is not shown.
fn events_of<'a>(report: &'a Report, contract: &ContractReport) -> Vec<&'a Finding> {
    let name = contract.new.as_ref().or(contract.old.as_ref());
    // An event about several contracts is reported with the first.
    let first = |event: &&Finding| event.contracts.first() == name && name.is_some();
    report.events.iter().filter(first).collect()
}

/// The events that belong to no contract that is shown.
fn loose_events(report: &Report) -> Vec<&Finding> {
    // An event about a contract that is not shown is reported by itself.
    let shown = report.contracts.iter().filter(|contract| is_relevant(contract));
    let shown: Vec<_> = shown.filter_map(|c| c.new.as_ref().or(c.old.as_ref())).collect();
    let belongs = |event: &&Finding| event.contracts.first().is_some_and(|c| shown.contains(&c));
    report.events.iter().filter(|event| !belongs(event)).collect()
}

/// The other contracts of an event, as a sentence; empty if there are none.
fn others(event: &Finding) -> String {
    match event.contracts.get(1..) {
        None | Some([]) => String::new(),
        Some(more) => {
            let named: Vec<_> = more.iter().map(|name| format!("{name:?}")).collect();
            format!("{} also promises it", named.join(" and "))
        }
    }
}

/// What a section says beside its findings: what is not judged, not known, or not checked.
#[must_use]
pub fn remarks(section: &Section) -> Vec<(&'static str, String)> {
    let notes = section.notes.iter().map(|note| ("note", note.clone()));
    let unknown = section.unknown.iter().map(|what| ("unknown", what.clone()));
    // What no header ever shows is no news about one of them.
    let of_headers = Kind::Headers.plural();
    let gaps = section.report.not_checked.iter().filter(|gap| !gap.why.starts_with(of_headers));
    let gaps = gaps.map(|gap| ("not checked", shown_gap(gap)));
    notes.chain(unknown).chain(gaps).collect()
}

/// Whether a finding is one that a mail leaves out, since only the reviewer can do something about it.
#[must_use]
pub fn is_for_reviewer(event: &Finding) -> bool {
    mail::is_for_reviewer(event)
}

/// What was not checked, and why.
fn shown_gap(gap: &Gap) -> String {
    let item = if gap.item.is_empty() { "all of it" } else { &gap.item };
    format!("{item}: {}", gap.why)
}

fn label(level: Level) -> &'static str {
    match level {
        Level::Finding => "finding",
        Level::Follows => "consequence",
        Level::Note => "note",
        Level::Allowed => "allowed",
        Level::Fine => "change",
    }
}

/// `1 finding`, `2 findings`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What was judged: two sources, or one alone.
fn heading(report: &Report) -> String {
    match report.old.name.as_str() {
        "" => report.new.name.clone(),
        old => format!("{old} -> {}", report.new.name),
    }
}

/// The summary in one line.
fn summary(report: &Report) -> String {
    let verdicts = |verdict| report.contracts.iter().filter(|c| c.verdict == verdict).count();
    let notes = report.events.iter().filter(|event| event.level == Level::Note).count();
    let mut parts = Vec::new();
    if !report.old.name.is_empty() {
        parts.push(count(report.contracts.len(), "contract"));
        let without = verdicts(Verdict::BumpMissing) + verdicts(Verdict::VersionMissing);
        parts.push(format!("{without} without a bump"));
    }
    parts.extend([count(report.findings(), "finding"), count(notes, "note")]);
    if !report.not_checked.is_empty() {
        parts.push(format!("{} not checked", report.not_checked.len()));
    }
    parts.join(", ")
}
