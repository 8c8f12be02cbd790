// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A plain text to reply to a patch with: short lines, nothing that a mail program would change.

use super::layouts::table;
use super::{cleaned, events_of, is_relevant, others, Document, Reply, Section};
use crate::policy::{ContractReport, Finding, Level, Report, Verdict};
use kho_abi_model::put;

/// The longest line that the kernel's mailing lists expect.
const WIDTH: usize = 72;

/// The rules whose findings are for the reviewer, who can give more: the author of the patch cannot.
const FOR_THE_REVIEWER: &[&str] =
    &["change_not_judged", "not_compared", "not_linted", "history_cut", "allowance_stale"];
/// The rules that find code of which the reviewer does not know what it writes.
const QUESTIONS: &[&str] = &["code_not_judged", "header_code_changed"];
/// The rules that find other words in comments.
const WORDS: &[&str] = &["field_redocumented", "format_redocumented"];
/// The rules of changes that may leave all bytes as they are.
const NAMES: &[&str] = &["field_renamed", "struct_packing_changed"];

/// Whether a finding is one that a mail leaves out, since only the reviewer can do something about it.
pub(super) fn is_for_reviewer(event: &Finding) -> bool {
    FOR_THE_REVIEWER.contains(&event.rule.as_str())
}

/// What is said about one patch, and to whom.
struct Letter<'a> {
    reply: Option<&'a Reply>,
    body: String,
    /// Whether it has more to say than that all is fine.
    is_needed: bool,
}

/// A mail for each patch with something to say, if the patches came as mails: several are an mbox.
/// What only the reviewer can do something about is not in it.
pub(super) fn write(document: &Document) -> String {
    let document = &cleaned(document);
    let mut letters = letters(document);
    if letters.is_empty() {
        let is_clean = document.sections.iter().all(is_settled);
        letters.extend(is_clean.then(|| nothing(document)));
    }
    let heads: Vec<String> =
        letters.iter().map(|letter| letter.reply.map(Reply::head).unwrap_or_default()).collect();
    match letters.as_slice() {
        [] => String::new(),
        [letter] => format!("{}{}", heads[0], letter.body),
        // An answer to each mail, as one file that mail programs and git send-email read.
        _ if heads.iter().all(|head| !head.is_empty()) => {
            let mut out = String::new();
            for (letter, head) in letters.iter().zip(&heads) {
                put!(out, "From kho-abi Mon Sep 17 00:00:00 2001");
                out.push_str(head);
                for line in letter.body.lines() {
                    let is_separator = line.trim_start_matches('>').starts_with("From ");
                    put!(out, "{}{line}", if is_separator { ">" } else { "" });
                }
                out.push('\n');
            }
            out
        }
        _ => letters.iter().map(|letter| letter.body.as_str()).collect::<Vec<_>>().join("\n"),
    }
}

/// What is said if there is nothing to say.
fn nothing(document: &Document) -> Letter<'_> {
    let section = document.sections.iter().find(|section| section.reply.is_some());
    let mut body = section.map(|section| opening(section, true)).unwrap_or_default();
    wrapped(
        &mut body,
        "",
        match document.command {
            "lint" => "Considered alone, nothing is wrong with it.",
            _ => "This does not change the handover ABI.",
        },
    );
    Letter { reply: section.and_then(|section| section.reply.as_ref()), body, is_needed: false }
}

/// Whether a section has neither something to say nor something that is not known.
fn is_settled(section: &Section) -> bool {
    let report = &section.report;
    let is_open = |contract: &ContractReport| is_relevant(contract);
    report.events.iter().all(|event| event.level == Level::Fine)
        && section.unknown.is_empty()
        && !report.contracts.iter().any(is_open)
}

fn letters(document: &Document) -> Vec<Letter<'_>> {
    let is_alone = document.sections.iter().filter(|section| !section.is_whole).count() == 1;
    let mut letters: Vec<Letter<'_>> = Vec::new();
    // A bump that one patch was asked for is not asked for again with the whole.
    let mut asked: Vec<(String, Verdict)> = Vec::new();
    for section in &document.sections {
        let said = said(section, &mut asked);
        if said.is_empty() {
            continue;
        }
        match letters.last_mut() {
            Some(last) if section.is_whole => {
                last.body.push('\n');
                wrapped(&mut last.body, "", "The series as a whole:");
                last.body.push('\n');
                last.body.push_str(&said);
                last.is_needed = true;
            }
            _ => {
                let is_needed = !is_fine(section);
                let body = opening(section, is_alone) + &said;
                letters.push(Letter { reply: section.reply.as_ref(), body, is_needed });
            }
        }
    }
    // Nobody needs a mail that all is fine beside those that something is not.
    if letters.iter().any(|letter| letter.is_needed) {
        letters.retain(|letter| letter.is_needed);
    }
    for letter in &mut letters {
        // A single blank line between parts.
        while letter.body.contains("\n\n\n") {
            letter.body = letter.body.replace("\n\n\n", "\n\n");
        }
        letter.body.truncate(letter.body.trim_end().len());
        letter.body.push('\n');
    }
    letters
}

/// Whether nothing is asked for.
fn is_fine(section: &Section) -> bool {
    let contracts = &section.report.contracts;
    section.report.events.iter().all(|event| event.level == Level::Fine)
        && contracts.iter().all(|contract| contract.verdict != Verdict::BumpedLater)
}

/// The lines before what is said: whom it answers, and what.
fn opening(section: &Section, is_alone: bool) -> String {
    let mut out = String::new();
    if let Some(reply) = &section.reply {
        wrapped(&mut out, "", &reply.attribution());
        wrapped(&mut out, "> ", &reply.subject);
        out.push('\n');
        out.push_str(&quotes(section));
    } else if !section.title.is_empty() && !is_alone {
        put!(out, "On \"{}\":\n", section.title);
    }
    out
}

/// What is said about a section; empty if that is nothing.
fn said(section: &Section, asked: &mut Vec<(String, Verdict)>) -> String {
    let report = &section.report;
    let mut out = String::new();
    let shown = report.contracts.iter().filter(|contract| is_relevant(contract));
    // What is not known is the reviewer's to find out.
    let is_known =
        |c: &&ContractReport| !matches!(c.verdict, Verdict::Unchanged | Verdict::NotChecked);
    let shown: Vec<_> = shown
        .filter(is_known)
        .filter(|contract| !section.is_whole || !is_asked(asked, contract))
        .collect();
    // Beside the patches, the whole only adds what none of them was asked for.
    let is_wrong =
        |c: &&ContractReport| matches!(c.verdict, Verdict::BumpMissing | Verdict::VersionMissing);
    let shown: Vec<_> =
        shown.into_iter().filter(|contract| !section.is_whole || is_wrong(contract)).collect();
    let is_for_author = |event: &&Finding| {
        event.level != Level::Fine && !FOR_THE_REVIEWER.contains(&event.rule.as_str())
    };
    for event in report.events.iter().filter(|event| event.rule == "patch_does_not_apply") {
        item(&mut out, section, event);
    }
    for contract in shown {
        out.push('\n');
        tell(&mut out, section, contract);
        asked.push((contract.header.clone(), contract.verdict));
    }
    let is_shown = |event: &&Finding| {
        let names = report.contracts.iter().filter(is_known).filter(|c| is_relevant(c));
        let mut names = names.filter_map(|c| c.new.as_ref().or(c.old.as_ref()));
        names.any(|name| event.contracts.first() == Some(name))
    };
    let loose = report.events.iter().filter(is_for_author);
    let loose: Vec<_> = loose
        .filter(|event| !is_shown(event) && event.rule != "patch_does_not_apply")
        .filter(|event| event.level != Level::Follows)
        .filter(|event| !section.is_whole || event.level == Level::Finding)
        .collect();
    let of = |rules: &[&str]| -> Vec<&Finding> {
        loose.iter().copied().filter(|event| rules.contains(&event.rule.as_str())).collect()
    };
    let words = of(WORDS);
    if !words.is_empty() {
        out.push('\n');
        let sentence = "These comments do not change any layout. If the meaning of the bytes \
                        changed, please bump the version.";
        wrapped(&mut out, "", sentence);
        out.push('\n');
        for event in words {
            item(&mut out, section, event);
        }
    }
    let questions = of(QUESTIONS);
    if !questions.is_empty() {
        out.push('\n');
        let sentence =
            "Does this code write or read other bytes than before, or has their meaning changed? If \
             so, please bump the version as well.";
        wrapped(&mut out, "", sentence);
        out.push('\n');
        for event in questions {
            let place =
                event.place.as_ref().map_or_else(|| event.item.clone(), ToString::to_string);
            wrapped(&mut out, "  - ", &place);
        }
    }
    let is_other = |event: &&&Finding| {
        ![WORDS, QUESTIONS].iter().any(|rules| rules.contains(&event.rule.as_str()))
    };
    let others: Vec<_> = loose.iter().filter(is_other).collect();
    if !others.is_empty() {
        out.push('\n');
    }
    for event in others {
        item(&mut out, section, event);
    }
    out.trim_start_matches('\n').into()
}

/// Whether a contract's bump was asked for already, or there is nothing to say about it.
fn is_asked(asked: &[(String, Verdict)], contract: &ContractReport) -> bool {
    let this = (contract.header.clone(), contract.verdict);
    let is_wrong = matches!(contract.verdict, Verdict::BumpMissing | Verdict::VersionMissing);
    !is_relevant(contract) || is_wrong && asked.contains(&this)
}

/// The lines that the findings of a section are about; of a file whose finding is elsewhere, those that
/// the patch changes.
fn quotes(section: &Section) -> String {
    let mut out = String::new();
    let mut seen = Vec::new();
    let mut quote = |at: usize, index: usize| {
        if !seen.contains(&at) {
            seen.push(at);
            out.push_str(&section.quotes[at].quoted(index));
            out.push('\n');
        }
    };
    let events = section.report.events.iter();
    for event in events.filter(|event| event.level == Level::Finding) {
        let mut quotes = section.quotes.iter().enumerate();
        let place = event.place.as_ref();
        let found = place
            .and_then(|place| quotes.find_map(|(at, quote)| Some((at, quote.index_of(place)?))));
        if let Some((at, index)) = found {
            quote(at, index);
            continue;
        }
        for (at, of_it) in section.quotes.iter().enumerate() {
            let is_changed = |line: &String| line.starts_with(['+', '-']);
            let index = of_it.lines.iter().position(is_changed);
            if let Some(index) = index.filter(|_| place.is_none_or(|place| of_it.is_of(place))) {
                quote(at, index);
            }
        }
    }
    out
}

/// Whether a contract's bytes stay where they are, and only names or attributes change.
fn keeps_bytes(report: &Report, contract: &ContractReport) -> bool {
    let is_name = |event: &&Finding| {
        NAMES.contains(&event.rule.as_str())
            || matches!(event.level, Level::Note | Level::Fine | Level::Follows)
    };
    let same = |layouts: &crate::policy::Layouts| match (&layouts.old, &layouts.new) {
        (Some(old), Some(new)) => old.size == new.size && table(layouts).bytes.is_empty(),
        _ => false,
    };
    !contract.structs.is_empty()
        && contract.structs.iter().all(same)
        && events_of(report, contract).iter().all(is_name)
}

/// What is asked for if a bump is missing.
fn missing_bump(report: &Report, contract: &ContractReport, shown: &str, kept: &str) -> String {
    let ContractReport { macro_name, next, .. } = contract;
    let is_number = kept == "version";
    let name = contract.name();
    let why = format!(
        "An older kernel reads the new layout as the old one, and a new kernel the reverse, because \
         the {kept} matches."
    );
    match next {
        _ if !contract.jointly.is_empty() => {
            let others: Vec<_> =
                contract.jointly.iter().map(|other| format!("\"{other}\"")).collect();
            format!(
                "This changes what {shown} or {} promises (the header does not say which), but \
                 bumps none of them. Please bump the one that owns the change, or leave the bytes \
                 as they are.",
                others.join(" or ")
            )
        }
        Some(next) => {
            let next = if is_number { next.clone() } else { format!("\"{next}\"") };
            if keeps_bytes(report, contract) {
                format!(
                    "This leaves the bytes of \"{name}\" as they are, but changes their \
                     declaration. By the rule of these headers, any modification needs another \
                     {kept}: please make {macro_name} {next}, or keep the declaration."
                )
            } else {
                format!(
                    "This changes what \"{name}\" promises, but keeps the {kept}. {why} Please make \
                     {macro_name} {next}, or leave the bytes as they are."
                )
            }
        }
        None if contract.scheme.as_deref() == Some("features") => format!(
            "This changes what {shown} promises, but adds no feature that readers must know. An \
             older kernel reads the new layout as the old one, and a new kernel the reverse. Please \
             add such a feature, or leave the bytes as they are."
        ),
        None => format!(
            "This changes what {shown} promises, but does not bump it. Please bump it, or leave the \
             bytes as they are."
        ),
    }
}

/// What became of a contract, in a sentence or two.
fn sentence(report: &Report, contract: &ContractReport) -> String {
    let ContractReport { macro_name, verdict, .. } = contract;
    let name = contract.name();
    // The placeholder of an unknown string is not quoted.
    let shown = if name.starts_with("the string of ") { name.clone() } else { format!("{name:?}") };
    let is_number = contract.scheme.as_deref() == Some("number");
    let kept = if is_number { "version" } else { "string" };
    // What "X" becomes, in words.
    let goes = match (&contract.old, &contract.new) {
        (Some(old), Some(new)) if old != new => {
            format!("{macro_name} goes from \"{old}\" to \"{new}\"")
        }
        _ => format!("{macro_name} is {shown}"),
    };
    match verdict {
        Verdict::BumpMissing => missing_bump(report, contract, &shown, kept),
        Verdict::VersionMissing => format!(
            "This changes what {name} hands over, but nothing distinguishes the new bytes from the \
             old ones. An older kernel reads the new layout as the old one, and a new kernel the \
             reverse. Please add a version that the next kernel compares."
        ),
        Verdict::ChangedAndBumped => {
            format!("{goes}, together with what it promises: fine.")
        }
        Verdict::BumpedLater => format!(
            "This changes what {shown} promises, but only a later patch of the series bumps it. A \
             kernel built in between, as in a bisection, has the new layout under the old {kept}. \
             Please change both in one patch."
        ),
        Verdict::BumpedWithoutChange => format!(
            "{goes}, but neither layouts nor comments on fields differ. That is right if the same \
             bytes now mean something else: if so, please say it in the commit message and in the \
             comment on the field."
        ),
        Verdict::New if macro_name.is_empty() => {
            format!("{name} is new, but no version covers what it declares.")
        }
        Verdict::New => format!("\"{name}\" ({macro_name}) is new."),
        Verdict::Removed if macro_name.is_empty() => {
            format!("{name} is gone, with everything that it declares.")
        }
        Verdict::Removed => {
            format!("\"{name}\" ({macro_name}) is gone: what is handed over under it is lost.")
        }
        Verdict::ChangedUnreleased => format!(
            "This changes what {shown} promises, but no kernel was released with it: fine, as long \
             as this is merged together with the patch that introduces the string."
        ),
        Verdict::ChangedAllowed => {
            format!("This changes what {shown} promises, as was reviewed and allowed.")
        }
        Verdict::NotChecked | Verdict::Unchanged => {
            format!("It is unknown whether {shown} changes.")
        }
    }
}

fn tell(out: &mut String, section: &Section, contract: &ContractReport) {
    let report = &section.report;
    wrapped(out, "", &sentence(report, contract));
    out.push('\n');
    for event in events_of(report, contract) {
        // The sentence above already says it.
        let is_said =
            matches!(event.rule.as_str(), "compatible_not_bumped" | "patch_does_not_apply")
                || event.rule == "compatible_bumped_needlessly" && event.level == Level::Fine
                || event.level == Level::Follows && event.rule != "embedded_struct_changed";
        if !is_said && !is_for_reviewer(event) {
            item(out, section, event);
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

fn item(out: &mut String, section: &Section, event: &Finding) {
    let place = event.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    // The author knows a revision by its name, and not as the base of a review.
    let base = section.report.old.name.strip_prefix("git:");
    let what = match base {
        Some(rev) if event.rule == "patch_does_not_apply" => {
            event.what.replacen("apply to the base", &format!("apply to {rev}"), 1)
        }
        _ => event.what.clone(),
    };
    let what = what.split("; what follows is read").next().unwrap_or_default();
    let what = what.split("; it is judged as if").next().unwrap_or_default();
    wrapped(out, "  - ", &format!("{place}{what} [{}]", event.rule));
    let others = others(event);
    for consequence in event.consequences.iter().chain((!others.is_empty()).then_some(&others)) {
        wrapped(out, "      consequence: ", consequence);
    }
    let is_asked = matches!(event.level, Level::Finding | Level::Follows);
    if is_asked && event.rule != "patch_does_not_apply" {
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
