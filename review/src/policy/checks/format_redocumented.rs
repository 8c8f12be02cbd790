// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `format_redocumented`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{CommentChange, Comparison};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "format_redocumented",
        summary: "A comment on the format changed: on a struct, on a constant, or in a DOC block.",
        reason: "The comments of an ABI header are part of the contract. Only they say what a flag means, and which properties a device tree has. If the version did not change, only a person can judge whether the words changed or the meaning did.",
        example: "memblock.h documents the property `base: u64` instead of `start: u64`. No layout changed.",
        remedy: "Read the comment, and bump the version if the meaning of the bytes changed.",
    },
    class: Class::Remark,
    check: Check::Changes(find),
};

/// Up to this many comments of a header are shown by themselves.
const A_FEW: usize = 3;

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for of_header in comparison.comments.chunk_by(|a, b| a.header == b.header) {
        if of_header.len() <= A_FEW {
            hits.extend(of_header.iter().map(hit));
            continue;
        }
        let titles: Vec<String> = of_header.iter().map(|change| change.title.clone()).collect();
        let first = &of_header[0];
        hits.push(Hit {
            item: format!("{}.h", first.header),
            place: Some(first.place.clone()),
            what: format!(
                "{} comments on the format changed: {}",
                of_header.len(),
                super::listed(&titles)
            ),
            pairs: first.pairs.clone(),
            ..Hit::default()
        });
    }
    hits
}

fn hit(change: &CommentChange) -> Hit {
    let CommentChange { title, old, new, .. } = change;
    let about =
        if title == "a comment" { title.clone() } else { format!("the comment on {title}") };
    let what = match (old.as_str(), new.as_str()) {
        ("", _) => format!("{about} is new"),
        (_, "") => format!("{about} is gone"),
        (old, new) => {
            let (was, is) = super::differing_words(old, new);
            format!("{about} said \"{was}\", and now says \"{is}\"")
        }
    };
    Hit {
        item: format!("{}.h {title}", change.header),
        place: Some(change.place.clone()),
        what,
        pairs: change.pairs.clone(),
        ..Hit::default()
    }
}
