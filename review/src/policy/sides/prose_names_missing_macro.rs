// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `prose_names_missing_macro`.

use super::{Check, Class, Hit, Level, Looked, PolicyRule, Rule};
use kho_abi_model::Place;
use std::collections::BTreeSet;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "prose_names_missing_macro",
        summary: "A comment names a macro that no header defines.",
        reason:
            "A developer who follows the comment does not find the macro, or changes the wrong one.",
        example:
            "The DOC section of hugetlb.h names HUGE_MEMFD_COMPATIBLE, but no header defines it.",
        remedy: "Name a macro that a header defines, or define the one in the comment.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut own: BTreeSet<String> = BTreeSet::new();
    for text in side.texts.values() {
        // If code uses a macro, some header defines it.
        known.extend(text.outline.code.split(|c| !is_word(c)));
        own.extend(text.outline.macros.iter().filter_map(|found| prefix(&found.name)));
    }
    // The macro may be defined by a header that was not given. For a given header, we would know.
    let elsewhere = |word: &str| {
        let known_model = side.catalogue.current();
        let headers = known_model.as_ref().map_or(&[][..], |model| &model.headers);
        headers.iter().any(|header| {
            !side.texts.contains_key(&header.name) && header.constants().any(|c| c.name == word)
        })
    };
    let mut hits: Vec<Hit> = Vec::new();
    for (header, text) in &side.texts {
        for (line, comment) in &text.outline.comments {
            for word in comment.split(|c| !is_word(c)) {
                // A name with a star or dots means several: KHO_*_COMPATIBLE.
                let cut = |sign: &str| {
                    comment.contains(&format!("{word}{sign}"))
                        || comment.contains(&format!("{sign}{word}"))
                };
                let versions = ["_COMPATIBLE", "_VERSION", "_COMPAT", "_MAGIC"];
                let is_macro = word.contains('_')
                    && word.starts_with(|c: char| c.is_ascii_uppercase())
                    && !word.chars().any(|c| c.is_ascii_lowercase())
                    && !word.ends_with('_');
                if !is_macro || known.contains(word) || elsewhere(word) || cut("*") {
                    continue;
                }
                let names_version = versions.iter().any(|end| word.ends_with(end));
                let of_family = prefix(word).is_some_and(|prefix| own.contains(&prefix));
                let item = format!("{header}.h {word}");
                if !names_version && !of_family || hits.iter().any(|hit| hit.item == item) {
                    continue;
                }
                hits.push(Hit {
                    place: Some(Place { file: text.file.clone(), line: *line }),
                    what: format!("a comment names {word}, which none of these headers defines"),
                    item,
                    remark: !names_version,
                    ..Hit::default()
                });
            }
        }
    }
    hits
}

/// The common prefix of the macros on one subject: two words, as `MEMFD_LUO`.
fn prefix(name: &str) -> Option<String> {
    let mut words = name.splitn(3, '_');
    let (first, second, _) = (words.next()?, words.next()?, words.next()?);
    Some(format!("{first}_{second}"))
}
