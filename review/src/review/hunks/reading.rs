// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads hunks: the macros and structs that they show, and the changes of what they show in part.

use super::shown::{body_in, place, Item, Part, Partial};
use crate::patch::{FilePatch, Hunk, Line};
use kho_abi_model::{version, Place};
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::outline::{self, FieldText, Outline};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// All forms of what hunks show, on each side, with their lines. Conditions select one of several.
pub(super) type Forms = [BTreeMap<Item, Vec<(String, usize)>>; 2];

/// The changes of what has several forms: which one is in use is not shown.
pub(super) fn ambiguous(path: &str, [old, new]: &Forms) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    let items: BTreeSet<&Item> = old.keys().chain(new.keys()).collect();
    for item in items {
        let sides = [old, new].map(|side| side.get(item).map_or(&[][..], Vec::as_slice));
        let texts = sides.map(|forms| forms.iter().map(|(text, _)| text).collect::<Vec<_>>());
        if texts[0] == texts[1] || texts.iter().all(|texts| texts.len() < 2) {
            continue;
        }
        let line = sides[1].last().or(sides[0].last()).map_or(1, |(_, line)| *line);
        let name = match item {
            Item::Macro(name) => name.clone(),
            Item::Record(name) => format!("struct {name}"),
        };
        let what = format!(
            "{name} has several definitions, and one of them changes: the patch does not show which \
             one applies"
        );
        found.push((place(path, line), what));
    }
    found
}

/// One side of a hunk, as a piece of a header.
pub(super) struct Piece {
    pub(super) outline: Outline,
    /// The lines, from 1; the first may be the line that git shows after the numbers.
    pub(super) text: Vec<String>,
    /// The line numbers in the file.
    pub(super) lines: BTreeMap<usize, usize>,
    /// The lines that the other side does not have.
    pub(super) changed: Vec<usize>,
}

pub(super) fn piece(hunk: &Hunk, after: bool) -> Piece {
    let mut piece = Piece {
        outline: Outline::default(),
        text: Vec::new(),
        lines: BTreeMap::new(),
        changed: Vec::new(),
    };
    let mut number = if after { hunk.new_start } else { hunk.old_start };
    if let Some(heading) = heading(hunk) {
        piece.text.push(heading.into());
    }
    for line in &hunk.lines {
        let (shown, changed, content) = match line {
            Line::Context(content) => (true, false, content),
            Line::Removed(content) => (!after, true, content),
            Line::Added(content) => (after, true, content),
        };
        if shown {
            piece.text.push(content.clone());
            piece.lines.insert(piece.text.len(), number);
            if changed {
                piece.changed.push(piece.text.len());
            }
            number = number.saturating_add(1);
        }
    }
    let mut text = piece.text.join("\n");
    text.push('\n');
    piece.outline = outline::read(&text);
    piece
}

/// The line that begins the struct around a hunk, as git shows it.
///
/// Git shows the last such line before the hunk, even if the struct has ended before the hunk.
pub(super) fn heading(hunk: &Hunk) -> Option<&str> {
    let heading = hunk.heading.trim_end();
    let begins = heading.starts_with("struct ") || heading.starts_with("union ");
    if !begins || !heading.ends_with('{') {
        return None;
    }
    let mut open = 0_usize;
    let mut is_field = false;
    for line in &hunk.lines {
        let (Line::Context(text) | Line::Removed(text) | Line::Added(text)) = line;
        let trimmed = text.trim();
        if trimmed.starts_with(['*', '/', '#']) {
            continue;
        }
        let is_inner = text.starts_with([' ', '\t']);
        if trimmed.starts_with('}') {
            if open == 0 {
                return Some(heading);
            }
            open -= 1;
        } else if trimmed.ends_with('{') {
            if !is_inner {
                break;
            }
            open += 1;
        } else {
            is_field |= is_inner && trimmed.ends_with(';');
        }
    }
    is_field.then_some(heading)
}

/// Reads the hunks of a header, and lists what they do not show.
#[must_use]
pub fn read(file: &FilePatch, unknown: &mut Vec<String>) -> Partial {
    let path = file.new.as_ref().or(file.old.as_ref()).cloned().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let header = name.strip_suffix(".h").unwrap_or(name).to_string();
    let mut partial = Partial {
        header,
        sides: Default::default(),
        parts: Vec::new(),
        spare: BTreeMap::new(),
        loose: Vec::new(),
        reworded: Vec::new(),
        prose: Vec::new(),
    };
    let is_ours = |side: &Option<String>| side.as_ref().is_some_and(|path| is_abi_header(path));
    if file.binary {
        partial.loose.push((place(&path, 1), "the patch does not show its content".into()));
        return partial;
    }
    // The hunks of a file that came from elsewhere only show where it differs from the other file.
    let is_new_here = is_ours(&file.new) && (file.is_copy || !is_ours(&file.old));
    let comes = file.old.is_some() && is_new_here;
    if comes || file.hunks.is_empty() && is_ours(&file.old) != is_ours(&file.new) {
        let how = if file.is_copy { "copied" } else { "moved" };
        let what = format!("it was {how}, and the patch does not show its content");
        partial.loose.push((place(&path, 1), what));
    }
    let mut forms = Forms::default();
    for hunk in &file.hunks {
        let [old, new] = [piece(hunk, false), piece(hunk, true)];
        for (at, comment) in &new.outline.comments {
            let is_changed = new.changed.contains(at);
            let line = new.lines.get(at).copied().unwrap_or(1);
            for word in version::words(comment) {
                partial.prose.push((place(&path, line), word.into(), is_changed));
            }
        }
        partial.reworded.extend(reworded(&path, [&old, &new]));
        if in_order(&old) == in_order(&new) {
            continue;
        }
        one_hunk(&path, hunk, [&old, &new], &mut partial, &mut forms, unknown);
    }
    partial.loose.extend(ambiguous(&path, &forms));
    if partial.sides.iter().all(|side| side.versions().is_empty()) && !file.hunks.is_empty() {
        unknown.push(format!("{path}: its version is not shown; no hunk changes it"));
    }
    partial
}

/// The code of a piece, with each directive where it stands: what it applies to is beside it.
pub(super) fn in_order(piece: &Piece) -> Vec<String> {
    let lines = outline::code_lines(&piece.text.join("\n"));
    let (mut found, mut between) = (Vec::new(), String::new());
    for line in lines {
        if line.starts_with('#') {
            found.push(outline::read(&std::mem::take(&mut between)).code);
            found.push(line);
        } else {
            between.push_str(&line);
            between.push('\n');
        }
    }
    found.push(outline::read(&between).code);
    found
}

/// The comment that a hunk changes, if its words differ.
pub(super) fn reworded(path: &str, pieces: [&Piece; 2]) -> Option<(Place, String)> {
    let [gone, come] = pieces.map(|piece| -> Vec<&(usize, String)> {
        let comments = piece.outline.comments.iter();
        comments.filter(|(at, _)| piece.changed.contains(at)).collect()
    });
    let words = |lines: &[&(usize, String)]| {
        let texts = lines.iter().map(|(_, text)| text.as_str());
        texts
            .flat_map(str::split_whitespace)
            .filter(|word| *word != "*")
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (was, is) = (words(&gone), words(&come));
    if [&was, &is].iter().any(|text| text.contains("Copyright") || text.contains("SPDX-License")) {
        return None;
    }
    let (side, first) =
        come.first().map(|line| (1, line)).or(gone.first().map(|line| (0, line)))?;
    let line = pieces[side].lines.get(&first.0).copied().unwrap_or(1);
    let what = match (was.as_str(), is.as_str()) {
        (was, is) if was.to_lowercase() == is.to_lowercase() => return None,
        ("", is) => format!("a comment is new: \"{is}\""),
        (was, "") => format!("a comment is gone: \"{was}\""),
        (was, is) => format!("a comment said \"{was}\", and now says \"{is}\""),
    };
    Some((place(path, line), what))
}

pub(super) fn one_hunk(
    path: &str,
    hunk: &Hunk,
    pieces: [&Piece; 2],
    partial: &mut Partial,
    forms: &mut Forms,
    unknown: &mut Vec<String>,
) {
    let [old, new] = pieces.map(|piece| &piece.outline);
    // A struct that began before the hunk is not whole, even if the hunk shows its end.
    let first = heading(hunk).and_then(|_| new.records.first().map(|record| record.name.clone()));
    let is_whole = |outline: &Outline, name: &str| {
        first.as_deref() != Some(name)
            && outline.records.iter().any(|record| record.name == name && record.whole)
    };
    let line_of = |side: usize, at: usize| pieces[side].lines.get(&at).copied().unwrap_or(1);
    let mut put = |partial: &mut Partial, side: usize, item: Item, text: String, at: usize| {
        let form = (text.clone(), line_of(side, at));
        forms[side].entry(item.clone()).or_default().push(form);
        partial.sides[side].put(item, text);
    };
    for (side, outline) in [old, new].into_iter().enumerate() {
        for found in &outline.macros {
            put(partial, side, Item::Macro(found.name.clone()), found.body.clone(), found.line);
        }
    }
    let repeated = repeated([old, new]);
    let names: BTreeSet<&str> =
        old.records.iter().chain(&new.records).map(|record| record.name.as_str()).collect();
    let mut in_part: BTreeSet<&str> = BTreeSet::new();
    for record in names {
        let is_there = |outline: &Outline| outline.records.iter().any(|other| other.name == record);
        let wholes = [old, new].map(|outline| is_whole(outline, record));
        let theres = [old, new].map(is_there);
        let bodies = [0, 1].map(|side| body_of(hunk, side == 1, record, [old, new][side]));
        let is_found = bodies.each_ref().map(Option::is_some) == theres;
        if wholes == theres && is_found && !repeated.contains(record) {
            for (side, body) in bodies.into_iter().enumerate() {
                if let Some(body) = body {
                    put(partial, side, Item::Record(record.into()), body, 1);
                }
            }
            if theres == [true, true] {
                let spare = partial.spare.entry(record.into()).or_default();
                parts(path, record, pieces, spare);
            }
            continue;
        }
        in_part.insert(record);
        if fields_of(old, record) == fields_of(new, record) {
            continue;
        }
        unknown.push(format!(
            "{path}: struct {record} is only partly shown: its size and its offsets are unknown"
        ));
        parts(path, record, pieces, &mut partial.parts);
    }
    // A guard is begun and ended, or has another name: nothing else than it is then within `#if`.
    let guards = pieces.map(changed_guards);
    let in_balance = guards[0] == guards[1] || guards.iter().all(|[begun, ended]| begun == ended);
    let [gone, come] = pieces.map(|piece| unexplained(piece, &in_part, &repeated, in_balance));
    let line = |side: usize, at: &usize| line_of(side, *at);
    if gone.is_empty() && come.is_empty() {
        if let Some(line) = under_another_condition(pieces) {
            let is_it = |text: &String| text.split_whitespace().eq(line.split_whitespace());
            let at = pieces[1].text.iter().position(is_it).map_or(1, |at| at + 1);
            let what = format!("`{line}` is under another condition than before");
            partial.loose.push((place(path, line_of(1, at)), what));
        }
    }
    // As many lines as before are those lines.
    let is_paired = gone.len() == come.len();
    let shown = come.iter().enumerate().map(|(index, (at, text))| {
        let (at, now) = (line(1, at), format!("`{text}`"));
        (
            at,
            if is_paired && gone[index].1 == *text {
                format!("`{text}` moves")
            } else if is_paired {
                format!("`{}` is now {now}", gone[index].1)
            } else {
                format!("{now} is new")
            },
        )
    });
    let others = gone.iter().filter(|_| !is_paired);
    let others = others.map(|(at, text)| (line(0, at), format!("`{text}` is gone")));
    for (line, what) in shown.chain(others).take(3) {
        let what = format!("{what}; the patch does not show what that means");
        partial.loose.push((place(path, line), what));
    }
}

/// The changed lines of a side that are neither comments, nor macros, nor fields of structs whose
/// names are visible.
///
/// Guards are explained if they are in balance. The fields of a struct with several forms are not.
pub(super) fn unexplained(
    piece: &Piece,
    in_part: &BTreeSet<&str>,
    repeated: &BTreeSet<&str>,
    in_balance: bool,
) -> Vec<(usize, String)> {
    let mut ranges = Vec::new();
    let records = piece.outline.records.iter();
    for record in records.filter(|record| !repeated.contains(record.name.as_str())) {
        let mut open = 0_usize;
        let mut end = record.line;
        for (index, line) in piece.text.iter().enumerate().skip(record.line.saturating_sub(1)) {
            end = index + 1;
            open += line.matches('{').count();
            open = open.saturating_sub(line.matches('}').count());
            if open == 0 && index + 1 > record.line {
                break;
            }
        }
        ranges.push((record, record.line..=end));
    }
    let mut continued = BTreeSet::new();
    for (index, line) in piece.text.iter().enumerate() {
        let is_macro = line.trim_start().strip_prefix('#').is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with("define") || rest.starts_with("include")
        });
        if is_macro || continued.contains(&index) {
            continued.insert(index);
            if line.trim_end().ends_with('\\') {
                continued.insert(index + 1);
            }
        }
    }
    let is_explained = |at: usize, line: &str| {
        let tokens: Vec<&str> = line.split_whitespace().collect();
        let is_forward =
            matches!(tokens.as_slice(), ["struct" | "union", name] if name.ends_with(';'));
        let is_field = ranges.iter().any(|(record, range)| {
            let whole = !in_part.contains(record.name.as_str());
            let fields = &record.fields;
            range.contains(&at) && (whole || fields.iter().any(|field| field.line == at))
        });
        (in_balance && guard(line).is_some())
            || outline::read(line).code.trim().is_empty()
            || continued.contains(&(at - 1))
            || is_forward
            || is_field
    };
    let lines = piece.changed.iter().filter_map(|at| Some((*at, piece.text.get(at - 1)?)));
    let open = lines.filter(|(at, line)| !is_explained(*at, line));
    open.map(|(at, line)| (at, line.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// The structs that a side of a hunk declares more than once.
pub(super) fn repeated(sides: [&Outline; 2]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for outline in sides {
        let mut seen = BTreeSet::new();
        let names = outline.records.iter().map(|record| record.name.as_str());
        found.extend(names.filter(|name| !seen.insert(*name)));
    }
    found
}

/// A line that both sides have, but the new one under other conditions, include guards apart.
pub(super) fn under_another_condition(pieces: [&Piece; 2]) -> Option<String> {
    let [old, new] = pieces.map(conditions);
    let is_moved = |(line, of_new): &(&String, &BTreeSet<u64>)| {
        old.get(*line).is_some_and(|of_old| !of_new.is_subset(of_old))
    };
    new.iter().find(is_moved).map(|(line, _)| line.clone())
}

/// The conditions of each line of code: a hash for each place where the line is.
pub(super) fn conditions(piece: &Piece) -> BTreeMap<String, BTreeSet<u64>> {
    let hash = |before: u64, line: &str| {
        let mut hasher = DefaultHasher::new();
        (before, line).hash(&mut hasher);
        hasher.finish()
    };
    let mut found: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    // The conditions that began before the hunk, and those that begin in it.
    let (mut outer, mut inner) = (0, Vec::new());
    for line in outline::code_lines(&piece.text.join("\n")) {
        let now = inner.last().copied().unwrap_or(outer);
        let word = line.strip_prefix('#').map(str::trim_start).unwrap_or_default();
        if guard(&line) == Some(0) {
            inner.push(now);
        } else if word.starts_with("if") {
            inner.push(hash(now, &line));
        } else if word.starts_with("el") {
            *inner.last_mut().unwrap_or(&mut outer) = hash(now, &line);
        } else if word.starts_with("endif") {
            if inner.pop().is_none() {
                outer = hash(outer, "#endif");
            }
        } else {
            found.entry(line).or_default().insert(now);
        }
    }
    found
}

/// Whether a line begins an include guard (0), or ends one or another condition (1).
pub(super) fn guard(line: &str) -> Option<usize> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_name = |name: &str| name.ends_with("_H") || name.ends_with("_H_");
    match words.as_slice() {
        ["#ifndef", name] if is_name(name) => Some(0),
        ["#endif", ..] => Some(1),
        _ => None,
    }
}

/// How many include guards the changed lines of a side begin, and how many conditions they end.
pub(super) fn changed_guards(piece: &Piece) -> [usize; 2] {
    let mut counts = [0; 2];
    let lines = piece.changed.iter().filter_map(|at| piece.text.get(at - 1));
    for which in lines.filter_map(|line| guard(line)) {
        counts[which] += 1;
    }
    counts
}

pub(super) fn fields_of<'a>(outline: &'a Outline, record: &str) -> Vec<&'a str> {
    let found = outline.records.iter().find(|other| other.name == record);
    found.map(|r| r.fields.iter().map(|f| f.declaration.as_str()).collect()).unwrap_or_default()
}

/// A struct's lines in one side of a hunk, from its first to its last, if they are what the outline of that
/// side has.
pub(super) fn body_of(hunk: &Hunk, after: bool, record: &str, outline: &Outline) -> Option<String> {
    let body = body_in(&hunk.text(after), record)?;
    let is_it = fields_of(&outline::read(&body), record) == fields_of(outline, record);
    is_it.then_some(body)
}

/// The added and removed fields of a struct that is shown in part.
pub(super) fn parts(path: &str, record: &str, [old, new]: [&Piece; 2], out: &mut Vec<Part>) {
    let (old_lines, new_lines) = (&old.lines, &new.lines);
    let fields = |outline: &Outline| -> Vec<FieldText> {
        let found = outline.records.iter().find(|other| other.name == record);
        found.map(|record| record.fields.clone()).unwrap_or_default()
    };
    let (before, after) = (fields(&old.outline), fields(&new.outline));
    let mut put = |rule, fields: &[FieldText], at: usize, lines: &BTreeMap<usize, usize>, what| {
        let field = &fields[at];
        let line = lines.get(&field.line).copied().unwrap_or(1);
        let place = Place { file: path.into(), line };
        let declaration = |at: usize| Some(fields.get(at)?.declaration.clone());
        let beside = [at.checked_sub(1).and_then(declaration), declaration(at + 1)];
        out.push((rule, format!("{record}.{}", field.name), place, what, beside));
    };
    for (at, field) in after.iter().enumerate() {
        match before.iter().find(|other| other.name == field.name) {
            None => {
                let what = format!("struct {record}: `{}` is new", field.declaration);
                put("field_added", &after, at, new_lines, what);
            }
            Some(other) if canonical(other) != canonical(field) => {
                let what = format!(
                    "struct {record}: `{}` is now `{}`",
                    other.declaration, field.declaration
                );
                put("field_retyped", &after, at, new_lines, what);
            }
            Some(_) => {}
        }
    }
    for (at, field) in before.iter().enumerate() {
        if !after.iter().any(|other| other.name == field.name) {
            let what = format!("struct {record}: `{}` is gone", field.declaration);
            put("field_removed", &before, at, old_lines, what);
        }
    }
    let order = |fields: &[FieldText], others: &[FieldText]| -> Vec<String> {
        let both = fields.iter().filter(|f| others.iter().any(|other| other.name == f.name));
        both.map(|field| field.name.clone()).collect()
    };
    if !after.is_empty() && order(&before, &after) != order(&after, &before) {
        let what = format!("struct {record}: the order of its fields changed");
        put("field_moved", &after, 0, new_lines, what);
    }
}

/// A declaration with one spelling for each integer type.
pub(super) fn canonical(field: &FieldText) -> String {
    let ty = field.ty.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = ty.strip_prefix("__").unwrap_or(&ty);
    let ty = match bare {
        "uint8_t" | "unsigned char" => "u8",
        "uint16_t" | "unsigned short" | "unsigned short int" => "u16",
        "uint32_t" | "unsigned int" | "unsigned" => "u32",
        "uint64_t" | "unsigned long long" | "unsigned long long int" => "u64",
        other => other,
    };
    format!("{ty} {}", field.declaration.strip_prefix(&field.ty).unwrap_or(&field.declaration))
}
