// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges the steps of a series, and the series as a whole.

use super::code::{self, Touch};
use super::{hunks, nothing, read, restrict_to_patch, Step};
use crate::diff::compare;
use crate::diff::open::Files;
use crate::diff::pages::PageMemo;
use crate::document::{Document, Section};
use crate::policy::{judge, Baseline, Level, Options, Report, Verdict};
use kho_abi_read::source::{self, SourceError};

/// What the steps belong to.
pub(super) struct About<'a> {
    /// The name of the first side.
    pub(super) name: &'a str,
    /// Whether the headers before the series are known.
    pub(super) has_base: bool,
    /// How many patches or commits there are.
    pub(super) patches: usize,
}

/// Judges steps: each by itself, and the whole from the first side to the last.
pub(super) fn judged(
    about: &About<'_>,
    (start, end): &(Files, Files),
    steps: Vec<Step>,
    reading: &source::Options,
    options: &Options,
) -> Result<Document, SourceError> {
    let memo = PageMemo::default();
    let first = read(about.name, start, reading, &memo)?;
    // The base's strings are released, unless the caller says otherwise.
    let options = match &options.baseline {
        Baseline::Old => Options {
            baseline: Baseline::Released(Box::new(first.reading.clone())),
            ..options.clone()
        },
        _ => options.clone(),
    };
    if steps.is_empty() {
        let report = judge(&compare(&first, &first), &options);
        let title = format!("none of {} touches the handover ABI", counted(about.patches));
        let section = Section::new(&title, report);
        return Ok(Document { command: "review", sections: vec![section] });
    }
    let has_header = steps.iter().any(|step| step.is_abi);
    let mut sections = Vec::new();
    let mut last = (start.clone(), first.clone());
    let mut partial = Vec::new();
    for step in steps {
        let mut section = if step.is_abi {
            let old = if step.before == last.0 {
                last.1
            } else {
                read("before it", &step.before, reading, &memo)?
            };
            let now = read(&step.title, &step.files, reading, &memo)?;
            let mut report = judge(&compare(&old, &now), &options);
            for partial in &step.partial {
                hunks::judge(partial, reading, &options, &mut report);
            }
            restrict_to_patch(&mut report);
            last = (step.files, now);
            Section::new(&step.title, report)
        } else {
            let none = nothing(about.name);
            Section::new(&step.title, judge(&compare(&none, &none), &options))
        };
        section.unknown = step.unknown;
        for (touch, place) in step.code {
            // If a header changes as well, the change of code belongs to it.
            if touch == Touch::Code && has_header {
                section.unknown.push(format!(
                    "{place}: code of the handover changes: what it writes and reads is not compared"
                ));
            } else {
                section.report.events.push(code::unjudged(touch, place).event());
            }
        }
        if !about.has_base && step.is_abi {
            section.unknown.push(
                "no base is given: whether a kernel has these strings already is not known".into(),
            );
        }
        (section.reply, section.quotes) = (step.reply, step.quotes);
        sections.push(section);
        partial.extend(step.partial);
    }
    if sections.len() > 1 && has_header {
        let last = read("after the series", end, reading, &memo)?;
        let mut report = judge(&compare(&first, &last), &options);
        for partial in hunks::merged(partial.iter()) {
            hunks::judge(&partial, reading, &options, &mut report);
        }
        restrict_to_patch(&mut report);
        for section in &mut sections {
            resolved(&mut section.report, &report);
        }
        once(&sections, &mut report);
        let mut whole = Section::new("The series as a whole", report);
        whole.is_whole = true;
        sections.push(whole);
    }
    Ok(Document { command: "review", sections })
}

/// `1 patch`, `2 patches`.
fn counted(patches: usize) -> String {
    format!("{patches} {}", if patches == 1 { "patch" } else { "patches" })
}

/// A defect that a later patch of the series fixes is a note: each patch is built, and may be
/// shipped.
fn resolved(report: &mut Report, series: &Report) {
    let is_wrong = |level: Level| matches!(level, Level::Finding | Level::Follows);
    for contract in &mut report.contracts {
        let still = series.contracts.iter().any(|other| {
            other.header == contract.header
                && matches!(other.verdict, Verdict::BumpMissing | Verdict::VersionMissing)
        });
        let is_missing = matches!(contract.verdict, Verdict::BumpMissing | Verdict::VersionMissing);
        if is_missing && !still {
            contract.verdict = Verdict::BumpedLater;
        }
    }
    for event in &mut report.events {
        // No comparison of headers covers the code of a patch, so its event stays as it is.
        if event.rule == "code_not_judged" || !is_wrong(event.level) {
            continue;
        }
        let still = series.events.iter().any(|other| {
            (&other.rule, &other.item) == (&event.rule, &event.item) && is_wrong(other.level)
        });
        if !still {
            event.level = Level::Note;
            event.help = "nothing: a later patch of the series puts it right".into();
        }
    }
}

/// Leaves out of the whole what a single patch was reported for: one finding for each defect.
fn once(sections: &[Section], whole: &mut Report) {
    let events = || sections.iter().flat_map(|section| &section.report.events);
    whole.events.retain(|event| {
        !events().any(|other| {
            (&other.rule, &other.item, other.level) == (&event.rule, &event.item, event.level)
                && matches!(event.level, Level::Finding | Level::Follows)
        })
    });
}
