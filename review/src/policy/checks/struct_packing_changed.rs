// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_packing_changed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison, StructDiff};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_packing_changed",
        summary: "A struct became packed, is no longer packed, or has another alignment.",
        reason: "Packing decides the offsets of fields on every machine, and alignment the addresses of the struct. Even if no byte moves now, the next new field may have another offset.",
        example: "struct luo_file_ser loses its __packed.",
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
            all.all(|change| record.change.leaves_bytes(change))
        });
    }
    hits
}
