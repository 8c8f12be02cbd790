// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One line for each finding, with its place first: for editors, and for those who know checkpatch.
//! What is not judged, not known or not checked has a line, too.

use super::{cleaned, label, remarks, Document, Section};
use crate::policy::{Finding, Level, Report};
use kho_abi_model::put;

pub(super) fn write(document: &Document) -> String {
    let document = cleaned(document);
    let mut out = String::new();
    for section in &document.sections {
        let report = &section.report;
        for event in report.events.iter().filter(|event| event.level != Level::Fine) {
            put!(out, "{}", line(report, event));
        }
        for (label, what) in remarks(section) {
            put!(out, "{}: {label}: {what}", name(section));
        }
    }
    out
}

/// What a line without a place is about.
fn name(section: &Section) -> &str {
    if section.title.is_empty() {
        &section.report.new.name
    } else {
        &section.title
    }
}

fn line(report: &Report, event: &Finding) -> String {
    // What has no line is about the whole of the new side.
    let place = event.place.as_ref().map_or_else(|| report.new.name.clone(), ToString::to_string);
    // What follows from another finding is one by itself here: nothing stands above it.
    let level =
        if event.level == Level::Follows { label(Level::Finding) } else { label(event.level) };
    format!("{place}: {level}: {} [{}]", event.what, event.rule)
}
