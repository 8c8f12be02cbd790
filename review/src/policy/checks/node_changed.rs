// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `node_changed`.

use super::{contract_place, Check, Class, PolicyRule, Rule};
use crate::diff::Comparison;
use crate::policy::Hit;
use kho_abi_model::compare::Words;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "node_changed",
        summary: "A property of a device-tree node that a string promises changed.",
        reason: "memblock hands over only properties: their names and sizes take the place of a struct.",
        example: "The property `size` of reserve_mem's nodes goes from 8 to 4 bytes under \"reserve-mem-v1\".",
        remedy: "Bump the string that promises the node, or restore the property.",
    },
    class: Class::Bytes,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let hit = |change: &crate::diff::NodeChange| Hit {
        item: change.change.item(),
        place: contract_place(comparison, change.pair),
        what: change.change.tell(Words::Change),
        pairs: vec![change.pair],
        ..Hit::default()
    };
    comparison.nodes.iter().map(hit).collect()
}
