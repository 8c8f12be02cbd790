// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_added`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_added",
        summary: "A contract has a struct that it did not have.",
        reason: "Nothing that the string promised so far embeds it. If preserved memory holds it from now on, older kernels with the same string do not expect it.",
        example: "luo.h gets a struct luo_stats_ser under \"luo-v5\".",
        remedy: "Bump the string if preserved memory holds the struct.",
    },
    class: Class::Remark,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::StructAdded))
    }),
};
