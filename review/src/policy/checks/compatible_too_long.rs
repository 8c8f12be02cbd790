// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_too_long`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use kho_abi_model::{carrier, Contract};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_too_long",
        summary: "A compatible string does not fit the field that carries it.",
        reason: "It is cut off when it is written, and matches nothing, or another string, in the next kernel. The terminating NUL needs a byte, too.",
        example: "A file handler's string of 48 characters, which luo_file_ser.compatible with its 48 bytes cannot hold.",
        remedy: "Take a shorter string.",
    },
    class: Class::Flaw,
    check: Check::Side(find),
};

fn find(side: &Side) -> Vec<Hit> {
    let contracts = side.model().contracts();
    let hit = |(_, contract): (_, &Contract)| {
        let found = carrier::too_long(side.model(), contract)?;
        let named = contract.name.as_ref().map_or(&contract.macro_name, |name| &name.macro_name);
        Some(Hit {
            item: format!("{named} {}", found.string),
            place: side.constant_place(named),
            what: found.to_string(),
            ..Hit::default()
        })
    };
    contracts.filter_map(hit).collect()
}
