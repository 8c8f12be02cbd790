// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For a terminal: how sources compare with the truth.

use super::count;
use super::style::{findings, BAD, GOOD, OPEN, STRONG};
use crate::verify::{Checked, Report, Verdict};
use anstyle::Style;
use kho_abi_model::put;
use kho_abi_read::source::{Gap, Kind};

/// Writes the comparison of a source with the truth.
#[must_use]
pub fn verified(report: &Report, columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(COLUMNS).clamp(LEAST, COLUMNS);
    let mut out = String::new();
    let kind = match report.kind {
        Kind::Truth => "the truth itself",
        Kind::Snapshots => "frozen layouts",
        Kind::Headers => "C headers",
        Kind::Dwarf => "DWARF",
        Kind::Btf => "BTF",
        Kind::Strings => "an image without types",
    };
    let pages = report.page_size.map(|size| format!(", pages of {size} bytes")).unwrap_or_default();
    let against = report.against.as_ref().map(|name| format!(", against {name}"));
    let against = against.unwrap_or_default();
    put!(out, "{STRONG}{}{STRONG:#}: {kind}{pages}{against}", report.source);
    let name = |checked: &Checked| match &checked.found {
        Some(found) if checked.verdict == Verdict::Different => found.clone(),
        Some(found) => format!("{found} (truth: {})", checked.contract),
        None => checked.contract.clone(),
    };
    let width = report.contracts.iter().map(|c| name(c).len()).max().unwrap_or(0);
    for checked in &report.contracts {
        let style = style(checked.verdict);
        let compared = match checked.compared.to_string() {
            compared if compared.is_empty() => String::new(),
            compared => format!("  {compared}"),
        };
        let verdict = format!("{:<13}", checked.verdict);
        let verdict = if compared.is_empty() { verdict.trim_end() } else { &verdict };
        put!(out, "  {:<width$}  {style}{verdict}{style:#}{compared}", name(checked));
        for line in not_checked(&checked.not_checked, columns.saturating_sub(width + 6)) {
            put!(out, "  {:<width$}    {OPEN}not checked{OPEN:#} {line}", "");
        }
        for note in &checked.notes {
            let columns = columns.saturating_sub(width + 18);
            for (index, line) in textwrap::wrap(note, columns).iter().enumerate() {
                let mark = if index == 0 { "note" } else { "" };
                put!(out, "  {:<width$}    {OPEN}{mark:<11}{OPEN:#} {line}", "");
            }
        }
    }
    for why in &report.not_checked {
        for (index, line) in textwrap::wrap(why, columns - 14).iter().enumerate() {
            let mark = if index == 0 { "not checked" } else { "" };
            put!(out, "  {OPEN}{mark:<11}{OPEN:#} {line}");
        }
    }
    if !report.findings.is_empty() {
        out.push('\n');
        findings(&mut out, &report.findings);
    }
    put!(out, "{}", summary(report));
    out
}

/// Most columns of the text.
const COLUMNS: usize = 100;
/// Columns that there is room for in any case.
const LEAST: usize = 40;

/// One line for each reason, with as many names before it as fit.
fn not_checked(gaps: &[Gap], columns: usize) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for Gap { item, why } in gaps {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, items)) => items.push(item),
            None => reasons.push((why, vec![item])),
        }
    }
    let line = |(why, items): (&str, Vec<&str>)| {
        let room = columns.saturating_sub(why.len() + "not checked  and 99 more: ".len());
        let mut names = String::new();
        for (index, item) in items.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if index > 0 && names.len() + comma.len() + item.len() > room {
                return format!("{names} and {} more: {why}", items.len() - index);
            }
            names.push_str(comma);
            names.push_str(item);
        }
        if names.is_empty() {
            why.to_string()
        } else {
            format!("{names}: {why}")
        }
    };
    reasons.into_iter().map(line).collect()
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Equal => GOOD,
        Verdict::Different | Verdict::Newer | Verdict::Unknown => BAD,
        Verdict::Partly | Verdict::Older | Verdict::Absent | Verdict::NotCheckable => OPEN,
    }
}

/// How many contracts have which verdict, and how many findings there are.
fn summary(report: &Report) -> String {
    let mut parts = Vec::new();
    for verdict in [
        Verdict::Equal,
        Verdict::Partly,
        Verdict::Different,
        Verdict::Newer,
        Verdict::Older,
        Verdict::Unknown,
        Verdict::Absent,
        Verdict::NotCheckable,
    ] {
        let count = report.contracts.iter().filter(|checked| checked.verdict == verdict).count();
        if count > 0 {
            parts.push(format!("{count} {verdict}"));
        }
    }
    format!("{}; {}", parts.join(", "), count(report.findings.len(), "finding"))
}
