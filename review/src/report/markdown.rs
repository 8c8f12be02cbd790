// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For a forge's comment: a table of verdicts, findings, layouts.

use super::layouts::table;
use super::{cleaned, is_relevant, label, shown_gap, summary, Document};
use crate::policy::Level;
use kho_abi_codegen::draw::escape::{markdown as inline, markdown_code as code};
use kho_abi_model::put;

pub(super) fn write(document: &Document) -> String {
    let document = &cleaned(document);
    let mut out = String::new();
    for section in &document.sections {
        let report = &section.report;
        if !out.is_empty() {
            out.push('\n');
        }
        let title = if section.title.is_empty() { "Handover ABI" } else { &section.title };
        put!(out, "### {}\n", inline(title));
        let new = code(&report.new.name);
        match report.old.name.as_str() {
            "" => put!(out, "{new}: {}.", summary(report)),
            old => put!(out, "{} → {new}: {}.", code(old), summary(report)),
        }
        let shown: Vec<_> = report.contracts.iter().filter(|c| is_relevant(c)).collect();
        if !shown.is_empty() {
            out.push_str("\n| Contract | Verdict | Macro | Header |\n|---|---|---|---|\n");
        }
        for contract in &shown {
            put!(
                out,
                "| {} | **{}** | {} | {} |",
                code(&contract.name()),
                contract.tell(),
                code(&contract.macro_name),
                code(&contract.header)
            );
        }
        for event in report.events.iter().filter(|event| event.level != Level::Fine) {
            let place = event.place.as_ref().map(|place| format!("{}: ", code(&place.to_string())));
            put!(
                out,
                "\n- **{}** {}{} ({})",
                label(event.level),
                place.unwrap_or_default(),
                inline(&event.what),
                code(&event.rule)
            );
            for consequence in &event.consequences {
                put!(out, "  - consequence: {}", inline(consequence));
            }
            put!(out, "  - help: {}", inline(&event.help));
        }
        for layouts in shown.iter().flat_map(|contract| &contract.structs) {
            let table = table(layouts);
            put!(out, "\n{}\n\n```text", inline(&table.title));
            for row in &table.rows {
                let (sign, width) = (row.mark.sign(), table.width);
                put!(out, "{}", format!("{sign} {:width$} | {}", row.old, row.new).trim_end());
            }
            if !table.bytes.is_empty() {
                put!(out, "{}", table.bytes);
            }
            out.push_str("```\n");
        }
        let gaps = report.not_checked.iter().map(shown_gap);
        for note in &section.notes {
            put!(out, "\nNote: {}", inline(note));
        }
        let open: Vec<_> = section.unknown.iter().cloned().chain(gaps).collect();
        if !open.is_empty() {
            out.push_str("\nNot checked:\n\n");
        }
        for what in open {
            put!(out, "- {}", inline(&what));
        }
    }
    out
}
