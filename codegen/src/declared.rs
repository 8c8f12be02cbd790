// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Whether what the wire files declare fits together: the causes of much else that could be found.
//!
//! Headers, layouts and bindings are made of the wire files. What is wrong here would be found in each of
//! them again, in other words, and with the wrong remedy.

use kho_abi::wire::layout::Header as WireHeader;
use kho_abi_model::finding::Finding;
use kho_abi_model::version::called::Called;
use kho_abi_model::{Model, Place};
use kho_abi_read::checkout::{at, files, Checkout, CheckoutError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Everything in which the wire files do not fit together, each once.
///
/// # Errors
///
/// A wire file or a list that is there and cannot be read.
pub fn check(
    checkout: &Checkout,
    current: &Model,
    earlier: &[Model],
) -> Result<Vec<Finding>, CheckoutError> {
    let wire = kho_abi::wire::HEADERS;
    let mut findings = unregistered(checkout, wire, kho_abi::wire::earlier::EARLIER)?;
    let twice = file_names(wire);
    // A file that is there twice has everything twice.
    if twice.is_empty() {
        findings.extend(names(current));
    }
    findings.extend(twice);
    for model in std::iter::once(current).chain(earlier) {
        findings.extend(contracts(model));
    }
    findings.extend(owners(current));
    for model in earlier {
        // The first header is the earlier version's; the others are current, and have no contracts there.
        let own =
            Model { headers: model.headers.iter().take(1).cloned().collect(), ..model.clone() };
        findings.extend(owners(&own));
    }
    Ok(findings)
}

/// Wire files that no list names, or that this program was compiled without.
fn unregistered(
    checkout: &Checkout,
    current: &[&WireHeader],
    earlier: &[&WireHeader],
) -> Result<Vec<Finding>, CheckoutError> {
    let registered: BTreeSet<&str> =
        current.iter().chain(earlier).map(|header| header.file).collect();
    let wire = checkout.wire_dir();
    let mut findings = Vec::new();
    for (below, list) in [("", "HEADERS"), ("earlier/", "EARLIER")] {
        for path in files(&wire.join(below), "rs")? {
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            if registered.contains(format!("{below}{stem}.rs").as_str()) {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(at(&path))?;
            let Ok(syntax) = syn::parse_file(&text) else { continue };
            if crate::registry::constant(&syntax, "HEADER").is_none() {
                continue;
            }
            let lists = wire.join(below).join("mod.rs");
            let listed = fs::read_to_string(&lists).map_err(at(&lists))?;
            let shown = checkout.display(&lists);
            let help = if listed.contains(&format!("&{stem}::HEADER")) {
                format!("compile again, as `cargo run -- check` does: {shown} names it")
            } else {
                format!(
                    "add `pub mod {stem};` and `&{stem}::HEADER` in {list} to {shown}, and a line to \
                     abi/src/wire/versions.rs"
                )
            };
            findings.push(Finding::new(
                "wire_file_unregistered",
                checkout.display(&path),
                "no list names this wire file: no header is generated from it, and nothing checks it",
                help,
            ));
        }
    }
    Ok(findings)
}

/// Headers whose files, names or guards are the same.
fn file_names(headers: &[&WireHeader]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let Some(other) = headers[..index]
            .iter()
            .find(|other| other.name == header.name || other.guard == header.guard)
        else {
            continue;
        };
        let (what, field) = if other.name == header.name {
            (format!("{}.h is also the header of {}", header.name, other.file), "name")
        } else {
            (format!("{} is also the include guard of {}", header.guard, other.file), "guard")
        };
        findings.push(Finding::new(
            "file_name_in_two_headers",
            format!("abi/src/wire/{}", header.file),
            what,
            format!("give `{field}` in one of the two HEADERs another value"),
        ));
    }
    findings
}

/// Macros and types that two headers define.
fn names(model: &Model) -> Vec<Finding> {
    let mut defined: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut findings = Vec::new();
    for header in &model.headers {
        for item in &header.items {
            let (_, place) = item.doc();
            let place = place.map_or_else(|| Place::from(&header.file), Place::from);
            let kind = if item.record().is_some() { "struct" } else { "macro" };
            match defined.insert(item.name(), (&header.name, &header.file)) {
                Some((name, file)) if name != header.name => findings.push(Finding::new(
                    if kind == "struct" { "struct_in_two_headers" } else { "macro_in_two_headers" },
                    place,
                    format!("{} is also defined in {file}", item.name()),
                    format!("give one of the two {kind}s another name"),
                )),
                _ => {}
            }
        }
    }
    findings
}

/// Contracts that promise nothing, or have no version.
fn contracts(model: &Model) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (header, contract) in model.contracts() {
        let constant = header.constants().find(|constant| constant.name == contract.macro_name);
        let place = constant.and_then(|constant| constant.place.as_ref());
        let place = place.map_or_else(|| Place::from(&header.file), Place::from);
        let compatible = &contract.compatible;
        if Called::parse(compatible).is_none() {
            findings.push(Finding::new(
                "string_without_version",
                &place,
                format!("\"{compatible}\" contains no version, and has no number beside it"),
                format!("make it \"{compatible}-v1\", or set `version` in its contract"),
            ));
        }
        if contract.roots.is_empty() && contract.nodes.is_empty() {
            findings.push(Finding::new(
                "contract_without_roots",
                &place,
                format!("the contract \"{compatible}\" promises no struct and no device-tree node"),
                "name what the string leads to in `roots` of its contract",
            ));
        }
    }
    findings
}

/// Structs that no contract promises.
fn owners(model: &Model) -> Vec<Finding> {
    let owned: BTreeSet<&str> = model
        .contracts()
        .flat_map(|(_, contract)| model.closure(contract))
        .map(|record| record.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for (header, record) in model.records() {
        if owned.contains(record.name.as_str()) {
            continue;
        }
        // Where a contract has lost its roots, that is what is to be said.
        let mut contracts = header.contracts.iter();
        if contracts.any(|contract| contract.roots.is_empty() && contract.nodes.is_empty()) {
            continue;
        }
        let place = record.place.as_ref().map_or_else(|| Place::from(&header.file), Place::from);
        findings.push(Finding::new(
            "struct_without_contract",
            place,
            format!(
                "struct {} belongs to no contract: no version covers a change of it",
                record.name
            ),
            format!(
                "add `{0}::STRUCT_LAYOUT` to `roots` of the contract that leads to it",
                record.name
            ),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_read::truth;

    /// The one finding about the truth with a change in it.
    #[track_caller]
    fn one(change: impl FnOnce(&mut Model), find: impl Fn(&Model) -> Vec<Finding>) -> String {
        let mut model = truth::current().unwrap();
        assert_eq!(find(&model), Vec::new());
        change(&mut model);
        let findings = find(&model);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings[0].to_string()
    }

    fn all(model: &Model) -> Vec<Finding> {
        [names(model), contracts(model), owners(model)].concat()
    }

    fn header<'a>(model: &'a mut Model, name: &str) -> &'a mut kho_abi_model::Header {
        model.headers.iter_mut().find(|header| header.name == name).unwrap()
    }

    #[test]
    fn each_cause_is_one_finding_with_its_remedy() {
        let found = one(
            |model| header(model, "pci").contracts[0].roots.retain(|root| root == "pci_ser"),
            all,
        );
        assert!(found.contains("struct pci_dev_ser belongs to no contract"), "{found}");
        assert!(found.contains("add `pci_dev_ser::STRUCT_LAYOUT` to `roots`"), "{found}");
        assert!(found.contains("abi/src/wire/pci.rs:"), "{found}");
        // Its structs have none because it has no roots.
        let found = one(|model| header(model, "luo").contracts[0].roots.clear(), all);
        assert!(found.contains("[contract_without_roots]"), "{found}");
        let found =
            one(|model| header(model, "vfio_pci").contracts[0].compatible = "vfio-pci".into(), all);
        assert!(found.contains("make it \"vfio-pci-v1\", or set `version`"), "{found}");
        let found = one(
            |model| {
                let constant = header(model, "luo").constants().next().unwrap().clone();
                header(model, "memfd").items.push(kho_abi_model::Item::Constant(constant));
            },
            all,
        );
        assert!(
            found.contains("is also defined in abi/src/wire/luo.rs [macro_in_two_headers]"),
            "{found}"
        );
        let found = one(
            |model| {
                let record = header(model, "luo").records().next().unwrap().clone();
                header(model, "memfd").items.push(kho_abi_model::Item::Record(record));
            },
            all,
        );
        assert!(found.contains("[struct_in_two_headers]"), "{found}");
    }

    #[test]
    fn two_headers_of_one_name_or_guard_are_found() {
        let all = kho_abi::wire::HEADERS;
        assert_eq!(file_names(all), Vec::new());
        let renamed = WireHeader { name: all[0].name, ..*all[1] };
        let found = file_names(&[all[0], &renamed, all[2]]);
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains(&format!("{}.h is also the header of", all[0].name)));
        let guarded = WireHeader { guard: all[0].guard, ..*all[1] };
        let found = file_names(&[all[0], &guarded]);
        assert!(found[0].to_string().contains("is also the include guard of"), "{found:?}");
    }
}
