// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `foreign_type_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "foreign_type_in_struct",
        summary: "A struct of the ABI embeds a type that no header of the ABI defines.",
        reason: "The layout of a uAPI struct is another interface's to extend, and that of a kernel-internal struct changes with the configuration and with every release. Neither asks for a bump of this ABI's version.",
        example: "`struct kvm_regs regs;` in a header of the handover ABI.",
        remedy: "Copy the fields that are needed into a struct of the ABI, with types of fixed width.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    fields(side, |_, sort, _| match sort {
        Sort::Foreign(name) => Some(format!("is of `{name}`, which no header of the ABI defines")),
        _ => None,
    })
}
