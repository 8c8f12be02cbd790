// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_retyped`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_retyped",
        summary: "A field has another type of the same size: signed, in another byte order, or another struct.",
        reason: "No byte moves, but the same bytes are another number.",
        example: "luo_ser.liveupdate_num goes from u64 to s64, or to __le64.",
        remedy: "Bump the string that promises the struct, or restore the type.",
    },
    class: Class::Meaning,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    struct_hits(comparison, |change| matches!(change, Change::FieldRetyped(..)))
}
