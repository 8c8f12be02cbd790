// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_added`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_added",
        summary: "A contract has a new struct.",
        reason: "Nothing that the version has promised so far leads to it. Other kernels with this version neither write nor expect it.",
        example: "luo.h gets a struct luo_stats_ser under \"luo-v5\".",
        remedy: "Bump the version, or give the struct a version of its own.",
    },
    class: Class::Bytes,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = struct_hits(comparison, |change| matches!(change, Change::StructAdded));
    // If a header has no version at all, another rule reports it.
    hits.retain(|hit| hit.pairs.iter().any(|pair| !comparison.pairs[*pair].any().1.unversioned));
    for hit in &mut hits {
        // If an older struct embeds it, that struct reports the change.
        let (old, new) = (comparison.old.model(), comparison.new.model());
        let mut embedders = new.records().filter(|(_, record)| {
            record.fields.iter().any(|field| field.ty.embedded() == Some(&hit.item))
        });
        hit.remark = embedders.any(|(_, record)| old.record(&record.name).is_some());
    }
    hits
}
