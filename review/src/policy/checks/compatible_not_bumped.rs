// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_not_bumped`.

use super::{contract_place, listed, Check, Class, PolicyRule, Rule};
use crate::policy::{Hit, Judged, Verdict};
use kho_abi_model::version;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_not_bumped",
        summary: "What a released string promises changed, and the string did not.",
        reason: "The next kernel compares the string, which is the same, and then reads the new layout out of the old bytes. Nothing else catches it.",
        example: "vfio_pci_core_device_ser gets a field, and VFIO_PCI_LUO_FH_COMPATIBLE is still \"vfio-pci-v1\".",
        remedy: "Give the contract the next version, or undo the change.",
    },
    class: Class::Follows,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, pair) in judged.comparison.pairs.iter().enumerate() {
        if judged.verdicts[index] != Verdict::BumpMissing {
            continue;
        }
        let (_, contract) = pair.any();
        let (scheme, version) = version::of(judged.comparison.new.model(), contract);
        let next = scheme.map(|scheme| (scheme.next)(&version));
        hits.push(Hit {
            item: contract.macro_name.clone(),
            place: contract_place(judged.comparison, index),
            what: format!(
                "\"{}\" is still the version of what changed: {}",
                contract.compatible,
                listed(&judged.touched[index])
            ),
            pairs: vec![index],
            help: next.map(|next| match contract.version {
                Some(_) => format!("make {} {next}", contract.macro_name),
                None => format!("make {} \"{next}\"", contract.macro_name),
            }),
            ..Hit::default()
        });
    }
    hits
}
