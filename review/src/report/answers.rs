// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For a terminal: whether the next kernel will understand this one.

use super::count;
use super::style::{findings, BAD, GOOD, OPEN, STRONG};
use crate::diff::NEVER_SHOWN;
use crate::preflight::{Answer, Effect, Outcome, Outlook};
use anstyle::Style;
use kho_abi_model::put;
use kho_abi_read::source::Gap;
use std::fmt::Write as _;

/// A kernel in a table of answers.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// Its release, if it says so.
    pub release: Option<String>,
    /// Whether it could be read.
    pub is_read: bool,
}

/// The widest word of a table.
const CELL: usize = 11;

/// Writes a table: a row for each current kernel, a column for each next one. The answers come with the numbers
/// of their kernels.
#[must_use]
pub fn matrix(kernels: &[Shown], answers: &[((usize, usize), &Answer)]) -> String {
    let mut out = String::new();
    for (index, Shown { name, release, is_read }) in kernels.iter().enumerate() {
        let unreadable = if *is_read { "" } else { ": cannot be read" };
        put!(out, "  {}  {}{unreadable}", index + 1, named(name, release.as_ref()));
    }
    let mut heads = String::new();
    for number in 1..=kernels.len() {
        let _ = write!(heads, "  {number:<CELL$}");
    }
    put!(out, "{STRONG}  {:3}{}{STRONG:#}", "", heads.trim_end());
    for now in 0..kernels.len() {
        let mut line = format!("  {:<3}", now + 1);
        for then in 0..kernels.len() {
            let (word, style) = match answers.iter().find(|(place, _)| *place == (now, then)) {
                Some((_, answer)) => (word_of(answer), style_of(answer.outlook)),
                None if now == then => ("-".into(), Style::new()),
                None => ("unreadable".into(), BAD),
            };
            let pad = CELL.saturating_sub(word.len());
            let _ = write!(line, "  {style}{word}{style:#}{:pad$}", "");
        }
        put!(out, "{}", line.trim_end());
    }
    let has = |mark: char| answers.iter().any(|(_, answer)| word_of(answer).ends_with(mark));
    if has('!') {
        put!(out, "  !  one of the kernels has a known defect");
    }
    if has('?') {
        put!(out, "  ?  one of the kernels may have a known defect");
    }
    out
}

/// An answer in a cell of a table.
fn word_of(answer: &Answer) -> String {
    let mark = match (answer.defects.is_empty(), answer.perhaps.is_empty()) {
        (true, true) => "",
        (true, false) => " ?",
        (false, _) => " !",
    };
    format!("{}{mark}", answer.outlook.tell())
}

/// One line: how many pairs have which answer, and what could not be read.
#[must_use]
pub fn tally(answers: &[Answer], unreadable: &[&str]) -> String {
    const ALL: [Outlook; 7] = [
        Outlook::Understood,
        Outlook::Defective,
        Outlook::Unknown,
        Outlook::Lost,
        Outlook::NoHandover,
        Outlook::Panics,
        Outlook::Dangerous,
    ];
    let parts = ALL.into_iter().filter_map(|outlook| {
        let count = answers.iter().filter(|answer| answer.outlook == outlook).count();
        let word = match outlook {
            Outlook::Defective => "yes with defects",
            outlook => outlook.tell(),
        };
        (count > 0).then(|| format!("{count} {word}"))
    });
    let mut line = count(answers.len(), "pair");
    let parts: Vec<_> = parts.collect();
    if !parts.is_empty() {
        let _ = write!(line, ": {}", parts.join(", "));
    }
    if !unreadable.is_empty() {
        let kernels = count(unreadable.len(), "kernel");
        let _ = write!(line, "; {kernels} cannot be read: {}", unreadable.join(", "));
    }
    line.push('\n');
    line
}

/// A kernel with its release: without it, a wrong order would not show.
fn named(name: &str, release: Option<&String>) -> String {
    match release {
        Some(release) => format!("{name} (Linux {release})"),
        None => name.into(),
    }
}

/// Writes answers, one after the other.
#[must_use]
pub fn answers(answers: &[Answer]) -> String {
    let mut out = String::new();
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        table(&mut out, answer);
    }
    out
}

fn style_of(outlook: Outlook) -> Style {
    match outlook {
        Outlook::Understood => GOOD,
        Outlook::Unknown | Outlook::Defective => OPEN,
        Outlook::Dangerous | Outlook::Panics | Outlook::NoHandover | Outlook::Lost => BAD,
    }
}

fn table(out: &mut String, answer: &Answer) {
    let style = style_of(answer.outlook);
    let current = named(&answer.current, answer.current_release.as_ref());
    let next = named(&answer.next, answer.next_release.as_ref());
    put!(out, "{STRONG}{current} -> {next}{STRONG:#}: {style}{}{style:#}", answer.tell());
    if let Some(file) = &answer.current_file {
        put!(out, "  {} is read from {file}", answer.current);
    }
    if !answer.why.is_empty() {
        put!(out, "  {}", answer.why);
    }
    let text = |string: &Option<String>| string.clone().unwrap_or_else(|| "-".into());
    let rows: Vec<_> = answer
        .contracts
        .iter()
        .map(|contract| (text(&contract.current), text(&contract.next), contract))
        .collect();
    let width = |cell: fn(&(String, String, &_)) -> usize, least: usize| {
        rows.iter().map(cell).max().unwrap_or(0).max(least)
    };
    let (left, right) = (width(|row| row.0.len(), 7), width(|row| row.1.len(), 4));
    if !rows.is_empty() {
        put!(out, "  {:left$}  {:right$}  {:9}  in the field", "current", "next", "");
    }
    for (current, next, contract) in &rows {
        let (word, style) = match contract.outcome {
            Outcome::Dangerous => ("DANGEROUS", BAD),
            // Nothing preserved is lost with it.
            Outcome::Lost if !contract.matters() => ("not read", OPEN),
            Outcome::Lost => match contract.effect {
                Effect::Panics => ("panics", BAD),
                Effect::Refused => ("refused", BAD),
                _ => ("lost", BAD),
            },
            Outcome::Unknown | Outcome::CurrentUnknown => ("unknown", OPEN),
            Outcome::Understood => ("yes", GOOD),
            Outcome::OnlyNext => ("new", Style::new()),
        };
        let mut happens = contract.happens.clone();
        let is_new = contract.outcome == Outcome::OnlyNext;
        if happens.is_empty() && !contract.open.is_empty() && !is_new {
            happens = format!("as far as checked (not {})", contract.open.join(", "));
        }
        let cells = format!("  {current:left$}  {next:right$}  {style}{word}{style:#}");
        let gap = 9_usize.saturating_sub(word.len()) + 2;
        match happens.as_str() {
            "" => put!(out, "{cells}"),
            happens => put!(out, "{cells}{:gap$}{happens}", ""),
        }
        for evidence in &contract.evidence {
            put!(out, "  {:left$}  {:right$}             {evidence}", "", "");
        }
    }
    // What else is missing makes no difference where nothing is handed over.
    for feature in answer.features.iter().filter(|_| answer.why.is_empty()) {
        put!(out, "  {feature}");
    }
    findings(out, &answer.defects);
    for perhaps in &answer.perhaps {
        put!(out, "  {OPEN}unknown{OPEN:#}      {perhaps}");
    }
    for line in not_checked(&answer.not_checked) {
        put!(out, "  {OPEN}not checked{OPEN:#}  {line}");
    }
}

/// How many names to show before one reason.
const NAMES: usize = 4;

/// One line for what no source of its kind shows, which is the same for each pair, and one for each reason that is
/// this pair's.
fn not_checked(gaps: &[Gap]) -> Vec<String> {
    let is_usual = |gap: &&Gap| NEVER_SHOWN.contains(&gap.item.as_str());
    let is_there = |usual: &&str| gaps.iter().any(|gap| gap.item == **usual);
    let short = |usual: &str| match NEVER_SHOWN.iter().position(|name| *name == usual) {
        Some(0) => Some("packing"),
        Some(1) => Some("macros"),
        Some(2) => Some("enumerators"),
        Some(3) => Some("device trees"),
        // Without it, strings are told by their form.
        _ => None,
    };
    let usual: Vec<&str> = NEVER_SHOWN.iter().copied().filter(is_there).filter_map(short).collect();
    let mut lines = Vec::new();
    if !usual.is_empty() {
        lines.push(format!("{}: such sources never show them", usual.join(", ")));
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for Gap { item, why } in gaps.iter().filter(|gap| !is_usual(gap)) {
        match reasons.iter_mut().find(|(known, _)| known == why) {
            Some((_, items)) if !items.contains(&item.as_str()) => items.push(item),
            Some(_) => {}
            None => reasons.push((why, vec![item])),
        }
    }
    lines.extend(reasons.into_iter().map(|(why, items)| {
        let more = match items.len().saturating_sub(NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<&str> = items.iter().take(NAMES).copied().collect();
        match shown.as_slice() {
            // The source as a whole: the reason names it.
            [""] => why.into(),
            shown => format!("{}{more}: {why}", shown.join(", ")),
        }
    }));
    lines
}
