// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A model whose contracts are of other versions.

use crate::version::called::Called;
use crate::{Item, Model, Value};

impl Model {
    /// Makes the contract of that name the one of that version: its string, or the number beside it.
    ///
    /// Nothing else changes. A name that no contract has is left out.
    pub fn make_version(&mut self, version: &str) {
        let Some(wanted) = Called::parse(version) else { return };
        for header in &mut self.headers {
            let mut changed = Vec::new();
            for contract in &mut header.contracts {
                if Called::parse(&contract.compatible).is_none_or(|is| is.name != wanted.name) {
                    continue;
                }
                contract.compatible = version.into();
                contract.version = contract.version.map(|_| wanted.number);
                let value = match contract.version {
                    Some(number) => Value::Int(number.into()),
                    None => Value::Str(version.into()),
                };
                changed.push((contract.macro_name.clone(), value));
            }
            for item in &mut header.items {
                let Item::Constant(constant) = item else { continue };
                if let Some((_, value)) = changed.iter().find(|(name, _)| *name == constant.name) {
                    constant.value = value.clone();
                }
            }
        }
    }
}
