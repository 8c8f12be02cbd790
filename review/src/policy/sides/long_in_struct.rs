// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `long_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "long_in_struct",
        summary: "A struct of the ABI has a field whose width depends on the machine.",
        reason: "`long`, `size_t`, `phys_addr_t` and similar types have 32 or 64 bits, depending on the machine and the configuration. The declaration does not state the layout that it promises.",
        example: "`unsigned long nr_pages;` in a struct that the next kernel reads.",
        remedy: "Use u64, or u32 if the range suffices.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    fields(side, |_, sort, _| match sort {
        Sort::Machine(name) => {
            Some(format!("has the type `{name}`, whose width depends on the machine"))
        }
        _ => None,
    })
}
