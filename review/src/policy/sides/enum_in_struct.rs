// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `enum_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "enum_in_struct",
        summary: "A struct of the ABI stores an enum.",
        reason: "The compiler chooses the size of an enum, from its flags and from the enumerators: one more of them can resize the field. And a value that the enum does not have may be read as any of them.",
        example: "`enum iommu_type_ser type;` in a struct that the next kernel reads.",
        remedy: "Store a u32 (or u8, u16) and keep the enum for the names of its values.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    fields(side, |_, sort, _| match sort {
        Sort::Enum(name) => Some(format!("is stored as `{name}`, whose size the compiler chooses")),
        _ => None,
    })
}
