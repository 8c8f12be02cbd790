// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_renamed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_renamed",
        summary: "A field has another name, the same type and the same place.",
        reason: "A new name is mostly a new meaning: padding that becomes a counter is read as one by the new kernel, and was never written by the old.",
        example: "kho_vmalloc.__pad becomes kho_vmalloc.order.",
        remedy: "Bump the string if the meaning changed; if it is the name alone, say so in the allow file, or judge with --policy wire.",
    },
    class: Class::Spelling,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldRenamed(..)))
    }),
};
