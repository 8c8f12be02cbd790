// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `embedded_struct_changed`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "embedded_struct_changed",
        summary: "A contract embeds a struct of another contract, and that struct changed.",
        reason: "The author of the change bumps the string next to the struct. The strings of all contracts that embed it promise the same bytes.",
        example: "kho_vmalloc grows in kexec_handover.h. memfd_luo_ser.folios is a kho_vmalloc, so \"memfd-v2\" must be bumped as well as \"kho-v4\".",
        remedy: "Bump the string of each contract that embeds the struct.",
    },
    class: Class::Follows,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for record in comparison.structs.iter().filter(|record| record.follows.is_none()) {
        if record.change.causes.iter().all(|change| matches!(change, Change::StructAdded)) {
            continue;
        }
        for (pair, field) in &record.embedded_in {
            let (_, contract) = comparison.pairs[*pair].any();
            // If a single contract has it as its own, the change itself names that contract.
            let own = record.pairs.len() == 1;
            if own {
                continue;
            }
            let owner = field.split('.').next().unwrap_or(field);
            let name = &record.name;
            hits.push(Hit {
                item: field.clone(),
                place: comparison.new.place(owner, field.split('.').nth(1)),
                what: format!(
                    "`{field}` embeds struct {name}, which changed: \"{}\" also promises it",
                    contract.compatible
                ),
                pairs: vec![*pair],
                ..Hit::default()
            });
        }
    }
    hits
}
