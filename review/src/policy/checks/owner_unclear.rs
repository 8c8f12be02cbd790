// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `owner_unclear`.

use super::{contract_place, Check, Class, PolicyRule, Rule};
use crate::policy::{Hit, Judged};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "owner_unclear",
        summary: "Something changed that one of several versions covers, but the header does not say which one.",
        reason: "One of the versions was bumped, and is assumed to be the right one. If another version covers the bytes, its code misreads them.",
        example: "A header has \"a-v1\" and \"b-v1\". The struct `range_ser` grows, but only \"a-v1\" becomes \"a-v2\".",
        remedy: "Name the macro in the comment on the struct, or name the struct after its owner.",
    },
    class: Class::Remark,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for joint in judged.joint.iter().filter(|joint| !joint.bumped.is_empty()) {
        let strings = |of: &mut dyn Iterator<Item = &usize>| -> Vec<String> {
            of.map(|at| format!("\"{}\"", judged.comparison.pairs[*at].any().1.compatible))
                .collect()
        };
        let kept = strings(&mut joint.pairs.difference(&joint.bumped));
        if kept.is_empty() || hits.iter().any(|hit| hit.item == joint.item) {
            continue;
        }
        let bumped = strings(&mut joint.bumped.iter());
        hits.push(Hit {
            item: joint.item.clone(),
            place: joint.bumped.first().and_then(|at| contract_place(judged.comparison, *at)),
            what: format!(
                "`{}` changed, which {} or {} covers: the header does not say which; {} is new",
                joint.item,
                bumped.join(" or "),
                kept.join(" or "),
                bumped.join(" and ")
            ),
            pairs: joint.bumped.iter().copied().collect(),
            ..Hit::default()
        });
    }
    hits
}
