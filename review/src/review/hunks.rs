// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the hunks of a patch show of a header that is not available.
//!
//! A unified diff shows every line that changes. So a string that no hunk changes is the same
//! before and after, whatever it is. A struct that a hunk shows from its first to its last line can
//! be laid out by a compiler. If a struct is shown in part, the added and removed fields are known,
//! but no offset is.

use crate::diff::open::{self, Files};
use crate::diff::{compare, Side};
use crate::patch::{FilePatch, Hunk, Line};
use crate::policy::{self, Baseline, ContractReport, Finding, Level, Options, Report, Verdict};
use kho_abi_model::{version, Contract, Model, Place, ABI_DIR};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::contracts::spellings;
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::outline::{self, FieldText, Outline};
use kho_abi_read::source;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What a patch shows of a header.
#[derive(Clone, Debug)]
pub struct Partial {
    /// Its base name, as `vfio_pci`.
    header: String,
    /// What the hunks show, before and after.
    sides: [Shown; 2],
    /// Changes of structs that are shown in part.
    parts: Vec<Part>,
    /// Changes of structs that are shown whole, used if no compiler can lay them out.
    spare: BTreeMap<String, Vec<Part>>,
    /// Changes that only the whole header explains: where, and what.
    loose: Vec<(Place, String)>,
    /// Comments that say something else.
    reworded: Vec<(Place, String)>,
    /// Versions that comments name, and whether the patch changes that line.
    prose: Vec<(Place, String, bool)>,
}

/// A change, as the text shows it: rule, item, place, words, and the declarations beside the field.
type Part = (&'static str, String, Place, String, Beside);

/// The declarations before and after a field.
type Beside = [Option<String>; 2];

/// One side of a header.
#[derive(Clone, Debug, Default)]
struct Shown {
    /// The macros and the whole structs of the hunks, by name.
    items: Vec<(Item, String)>,
}

/// Something that a hunk shows whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Macro(String),
    Record(String),
}

impl Shown {
    fn get(&self, item: &Item) -> Option<&String> {
        self.items.iter().find(|(other, _)| other == item).map(|(_, text)| text)
    }

    fn put(&mut self, item: Item, text: String) {
        match self.items.iter_mut().find(|(other, _)| *other == item) {
            Some((_, known)) => *known = text,
            None => self.items.push((item, text)),
        }
    }

    /// The shown items as the text of a header.
    fn text(&self) -> String {
        let mut all = String::new();
        for (item, text) in &self.items {
            match item {
                Item::Macro(name) => {
                    let _ = writeln!(all, "#define {name} {text}");
                }
                Item::Record(_) => all.push_str(text),
            }
        }
        all
    }

    /// The structs that are shown whole.
    fn whole(&self) -> BTreeSet<&String> {
        let records = self.items.iter().filter_map(|(item, _)| match item {
            Item::Record(name) => Some(name),
            Item::Macro(_) => None,
        });
        records.collect()
    }

    fn macros(&self) -> impl DoubleEndedIterator<Item = (&String, &String)> {
        self.items.iter().filter_map(|(item, body)| match item {
            Item::Macro(name) => Some((name, body)),
            Item::Record(_) => None,
        })
    }

    /// The macros that hold versions or parts of them, with their text.
    fn versions(&self) -> BTreeMap<&String, &String> {
        self.macros().filter(|(name, body)| spellings::is_a_version(name, body)).collect()
    }

    /// The macros with a compatible string, and their strings.
    fn strings(&self) -> Vec<(String, String)> {
        let named = self.macros().filter(|(name, _)| spellings::names_a_string(name));
        let inner = |body: &str| -> Option<String> {
            let inner = body.strip_prefix('"')?.strip_suffix('"')?;
            (!inner.contains('"')).then(|| inner.into())
        };
        named.filter_map(|(name, body)| Some((name.clone(), inner(body)?))).collect()
    }
}

impl Partial {
    /// The header's path in a kernel tree.
    fn path(&self) -> String {
        format!("include/{ABI_DIR}/{}.h", self.header)
    }

    /// The macro and its string, before and after. If there are several, those that change.
    fn string_of(&self, after: usize) -> Option<(String, String)> {
        let [old, new] = [0, 1].map(|side: usize| self.sides[side].strings());
        // A string that is new is not the one that the header has already.
        if old.is_empty() && self.bumped().is_empty() {
            return None;
        }
        let is_in = |one: &(String, String), others: &[(String, String)]| {
            others.iter().any(|other| other.0 == one.0)
        };
        let changed = new.iter().find(|one| old.iter().any(|o| o.0 == one.0 && o.1 != one.1));
        if let Some((name, _)) = changed {
            return [old.iter(), new.iter()][after].clone().find(|one| one.0 == *name).cloned();
        }
        let [gone, come] = [(&old, &new), (&new, &old)]
            .map(|(these, others)| these.iter().rev().find(|one| !is_in(one, others)).cloned());
        match (gone, come) {
            (Some(gone), Some(come)) => Some([gone, come][after].clone()),
            _ => [old, new][after].last().cloned(),
        }
    }

    /// What reports call the string.
    #[must_use]
    pub fn string(&self) -> String {
        match self.string_of(1) {
            Some((_, string)) => string,
            None => format!("the string of {}.h", self.header),
        }
    }

    /// The macros of versions that change, under their new names. A string beside those of before, or one
    /// that is gone, is not the new version of another.
    fn bumped(&self) -> BTreeMap<&String, &String> {
        let [old, new] = [0, 1].map(|side: usize| self.sides[side].versions());
        let is_gone = old.keys().any(|name| !new.contains_key(name));
        let is_bump = |name: &String, body: &String| match old.get(name) {
            Some(was) => *was != body,
            None => is_gone || !spellings::is_a_string(name, body),
        };
        new.into_iter().filter(|(name, body)| is_bump(name, body)).collect()
    }

    /// Whether the hunks show a new version.
    fn is_bumped(&self) -> bool {
        !self.bumped().is_empty()
    }

    /// The macros of versions that the header has and no hunk changes, as far as hunks or the catalogue
    /// show them.
    fn kept(&self, catalogue: &Catalogue) -> BTreeSet<String> {
        let [old, new] = [0, 1].map(|side: usize| self.sides[side].versions());
        let is_same = |name: &String, body: &String| new.get(name) == Some(&body);
        let shown = old
            .iter()
            .filter(|(name, body)| spellings::holds_a_version(body) && is_same(name, body));
        let mut kept: BTreeSet<String> = shown.map(|(name, _)| (*name).clone()).collect();
        let is_changed = |name: &String| match old.get(name) {
            Some(body) => !is_same(name, body),
            None => new.contains_key(name),
        };
        for contract in contracts_of(&self.header, catalogue) {
            let named = contract.name.iter().map(|name| &name.macro_name);
            let mut macros = named.chain([&contract.macro_name]);
            if !macros.any(is_changed) {
                kept.insert(contract.macro_name.clone());
            }
        }
        kept
    }

    /// Adds what a later patch shows of the same header.
    fn then(&mut self, later: &Self) {
        let before: BTreeSet<Item> =
            self.sides.iter().flat_map(|side| &side.items).map(|(item, _)| item.clone()).collect();
        for (item, text) in &later.sides[0].items {
            if !before.contains(item) {
                self.sides[0].put(item.clone(), text.clone());
            }
            if later.sides[1].get(item).is_none() {
                self.sides[1].items.retain(|(other, _)| other != item);
            }
        }
        for (item, text) in &later.sides[1].items {
            self.sides[1].put(item.clone(), text.clone());
        }
        for part in &later.parts {
            // What one patch adds and another removes is not a change. A field that comes back in another
            // place is moved.
            let undoes = |other: &Part| {
                let rules = [other.0, part.0];
                let mut beside = other.4.iter().zip(&part.4);
                other.1 == part.1
                    && declared(&other.3) == declared(&part.3)
                    && beside.any(|(one, other)| one.is_some() && one == other)
                    && (rules == ["field_added", "field_removed"]
                        || rules == ["field_removed", "field_added"])
            };
            match self.parts.iter().position(undoes) {
                Some(at) => drop(self.parts.remove(at)),
                None => self.parts.push(part.clone()),
            }
        }
        for (record, parts) in &later.spare {
            self.spare.entry(record.clone()).or_default().extend(parts.iter().cloned());
        }
        self.loose.extend(later.loose.iter().cloned());
        self.reworded.extend(later.reworded.iter().cloned());
        self.prose.extend(later.prose.iter().cloned());
    }
}

/// The declaration that the text of a change quotes.
fn declared(what: &str) -> Option<&str> {
    what.split('`').nth(1)
}

/// What the patches of a series show of each header, one after the other.
pub(super) fn merged<'a>(all: impl Iterator<Item = &'a Partial>) -> Vec<Partial> {
    let mut found: Vec<Partial> = Vec::new();
    for partial in all {
        match found.iter_mut().find(|other| other.header == partial.header) {
            Some(known) => known.then(partial),
            None => found.push(partial.clone()),
        }
    }
    found
}

/// Takes a struct that one header loses and another gains for one that both have: its bytes matter,
/// not the place of its declaration.
pub(super) fn follow_moves(partials: &mut [Partial], created: &[String]) {
    let only = |partial: &Partial, side: usize| -> Vec<(Item, String)> {
        let other = &partial.sides[1 - side];
        let is_record = |item: &Item| matches!(item, Item::Record(_));
        let items = partial.sides[side].items.iter();
        items.filter(|(item, _)| is_record(item) && other.get(item).is_none()).cloned().collect()
    };
    for from in 0..partials.len() {
        for (item, old) in only(&partials[from], 0) {
            let Item::Record(name) = &item else { continue };
            let to = (0..partials.len())
                .find(|to| *to != from && only(&partials[*to], 1).iter().any(|(i, _)| *i == item));
            if let Some(to) = to {
                let new = partials[to].sides[1].get(&item).cloned().unwrap_or_default();
                partials[from].sides[1].put(item.clone(), new);
                partials[to].sides[0].put(item, old);
            } else if let Some(new) = created.iter().find_map(|text| body_in(text, name)) {
                partials[from].sides[1].put(item, new);
            }
        }
    }
}

/// All forms of what hunks show, on each side, with their lines. Conditions select one of several.
type Forms = [BTreeMap<Item, Vec<(String, usize)>>; 2];

/// The changes of what has several forms: which one is in use is not shown.
fn ambiguous(path: &str, [old, new]: &Forms) -> Vec<(Place, String)> {
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
struct Piece {
    outline: Outline,
    /// The lines, from 1; the first may be the line that git shows after the numbers.
    text: Vec<String>,
    /// The line numbers in the file.
    lines: BTreeMap<usize, usize>,
    /// The lines that the other side does not have.
    changed: Vec<usize>,
}

fn piece(hunk: &Hunk, after: bool) -> Piece {
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
fn heading(hunk: &Hunk) -> Option<&str> {
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
fn in_order(piece: &Piece) -> Vec<String> {
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

fn place(path: &str, line: usize) -> Place {
    Place { file: path.into(), line }
}

/// The comment that a hunk changes, if its words differ.
fn reworded(path: &str, pieces: [&Piece; 2]) -> Option<(Place, String)> {
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

fn one_hunk(
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
fn unexplained(
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
fn repeated(sides: [&Outline; 2]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for outline in sides {
        let mut seen = BTreeSet::new();
        let names = outline.records.iter().map(|record| record.name.as_str());
        found.extend(names.filter(|name| !seen.insert(*name)));
    }
    found
}

/// A line that both sides have, but the new one under other conditions, include guards apart.
fn under_another_condition(pieces: [&Piece; 2]) -> Option<String> {
    let [old, new] = pieces.map(conditions);
    let is_moved = |(line, of_new): &(&String, &BTreeSet<u64>)| {
        old.get(*line).is_some_and(|of_old| !of_new.is_subset(of_old))
    };
    new.iter().find(is_moved).map(|(line, _)| line.clone())
}

/// The conditions of each line of code: a hash for each place where the line is.
fn conditions(piece: &Piece) -> BTreeMap<String, BTreeSet<u64>> {
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
fn guard(line: &str) -> Option<usize> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_name = |name: &str| name.ends_with("_H") || name.ends_with("_H_");
    match words.as_slice() {
        ["#ifndef", name] if is_name(name) => Some(0),
        ["#endif", ..] => Some(1),
        _ => None,
    }
}

/// How many include guards the changed lines of a side begin, and how many conditions they end.
fn changed_guards(piece: &Piece) -> [usize; 2] {
    let mut counts = [0; 2];
    let lines = piece.changed.iter().filter_map(|at| piece.text.get(at - 1));
    for which in lines.filter_map(|line| guard(line)) {
        counts[which] += 1;
    }
    counts
}

fn fields_of<'a>(outline: &'a Outline, record: &str) -> Vec<&'a str> {
    let found = outline.records.iter().find(|other| other.name == record);
    found.map(|r| r.fields.iter().map(|f| f.declaration.as_str()).collect()).unwrap_or_default()
}

/// A struct's lines in one side of a hunk, from its first to its last, if they are what the outline of that
/// side has.
fn body_of(hunk: &Hunk, after: bool, record: &str, outline: &Outline) -> Option<String> {
    let body = body_in(&hunk.text(after), record)?;
    let is_it = fields_of(&outline::read(&body), record) == fields_of(outline, record);
    is_it.then_some(body)
}

/// A struct's lines in a text, from its first to its last.
fn body_in(text: &str, record: &str) -> Option<String> {
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

/// The added and removed fields of a struct that is shown in part.
fn parts(path: &str, record: &str, [old, new]: [&Piece; 2], out: &mut Vec<Part>) {
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
fn canonical(field: &FieldText) -> String {
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

/// The contracts of a header of that name, if the catalogue has it.
fn contracts_of<'a>(header: &str, catalogue: &'a Catalogue) -> &'a [Contract] {
    let known = catalogue.current().ok();
    let header = known.and_then(|known| known.headers.iter().find(|other| other.name == header));
    header.map_or(&[], |header| &header.contracts)
}

/// Who covers what a header declares.
struct Covers<'a> {
    /// The words of the versions that change, and of those that do not.
    bumped: BTreeSet<String>,
    kept: BTreeSet<String>,
    /// How many change.
    changed: usize,
    /// The macros of those that do not.
    kept_macros: &'a BTreeSet<String>,
    /// The contracts of the header, as far as the catalogue has them, and the model that they are of.
    known: Option<(&'a Model, &'a [Contract])>,
}

impl<'a> Covers<'a> {
    fn of(partial: &Partial, kept: &'a BTreeSet<String>, catalogue: &'a Catalogue) -> Self {
        let owner = |name: &str, body: &str| {
            let mut owner = words(name);
            owner.extend(words(body));
            owner.remove("compatible");
            owner
        };
        let bumped = partial.bumped();
        let old = partial.sides[0].versions();
        let contracts = contracts_of(&partial.header, catalogue);
        let body_of = |name: &String| {
            let known = || contracts.iter().find(|contract| contract.macro_name == *name);
            let body = old.get(name).map(|body| body.as_str());
            body.or_else(|| Some(known()?.compatible.as_str())).unwrap_or_default()
        };
        Self {
            bumped: bumped.iter().flat_map(|(name, body)| owner(name, body)).collect(),
            kept: kept.iter().flat_map(|name| owner(name, body_of(name))).collect(),
            changed: bumped.len(),
            kept_macros: kept,
            known: catalogue.current().ok().map(|model| (model, contracts)),
        }
    }

    /// Whether the versions that change are all that may cover a constant. Several versions that all change
    /// cover it, whichever of them is its own.
    fn has_constant(&self, name: &str) -> bool {
        self.changed > 1 && self.kept.is_empty() || self.has(name)
    }

    /// Whether the versions that change are all that may cover a struct or a constant.
    fn has(&self, name: &str) -> bool {
        if let Some((model, contracts)) = self.known {
            let promises = |contract: &&Contract| {
                contract.constants.iter().any(|constant| constant == name)
                    || model.closure(contract).iter().any(|record| record.name == name)
            };
            let mut owners = contracts.iter().filter(promises).peekable();
            if owners.peek().is_some() {
                return !owners.any(|owner| self.kept_macros.contains(&owner.macro_name));
            }
            if contracts.len() == 1 && self.kept.is_empty() {
                return true;
            }
        }
        let words = words(name);
        let is_of = |these: &BTreeSet<String>, others: &BTreeSet<String>| {
            these.difference(others).any(|word| words.contains(word))
        };
        is_of(&self.bumped, &self.kept) && !is_of(&self.kept, &self.bumped)
    }
}

/// The words of a name, without single letters.
fn words(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric());
    parts.filter(|word| word.len() > 1).map(str::to_ascii_lowercase).collect()
}

/// What the hunks leave open, with or without a new version.
fn unsure(partial: &Partial) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    let strings = [0, 1].map(|side: usize| partial.string_of(side));
    let is_kept = strings[0] == strings[1];
    for (place, word, is_changed) in &partial.prose {
        if !is_changed && is_kept {
            continue;
        }
        let stem = version::stem(word);
        match &strings[1] {
            Some((_, string)) if string == word || version::stem(string) != stem => {}
            Some((_, string)) => found.push((
                place.clone(),
                format!("a comment names \"{word}\", but the string is \"{string}\""),
            )),
            None if !is_changed => {}
            None => found.push((
                place.clone(),
                format!("a comment names \"{word}\", but the patch does not show the string"),
            )),
        }
    }
    let [Some((_, old)), Some((_, new))] = &strings else { return found };
    if version::stem(old) != version::stem(new) {
        let what = format!(
            "\"{old}\" is now \"{new}\": the patch does not show whether that stood for something \
             else"
        );
        found.push((place(&partial.path(), 1), what));
    }
    found
}

/// The changes that a new version may not cover: a header may have several, and only names show which of
/// them covers what. `unclear` is what one of several shown versions covers.
fn uncovered(
    partial: &Partial,
    report: &Report,
    covers: &Covers<'_>,
    unclear: &BTreeSet<String>,
) -> Vec<(String, Place, String)> {
    let bumped = partial.bumped();
    let shown: Vec<String> = bumped.values().map(|body| quoted(body)).collect();
    // What is new has no bytes of before.
    let whole = partial.sides[0].whole().into_iter().cloned();
    let in_part =
        partial.parts.iter().map(|part| part.1.split('.').next().unwrap_or_default().to_string());
    let records: BTreeSet<String> = whole.chain(in_part).collect();
    let [old, new] = &partial.sides;
    let constants = old.macros().filter(|(name, body)| {
        !spellings::is_a_version(name, body)
            && new.get(&Item::Macro((*name).clone())) != Some(*body)
    });
    let constants = constants.map(|(name, _)| name.clone());
    let changed: BTreeSet<String> = records.into_iter().chain(constants).collect();
    let mut fine: BTreeSet<&str> = BTreeSet::new();
    for event in report.events.iter().filter(|event| event.level == Level::Fine) {
        fine.extend(event.item.split('.').next());
    }
    let is_open = |name: &&String| {
        let is_fine = fine.contains(name.as_str());
        let is_constant = old.macros().any(|(other, _)| other == *name);
        let has = if is_constant { covers.has_constant(name) } else { covers.has(name) };
        unclear.contains(*name) || is_fine && !has
    };
    let what = |name: &String| {
        let kind = if old.macros().any(|(other, _)| other == name) { "" } else { "struct " };
        let what = match shown.as_slice() {
            [] => format!("{kind}{name} changes, but the patch does not show its version"),
            [one] => format!(
                "{kind}{name} changes, but the patch does not show whether {one} is its string"
            ),
            several => format!(
                "{kind}{name} changes, but the patch does not show whether one of {} is its string",
                several.join(", ")
            ),
        };
        (name.clone(), place(&partial.path(), 1), what)
    };
    changed.iter().filter(is_open).map(what).collect()
}

/// A version as text, in quotes.
fn quoted(body: &str) -> String {
    if body.starts_with('"') {
        body.into()
    } else {
        format!("{body:?}")
    }
}

/// The macro with the string: as a hunk shows it, or as the truth has it for a header of that name.
fn macro_of(partial: &Partial, catalogue: &Catalogue) -> Option<String> {
    // The macro that changes holds the version: the number beside a string, if there is one.
    let old = partial.sides[0].versions();
    let changed = partial.bumped().into_iter().next();
    let number = || old.keys().find(|name| spellings::names_a_number(name));
    let shown = partial.string_of(1).or_else(|| partial.string_of(0)).map(|(name, _)| name);
    let known = changed.map(|(name, _)| name.clone()).or_else(|| number().map(|n| (*n).clone()));
    known.or(shown).or_else(|| {
        let known = catalogue.current().ok()?;
        let header = known.headers.iter().find(|other| other.name == partial.header)?;
        Some(header.contracts.first()?.macro_name.clone())
    })
}

/// What the hunks show of one side, as the compiler lays it out; `None` if it cannot.
fn side_of(
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
fn judge_whole(
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
struct OfHunks {
    /// How the contract fared.
    contract: Option<ContractReport>,
    /// The contracts that are new beside it.
    added: Vec<ContractReport>,
    /// The structs that the compiler could not lay out.
    undetermined: BTreeSet<String>,
    /// The macros whose values are known before and after, or that have a finding of their own.
    known: BTreeSet<String>,
    /// The changes that one of several versions covers, if nothing says which one.
    unclear: BTreeSet<String>,
}

/// The worst of a header's verdicts comes first, and what changed before what did not.
fn severity(verdict: Verdict) -> usize {
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
fn changed_records(partial: &Partial) -> BTreeSet<String> {
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
fn embedders(partial: &Partial, all: &[Partial], catalogue: &Catalogue) -> Vec<(Place, String)> {
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
fn missing_bump(macro_name: &str, changed: &[String], strings: &[String], report: &mut Report) {
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
fn comments(partial: &Partial, kept: bool, strings: &[String]) -> Vec<Finding> {
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
fn unjudged(partial: &Partial, place: Place, what: String) -> Finding {
    let help = "give the tree that the patch is made for, with --base".into();
    let item = format!("{}.h", partial.header);
    let rule = "change_not_judged";
    super::Unjudged { rule, item, place: Some(place), what, help }.event()
}

/// The structs of which only the fields show how they changed, and what is to be said of those that
/// changed in another way. None of them can be laid out.
fn unread<'a>(
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
fn leave_out(unseen: &str, nameless: &str, report: &mut Report) {
    for contract in &mut report.contracts {
        contract.macro_name = contract.macro_name.replace(unseen, "a macro that is not shown,");
    }
    for event in &mut report.events {
        event.help = event.help.replace(unseen, nameless);
        event.item = event.item.replace(unseen, nameless);
    }
}

/// The macros that changed or are gone, whose values are unknown.
fn untold_macros(partial: &Partial, known: &BTreeSet<String>) -> Vec<(String, Place, String)> {
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
fn context(text: &str, own: &str, catalogue: &Catalogue) -> Files {
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
