// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `pointer_in_struct`.

use super::{fields, has_text, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};
use kho_abi_model::Type;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "pointer_in_struct",
        summary: "A struct of the ABI has a pointer.",
        reason: "A virtual address means nothing to the next kernel, which maps memory elsewhere. Using it corrupts memory or faults.",
        example: "`struct iommu_domain *restored_domain;` in a struct that the next kernel reads.",
        remedy: "Store the physical address as a u64, or declare the field with DECLARE_KHOSER_PTR().",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Finding),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let mut hits = fields(side, |field, sort, _| {
        (*sort == Sort::Pointer && !field.over_integer)
            .then(|| "is a pointer, which means nothing to another kernel".into())
    });
    // A struct without text still has its layout.
    for (_, record) in side.model().records().filter(|(_, record)| !has_text(side, &record.name)) {
        for field in record.fields.iter().filter(|field| is_pointer(&field.ty)) {
            let item = format!("{}.{}", record.name, field.name);
            let union = record.kind == kho_abi_model::RecordKind::Union
                && record.fields.iter().any(|other| other.ty == Type::unsigned(64));
            if !union && hits.iter().all(|hit| hit.item != item) {
                hits.push(Hit {
                    place: side.place(&record.name, Some(&field.name)),
                    what: format!("`{item}` is a pointer, which means nothing to another kernel"),
                    item,
                    ..Hit::default()
                });
            }
        }
    }
    hits
}

fn is_pointer(ty: &Type) -> bool {
    match ty {
        Type::Pointer => true,
        Type::Array { elem, .. } => is_pointer(elem),
        _ => false,
    }
}
