// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges the steps of a series, and the series as a whole.

use super::code::Touched;
use super::{hunks, nothing, read, restrict_to_patch, Step, Unjudged};
use crate::diff::open::Files;
use crate::diff::pages::PageMemo;
use crate::diff::{compare, Side};
use crate::document::{Document, Section};
use crate::policy::{judge, Baseline, Finding, Level, Options, Report, Verdict};
use kho_abi_read::source::{self, SourceError, Tree};
use std::collections::BTreeSet;

/// What the steps belong to.
pub(super) struct About<'a> {
    /// The name of the first side.
    pub(super) name: &'a str,
    /// Whether the headers before the series are known.
    pub(super) has_base: bool,
    /// How many patches or commits there are.
    pub(super) patches: usize,
}

/// Judges series, one after the other.
pub(super) struct Judge<'a> {
    about: &'a About<'a>,
    reading: &'a source::Options,
    options: &'a Options,
    memo: PageMemo,
    /// The first headers that were read: the base, if there is one.
    first: Option<(Files, Side)>,
    sections: Vec<Section>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        about: &'a About<'a>,
        reading: &'a source::Options,
        options: &'a Options,
    ) -> Self {
        let memo = PageMemo::default();
        Self { about, reading, options, memo, first: None, sections: Vec::new() }
    }

    /// What was judged; a document says so if nothing was.
    pub(super) fn document(mut self) -> Document {
        if self.sections.is_empty() {
            let first = match self.first {
                Some((_, side)) => side,
                None => nothing(self.about.name),
            };
            let mut report = judge(&compare(&first, &first), self.options);
            restrict_to_patch(&mut report);
            // Nothing was compared.
            report.not_checked.clear();
            let title = match self.about.patches {
                1 => "the patch does not touch the handover ABI".into(),
                patches => format!("none of the {patches} patches touches the handover ABI"),
            };
            let mut none = Section::new(&title, report);
            none.is_whole = true;
            self.sections.push(none);
        }
        Document { command: "review", sections: self.sections }
    }

    /// Judges what a range changes of other headers that ABI headers use: both ends, each with the other headers of its
    /// own tree. What the steps were reported for is left out.
    pub(super) fn elsewhere(
        &mut self,
        (start, end): &(Files, Files),
        [before, after]: [Tree; 2],
    ) -> Result<(), SourceError> {
        let read = |name: &str, files: &Files, tree: Tree| {
            read(
                name,
                files,
                &source::Options { tree: Some(tree), ..self.reading.clone() },
                &self.memo,
            )
        };
        let old = read(self.about.name, start, before)?;
        let new = read("after the range", end, after)?;
        let mut report = judge(&compare(&old, &new), &options_on(self.options, &old));
        restrict_to_patch(&mut report);
        once(&self.sections, &mut report);
        report.events.retain(|event| matches!(event.level, Level::Finding | Level::Follows));
        if !report.events.is_empty() {
            let mut section = Section::new("What the range changes of other headers", report);
            section.is_whole = true;
            self.sections.push(section);
        }
        Ok(())
    }

    /// Judges the steps of a series: each by itself, and the whole from the first side to the last.
    pub(super) fn series(
        &mut self,
        (start, end): &(Files, Files),
        steps: Vec<Step>,
        is_one_of_several: bool,
    ) -> Result<(), SourceError> {
        if steps.is_empty() && self.first.is_some() {
            return Ok(());
        }
        let Self { about, reading, memo, .. } = self;
        let first = match &self.first {
            Some((files, side)) if files == start => side.clone(),
            _ => read(about.name, start, reading, memo)?,
        };
        let base = match &self.first {
            // What a series is on top of is no more released than the series.
            Some((_, base)) if about.has_base => base.clone(),
            _ => first.clone(),
        };
        let options = options_on(self.options, &base);
        self.first.get_or_insert_with(|| (start.clone(), first.clone()));
        let has_header = steps.iter().any(|step| step.is_abi);
        let mut sections = Vec::new();
        let mut last = (start.clone(), first.clone());
        let mut partial = Vec::new();
        let mut codes: Vec<Vec<Touched>> = Vec::new();
        let mut misfits: Vec<Vec<Unjudged>> = Vec::new();
        for step in steps {
            let mut section = if step.is_abi {
                let old = if step.before == last.0 {
                    last.1
                } else {
                    read("before it", &step.before, reading, memo)?
                };
                let now = read(&step.title, &step.files, reading, memo)?;
                let mut report = judge(&compare(&old, &now), &options);
                for partial in &step.partial {
                    hunks::judge(partial, &step.partial, reading, &options, &mut report);
                }
                restrict_to_patch(&mut report);
                last = (step.files, now);
                Section::new(&step.title, report)
            } else {
                let none = nothing(about.name);
                let mut report = judge(&compare(&none, &none), &options);
                report.not_checked.clear();
                Section::new(&step.title, report)
            };
            section.unknown = step.unknown;
            section.notes = step.notes;
            codes.push(step.code);
            misfits.push(step.misfits);
            if !about.has_base && step.is_abi {
                section
                    .unknown
                    .push("no base given: whether a kernel already has these strings".into());
            }
            (section.reply, section.quotes) = (step.reply, step.quotes);
            sections.push(section);
            partial.extend(step.partial);
        }
        let last = read("after the series", end, reading, memo)?;
        let mut whole = None;
        if sections.len() > 1 && has_header {
            let mut report = judge(&compare(&first, &last), &options);
            let all = hunks::merged(partial.iter());
            for partial in &all {
                hunks::judge(partial, &all, reading, &options, &mut report);
            }
            restrict_to_patch(&mut report);
            let mut bumped = BTreeSet::new();
            for section in &mut sections {
                resolved(&mut section.report, &report, &bumped);
                let has_new = |verdict| {
                    matches!(verdict, Verdict::BumpedWithoutChange | Verdict::ChangedAndBumped)
                };
                let contracts = section.report.contracts.iter().filter(|c| has_new(c.verdict));
                bumped.extend(contracts.map(|contract| contract.header.clone()));
                belongs_to_others(&mut section.report, &report);
            }
            once(&sections, &mut report);
            let title = match &sections[0].title {
                title if is_one_of_several => format!("The series of \"{title}\" as a whole"),
                _ => "The series as a whole".into(),
            };
            let mut section = Section::new(&title, report);
            section.is_whole = true;
            whole = Some(section);
        }
        let judged = whole.as_ref().or_else(|| sections.iter().find(|_| has_header));
        let versions = judged.map(|section| covering(&section.report, &first, &last));
        for ((section, codes), misfits) in sections.iter_mut().zip(codes).zip(misfits) {
            add_code(section, codes, versions.as_deref().unwrap_or_default());
            // It is the first thing to know about a patch.
            section.report.events.splice(0..0, misfits.into_iter().map(Unjudged::event));
        }
        sections.extend(whole);
        self.sections.append(&mut sections);
        Ok(())
    }
}

/// The options on a base: its strings are released, unless the caller says otherwise.
fn options_on(options: &Options, base: &Side) -> Options {
    match &options.baseline {
        Baseline::Old => Options {
            baseline: Baseline::Released(Box::new(base.reading.clone())),
            ..options.clone()
        },
        _ => options.clone(),
    }
}

/// Adds the code that a patch changes: what a version covers is said, all else is a finding.
fn add_code(section: &mut Section, codes: Vec<Touched>, versions: &[(String, BTreeSet<&str>)]) {
    for touched in codes {
        let is_covered =
            versions.iter().any(|(header, names)| touched.is_covered_by(header, names));
        if is_covered {
            section.unknown.push(format!(
                "{}: handover code changes with its version: what the code writes and reads was not \
                 compared",
                touched.place()
            ));
        } else {
            section.report.events.push(touched.unjudged().event());
        }
    }
}

/// The headers with a version that changes or that is new with its header, and the names that they declare.
fn covering<'a>(report: &Report, first: &Side, last: &'a Side) -> Vec<(String, BTreeSet<&'a str>)> {
    let mut found = Vec::new();
    for contract in &report.contracts {
        let path = contract.header.rsplit('/').next().unwrap_or_default();
        let name = path.strip_suffix(".h").unwrap_or(path);
        let has = |side: &Side| side.model().headers.iter().any(|header| header.name == name);
        let covers = match contract.verdict {
            Verdict::ChangedAndBumped
            | Verdict::BumpedWithoutChange
            | Verdict::ChangedUnreleased => true,
            Verdict::New => has(last) && !has(first),
            _ => false,
        };
        let outline = last.texts.get(name).map(|text| &text.outline);
        let records = outline.into_iter().flat_map(|o| o.records.iter().map(|r| r.name.as_str()));
        let macros = outline.into_iter().flat_map(|o| o.macros.iter().map(|m| m.name.as_str()));
        if covers {
            found.push((name.to_string(), records.chain(macros).collect()));
        }
    }
    found
}

/// A defect that a later patch of the series fixes is a note: each patch is built, and may be
/// shipped.
fn resolved(report: &mut Report, series: &Report, bumped: &BTreeSet<String>) {
    let is_wrong = |level: Level| matches!(level, Level::Finding | Level::Follows);
    for contract in &mut report.contracts {
        let still = series.contracts.iter().any(|other| {
            (&other.header, &other.macro_name) == (&contract.header, &contract.macro_name)
                && matches!(other.verdict, Verdict::BumpMissing | Verdict::VersionMissing)
        });
        let is_missing = matches!(contract.verdict, Verdict::BumpMissing | Verdict::VersionMissing);
        if is_missing && !still {
            contract.verdict = if bumped.contains(&contract.header) {
                Verdict::ChangedUnreleased
            } else {
                Verdict::BumpedLater
            };
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
            let has = |verdict: Verdict| {
                report.contracts.iter().any(|contract| {
                    contract.verdict == verdict
                        && contract.new.as_ref().is_some_and(|name| event.contracts.contains(name))
                })
            };
            event.help = if has(Verdict::ChangedUnreleased) {
                "nothing: an earlier patch of the series bumps it"
            } else if has(Verdict::BumpedLater) {
                "change both in one patch: a kernel built in between, as in a bisection, has the \
                 new layout under the old version"
            } else {
                "nothing: a later patch of the series fixes it"
            }
            .into();
        }
    }
}

/// A bump without a change in its own patch is that of another patch, if the whole has both.
fn belongs_to_others(report: &mut Report, series: &Report) {
    for contract in &mut report.contracts {
        let has_both = series.contracts.iter().any(|other| {
            (&other.header, &other.macro_name, &other.new)
                == (&contract.header, &contract.macro_name, &contract.new)
                && other.verdict == Verdict::ChangedAndBumped
        });
        if contract.verdict == Verdict::BumpedWithoutChange && has_both {
            contract.verdict = Verdict::ChangedAndBumped;
            let of_it = |event: &&mut Finding| {
                event.rule == "compatible_bumped_needlessly"
                    && contract.new.as_ref().is_some_and(|name| event.contracts.contains(name))
            };
            for event in report.events.iter_mut().filter(of_it) {
                event.level = Level::Fine;
                event.what =
                    format!("{}: another patch of the series changes what it promises", event.what);
            }
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
