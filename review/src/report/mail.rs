// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A plain text to reply to a patch with: short lines, nothing that a mail program would change.

use super::layouts::table;
use super::{cleaned, events_of, is_relevant, loose_events, others, Document, Reply, Section};
use crate::policy::{ContractReport, Finding, Level, Report, Verdict};
use kho_abi_model::put;

/// The longest line that the kernel's mailing lists expect.
const WIDTH: usize = 72;

/// A mail that can be sent, if the patches came as mails.
pub(super) fn write(document: &Document) -> String {
    let document = &cleaned(document);
    // Answer the first patch that is wrong.
    let wrong = document.sections.iter().filter(|section| section.report.findings() > 0);
    let answered = wrong.chain(&document.sections).find_map(|section| section.reply.as_ref());
    let head = answered.map(Reply::head).unwrap_or_default();
    head + &body(document)
}

/// The body of that mail.
pub(super) fn body(document: &Document) -> String {
    let document = &cleaned(document);
    let mut out = String::new();
    // A bump that one patch was asked for is not asked for again with the whole.
    let mut asked: Vec<(String, Verdict)> = Vec::new();
    for section in &document.sections {
        let report = &section.report;
        let is_clean = report.findings() == 0;
        if section.is_whole && is_clean && report.contracts.iter().all(|c| is_asked(&asked, c)) {
            continue;
        }
        if let (false, Some(reply)) = (section.title.is_empty(), &section.reply) {
            if !out.is_empty() {
                out.push('\n');
            }
            wrapped(&mut out, "", &reply.attribution());
            wrapped(&mut out, "> ", &reply.subject);
            out.push('\n');
            out.push_str(&quotes(section));
        } else if !section.title.is_empty() {
            if !out.is_empty() {
                out.push('\n');
            }
            put!(out, "On \"{}\":\n", section.title);
        }
        let shown = report.contracts.iter().filter(|c| is_relevant(c));
        let shown: Vec<_> = shown.filter(|c| !section.is_whole || !is_asked(&asked, c)).collect();
        if shown.is_empty() && report.events.is_empty() {
            let nothing = match document.command {
                "lint" => "Nothing is wrong with it by itself.",
                _ => "This does not change the handover ABI.",
            };
            wrapped(&mut out, "", nothing);
        }
        for contract in shown {
            tell(&mut out, report, contract);
            asked.push((contract.header.clone(), contract.verdict));
        }
        for event in loose_events(report).into_iter().filter(|event| event.level != Level::Fine) {
            item(&mut out, event);
        }
        let gaps = report.not_checked.iter().map(|gap| format!("{}: {}", gap.item, gap.why));
        let open: Vec<_> =
            section.notes.iter().chain(&section.unknown).cloned().chain(gaps).collect();
        if !open.is_empty() {
            out.push_str("\nNot checked:\n");
        }
        for what in open {
            wrapped(&mut out, "  - ", &what);
        }
    }
    // A single blank line between parts.
    while out.contains("\n\n\n") {
        out = out.replace("\n\n\n", "\n\n");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Whether a contract's bump was asked for already, or there is nothing to say about it.
fn is_asked(asked: &[(String, Verdict)], contract: &ContractReport) -> bool {
    let this = (contract.header.clone(), contract.verdict);
    let is_wrong = matches!(contract.verdict, Verdict::BumpMissing | Verdict::VersionMissing);
    !is_relevant(contract) || is_wrong && asked.contains(&this)
}

/// The lines that the findings of a section are about.
fn quotes(section: &Section) -> String {
    let mut out = String::new();
    let mut seen = Vec::new();
    let events = section.report.events.iter();
    for place in events.filter(|e| e.level == Level::Finding).filter_map(|e| e.place.as_ref()) {
        let mut quotes = section.quotes.iter().enumerate();
        let found = quotes.find_map(|(at, quote)| Some((at, quote.index_of(place)?)));
        if let Some((at, index)) = found.filter(|(at, _)| !seen.contains(at)) {
            seen.push(at);
            out.push_str(&section.quotes[at].quoted(index));
            out.push('\n');
        }
    }
    out
}

fn tell(out: &mut String, report: &Report, contract: &ContractReport) {
    let ContractReport { macro_name, verdict, next, .. } = contract;
    let name = contract.name();
    // The placeholder of an unknown string is not quoted.
    let shown = if name.starts_with("the string of ") { name.clone() } else { format!("{name:?}") };
    let is_number = contract.scheme.as_deref() == Some("number");
    let sentence = match (verdict, next) {
        (Verdict::BumpMissing, _) if !contract.jointly.is_empty() => {
            let others: Vec<_> =
                contract.jointly.iter().map(|other| format!("\"{other}\"")).collect();
            format!(
                "This changes what {shown} or {} promises (the header does not say which of them), \
                 and keeps each of them. Please bump the one that owns it, or leave the bytes as \
                 they are.",
                others.join(" or ")
            )
        }
        (Verdict::BumpMissing, Some(next)) => {
            let next = if is_number { next.clone() } else { format!("\"{next}\"") };
            let kept = if is_number { "version" } else { "string" };
            format!(
                "This changes what \"{name}\" promises, and keeps the {kept}. A kernel that \
                 was built before the change will believe the new bytes, and this one the old. \
                 Please make {macro_name} {next}, or leave the bytes as they are."
            )
        }
        (Verdict::BumpMissing, None) if contract.scheme.as_deref() == Some("features") => format!(
            "This changes what {shown} promises, and no feature that a reader is required to know \
             comes with it: a kernel that was built before the change will believe the new bytes, \
             and this one the old. Please add such a feature, or leave the bytes as they are."
        ),
        (Verdict::BumpMissing, None) => format!(
            "This changes what {shown} promises, and keeps it. Please bump it, or leave the bytes \
             as they are."
        ),
        (Verdict::VersionMissing, _) => format!(
            "This changes what {name} hands over, and nothing there distinguishes the new bytes from \
             the old: a kernel that was built before the change will believe the new ones, and this one \
             the old. Please add a version that the next kernel compares."
        ),
        (Verdict::ChangedAndBumped, _) => {
            format!("{macro_name} goes from {name}, and what it promises changes with it: fine.")
        }
        (Verdict::BumpedLater, _) => format!(
            "This changes what {shown} promises, and a later patch of the series bumps it: fine. \
             Kernels that are built in between believe the wrong bytes."
        ),
        (Verdict::BumpedWithoutChange, _) => format!(
            "{macro_name} goes from {name}, and neither layouts nor comments on fields differ. That \
             is right if the same bytes mean something else now: then please say so in the commit \
             message, and beside the field."
        ),
        (Verdict::New, _) => format!("\"{name}\" ({macro_name}) is new."),
        (Verdict::Removed, _) => {
            format!("\"{name}\" ({macro_name}) is gone: what is handed over under it is lost.")
        }
        (Verdict::ChangedUnreleased, _) => format!(
            "This changes what \"{name}\" promises, which no kernel was released with: fine, \
             as long as it is merged together with what introduces the string."
        ),
        (Verdict::ChangedAllowed, _) => {
            format!("This changes what \"{name}\" promises, as was reviewed and allowed.")
        }
        (Verdict::NotChecked | Verdict::Unchanged, _) => {
            format!("Whether \"{name}\" changes is unknown.")
        }
    };
    wrapped(out, "", &sentence);
    out.push('\n');
    for event in events_of(report, contract) {
        // The sentence above already says it.
        if event.level != Level::Follows || event.rule == "embedded_struct_changed" {
            item(out, event);
        }
    }
    for layouts in &contract.structs {
        let table = table(layouts);
        put!(out, "\n  {}", table.title);
        for row in &table.rows {
            let (sign, width) = (row.mark.sign(), table.width);
            put!(out, "  {}", format!("{sign} {:width$} | {}", row.old, row.new).trim_end());
        }
        if !table.bytes.is_empty() {
            put!(out, "  {}", table.bytes);
        }
    }
    out.push('\n');
}

fn item(out: &mut String, event: &Finding) {
    let place = event.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    wrapped(out, "  - ", &format!("{place}{} [{}]", event.what, event.rule));
    let others = others(event);
    for consequence in event.consequences.iter().chain((!others.is_empty()).then_some(&others)) {
        wrapped(out, "      consequence: ", consequence);
    }
    if matches!(event.level, Level::Finding | Level::Follows) {
        wrapped(out, "      ", &format!("Please: {}.", event.help));
    }
}

/// A wrapped paragraph; a word that is too long stays whole.
fn wrapped(out: &mut String, first: &str, text: &str) {
    let indent = " ".repeat(first.len());
    let mut line = String::from(first);
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            put!(out, "{}", line.trim_end());
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    put!(out, "{}", line.trim_end());
}
