// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_moved`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_moved",
        summary: "Fields lie at other offsets, and no other change of the struct is the reason.",
        reason: "The other kernel reads them from where they were.",
        example: "luo_session_ser: `count` and `files` change places in the source, and with different sizes everything between them moves.",
        remedy: "Bump the string that promises the struct, or restore the order.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldsMoved(..)))
    }),
};
