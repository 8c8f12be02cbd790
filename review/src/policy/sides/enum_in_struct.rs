// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `enum_in_struct`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "enum_in_struct",
        summary: "A struct of the ABI stores an enum.",
        reason: "The compiler chooses the size of an enum from its flags and the enumerators, so a new enumerator can resize the field. A value outside the enum may be read as any enumerator.",
        example: "`enum iommu_type_ser type;` in a struct that the next kernel reads.",
        remedy: "Store a u32 (or u8, u16), and use the enum only to name its values.",
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
