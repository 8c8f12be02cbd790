// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_not_bumped`.

use super::{contract_place, listed, Check, Class, PolicyRule, Rule};
use crate::policy::{Hit, Joint, Judged, Verdict};
use kho_abi_model::{version, Contract, Spelled};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_not_bumped",
        summary: "What a released string promises changed, but the string did not.",
        reason: "The next kernel finds the same string, and then reads the old bytes with the new layout. Nothing else catches this.",
        example: "vfio_pci_core_device_ser gets a field, but VFIO_PCI_LUO_FH_COMPATIBLE is still \"vfio-pci-v1\".",
        remedy: "Give the contract the next version, or undo the change.",
    },
    class: Class::Follows,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for (index, pair) in judged.comparison.pairs.iter().enumerate() {
        if judged.verdicts[index] != Verdict::BumpMissing {
            continue;
        }
        // If one of several contracts has to be bumped, this is a single hit.
        if hits.iter().any(|hit| hit.pairs.contains(&index)) {
            continue;
        }
        let group = group_of(judged, index);
        let (_, contract) = pair.any();
        let (what, help) = if group.len() > 1 {
            let of = |index: &usize| judged.comparison.pairs[*index].any().1;
            let names: Vec<_> =
                group.iter().map(|index| format!("\"{}\"", of(index).compatible)).collect();
            let macros: Vec<_> = group.iter().map(|index| of(index).macro_name.as_str()).collect();
            let what = format!(
                "one of {} is the version of what changed, but none of them changed: {}",
                names.join(" and "),
                listed(&judged.touched[index])
            );
            (what, Some(format!("bump the one that owns the change: {}", macros.join(" or "))))
        } else {
            let changed = listed(&judged.touched[index]);
            let what = match contract.spelled() {
                Spelled::Features => format!(
                    "\"{}\" requires the same features as before, but this changed: {changed}",
                    contract.compatible
                ),
                _ => format!(
                    "\"{}\" is still the version of what changed: {changed}",
                    contract.compatible
                ),
            };
            (what, how_to_bump(judged, contract))
        };
        hits.push(Hit {
            item: contract.macro_name.clone(),
            place: contract_place(judged.comparison, index),
            what,
            pairs: if group.len() > 1 { group } else { vec![index] },
            help,
            ..Hit::default()
        });
    }
    hits
}

/// The pairs of which one has to be bumped: this one, and those that share all that touched it.
fn group_of(judged: &Judged<'_>, index: usize) -> Vec<usize> {
    let mut group = vec![index];
    for item in &judged.touched[index] {
        let joint = |joint: &&Joint| joint.item == *item && joint.pairs.contains(&index);
        let Some(joint) = judged.joint.iter().find(joint) else { return vec![index] };
        for other in &joint.pairs {
            if !group.contains(other) {
                group.push(*other);
            }
        }
    }
    let of_its_own = |other: &usize| {
        let mut touched = judged.touched[*other].iter();
        touched.any(|item| !judged.joint.iter().any(|joint| joint.item == *item))
    };
    // A contract that has to be bumped for something else is reported by itself.
    group.retain(|other| *other == index || !of_its_own(other));
    group.sort_unstable();
    group
}

/// How to bump a contract, if its present version allows to derive that.
fn how_to_bump(judged: &Judged<'_>, contract: &Contract) -> Option<String> {
    let next = version::next(judged.comparison.new.model(), contract);
    match (next, contract.spelled()) {
        (Some(next), Spelled::Number) => Some(format!("make {} {next}", contract.macro_name)),
        (Some(next), _) => Some(format!("make {} \"{next}\"", contract.macro_name)),
        (None, Spelled::Features) => {
            Some(format!("add a feature to {} that readers must know", contract.compatible))
        }
        (None, _) => None,
    }
}
