// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `foreign_type_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "foreign_type_in_struct",
        summary: "A struct of the ABI embeds a type that no ABI header defines.",
        reason: "A uAPI struct can be extended by its own interface, and a kernel-internal struct changes with the configuration and with every release. Neither bumps the version of this ABI.",
        example: "`struct kvm_regs regs;` in an ABI header.",
        remedy: "Copy the fields that are needed into a struct of the ABI, with types of fixed width.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    fields(side, |_, sort, _| match sort {
        Sort::Foreign(name) => Some(format!("has the type `{name}`, which no ABI header defines")),
        _ => None,
    })
}
