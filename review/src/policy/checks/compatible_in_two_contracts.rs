// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_in_two_contracts`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use std::collections::BTreeMap;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_in_two_contracts",
        summary: "Two contracts have the same compatible string.",
        reason: "A kernel compares only the string. With two layouts under one string, it reads one as the other.",
        example: "\"vfio-pci-v1\" is declared in vfio_pci.rs and again in earlier/vfio_pci_v1.rs.",
        remedy: "Give one of them a string that no contract has ever had.",
    },
    class: Class::Flaw,
    check: Check::Side(find),
};

fn find(side: &Side) -> Vec<Hit> {
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, contract) in side.model().contracts() {
        owners.entry(&contract.compatible).or_default().push(&contract.macro_name);
    }
    owners.retain(|_, macros| macros.len() > 1);
    let hit = |(compatible, macros): (&str, Vec<&str>)| Hit {
        item: compatible.into(),
        place: side.constant_place(macros[macros.len() - 1]),
        what: format!("\"{compatible}\" is the string of {}", macros.join(" and ")),
        ..Hit::default()
    };
    owners.into_iter().map(hit).collect()
}
