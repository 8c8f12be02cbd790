// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For a terminal: whether the next kernel will understand this one.

use super::style::{findings, BAD, GOOD, OPEN, STRONG};
use crate::preflight::{Answer, Effect, Outcome, Outlook};
use anstyle::Style;
use kho_abi_model::put;
use std::fmt::Write as _;

/// Writes an answer for each pair, and then the details of those that are not a yes.
#[must_use]
pub fn matrix(names: &[&str], answers: &[Answer]) -> String {
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        put!(out, "  {}  {name}", index + 1);
    }
    let width = 11;
    let mut heads = String::new();
    for number in 1..=names.len() {
        let _ = write!(heads, "  {number:<width$}");
    }
    put!(out, "{STRONG}  {:3}{}{STRONG:#}", "", heads.trim_end());
    let mut left = answers.iter();
    for now in 0..names.len() {
        let mut line = format!("  {:<3}", now + 1);
        for then in 0..names.len() {
            match left.as_slice().first().filter(|_| now != then) {
                Some(answer) => {
                    left.next();
                    let style = style_of(answer.outlook);
                    let mark = if answer.defects.is_empty() { "" } else { " !" };
                    let word = format!("{}{mark}", answer.outlook.tell());
                    let pad = width.saturating_sub(word.len());
                    let _ = write!(line, "  {style}{word}{style:#}{:pad$}", "");
                }
                None => {
                    let _ = write!(line, "  {:width$}", "-");
                }
            }
        }
        put!(out, "{}", line.trim_end());
    }
    if answers.iter().any(|answer| !answer.defects.is_empty()) {
        put!(out, "  !  one of the two has a known defect");
    }
    for answer in answers
        .iter()
        .filter(|answer| answer.outlook != Outlook::Understood || !answer.defects.is_empty())
    {
        out.push('\n');
        table(&mut out, answer);
    }
    out
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
        Outlook::Unknown => OPEN,
        Outlook::Dangerous | Outlook::NoHandover | Outlook::Lost => BAD,
    }
}

fn table(out: &mut String, answer: &Answer) {
    let style = style_of(answer.outlook);
    put!(
        out,
        "{STRONG}{} -> {}{STRONG:#}: {style}{}{style:#}",
        answer.current,
        answer.next,
        answer.outlook.tell()
    );
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
            Outcome::Lost => match contract.effect {
                Effect::Panics => ("panics", BAD),
                Effect::Refused => ("refused", BAD),
                _ => ("lost", BAD),
            },
            Outcome::Unknown => ("unknown", OPEN),
            Outcome::Understood => ("yes", GOOD),
            Outcome::OnlyNext => ("new", Style::new()),
            Outcome::CurrentUnknown => ("unknown now", OPEN),
        };
        let mut happens = contract.happens.clone();
        if happens.is_empty() && !contract.open.is_empty() {
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
    // The reason for the missing handover was given already.
    let said = |feature: &&String| !answer.why.is_empty() && feature.starts_with(&answer.why);
    for feature in answer.features.iter().filter(|feature| !said(feature)) {
        put!(out, "  {feature}");
    }
    findings(out, &answer.defects);
    for perhaps in &answer.perhaps {
        put!(out, "  {OPEN}not known{OPEN:#}    {perhaps}");
    }
    for gap in &answer.not_checked {
        let item = if gap.item.is_empty() { "all of it" } else { &gap.item };
        put!(out, "  {OPEN}not checked{OPEN:#}  {item}: {}", gap.why);
    }
}
