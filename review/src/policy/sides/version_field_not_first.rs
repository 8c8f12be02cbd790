// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `version_field_not_first`.

use super::{Check, Class, Hit, Level, Looked, PolicyRule, Rule};
use crate::policy::version_fields::carriers;
use std::collections::BTreeMap;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "version_field_not_first",
        summary: "The field that carries a version is not the first in its struct.",
        reason: "A kernel reads this field before it knows the layout of the rest. Fields before it can never change, and a reader that checks the start of the memory does not find the version.",
        example: "`struct x_ser { u64 count; u32 version; }` where a macro gives the version as a number.",
        remedy: "Put the version first, before a kernel is released with the struct.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let model = side.model();
    let mut hits: Vec<Hit> = Vec::new();
    for (_, contract) in model.contracts() {
        // If a struct has several version words, the first one counts.
        let mut first: BTreeMap<&str, &kho_abi_model::Field> = BTreeMap::new();
        for (record, field) in carriers(model, contract) {
            let known = first.entry(&record.name).or_insert(field);
            if field.bit_offset < known.bit_offset {
                *known = field;
            }
        }
        for (record, field) in first.into_iter().filter(|(_, field)| field.bit_offset > 0) {
            let item = format!("{record}.{}", field.name);
            if hits.iter().all(|hit| hit.item != item) {
                hits.push(Hit {
                    place: side.place(record, Some(&field.name)),
                    what: format!(
                        "`{item}` carries the version of \"{}\", but is at byte {}",
                        contract.compatible,
                        field.offset()
                    ),
                    item,
                    ..Hit::default()
                });
            }
        }
    }
    hits
}
