// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The field that carries a contract's string in preserved memory, and whether the string fits it.

use crate::{Contract, Field, Model, Type};

/// The space that Linux 7.3 has for the string of a file handler or an FLB, for models without
/// luo.h.
const LUO_FIELD: u64 = 48;

/// A string that does not fit its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The string.
    pub string: String,
    /// The bytes that it needs, with its NUL.
    pub length: u64,
    /// The field, as `luo_file_ser.compatible`.
    pub field: String,
    /// The bytes that the field has.
    pub room: u64,
}

/// A contract's string, if it does not fit the field that carries it.
#[must_use]
pub fn too_long(model: &Model, contract: &Contract) -> Option<TooLong> {
    let (field, room) = carrier(model, contract)?;
    let string = contract.string()?;
    let length = string.len() as u64 + 1;
    (length > room).then(|| TooLong { string: string.into(), length, field, room })
}

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { string, length, field, room } = self;
        write!(f, "\"{string}\" needs {length} bytes with its NUL, but {field} has {room}")
    }
}

/// The field that carries a contract's string, with its size in bytes. `None` if a device tree
/// carries it, which has no limit.
#[must_use]
pub fn carrier(model: &Model, contract: &Contract) -> Option<(String, u64)> {
    // The macro with the string, if the version is a number beside it.
    let macro_name = contract.name.as_ref().map_or(&contract.macro_name, |name| &name.macro_name);
    let words: Vec<_> = macro_name.split('_').collect();
    let luo = |record: &str, field: &str| {
        let known = model.record(record).and_then(|r| r.fields.iter().find(|f| f.name == field));
        (format!("{record}.{field}"), known.map_or(LUO_FIELD, Field::size))
    };
    if words.contains(&"FLB") {
        return Some(luo("luo_flb_ser", "name"));
    }
    // LUO's own strings, LUO_..., are in its own structs.
    if words.contains(&"FH") || words.iter().skip(1).any(|word| *word == "LUO") {
        return Some(luo("luo_file_ser", "compatible"));
    }
    let is_string = |ty: &Type| matches!(ty, Type::Array { elem, .. } if **elem == Type::Char);
    model.closure(contract).into_iter().find_map(|record| {
        let field = record.fields.iter().find(|f| f.name == "compatible" && is_string(&f.ty))?;
        Some((format!("{}.compatible", record.name), field.size()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    #[test]
    fn the_string_of_a_handler_goes_where_luo_keeps_it() {
        let model = Model { target: Target::X86_64, headers: Vec::new(), other_pages: Vec::new() };
        let of = |macro_name: &str, length: usize| {
            let contract = Contract {
                compatible: "x".repeat(length),
                macro_name: macro_name.into(),
                ..Contract::default()
            };
            too_long(&model, &contract).map(|found| (found.length, found.field))
        };
        for (name, field) in [
            ("VFIO_PCI_LUO_FH_COMPATIBLE", "luo_file_ser.compatible"),
            ("KVM_VM_LUO_COMPATIBLE", "luo_file_ser.compatible"),
            ("PCI_LUO_FLB_COMPATIBLE", "luo_flb_ser.name"),
        ] {
            assert_eq!(of(name, 47), None, "{name}");
            assert_eq!(of(name, 48), Some((49, field.into())), "{name}");
        }
        // A property of a device tree has any length.
        assert_eq!(of("KHO_FDT_COMPATIBLE", 500), None);
    }
}
