// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_too_long`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use kho_abi_model::{Contract, Type};

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

/// What Linux 7.3 has, for sources without luo.h.
const LUO_FIELD: u64 = 48;

fn find(side: &Side) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (_, contract) in side.model().contracts() {
        let Some((field, room)) = carrier(side, contract) else { continue };
        let Some(string) = contract.string() else { continue };
        let length = string.len() as u64 + 1;
        if length > room {
            hits.push(Hit {
                item: format!("{} {string}", contract.macro_name),
                place: side.constant_place(&contract.macro_name),
                what: format!(
                    "\"{string}\" takes {length} bytes with its NUL, and {field} has {room}"
                ),
                ..Hit::default()
            });
        }
    }
    hits
}

/// The field that carries a contract's string, with its size in bytes. None where a device tree does,
/// which has room.
fn carrier(side: &Side, contract: &Contract) -> Option<(String, u64)> {
    let model = side.model();
    let words: Vec<_> = contract.macro_name.split('_').collect();
    let luo = |record: &str, field: &str| {
        let known = model.record(record).and_then(|r| r.fields.iter().find(|f| f.name == field));
        (format!("{record}.{field}"), known.map_or(LUO_FIELD, kho_abi_model::Field::size))
    };
    if words.contains(&"FH") {
        return Some(luo("luo_file_ser", "compatible"));
    }
    if words.contains(&"FLB") {
        return Some(luo("luo_flb_ser", "name"));
    }
    let is_string = |ty: &Type| matches!(ty, Type::Array { elem, .. } if **elem == Type::Char);
    model.closure(contract).into_iter().find_map(|record| {
        let field = record.fields.iter().find(|f| f.name == "compatible" && is_string(&f.ty))?;
        Some((format!("{}.compatible", record.name), field.size()))
    })
}
