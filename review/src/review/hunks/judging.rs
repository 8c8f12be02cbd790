// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges what hunks show, with what a compiler makes of it.

use super::covers::{macro_of, uncovered, unsure, Covers};
use super::shown::{place, Item, Partial, Shown};
use crate::diff::open::{self, Files};
use crate::diff::{compare, Side};
use crate::policy::{self, Baseline, ContractReport, Finding, Level, Options, Report, Verdict};
use kho_abi_model::{Place, ABI_DIR};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::contracts::spellings;
use kho_abi_read::outline;
use kho_abi_read::source;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What the hunks show of one side, as the compiler lays it out; `None` if it cannot.
pub(super) fn side_of(
    partial: &Partial,
    index: usize,
    (macro_name, string): (&str, &str),
    reading: &source::Options,
) -> Option<Side> {
    let shown = partial.sides[index].text();
    let mut files = context(&shown, &partial.header, &reading.catalogue);
    let mut text =
        String::from("#include <linux/types.h>\n#include <linux/kho/abi/kexec_handover.h>\n");
    // A string that is new stands beside that of the header.
    let is_beside = partial.sides[0].versions().is_empty() && !partial.is_bumped();
    if is_beside || partial.sides[index].versions().is_empty() {
        let _ = writeln!(text, "#define {macro_name} {string:?}");
    }
    text.push_str(&shown);
    files.insert(partial.path(), text.into_bytes());
    open::of_files(["before", "after"][index], &files, reading).ok()
}

/// Judges what the hunks show whole, and adds it to a report.
pub(super) fn judge_whole(
    partial: &Partial,
    [old, new]: [Option<Side>; 2],
    options: &Options,
    report: &mut Report,
) -> OfHunks {
    let (Some(old), Some(new)) = (old, new) else {
        let undetermined = partial.sides.iter().flat_map(Shown::whole).cloned().collect();
        return OfHunks { undetermined, ..OfHunks::default() };
    };
    let options = Options { baseline: Baseline::Old, allowances: Vec::new(), ..options.clone() };
    let of_hunks = policy::judge(&compare(&old, &new), &options);
    let file = format!("{ABI_DIR}/{}.h", partial.header);
    let of_header = of_hunks.contracts.into_iter().filter(|contract| contract.header == file);
    let mut contracts: Vec<ContractReport> = of_header.collect();
    contracts.sort_by_key(|contract| severity(contract.verdict));
    let mut contracts = contracts.into_iter();
    let contract = contracts.next();
    let added = contracts.filter(|contract| contract.verdict == Verdict::New).collect();
    let is_unclear = |event: &&Finding| event.rule == "owner_unclear";
    let unclear = of_hunks.events.iter().filter(is_unclear);
    let unclear = unclear.filter_map(|event| event.item.split('.').next()).map(String::from);
    let unclear = unclear.collect();
    let names = |side: &Side| -> BTreeSet<String> {
        let constants = side.model().headers.iter().flat_map(kho_abi_model::Header::constants);
        constants.map(|constant| constant.name.clone()).collect()
    };
    let mut known: BTreeSet<String> = names(&old).intersection(&names(&new)).cloned().collect();
    let of_constants = of_hunks.events.iter().filter(|event| event.rule.starts_with("constant_"));
    known.extend(of_constants.map(|event| event.item.clone()));
    let mut events = of_hunks.events;
    events.retain(|event| event.level != Level::Note);
    for event in &mut events {
        // The line numbers of a synthesised header mean nothing to the user.
        event.place = None;
    }
    report.events.extend(events);
    let missing = |side: &Side, shown: &Shown| {
        let names = shown.whole().into_iter();
        names.filter(|name| side.model().record(name).is_none()).cloned().collect::<BTreeSet<_>>()
    };
    let mut undetermined = missing(&old, &partial.sides[0]);
    undetermined.extend(missing(&new, &partial.sides[1]));
    OfHunks { contract, added, undetermined, known, unclear }
}

/// What a compiler shows of what the hunks show whole.
#[derive(Default)]
pub(super) struct OfHunks {
    /// How the contract fared.
    pub(super) contract: Option<ContractReport>,
    /// The contracts that are new beside it.
    pub(super) added: Vec<ContractReport>,
    /// The structs that the compiler could not lay out.
    pub(super) undetermined: BTreeSet<String>,
    /// The macros whose values are known before and after, or that have a finding of their own.
    pub(super) known: BTreeSet<String>,
    /// The changes that one of several versions covers, if nothing says which one.
    pub(super) unclear: BTreeSet<String>,
}

/// The worst of a header's verdicts comes first, and what changed before what did not.
pub(super) fn severity(verdict: Verdict) -> usize {
    let order = [
        Verdict::BumpMissing,
        Verdict::VersionMissing,
        Verdict::NotChecked,
        Verdict::ChangedAndBumped,
        Verdict::BumpedWithoutChange,
    ];
    order.iter().position(|other| *other == verdict).unwrap_or(order.len())
}

/// The structs that have other fields than before.
pub(super) fn changed_records(partial: &Partial) -> BTreeSet<String> {
    let in_part = partial.parts.iter().map(|part| part.1.split('.').next().unwrap_or_default());
    let mut found: BTreeSet<String> = in_part.map(Into::into).collect();
    for (item, old) in &partial.sides[0].items {
        let Item::Record(name) = item else { continue };
        let code = |text: &str| outline::read(text).code;
        if partial.sides[1].get(item).is_some_and(|new| code(new) != code(old)) {
            found.insert(name.clone());
        }
    }
    found
}

/// What a header's new version leaves open: a struct may be embedded in another header, whose string
/// promises it, too. What this program knows of its own headers is known; of all others, nothing is.
pub(super) fn embedders(
    partial: &Partial,
    all: &[Partial],
    catalogue: &Catalogue,
) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    let known = catalogue.current().ok();
    let is_bumped =
        |header: &str| all.iter().any(|other| other.header == header && other.is_bumped());
    for record in changed_records(partial) {
        let place = place(&partial.path(), 1);
        let Some(model) = known.filter(|model| model.record(&record).is_some()) else {
            let what = format!(
                "struct {record} changes, and other headers may embed it: their strings also promise it"
            );
            found.push((place, what));
            continue;
        };
        for (header, contract) in model.promises() {
            let embeds = model.closure(contract).iter().any(|other| other.name == record);
            if embeds && header.name != partial.header && !is_bumped(&header.name) {
                let what = format!(
                    "struct {record} changes, and {}.h embeds it: the patch does not show whether \
                     \"{}\" is bumped as well",
                    header.name, contract.compatible
                );
                found.push((place.clone(), what));
            }
        }
    }
    found
}

/// Says once that no hunk changes the version.
pub(super) fn missing_bump(
    macro_name: &str,
    changed: &[String],
    strings: &[String],
    report: &mut Report,
) {
    let told = |event: &Finding| event.rule == "compatible_not_bumped";
    if report.events.iter().any(told) {
        return;
    }
    report.events.push(Finding {
        rule: "compatible_not_bumped".into(),
        level: Level::Follows,
        item: macro_name.into(),
        place: None,
        what: format!("no hunk changes the version of what changed: {}", changed.join(", ")),
        consequences: Vec::new(),
        contracts: strings.to_vec(),
        diff: String::new(),
        help: format!("bump {macro_name}"),
    });
}

/// What the hunks show of comments: worth a look, if the version stays.
pub(super) fn comments(partial: &Partial, kept: bool, strings: &[String]) -> Vec<Finding> {
    let event = |(place, what): &(Place, String)| Finding {
        rule: "format_redocumented".into(),
        level: if kept { Level::Note } else { Level::Fine },
        item: format!("{}.h", partial.header),
        place: Some(place.clone()),
        what: what.clone(),
        consequences: Vec::new(),
        contracts: strings.to_vec(),
        diff: String::new(),
        help: "read the comment, and bump the version if the meaning of the bytes changed".into(),
    };
    partial.reworded.iter().map(event).collect()
}

/// Judges what the hunks show, and adds it to a report. `all` is what the same patches show of any
/// header.
pub fn judge(
    partial: &Partial,
    all: &[Partial],
    reading: &source::Options,
    options: &Options,
    report: &mut Report,
) {
    let header = &partial.header;
    // A name for the compiler if the real one is unknown; no report shows it.
    let unseen = format!("{}_UNSEEN_COMPATIBLE", header.to_uppercase());
    let macro_name = macro_of(partial, &reading.catalogue).unwrap_or_else(|| unseen.clone());
    let nameless = format!("the string of {header}.h");
    let strings = [0, 1].map(|side: usize| {
        let shown = partial.string_of(side).map(|(_, string)| string);
        shown.unwrap_or_else(|| nameless.clone())
    });
    let mut of_hunks = OfHunks::default();
    if partial.sides.iter().any(|side| !side.items.is_empty()) {
        let sides =
            [0, 1].map(|index| side_of(partial, index, (&macro_name, &strings[index]), reading));
        of_hunks = judge_whole(partial, sides, options, report);
    }
    let OfHunks { contract, added, undetermined, known, unclear } = of_hunks;
    for record in &undetermined {
        report.not_checked.push(source::Gap {
            item: format!("struct {record}"),
            why: "the patch lacks what it needs: its size and its offsets are unknown".into(),
        });
    }
    let kept = !partial.is_bumped();
    let kept_macros = partial.kept(&reading.catalogue);
    let covers = Covers::of(partial, &kept_macros, &reading.catalogue);
    let mut contract = contract.unwrap_or_else(|| ContractReport {
        old: Some(strings[0].clone()),
        new: Some(strings[1].clone()),
        macro_name: macro_name.clone(),
        header: format!("{ABI_DIR}/{header}.h"),
        scheme: None,
        verdict: if kept { Verdict::Unchanged } else { Verdict::BumpedWithoutChange },
        next: None,
        structs: Vec::new(),
        open: Vec::new(),
        jointly: Vec::new(),
    });
    let mut changed: Vec<String> = Vec::new();
    let (by_fields, unread) = unread(partial, &undetermined);
    let of_untold = partial.spare.iter().filter(|(record, _)| by_fields.contains(*record));
    for part in partial.parts.iter().chain(of_untold.flat_map(|(_, parts)| parts)) {
        let (rule, item, place, what, _) = part;
        contract.verdict = if kept { Verdict::BumpMissing } else { Verdict::ChangedAndBumped };
        changed.extend((!changed.contains(item)).then(|| item.clone()));
        report.events.push(Finding {
            rule: (*rule).into(),
            level: if kept { Level::Finding } else { Level::Fine },
            item: item.clone(),
            place: Some(place.clone()),
            what: what.clone(),
            consequences: Vec::new(),
            contracts: vec![strings[1].clone()],
            diff: String::new(),
            help: if kept {
                format!("undo the change, or bump {macro_name}")
            } else {
                "nothing: the version changed as well".into()
            },
        });
    }
    let strings = [strings[1].clone()];
    if kept && !changed.is_empty() {
        missing_bump(&macro_name, &changed, &strings, report);
    }
    report.events.extend(comments(partial, kept, &strings));
    let unjudged = |place: Place, what: String| unjudged(partial, place, what);
    let untold_macros = untold_macros(partial, &known);
    // Each is told once.
    let told: BTreeSet<String> = untold_macros.iter().map(|(name, ..)| name.clone()).collect();
    let untold_macros = untold_macros
        .into_iter()
        .map(|(name, place, what)| (covers.has_constant(&name), place, what));
    // A line alone does not show its owner.
    let lines = partial.loose.iter().cloned().chain(unread);
    let lines = lines.map(|(place, what)| (kept_macros.is_empty(), place, what));
    for (is_covered, place, what) in lines.chain(untold_macros) {
        if kept || !is_covered {
            report.events.push(unjudged(place, what));
        } else if contract.verdict == Verdict::BumpedWithoutChange {
            contract.verdict = Verdict::ChangedAndBumped;
        }
    }
    let mut unsure = unsure(partial);
    if !kept {
        let uncovered = uncovered(partial, report, &covers, &unclear);
        let uncovered = uncovered.into_iter().filter(|(name, ..)| !told.contains(name));
        unsure.extend(uncovered.map(|(_, place, what)| (place, what)));
        unsure.extend(embedders(partial, all, &reading.catalogue));
    }
    report.events.extend(unsure.into_iter().map(|(place, what)| unjudged(place, what)));
    if matches!(contract.verdict, Verdict::BumpedWithoutChange | Verdict::Unchanged) {
        // The hunks may not show what changed.
        contract.open.push("what no hunk shows".into());
    }
    report.contracts.retain(|other| other.header != contract.header);
    report.contracts.push(contract);
    report.contracts.extend(added);
    if macro_name == unseen {
        leave_out(&unseen, &nameless, report);
    }
}

/// The finding of a change that only a base can judge.
pub(super) fn unjudged(partial: &Partial, place: Place, what: String) -> Finding {
    let help = "give the tree that the patch is made for, with --base".into();
    let item = format!("{}.h", partial.header);
    let rule = "change_not_judged";
    crate::review::Unjudged { rule, item, place: Some(place), what, help }.event()
}

/// The structs of which only the fields show how they changed, and what is to be said of those that
/// changed in another way. None of them can be laid out.
pub(super) fn unread<'a>(
    partial: &Partial,
    undetermined: &'a BTreeSet<String>,
) -> (BTreeSet<&'a String>, Vec<(Place, String)>) {
    let (mut by_fields, mut others) = (BTreeSet::new(), Vec::new());
    for record in undetermined {
        let item = Item::Record(record.clone());
        let code = |side: &Shown| side.get(&item).map(|text| outline::read(text).code);
        let became = match partial.sides.each_ref().map(code) {
            [old, new] if old == new => continue,
            [None, _] => "is new",
            [_, None] => "is gone",
            _ if partial.spare.get(record).is_some_and(|parts| !parts.is_empty()) => {
                by_fields.insert(record);
                continue;
            }
            _ => "changed",
        };
        let what = format!("struct {record} {became}, and the compiler cannot lay it out");
        others.push((place(&partial.path(), 1), what));
    }
    (by_fields, others)
}

/// Replaces a name that only the compiler needed.
pub(super) fn leave_out(unseen: &str, nameless: &str, report: &mut Report) {
    for contract in &mut report.contracts {
        contract.macro_name = contract.macro_name.replace(unseen, "a macro that is not shown,");
    }
    for event in &mut report.events {
        event.help = event.help.replace(unseen, nameless);
        event.item = event.item.replace(unseen, nameless);
    }
}

/// The macros that changed or are gone, whose values are unknown.
pub(super) fn untold_macros(
    partial: &Partial,
    known: &BTreeSet<String>,
) -> Vec<(String, Place, String)> {
    let [old, new] = &partial.sides;
    let mut found = Vec::new();
    for (name, body) in old.macros() {
        let is_version = spellings::is_a_version(name, body);
        let now = new.get(&Item::Macro(name.clone()));
        if is_version || now == Some(body) || known.contains(name) || body.is_empty() {
            continue;
        }
        let what = match now {
            Some(now) => format!("{name} was `{body}`, is `{now}`: its value is unknown"),
            None => format!("{name} was `{body}`, is gone"),
        };
        found.push((name.clone(), place(&partial.path(), 1), what));
    }
    found
}

/// The headers that a text needs and this program can generate.
pub(super) fn context(text: &str, own: &str, catalogue: &Catalogue) -> Files {
    let mut files = Files::new();
    let Ok(model) = catalogue.current() else { return files };
    let generated = kho_abi_codegen::generate::render(model);
    let mut wanted = vec!["kexec_handover".to_string()];
    for (name, record) in model.records().map(|(header, record)| (&header.name, &record.name)) {
        if text.contains(&format!("struct {record} "))
            && !text.contains(&format!("struct {record} {{"))
        {
            wanted.push(name.clone());
        }
    }
    while let Some(name) = wanted.pop() {
        let path = format!("include/{ABI_DIR}/{name}.h");
        if name == own || files.contains_key(&path) {
            continue;
        }
        let Some(file) =
            generated.iter().find(|file| file.path.ends_with(format!("{ABI_DIR}/{name}.h")))
        else {
            continue;
        };
        let header = model.headers.iter().find(|header| header.name == name);
        for include in header.iter().flat_map(|header| &header.includes) {
            let name = include.strip_prefix(ABI_DIR).and_then(|rest| rest.strip_prefix('/'));
            wanted.extend(name.and_then(|name| name.strip_suffix(".h")).map(Into::into));
        }
        files.insert(path, file.text.clone().into_bytes());
    }
    files
}
