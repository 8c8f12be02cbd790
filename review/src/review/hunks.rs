// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the hunks of a patch show of a header that nobody has.
//!
//! A unified diff shows every line that changes. So a string that no hunk changes is the same before
//! and after, whatever it is; a struct that a hunk shows from its first to its last line can be laid
//! out by a compiler; and of one that is shown in part, the fields that come and go are known, and no
//! offset.

use crate::diff::open::{self, Files};
use crate::diff::{compare, Side};
use crate::patch::{FilePatch, Line};
use crate::policy::{self, Baseline, ContractReport, Event, Level, Options, Report, Verdict};
use kho_abi_model::{Place, ABI_DIR};
use kho_abi_read::contracts::spellings;
use kho_abi_read::outline::{self, FieldText, Outline};
use kho_abi_read::{source, truth};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a patch shows of a header.
#[derive(Clone, Debug)]
pub struct Partial {
    /// Its base name, as `vfio_pci`.
    header: String,
    /// What the hunks show, before and after.
    sides: [Shown; 2],
    /// Changes of structs that are shown in part.
    parts: Vec<Part>,
    /// Changes of structs that are shown whole, in case that no compiler can lay them out.
    spare: BTreeMap<String, Vec<Part>>,
}

/// A change, as the text shows it: rule, item, place and words.
type Part = (&'static str, String, Place, String);

/// One side of a header.
#[derive(Clone, Debug, Default)]
struct Shown {
    /// A header with the macros and the whole structs of the hunks.
    text: String,
    /// The macro with a compatible string, where a hunk shows it.
    string: Option<(String, String)>,
    /// The macros that hold versions or parts of them, each with its text.
    versions: BTreeMap<String, String>,
    /// The structs that are shown whole.
    whole: BTreeSet<String>,
}

impl Partial {
    /// The header's path in a kernel tree.
    fn path(&self) -> String {
        format!("include/{ABI_DIR}/{}.h", self.header)
    }

    /// What stands for the string in reports.
    #[must_use]
    pub fn string(&self) -> String {
        match &self.sides[1].string {
            Some((_, string)) => string.clone(),
            None => format!("the string of {}.h", self.header),
        }
    }
}

/// A piece of a header: the lines of one hunk, each with its number.
fn piece(hunk: &crate::patch::Hunk, after: bool) -> (Outline, BTreeMap<usize, usize>, bool) {
    let mut text = String::new();
    let mut lines = BTreeMap::new();
    let (mut number, mut at) = (if after { hunk.new_start } else { hunk.old_start }, 1);
    // Git shows the line that begins the struct which the hunk lies in.
    let heading = hunk.heading.trim_end();
    let within = heading.starts_with("struct ") && heading.ends_with('{');
    if within {
        text.push_str(heading);
        text.push('\n');
        at += 1;
    }
    for line in &hunk.lines {
        let (shown, content) = match line {
            Line::Context(content) => (true, content),
            Line::Removed(content) => (!after, content),
            Line::Added(content) => (after, content),
        };
        if shown {
            text.push_str(content);
            text.push('\n');
            lines.insert(at, number);
            at += 1;
            number += 1;
        }
    }
    (outline::read(&text), lines, within)
}

/// Reads the hunks of a header, and says what they do not show.
#[must_use]
pub fn read(file: &FilePatch, unknown: &mut Vec<String>) -> Partial {
    let path = file.new.as_ref().or(file.old.as_ref()).cloned().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let header = name.strip_suffix(".h").unwrap_or(name).to_string();
    let mut partial =
        Partial { header, sides: Default::default(), parts: Vec::new(), spare: BTreeMap::new() };
    if file.binary {
        unknown.push(format!("{path}: the patch does not show its content"));
        return partial;
    }
    for hunk in &file.hunks {
        let (old, old_lines, within) = piece(hunk, false);
        let (new, new_lines, _) = piece(hunk, true);
        if old.code == new.code {
            continue;
        }
        let before = (partial.parts.len(), partial.sides.clone());
        // The first struct of a hunk that begins within it is not whole, whatever its end shows.
        let first = within.then(|| new.records.first().map(|record| record.name.clone())).flatten();
        let whole = |outline: &Outline, name: &str| {
            first.as_deref() != Some(name)
                && outline.records.iter().any(|record| record.name == name && record.whole)
        };
        for (side, outline) in partial.sides.iter_mut().zip([&old, &new]) {
            for found in &outline.macros {
                let _ = writeln!(side.text, "#define {} {}", found.name, found.body);
                if !spellings::is_a_version(&found.name, &found.body) {
                    continue;
                }
                side.versions.insert(found.name.clone(), found.body.clone());
                if let Some(string) = found.string() {
                    side.string.get_or_insert_with(|| (found.name.clone(), string.into()));
                }
            }
        }
        let names: BTreeSet<&str> =
            old.records.iter().chain(&new.records).map(|record| record.name.as_str()).collect();
        for record in names {
            if whole(&old, record) && whole(&new, record) {
                for (side, after) in partial.sides.iter_mut().zip([false, true]) {
                    if let Some(body) = body_of(hunk, after, record) {
                        side.text.push_str(&body);
                        side.whole.insert(record.into());
                    }
                }
                let spare = partial.spare.entry(record.into()).or_default();
                parts(&path, record, (&old, &old_lines), (&new, &new_lines), spare);
                continue;
            }
            if fields_of(&old, record) == fields_of(&new, record) {
                continue;
            }
            let there =
                |outline: &Outline| outline.records.iter().any(|other| other.name == record);
            if whole(&new, record) && !there(&old) {
                if let Some(body) = body_of(hunk, true, record) {
                    partial.sides[1].text.push_str(&body);
                    partial.sides[1].whole.insert(record.into());
                }
                continue;
            }
            if whole(&old, record) && !there(&new) {
                if let Some(body) = body_of(hunk, false, record) {
                    partial.sides[0].text.push_str(&body);
                    partial.sides[0].whole.insert(record.into());
                }
                continue;
            }
            unknown.push(format!(
                "{path}: struct {record} is shown in part: its size and its offsets are not known"
            ));
            parts(&path, record, (&old, &old_lines), (&new, &new_lines), &mut partial.parts);
        }
        let told = before.0 != partial.parts.len()
            || before.1[0].whole != partial.sides[0].whole
            || before.1[1].whole != partial.sides[1].whole
            || old
                .macros
                .iter()
                .map(|m| (&m.name, &m.body))
                .ne(new.macros.iter().map(|m| (&m.name, &m.body)));
        if !told {
            unknown.push(format!(
                "{path}: the hunk at line {} changes code that is neither a macro nor a struct with its name in sight",
                hunk.new_start
            ));
        }
    }
    if partial.sides.iter().all(|side| side.versions.is_empty()) {
        unknown.push(format!(
            "{path}: which version it has is not shown; it is the same before and after, as no hunk changes it"
        ));
    }
    partial
}

fn fields_of<'a>(outline: &'a Outline, record: &str) -> Vec<&'a str> {
    let found = outline.records.iter().find(|other| other.name == record);
    found.map(|r| r.fields.iter().map(|f| f.declaration.as_str()).collect()).unwrap_or_default()
}

/// The lines of a hunk's side from a struct's first to its last.
fn body_of(hunk: &crate::patch::Hunk, after: bool, record: &str) -> Option<String> {
    let text = hunk.text(after);
    let start = [format!("struct {record} {{"), format!("union {record} {{")];
    let at = start.iter().find_map(|start| text.find(start.as_str()))?;
    let mut body = String::new();
    let mut open = 0_usize;
    for line in text[at..].lines() {
        body.push_str(line);
        body.push('\n');
        open += line.matches('{').count();
        open = open.saturating_sub(line.matches('}').count());
        if open == 0 {
            return Some(body);
        }
    }
    None
}

/// What comes and goes in a struct that is shown in part.
fn parts(
    path: &str,
    record: &str,
    (old, old_lines): (&Outline, &BTreeMap<usize, usize>),
    (new, new_lines): (&Outline, &BTreeMap<usize, usize>),
    out: &mut Vec<Part>,
) {
    let fields = |outline: &Outline| -> Vec<FieldText> {
        let found = outline.records.iter().find(|other| other.name == record);
        found.map(|record| record.fields.clone()).unwrap_or_default()
    };
    let (before, after) = (fields(old), fields(new));
    let mut put = |rule, field: &FieldText, lines: &BTreeMap<usize, usize>, what: String| {
        let line = lines.get(&field.line).copied().unwrap_or(1);
        let place = Place { file: path.into(), line };
        out.push((rule, format!("{record}.{}", field.name), place, what));
    };
    for field in &after {
        match before.iter().find(|other| other.name == field.name) {
            None => put(
                "field_added",
                field,
                new_lines,
                format!("struct {record}: `{}` is new", field.declaration),
            ),
            Some(other) if other.declaration != field.declaration => {
                let what = format!(
                    "struct {record}: `{}` is now `{}`",
                    other.declaration, field.declaration
                );
                put("field_retyped", field, new_lines, what);
            }
            Some(_) => {}
        }
    }
    for field in &before {
        if !after.iter().any(|other| other.name == field.name) {
            put(
                "field_removed",
                field,
                old_lines,
                format!("struct {record}: `{}` is gone", field.declaration),
            );
        }
    }
    let order = |fields: &[FieldText], others: &[FieldText]| -> Vec<String> {
        let both = fields.iter().filter(|f| others.iter().any(|other| other.name == f.name));
        both.map(|field| field.name.clone()).collect()
    };
    if order(&before, &after) != order(&after, &before) {
        if let Some(field) = after.first() {
            put(
                "field_moved",
                field,
                new_lines,
                format!("struct {record}: its fields are in another order"),
            );
        }
    }
}

/// The macro with the string: as a hunk shows it, or as the truth knows it of a header of that name.
fn macro_of(partial: &Partial) -> Option<String> {
    // What changes is what holds the version: a number beside a string, where there is one.
    let [old, new] = &partial.sides;
    let changed = new.versions.iter().find(|(name, body)| old.versions.get(*name) != Some(*body));
    let number = || new.versions.keys().find(|name| spellings::names_a_number(name));
    let shown = partial.sides.iter().find_map(|side| side.string.as_ref());
    let shown = shown.map(|(name, _)| name);
    let known = changed.map(|(name, _)| name).or_else(number).or(shown);
    known.cloned().or_else(|| {
        let known = truth::current().ok()?;
        let header = known.headers.iter().find(|other| other.name == partial.header)?;
        Some(header.contracts.first()?.macro_name.clone())
    })
}

/// What the hunks show of one side, as a compiler lays it out; `None` where it cannot.
fn side_of(
    partial: &Partial,
    index: usize,
    (macro_name, string): (&str, &str),
    reading: &source::Options,
) -> Option<Side> {
    let shown = &partial.sides[index];
    let mut files = context(&shown.text, &partial.header);
    let mut text =
        String::from("#include <linux/types.h>\n#include <linux/kho/abi/kexec_handover.h>\n");
    if shown.versions.is_empty() {
        let _ = writeln!(text, "#define {macro_name} {string:?}");
    }
    text.push_str(&shown.text);
    files.insert(partial.path(), text.into_bytes());
    open::of_files(["before", "after"][index], &files, reading).ok()
}

/// Judges what the hunks show whole, adds it to a report, and returns what became of the contract.
///
/// The structs that no compiler could lay out by what is shown are given back.
fn judge_whole(
    partial: &Partial,
    [old, new]: [Option<Side>; 2],
    options: &Options,
    report: &mut Report,
) -> (Option<ContractReport>, BTreeSet<String>) {
    let all = || partial.sides.iter().flat_map(|side| side.whole.iter().cloned()).collect();
    let (Some(old), Some(new)) = (old, new) else { return (None, all()) };
    let options = Options { baseline: Baseline::Old, allowances: Vec::new(), ..options.clone() };
    let of_hunks = policy::judge(&compare(&old, &new), &options);
    let file = format!("{ABI_DIR}/{}.h", partial.header);
    let contract = of_hunks.contracts.into_iter().find(|contract| contract.header == file);
    let mut events = of_hunks.events;
    events.retain(|event| event.level != Level::Note);
    for event in &mut events {
        // Lines of what was put together are no lines of anybody's file.
        event.place = None;
    }
    report.events.extend(events);
    let missing = |side: &Side, shown: &Shown| {
        let names = shown.whole.iter();
        names.filter(|name| side.model().record(name).is_none()).cloned().collect::<BTreeSet<_>>()
    };
    let mut untold = missing(&old, &partial.sides[0]);
    untold.extend(missing(&new, &partial.sides[1]));
    (contract, untold)
}

/// Judges what the hunks show, and adds it to a report.
pub fn judge(partial: &Partial, reading: &source::Options, options: &Options, report: &mut Report) {
    let header = &partial.header;
    // A name for the compiler, where nobody knows the real one: it is in no report.
    let unseen = format!("{}_UNSEEN_COMPATIBLE", header.to_uppercase());
    let macro_name = macro_of(partial).unwrap_or_else(|| unseen.clone());
    let nameless = format!("the string of {header}.h");
    let strings = [0, 1].map(|side: usize| {
        let shown = partial.sides[side].string.as_ref().map(|(_, string)| string.clone());
        shown.unwrap_or_else(|| nameless.clone())
    });
    let (mut contract, mut untold) = (None, BTreeSet::new());
    if partial.sides.iter().any(|side| !side.text.is_empty()) {
        let sides =
            [0, 1].map(|index| side_of(partial, index, (&macro_name, &strings[index]), reading));
        (contract, untold) = judge_whole(partial, sides, options, report);
    }
    for record in &untold {
        report.not_checked.push(source::Gap {
            item: format!("struct {record}"),
            why: "what it needs is not in the patch: its size and its offsets are not known".into(),
        });
    }
    let kept = partial.sides[0].versions == partial.sides[1].versions;
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
    let of_untold = partial.spare.iter().filter(|(record, _)| untold.contains(*record));
    for part in partial.parts.iter().chain(of_untold.flat_map(|(_, parts)| parts)) {
        let (rule, item, place, what) = part;
        contract.verdict = if kept { Verdict::BumpMissing } else { Verdict::ChangedAndBumped };
        changed.extend((!changed.contains(item)).then(|| item.clone()));
        report.events.push(Event {
            rule: (*rule).into(),
            level: if kept { Level::Finding } else { Level::Fine },
            item: item.clone(),
            place: Some(place.clone()),
            what: what.clone(),
            consequences: Vec::new(),
            contracts: vec![strings[1].clone()],
            help: if kept {
                format!("undo the change, or bump {macro_name}")
            } else {
                "nothing: the version says that it changed".into()
            },
        });
    }
    let told = |event: &Event| event.rule == "compatible_not_bumped";
    if kept && !changed.is_empty() && !report.events.iter().any(told) {
        report.events.push(Event {
            rule: "compatible_not_bumped".into(),
            level: Level::Follows,
            item: macro_name.clone(),
            place: None,
            what: format!("no hunk changes the version of what changed: {}", changed.join(", ")),
            consequences: Vec::new(),
            contracts: vec![strings[1].clone()],
            help: format!("bump {macro_name}"),
        });
    }
    if matches!(contract.verdict, Verdict::BumpedWithoutChange | Verdict::Unchanged) {
        // The hunks may not show what changed.
        contract.open.push("what no hunk shows".into());
    }
    report.contracts.retain(|other| other.header != contract.header);
    report.contracts.push(contract);
    if macro_name == unseen {
        for contract in &mut report.contracts {
            contract.macro_name =
                contract.macro_name.replace(&unseen, "a macro that is not shown,");
        }
        for event in &mut report.events {
            event.help = event.help.replace(&unseen, &nameless);
            event.item = event.item.replace(&unseen, &nameless);
        }
    }
}

/// The headers that a text needs and that this program has, as it generates them.
fn context(text: &str, own: &str) -> Files {
    let mut files = Files::new();
    let Ok(model) = truth::current() else { return files };
    let generated = kho_abi_codegen::generate::render(&model);
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
