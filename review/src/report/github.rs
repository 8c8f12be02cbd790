// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! GitHub's workflow commands, which become annotations of a pull request.

use super::{shown_gap, Document};
use crate::policy::{Finding, Level};
use kho_abi_model::put;

pub(super) fn write(document: &Document) -> String {
    let mut out = String::new();
    let events = document.sections.iter().flat_map(|section| &section.report.events);
    for event in events.filter(|event| event.level != Level::Fine) {
        put!(out, "{}", annotation(event));
    }
    for section in &document.sections {
        for note in &section.notes {
            put!(out, "::notice title=note::{}", data(note));
        }
        let gaps = section.report.not_checked.iter();
        let gaps = gaps.map(shown_gap);
        for what in section.unknown.iter().cloned().chain(gaps) {
            put!(out, "::notice title=not checked::{}", data(&what));
        }
    }
    out
}

fn annotation(event: &Finding) -> String {
    let command = match event.level {
        Level::Finding | Level::Follows => "error",
        Level::Note => "warning",
        Level::Allowed | Level::Fine => "notice",
    };
    let mut properties = Vec::new();
    if let Some(place) = &event.place {
        properties.push(format!("file={}", property(&place.file)));
        properties.push(format!("line={}", place.line));
    }
    properties.push(format!("title={}", property(&event.rule)));
    let mut text = event.what.clone();
    for consequence in &event.consequences {
        text.push_str("\nconsequence: ");
        text.push_str(consequence);
    }
    text.push_str("\nhelp: ");
    text.push_str(&event.help);
    format!("::{command} {}::{}", properties.join(","), data(&text))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
