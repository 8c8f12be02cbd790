// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_moved`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_moved",
        summary: "Fields moved to other offsets, for no other reason than their order.",
        reason: "The other kernel reads them from their old offsets.",
        example: "In luo_session_ser, `count` and `files` swap places in the source. Since their sizes differ, everything between them moves.",
        remedy: "Bump the string that promises the struct, or restore the order.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldsMoved(..)))
    }),
};
