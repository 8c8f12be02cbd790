// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Which changes a new version in the hunks covers.

use super::shown::{contracts_of, place, Item, Partial};
use crate::policy::{Level, Report};
use kho_abi_model::{version, Contract, Model, Place};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::contracts::spellings;
use std::collections::BTreeSet;

/// Who covers what a header declares.
pub(super) struct Covers<'a> {
    /// The words of the versions that change, and of those that do not.
    pub(super) bumped: BTreeSet<String>,
    pub(super) kept: BTreeSet<String>,
    /// How many change.
    pub(super) changed: usize,
    /// The macros of those that do not.
    pub(super) kept_macros: &'a BTreeSet<String>,
    /// The contracts of the header, as far as the catalogue has them, and the model that they are of.
    pub(super) known: Option<(&'a Model, &'a [Contract])>,
}

impl<'a> Covers<'a> {
    pub(super) fn of(
        partial: &Partial,
        kept: &'a BTreeSet<String>,
        catalogue: &'a Catalogue,
    ) -> Self {
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
    pub(super) fn has_constant(&self, name: &str) -> bool {
        self.changed > 1 && self.kept.is_empty() || self.has(name)
    }

    /// Whether the versions that change are all that may cover a struct or a constant.
    pub(super) fn has(&self, name: &str) -> bool {
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
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric());
    parts.filter(|word| word.len() > 1).map(str::to_ascii_lowercase).collect()
}

/// What the hunks leave open, with or without a new version.
pub(super) fn unsure(partial: &Partial) -> Vec<(Place, String)> {
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
pub(super) fn uncovered(
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
pub(super) fn quoted(body: &str) -> String {
    if body.starts_with('"') {
        body.into()
    } else {
        format!("{body:?}")
    }
}

/// The macro with the string: as a hunk shows it, or as the truth has it for a header of that name.
pub(super) fn macro_of(partial: &Partial, catalogue: &Catalogue) -> Option<String> {
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
