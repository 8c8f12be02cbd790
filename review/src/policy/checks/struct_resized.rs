// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_resized`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_resized",
        summary: "The size of a struct changed, but its fields did not.",
        reason:
            "Array elements and whatever follows the struct move. Readers check the size first.",
        example: "An attribute pads luo_ser to 64 bytes.",
        remedy: "Bump the string that promises the struct, or restore its size.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::StructResized(..)))
    }),
};
