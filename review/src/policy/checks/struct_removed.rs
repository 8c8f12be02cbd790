// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_removed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_removed",
        summary: "A struct that a string promises is gone, but the string is not.",
        reason: "The other kernel still writes the struct under this string.",
        example:
            "struct memfd_luo_folio_ser is removed from memfd.h, which still says \"memfd-v2\".",
        remedy: "Bump the string, or bring the struct back.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::StructRemoved))
    }),
};
