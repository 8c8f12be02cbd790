// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The fields in which memory has the version of a contract.

use kho_abi_model::{Contract, Field, Model, Record, Spelled};

/// The fields that carry a contract's version, each with its struct.
pub(super) fn carriers<'a>(model: &'a Model, contract: &Contract) -> Vec<(&'a Record, &'a Field)> {
    let is_one = |field: &Field| {
        let last = field.name.rsplit('_').next().unwrap_or_default();
        match contract.spelled() {
            Spelled::Number => matches!(last, "version" | "ver"),
            Spelled::Magic => last == "magic",
            Spelled::Features => {
                let embedded = field.ty.embedded().unwrap_or_default();
                [field.name.as_str(), embedded].iter().any(|name| name.contains("feature"))
                    || matches!(field.name.as_str(), "supp" | "req" | "active")
            }
            Spelled::String | Spelled::Nothing => false,
        }
    };
    let records = model.closure(contract).into_iter();
    records.flat_map(|r| r.fields.iter().filter(|f| is_one(f)).map(move |f| (r, f))).collect()
}
