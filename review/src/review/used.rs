// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What ABI headers use of other headers: a length that a macro gives, a type.
//!
//! A change of it changes layouts without a change of an ABI header.

use crate::patch::Hunk;
use kho_abi_read::headers::STAND_IN;
use kho_abi_read::outline::{self, Outline, RecordText};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The names that ABI headers use.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Every word of theirs.
    words: BTreeSet<String>,
    /// The structs and unions that they have by value.
    by_value: BTreeSet<String>,
}

impl Used {
    /// What the texts of headers use. Without a text: what the readers of headers know of others.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut used = Self::default();
        for text in texts {
            let code = outline::read(text).code;
            let words: Vec<&str> = code.split_whitespace().collect();
            let by_value = words.windows(3).filter(|three| {
                matches!(three[0], "struct" | "union") && is_word(three[1]) && is_word(three[2])
            });
            used.by_value.extend(by_value.map(|three| three[1].to_string()));
            used.words.extend(identifiers_of(&code).map(String::from));
        }
        if used.words.is_empty() {
            for (_, text) in STAND_IN {
                let Outline { records, macros, code, .. } = outline::read(text);
                used.words.extend(macros.into_iter().map(|one| one.name));
                used.words.extend(declared(&code).into_iter().map(|(name, _)| name));
                used.by_value.extend(records.into_iter().map(|one| one.name));
            }
        }
        used
    }

    /// The names of which a hunk of another header changes the declaration.
    pub(super) fn changed(&self, hunk: &Hunk) -> BTreeSet<String> {
        let known = |word: &str| self.words.contains(word) || self.by_value.contains(word);
        let lines = hunk.texts().chain([hunk.heading.as_str()]);
        if !lines.flat_map(identifiers_of).any(known) {
            return BTreeSet::new();
        }
        let [before, after] = [false, true].map(|side| outline::read(&hunk.text(side)));
        if before.code == after.code {
            return BTreeSet::new();
        }
        let mut names = BTreeSet::new();
        // A condition around a macro is a change of the macro.
        let is_condition =
            |line: &str| ["#if", "#el", "#end"].iter().any(|word| line.starts_with(word));
        let all = hunk.changed().any(is_condition);
        let macros = |outline: &Outline| -> BTreeSet<(String, String)> {
            outline.macros.iter().map(|one| (one.name.clone(), one.body.clone())).collect()
        };
        let (was, is) = (macros(&before), macros(&after));
        let differing = was.union(&is).filter(|one| all || !was.contains(one) || !is.contains(one));
        names.extend(differing.map(|(name, _)| name.clone()));
        let [was, is] = [&before, &after].map(|outline| declared(&outline.code));
        names.extend(was.symmetric_difference(&is).map(|(name, _)| name.clone()));
        names.retain(|name| self.words.contains(name));
        let records = |outline: &Outline| -> BTreeSet<(String, Vec<String>)> {
            let of = |record: &RecordText| {
                record.fields.iter().map(|field| field.declaration.clone()).collect()
            };
            outline.records.iter().map(|record| (record.name.clone(), of(record))).collect()
        };
        let (was, is) = (records(&before), records(&after));
        let differing = was.symmetric_difference(&is).map(|(name, _)| name);
        names.extend(differing.filter(|name| self.by_value.contains(*name)).cloned());
        // A hunk inside a long struct shows the struct's name above it.
        let mut heading = hunk.heading.split_whitespace();
        let is_open = hunk.heading.trim_end().ends_with('{');
        if let (true, Some("struct" | "union"), Some(name)) =
            (is_open, heading.next(), heading.next())
        {
            names.extend(self.by_value.get(name).cloned());
        }
        names
    }
}

/// The words of a text that may be names.
pub(super) fn identifiers_of(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|word| !word.is_empty())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// The types that code names, and its enumerators in capitals, each with a hash of what it depends on.
fn declared(code: &str) -> BTreeSet<(String, u64)> {
    let mut found = BTreeSet::new();
    let lines = code.lines().filter(|line| !line.starts_with('#'));
    for statement in lines.flat_map(|line| line.split(';')) {
        if let Some(typedef) = statement.trim().strip_prefix("typedef ") {
            let name = identifiers_of(typedef).last().unwrap_or_default();
            let mut hasher = DefaultHasher::new();
            typedef.hash(&mut hasher);
            found.insert((name.into(), hasher.finish()));
        }
        // An enumerator is what those before it make it.
        let body = statement.split_once('{').map_or(statement, |(_, body)| body);
        let (mut before, mut opened, mut closed) = (DefaultHasher::new(), 0, 0);
        for part in body.split(',') {
            // Arguments of a call are none.
            let is_inside = opened != closed;
            opened += part.matches('(').count();
            closed += part.matches(')').count();
            part.hash(&mut before);
            let mut words = part.split_whitespace();
            if let (false, Some(name), None | Some("=" | "}")) =
                (is_inside, words.next(), words.next())
            {
                if is_word(name) && !name.contains(|c: char| c.is_ascii_lowercase()) {
                    found.insert((name.into(), before.finish()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of register names has tens of thousands of enumerators.
    #[test]
    fn a_long_enumeration_is_read_once() {
        let names: Vec<_> = (0..50_000).map(|number| format!("REGISTER_{number}")).collect();
        let names = names.join(" , ");
        let found = declared(&format!("enum x {{ {names} }} ;"));
        assert_eq!(found.len(), 50_000);
        let other = declared(&format!("enum x {{ FIRST , {names} }} ;"));
        assert_eq!(found.intersection(&other).count(), 0);
    }
}
