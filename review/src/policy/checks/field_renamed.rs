// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_renamed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_renamed",
        summary: "A field has another name, but the same type and offset.",
        reason: "A new name usually is a new meaning. If padding becomes a counter, the new kernel reads a counter that the old kernel never wrote.",
        example: "kho_vmalloc.__pad becomes kho_vmalloc.order.",
        remedy: "Bump the string if the meaning changed. If only the name did, say so in the allow file, or judge with --policy wire.",
    },
    class: Class::Spelling,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldRenamed(..)))
    }),
};
