// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `prose_names_other_version`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use kho_abi_model::version;
use kho_abi_model::Place;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "prose_names_other_version",
        summary: "A comment names another version of a string than the macro.",
        reason: "Readers believe the comment. Linux 7.3 documents kho-v3 above a macro that says kho-v4.",
        example: "A comment says `compatible = \"kho-v3\"`, but KHO_FDT_COMPATIBLE is \"kho-v4\".",
        remedy: "Name the macro in the comment, not its value.",
    },
    class: Class::Flaw,
    check: Check::Side(find),
};

fn find(side: &Side) -> Vec<Hit> {
    // Each part of a composite string is a version of its own.
    let mut current: BTreeMap<&str, (BTreeSet<&str>, &str)> = BTreeMap::new();
    for (_, contract) in side.model().contracts() {
        for word in version::words(&contract.compatible) {
            let of = current.entry(version::stem(word)).or_default();
            of.0.insert(word);
            of.1 = &contract.macro_name;
        }
    }
    let mut found: BTreeMap<(String, String), Hit> = BTreeMap::new();
    let mut look = |header: &str, text: &str, place: Option<Place>| {
        for word in version::words(text) {
            let Some((versions, macro_name)) = current.get(version::stem(word)) else { continue };
            if versions.contains(word) {
                continue;
            }
            found.entry((header.into(), word.into())).or_insert_with(|| Hit {
                item: format!("{header}.h {word}"),
                place: place.clone(),
                what: format!(
                    "a comment says \"{word}\", but {macro_name} is \"{}\"",
                    versions.iter().copied().collect::<Vec<_>>().join("\" or \"")
                ),
                ..Hit::default()
            });
        }
    };
    for header in &side.model().headers {
        if let Some(text) = side.texts.get(&header.name) {
            for (line, comment) in &text.outline.comments {
                let place = Place { file: text.file.clone(), line: *line };
                look(&header.name, comment, Some(place));
            }
            continue;
        }
        look(&header.name, &header.doc, None);
        for item in &header.items {
            let (doc, place) = item.doc();
            look(&header.name, doc, place.cloned());
            for field in item.record().into_iter().flat_map(|record| &record.fields) {
                look(&header.name, &field.doc, field.place.clone());
            }
        }
    }
    found.into_values().collect()
}
