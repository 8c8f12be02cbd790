// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `version_field_moved`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Pair;
use crate::policy::version_fields::carriers;
use crate::policy::{Hit, Judged};
use kho_abi_model::Field;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "version_field_moved",
        summary: "The field that carries a version moved, changed its size, or is gone.",
        reason: "A kernel reads this field before it knows the layout of the other bytes. If the field moves, older kernels compare the wrong bytes with their version, and no bump helps.",
        example: "pci_ser gets a field before `version`, and PCI_LUO_FLB_VERSION goes from 2 to 3.",
        remedy: "Leave the field where it is, and add others after it, or give the struct a new name.",
    },
    class: Class::Version,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let comparison = judged.comparison;
    let mut hits: Vec<Hit> = Vec::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((old, new)) = pair.both() else { continue };
        // Under another name, no kernel looks for the old version.
        if !may_be_read(pair) {
            continue;
        }
        let (before, after) = (comparison.old.model(), comparison.new.model());
        for (record, field) in carriers(before, old) {
            let item = format!("{}.{}", record.name, field.name);
            let what = match after.record(&record.name) {
                Some(now) => match now.fields.iter().find(|other| other.name == field.name) {
                    Some(other) if lies(other) == lies(field) => continue,
                    Some(other) => {
                        format!("carried the version {}, and now does {}", tell(field), tell(other))
                    }
                    None => format!("carried the version {}, and is gone", tell(field)),
                },
                // Another struct with the version in the same place can be read as well.
                None if carriers(after, new).iter().any(|(_, o)| lies(o) == lies(field)) => {
                    continue
                }
                None if !comparison.new.is_known_absent(&record.name) => continue,
                None => format!("carried the version {}, and is gone with its struct", tell(field)),
            };
            if hits.iter().any(|hit| hit.item == item) {
                continue;
            }
            hits.push(Hit {
                place: comparison.new.place(&record.name, Some(&field.name)),
                what: format!("`{item}` {what}"),
                item,
                pairs: vec![index],
                ..Hit::default()
            });
        }
    }
    hits
}

/// Whether kernels of one side look at state from the other side.
fn may_be_read(pair: &Pair<'_>) -> bool {
    pair.both().is_some_and(|(old, new)| match (old.string(), new.string()) {
        (Some(old), Some(new)) => old == new,
        (None, None) => true,
        _ => false,
    })
}

fn lies(field: &Field) -> (u64, u64) {
    (field.bit_offset, field.bit_size)
}

fn tell(field: &Field) -> String {
    format!("at byte {}, in {} bytes", field.offset(), field.size())
}
