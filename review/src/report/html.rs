// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For a browser: one page with verdicts, findings, and each changed struct before and after, drawn.

use super::layouts::table;
use super::{
    cleaned, count, events_of, heading, is_relevant, label, loose_events, others, summary, Document,
};
use crate::document::Section;
use crate::policy::{ContractReport, Finding, Layouts, Level, Verdict};
use kho_abi_codegen::draw::html::{inline, page};
use kho_abi_codegen::draw::{changed, key_of_colours};
use maud::{html, Markup};

pub(super) fn write(document: &Document) -> String {
    let document = &cleaned(document);
    let title = format!("kho-abi {}", document.command);
    let has_pictures = document.sections.iter().any(|section| {
        section.report.contracts.iter().any(|contract| !contract.structs.is_empty())
    });
    let body = html! {
        h1 { (title) }
        @if document.sections.len() > 1 { p { (count(document.findings(), "finding")) } }
        @if has_pictures { (key_of_colours()) }
        @for section in &document.sections { (section_part(section)) }
    };
    page(&title, &body)
}

fn section_part(section: &Section) -> Markup {
    let report = &section.report;
    // A struct of several contracts is shown with the first.
    let mut shown: Vec<(&str, Option<u64>)> = Vec::new();
    let mut cards = Vec::new();
    for contract in report.contracts.iter().filter(|contract| is_relevant(contract)) {
        let mut structs = Vec::new();
        for layouts in &contract.structs {
            let this = (layouts.name.as_str(), layouts.page_size);
            if !shown.contains(&this) {
                shown.push(this);
                structs.push(layouts);
            }
        }
        cards.push(contract_card(contract, &events_of(report, contract), &structs));
    }
    html! {
        h2 { @if section.title.is_empty() { (heading(report)) } @else { (section.title) } }
        @if !section.title.is_empty() { p.faint { (heading(report)) } }
        p { (summary(report)) }
        @for card in &cards { (card) }
        @for event in loose_events(report) { (event_part(event)) }
        @for note in &section.notes { p.note { (inline(note)) } }
        @for unknown in &section.unknown { p.note { "unknown: " (inline(unknown)) } }
        @if !report.not_checked.is_empty() {
            h3 { "Not checked" }
            ul { @for gap in &report.not_checked {
                li { @if gap.item.is_empty() { "all of it" } @else { code { (gap.item) } } ": " (inline(&gap.why)) }
            } }
        }
    }
}

fn contract_card(contract: &ContractReport, events: &[&Finding], structs: &[&Layouts]) -> Markup {
    let class = match contract.verdict {
        Verdict::BumpMissing | Verdict::VersionMissing => "bad",
        Verdict::NotChecked
        | Verdict::BumpedLater
        | Verdict::BumpedWithoutChange
        | Verdict::Removed => "open",
        _ => "good",
    };
    html! {
        div.card {
            h3 { code { (contract.name()) } " " span class=(class) { (contract.tell()) } }
            p.faint {
                @if !contract.macro_name.is_empty() { code { (contract.macro_name) } " in " }
                code { (contract.header) }
            }
            @for event in events { (event_part(event)) }
            @for layouts in structs { (struct_part(layouts)) }
        }
    }
}

fn event_part(event: &Finding) -> Markup {
    let class = match event.level {
        Level::Finding | Level::Follows => "finding",
        Level::Note | Level::Allowed => "note",
        Level::Fine => "change",
    };
    let others = others(event);
    html! {
        div class=(class) {
            p {
                strong { (label(event.level)) } ": " (inline(&event.what)) " "
                span.faint { "[" (event.rule) "]" }
            }
            @if let Some(place) = &event.place { p.faint { code { (place) } } }
            @for consequence in event.consequences.iter().chain((!others.is_empty()).then_some(&others)) {
                p { "consequence: " (inline(consequence)) }
            }
            @if event.level != Level::Fine { p { "help: " (inline(&event.help)) } }
        }
    }
}

fn struct_part(layouts: &Layouts) -> Markup {
    let table = table(layouts);
    html! {
        h3 { (table.title) }
        @if !table.bytes.is_empty() { p.faint { (table.bytes) } }
        (changed(layouts.old.as_ref(), layouts.new.as_ref()))
    }
}
