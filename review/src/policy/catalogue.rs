// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is known of compatible strings before any source is read: the bytes that they mean.

use kho_abi::wire::earlier::reused::{Form, Reused};
use kho_abi::wire::layout;
use kho_abi_model::version::called;
use kho_abi_model::{Contract, Model, Type};
use kho_abi_read::catalogue::Catalogue;
use std::collections::BTreeMap;

/// The first difference between the bytes of a string and those that are known for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The struct or constant, and how it differs.
    pub what: String,
    /// Other known forms of that string.
    pub known_forms: Vec<String>,
}

/// How a contract differs from the known one under its string; `None` if it is the same, or if the
/// string is unknown.
pub(super) fn difference(
    catalogue: &Catalogue,
    model: &Model,
    contract: &Contract,
) -> Option<Difference> {
    if contract.unversioned {
        return None;
    }
    let mut first = None;
    for known in models(catalogue, &contract.compatible) {
        let (_, other) = known.contract(&contract.compatible)?;
        let what = differs(known, other, model, contract)?;
        first.get_or_insert(what);
    }
    let of_it = |reused: &&Reused| reused.compatible == contract.compatible;
    let reused = catalogue.reused().iter().filter(of_it);
    let tell = |reused: &Reused| {
        let of = |form: &Form| format!("in {}, {} is {}", form.kernels, reused.item, form.is);
        reused.forms.iter().map(of).collect::<Vec<_>>()
    };
    first.map(|what| Difference { what, known_forms: reused.flat_map(tell).collect() })
}

/// Whether a contract is a form of its string that only a patch series had, and no kernel.
pub(super) fn is_unreleased(catalogue: &Catalogue, model: &Model, contract: &Contract) -> bool {
    let spelled = |record: &kho_abi_model::Record| {
        let fields = record.fields.iter();
        let fields: Vec<_> =
            fields.map(|field| format!("{} {};", field.ty.spelling(), field.name)).collect();
        format!("{{ {} }}", fields.join(" "))
    };
    let mut reused = catalogue.reused().iter();
    reused.any(|reused| {
        let unfrozen = |is: &str| reused.forms.iter().any(|form| !form.frozen && form.is == is);
        reused.compatible == contract.compatible
            && model
                .closure(contract)
                .into_iter()
                .any(|record| record.name == reused.item && unfrozen(&spelled(record)))
    })
}

/// Whether a contract may have that name: by its string, or by the name that its number belongs to.
fn may_be(contract: &layout::Contract, compatible: &str) -> bool {
    match contract.version {
        Some(number) => {
            let (name, number) = (contract.compatible.value, number.into());
            called::beside(name, number) == compatible || called::alone(name, number) == compatible
        }
        None => contract.compatible.value == compatible,
    }
}

/// The models that have a string, newest first.
fn models<'c>(catalogue: &'c Catalogue, compatible: &str) -> Vec<&'c Model> {
    let mut found = Vec::new();
    found.extend(catalogue.current().ok().filter(|model| model.contract(compatible).is_some()));
    // Only load the earlier versions if the string or the name of its number matches.
    if catalogue.may_have_had(|contract| may_be(contract, compatible)) {
        let earlier = catalogue.earlier().unwrap_or_default();
        found.extend(earlier.iter().filter(|model| model.contract(compatible).is_some()));
    }
    found
}

/// How one contract differs from another with the same string, in the structs and constants that
/// both have: sources disagree about which of them a version owns.
fn differs(known: &Model, other: &Contract, model: &Model, contract: &Contract) -> Option<String> {
    let mut sizes = model.page_sizes();
    sizes.retain(|size| known.page_sizes().contains(size));
    let mut pairs: Vec<(Model, Model)> = Vec::new();
    for size in sizes {
        pairs.extend(known.with_page_size(size).zip(model.with_page_size(size)));
    }
    if pairs.is_empty() {
        pairs.push((known.clone(), model.clone()));
    }
    pairs.iter().find_map(|(known, model)| differs_in(known, other, model, contract))
}

fn differs_in(
    known: &Model,
    other: &Contract,
    model: &Model,
    contract: &Contract,
) -> Option<String> {
    let closure = |model: &Model, contract: &Contract| -> BTreeMap<String, String> {
        let records = model.closure(contract).into_iter();
        records.map(|record| (record.name.clone(), fields(record))).collect()
    };
    let (theirs, ours) = (closure(known, other), closure(model, contract));
    let alike: Vec<_> = ours.iter().filter(|(name, _)| theirs.contains_key(*name)).collect();
    if alike.is_empty() {
        let (theirs, ours) = (theirs.keys().next()?, ours.keys().next()?);
        return Some(format!("struct {ours}, known as struct {theirs}"));
    }
    for (name, is) in alike {
        let was = &theirs[name];
        if was != is {
            return Some(format!("struct {name} is {{ {is} }}, known as {{ {was} }}"));
        }
    }
    let constants = contract.constants.iter().filter(|name| other.constants.contains(name));
    constants.into_iter().find_map(|name| {
        let (is, was) = (&model.constant(name)?.value, &known.constant(name)?.value);
        (is != was).then(|| format!("{name} is {}, known as {}", spell(is), spell(was)))
    })
}

fn spell(value: &kho_abi_model::Value) -> String {
    match value {
        kho_abi_model::Value::Int(value) => value.to_string(),
        kho_abi_model::Value::Str(value) => format!("{value:?}"),
    }
}

/// The types and offsets of a struct's fields, without their names.
fn fields(record: &kho_abi_model::Record) -> String {
    let field = |field: &kho_abi_model::Field| {
        let ty = match field.ty.by_value() {
            // All spellings of an address count as one type.
            Type::Pointer | Type::KhoserPtr { .. } => "pointer".into(),
            other => other.spelling(),
        };
        let width = if field.bit_field { format!(":{}", field.bit_size) } else { String::new() };
        format!("{ty} {}{width} at {}", field.name, place(field.bit_offset))
    };
    let mut all: Vec<_> = record.fields.iter().map(field).collect();
    all.push(format!("{} bytes", record.size));
    all.join("; ")
}

fn place(bits: u64) -> String {
    if bits.is_multiple_of(8) {
        (bits / 8).to_string()
    } else {
        format!("bit {bits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_is_known_by_what_it_is_called() {
        let catalogue = Catalogue::built_in();
        let headers = catalogue.headers().iter().chain(catalogue.earlier_headers());
        let declared: Vec<_> = headers.flat_map(|header| header.contracts).collect();
        let models = catalogue.earlier().unwrap().iter().chain([catalogue.current().unwrap()]);
        let called: Vec<&str> = models
            .flat_map(|model| model.contracts().map(|(_, contract)| contract.compatible.as_str()))
            .collect();
        // A number beside a string, and one alone.
        let of = |name: &str| called.iter().any(|called| called.starts_with(name));
        assert!(of("pci@") && of("kexec-metadata-v"), "{called:?}");
        assert_eq!(called.len(), declared.len());
        for compatible in called {
            let found: Vec<_> = declared.iter().filter(|c| may_be(c, compatible)).collect();
            assert_eq!(found.len(), 1, "{compatible}: {found:?}");
        }
    }
}
