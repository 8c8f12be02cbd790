// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_removed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_removed",
        summary: "A struct that a string promises has lost a field.",
        reason: "The other kernel still reads the field, from whatever bytes are there now.",
        example: "memfd_luo_ser.seals is removed under \"memfd-v2\".",
        remedy: "Bump the string that promises the struct, or bring the field back.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldRemoved(_)))
    }),
};
