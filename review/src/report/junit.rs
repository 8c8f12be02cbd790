// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `JUnit`'s XML: a test case for each contract, and one for each finding without a contract.

use super::{heading, label, shown_gap, Document, Section};
use crate::policy::{ContractReport, Finding, Level, Verdict};
use kho_abi_model::put;

pub(super) fn write(document: &Document) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put!(out, "<testsuites name=\"kho-abi {}\">", document.command);
    for section in &document.sections {
        suite(&mut out, section);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, section: &Section) {
    let report = &section.report;
    let name = match section.title.as_str() {
        "" => heading(report),
        title => title.into(),
    };
    let mut cases = String::new();
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for contract in &report.contracts {
        tests += 1;
        let found = findings(&report.events, contract);
        put!(
            cases,
            "    <testcase classname=\"{}\" name=\"{}\">",
            escape(&contract.header),
            escape(&contract.name())
        );
        if contract.verdict == Verdict::NotChecked {
            skipped += 1;
            put!(cases, "      <skipped message=\"one side does not say\"/>");
        } else if !found.is_empty() {
            failures += 1;
            failure(&mut cases, &contract.tell(), &found);
        }
        cases.push_str("    </testcase>\n");
    }
    for event in
        report.events.iter().filter(|e| e.level == Level::Finding && e.contracts.is_empty())
    {
        tests += 1;
        failures += 1;
        put!(cases, "    <testcase classname=\"{}\" name=\"{}\">", event.rule, escape(&event.item));
        failure(&mut cases, &event.rule, &[event]);
        cases.push_str("    </testcase>\n");
    }
    put!(
        out,
        "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
        escape(&name)
    );
    out.push_str(&cases);
    let gaps = report.not_checked.iter().map(shown_gap);
    let open: Vec<_> = section.unknown.iter().cloned().chain(gaps).collect();
    let mut told = String::new();
    for note in &section.notes {
        put!(told, "note: {note}");
    }
    // Findings that fail no test are written beside the tests.
    for event in report.events.iter().filter(|e| matches!(e.level, Level::Note | Level::Allowed)) {
        let place = event.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        put!(told, "{place}{}: {} [{}]", label(event.level), event.what, event.rule);
    }
    if !open.is_empty() {
        put!(told, "not checked:\n{}", open.join("\n"));
    }
    if !told.is_empty() {
        put!(out, "    <system-out>{}</system-out>", escape(told.trim_end()));
    }
    out.push_str("  </testsuite>\n");
}

fn findings<'a>(events: &'a [Finding], contract: &ContractReport) -> Vec<&'a Finding> {
    let name = contract.new.as_ref().or(contract.old.as_ref());
    let of_it = |event: &&Finding| {
        matches!(event.level, Level::Finding | Level::Follows)
            && name.is_some_and(|name| event.contracts.contains(name))
    };
    events.iter().filter(of_it).collect()
}

fn failure(out: &mut String, message: &str, events: &[&Finding]) {
    let mut text = String::new();
    for event in events {
        let place = event.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        put!(text, "{place}{}: {} [{}]", label(event.level), event.what, event.rule);
        for consequence in &event.consequences {
            put!(text, "  consequence: {consequence}");
        }
        put!(text, "  help: {}", event.help);
    }
    let message = escape(message);
    put!(out, "      <failure message=\"{message}\">{}</failure>", escape(&text));
}

/// Text for XML; characters that XML 1.0 forbids become a replacement character.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
