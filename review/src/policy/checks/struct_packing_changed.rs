// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_packing_changed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison, StructDiff};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_packing_changed",
        summary: "A struct became packed, stopped being packed, or has another alignment.",
        reason: "Packing decides where fields lie on every machine, and alignment where the struct may lie. Where all bytes stay where they are it is the next field that pays for it.",
        example: "__packed is dropped from struct luo_file_ser.",
        remedy: "Bump the string that promises the struct, or restore the attribute.",
    },
    class: Class::Bytes,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = struct_hits(comparison, |change| {
        matches!(change, Change::PackingChanged(..) | Change::AlignmentChanged(..))
    });
    for hit in &mut hits {
        let of_this = |record: &&StructDiff| record.name == hit.item;
        hit.same_bytes = comparison.structs.iter().filter(of_this).all(|record| {
            let mut all = record.change.causes.iter().chain(&record.change.consequences);
            all.all(|c| matches!(c, Change::PackingChanged(..) | Change::AlignmentChanged(..)))
        });
    }
    hits
}
