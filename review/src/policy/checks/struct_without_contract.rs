// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_without_contract`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use kho_abi_read::source::Kind;
use std::collections::BTreeSet;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_without_contract",
        summary: "A header of the ABI defines a struct that no version covers.",
        reason: "A kernel that reads it has no version to compare, and trusts whatever the previous kernel wrote. The struct can never change without harm.",
        example: "A header has a struct, but no compatible string, version number or feature words.",
        remedy: "Give the header a version that the next kernel compares, or embed the struct in one with a version.",
    },
    class: Class::Flaw,
    check: Check::Side(find),
};

fn find(side: &Side) -> Vec<Hit> {
    if side.reading.kind != Kind::Headers {
        return Vec::new();
    }
    let model = side.model();
    let owned: BTreeSet<&str> = model
        .contracts()
        .flat_map(|(_, contract)| model.closure(contract))
        .map(|record| record.name.as_str())
        .collect();
    let orphans = model.records().filter(|(_, record)| !owned.contains(record.name.as_str()));
    let hit = |(header, record): (&kho_abi_model::Header, &kho_abi_model::Record)| Hit {
        item: record.name.clone(),
        place: side.place(&record.name, None),
        what: format!("no version covers struct {} of {}", record.name, header.include_path()),
        ..Hit::default()
    };
    orphans.map(hit).collect()
}
