// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `bool_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "bool_in_struct",
        summary: "A struct of the ABI has a `bool`.",
        reason: "C defines neither the size of a bool nor that its byte is 0 or 1. Reading any other byte that another kernel wrote is undefined behaviour.",
        example: "dma_alloc.h has `bool coherent;` in a struct that the next kernel reads.",
        remedy: "Use a u8, or a bit of a flags field, and check its value when reading it.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

pub(in crate::policy) fn find(side: &Looked<'_>) -> Vec<Hit> {
    fields(side, |_, sort, _| (*sort == Sort::Bool).then(|| "is a bool".into()))
}
