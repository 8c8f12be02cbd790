// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the hunks of one patch, or of a series, show of a header.

use kho_abi_model::{Contract, Place, ABI_DIR};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::contracts::spellings;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a patch shows of a header.
#[derive(Clone, Debug)]
pub struct Partial {
    /// Its base name, as `vfio_pci`.
    pub(super) header: String,
    /// What the hunks show, before and after.
    pub(super) sides: [Shown; 2],
    /// Changes of structs that are shown in part.
    pub(super) parts: Vec<Part>,
    /// Changes of structs that are shown whole, used if no compiler can lay them out.
    pub(super) spare: BTreeMap<String, Vec<Part>>,
    /// Changes that only the whole header explains: where, and what.
    pub(super) loose: Vec<(Place, String)>,
    /// Comments that say something else.
    pub(super) reworded: Vec<(Place, String)>,
    /// Versions that comments name, and whether the patch changes that line.
    pub(super) prose: Vec<(Place, String, bool)>,
}

/// A change, as the text shows it: rule, item, place, words, and the declarations beside the field.
pub(super) type Part = (&'static str, String, Place, String, Beside);

/// The declarations before and after a field.
pub(super) type Beside = [Option<String>; 2];

/// One side of a header.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// The macros and the whole structs of the hunks, by name.
    pub(super) items: Vec<(Item, String)>,
}

/// Something that a hunk shows whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Macro(String),
    Record(String),
}

impl Shown {
    pub(super) fn get(&self, item: &Item) -> Option<&String> {
        self.items.iter().find(|(other, _)| other == item).map(|(_, text)| text)
    }

    pub(super) fn put(&mut self, item: Item, text: String) {
        match self.items.iter_mut().find(|(other, _)| *other == item) {
            Some((_, known)) => *known = text,
            None => self.items.push((item, text)),
        }
    }

    /// The shown items as the text of a header.
    pub(super) fn text(&self) -> String {
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
    pub(super) fn whole(&self) -> BTreeSet<&String> {
        let records = self.items.iter().filter_map(|(item, _)| match item {
            Item::Record(name) => Some(name),
            Item::Macro(_) => None,
        });
        records.collect()
    }

    pub(super) fn macros(&self) -> impl DoubleEndedIterator<Item = (&String, &String)> {
        self.items.iter().filter_map(|(item, body)| match item {
            Item::Macro(name) => Some((name, body)),
            Item::Record(_) => None,
        })
    }

    /// The macros that hold versions or parts of them, with their text.
    pub(super) fn versions(&self) -> BTreeMap<&String, &String> {
        self.macros().filter(|(name, body)| spellings::is_a_version(name, body)).collect()
    }

    /// The macros with a compatible string, and their strings.
    pub(super) fn strings(&self) -> Vec<(String, String)> {
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
    pub(super) fn path(&self) -> String {
        format!("include/{ABI_DIR}/{}.h", self.header)
    }

    /// The macro and its string, before and after. If there are several, those that change.
    pub(super) fn string_of(&self, after: usize) -> Option<(String, String)> {
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
    pub(super) fn bumped(&self) -> BTreeMap<&String, &String> {
        let [old, new] = [0, 1].map(|side: usize| self.sides[side].versions());
        let is_gone = old.keys().any(|name| !new.contains_key(name));
        let is_bump = |name: &String, body: &String| match old.get(name) {
            Some(was) => *was != body,
            None => is_gone || !spellings::is_a_string(name, body),
        };
        new.into_iter().filter(|(name, body)| is_bump(name, body)).collect()
    }

    /// Whether the hunks show a new version.
    pub(super) fn is_bumped(&self) -> bool {
        !self.bumped().is_empty()
    }

    /// The macros of versions that the header has and no hunk changes, as far as hunks or the catalogue
    /// show them.
    pub(super) fn kept(&self, catalogue: &Catalogue) -> BTreeSet<String> {
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
    pub(super) fn then(&mut self, later: &Self) {
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
pub(super) fn declared(what: &str) -> Option<&str> {
    what.split('`').nth(1)
}

/// What the patches of a series show of each header, one after the other.
pub(in crate::review) fn merged<'a>(all: impl Iterator<Item = &'a Partial>) -> Vec<Partial> {
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
pub(in crate::review) fn follow_moves(partials: &mut [Partial], created: &[String]) {
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

/// The contracts of a header of that name, if the catalogue has it.
pub(super) fn contracts_of<'a>(header: &str, catalogue: &'a Catalogue) -> &'a [Contract] {
    let known = catalogue.current().ok();
    let header = known.and_then(|known| known.headers.iter().find(|other| other.name == header));
    header.map_or(&[], |header| &header.contracts)
}

pub(super) fn place(path: &str, line: usize) -> Place {
    Place { file: path.into(), line }
}

/// A struct's lines in a text, from its first to its last.
pub(super) fn body_in(text: &str, record: &str) -> Option<String> {
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
