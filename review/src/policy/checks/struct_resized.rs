// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_resized`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_resized",
        summary: "A struct has another size, though its fields are as they were.",
        reason: "Arrays of it, and whatever follows it, lie elsewhere; and its size is what readers check first.",
        example: "An attribute aligns the end of luo_ser to 64 bytes.",
        remedy: "Bump the string that promises the struct, or restore its size.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::StructResized(..)))
    }),
};
