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
        reason: "The kernel cuts it off when it writes it. In the next kernel, it matches nothing, or another string. The terminating NUL also needs a byte.",
        example: "A file handler's string has 48 characters, but luo_file_ser.compatible has room for 47 and the NUL.",
        remedy: "Use a shorter string.",
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
