// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_retyped`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison};
use crate::policy::Hit;
use std::collections::BTreeMap;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_retyped",
        summary: "A field has another type of the same size: signed, in another byte order, or another struct.",
        reason: "No byte moves, and the same bytes are another number.",
        example: "luo_ser.liveupdate_num goes from u64 to s64, or to __le64.",
        remedy: "Bump the string that promises the struct, or restore the type.",
    },
    class: Class::Meaning,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = struct_hits(comparison, |change| matches!(change, Change::FieldRetyped(..)));
    // Compilers drop the byte order that a type's name promises; the text still has it.
    let mut owners: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((_, contract)) = pair.both() else { continue };
        for record in comparison.new.model().closure(contract) {
            for field in &record.fields {
                owners.entry((record.name.clone(), field.name.clone())).or_default().push(index);
            }
        }
    }
    for ((record, field), pairs) in owners {
        let item = format!("{record}.{field}");
        let (old, new) =
            (comparison.old.spelling(&record, &field), comparison.new.spelling(&record, &field));
        let (Some(old), Some(new)) = (old, new) else { continue };
        let (was, is) = (byte_order(old), byte_order(new));
        if was == is || hits.iter().any(|hit| hit.item == item) {
            continue;
        }
        hits.push(Hit {
            what: format!("struct {record}: field `{field}` was {old}, {was}, is {new}, {is}"),
            place: comparison.new.place(&record, Some(&field)),
            item,
            pairs,
            ..Hit::default()
        });
    }
    hits
}

fn byte_order(spelling: &str) -> &'static str {
    let word = spelling.split_whitespace().last().unwrap_or_default();
    if word.starts_with("__le") {
        "little-endian"
    } else if word.starts_with("__be") {
        "big-endian"
    } else {
        "in the CPU's byte order"
    }
}
