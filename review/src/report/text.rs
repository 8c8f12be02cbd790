// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For a terminal: verdicts, findings, layouts side by side.

use super::layouts::{table, Mark};
use super::style::{BAD, FAINT, GOOD, OPEN, STRONG};
use super::{
    cleaned, count, events_of, heading, is_relevant, label, loose_events, others, summary, Document,
};
use crate::policy::{Finding, Level, Verdict};
use anstyle::{AnsiColor, Style};
use kho_abi_model::put;

pub(super) fn write(document: &Document) -> String {
    let document = &cleaned(document);
    let mut out = String::new();
    for (index, section) in document.sections.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if !section.title.is_empty() {
            put!(out, "{STRONG}{}{STRONG:#}", section.title);
        }
        let report = &section.report;
        // A struct of several contracts is shown with the first.
        let mut shown: Vec<(&str, Option<u64>)> = Vec::new();
        for contract in report.contracts.iter().filter(|contract| is_relevant(contract)) {
            let style = match contract.verdict {
                Verdict::BumpMissing | Verdict::VersionMissing => BAD,
                Verdict::NotChecked
                | Verdict::BumpedLater
                | Verdict::BumpedWithoutChange
                | Verdict::Removed => OPEN,
                _ => GOOD,
            };
            let place = match contract.macro_name.as_str() {
                "" => format!("in {}", contract.header),
                name => format!("{name} in {}", contract.header),
            };
            put!(
                out,
                "{STRONG}{}{STRONG:#}  {style}{}{style:#}  {FAINT}{place}{FAINT:#}",
                contract.name(),
                contract.tell(),
            );
            for event in events_of(report, contract) {
                tell(&mut out, event, "  ");
            }
            for layouts in &contract.structs {
                let this = (layouts.name.as_str(), layouts.page_size);
                if shown.contains(&this) {
                    continue;
                }
                shown.push(this);
                let table = table(layouts);
                put!(out, "  {STRONG}{}{STRONG:#}", table.title);
                put!(out, "  {FAINT}  {:width$}   after{FAINT:#}", "before", width = table.width);
                for row in &table.rows {
                    let style = match row.mark {
                        Mark::Same => Style::new(),
                        Mark::Added => GOOD,
                        Mark::Removed => AnsiColor::Red.on_default(),
                        Mark::Changed => OPEN,
                    };
                    let line = format!(
                        "{} {:width$} | {}",
                        row.mark.sign(),
                        row.old,
                        row.new,
                        width = table.width
                    );
                    put!(out, "  {style}{}{style:#}", line.trim_end());
                }
                if !table.bytes.is_empty() {
                    put!(out, "  {}", table.bytes);
                }
            }
        }
        for event in loose_events(report) {
            tell(&mut out, event, "");
        }
        for note in &section.notes {
            put!(out, "{OPEN}note{OPEN:#}         {note}");
        }
        for unknown in &section.unknown {
            put!(out, "{OPEN}unknown{OPEN:#}      {unknown}");
        }
        for gap in &report.not_checked {
            let item = if gap.item.is_empty() { "all of it" } else { &gap.item };
            put!(out, "{OPEN}not checked{OPEN:#}  {item}: {}", gap.why);
        }
        // Where nothing was judged, there is nothing to count.
        let is_nothing = section.is_whole && report.events.is_empty();
        if !(is_nothing && document.sections.len() == 1) {
            put!(out, "{}: {}", heading(report), summary(report));
        }
    }
    if document.sections.len() > 1 {
        put!(out, "\n{}", count(document.findings(), "finding"));
    }
    out
}

fn tell(out: &mut String, event: &Finding, indent: &str) {
    let style = match event.level {
        Level::Finding | Level::Follows => BAD,
        Level::Note | Level::Allowed => OPEN,
        Level::Fine => GOOD,
    };
    let place = event.place.as_ref().map(|place| format!("{STRONG}{place}{STRONG:#}: "));
    put!(
        out,
        "{indent}{}{style}{}{style:#}: {} [{}]",
        place.unwrap_or_default(),
        label(event.level),
        event.what,
        event.rule
    );
    let others = others(event);
    for consequence in event.consequences.iter().chain((!others.is_empty()).then_some(&others)) {
        put!(out, "{indent}  consequence: {consequence}");
    }
    if event.level != Level::Fine {
        put!(out, "{indent}  help: {}", event.help);
    }
}
