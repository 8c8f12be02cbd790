// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads a kernel that somebody built as what a project holds: its types, from DWARF or BTF.
//!
//! A kernel has no headers, no macros, and does not say which structs a string promises. What it does not tell
//! is listed, and what the owner says in its place is listed apart: neither is taken for a fact of the kernel.

use super::held::{FromKernel, Held};
use super::{Project, ProjectError};
use kho_abi_model::reading::{Gap, Kind, Reading};
use kho_abi_model::{Contract, Header, Model};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::{self, Options, SourceError};
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The types of a kernel. `names` are contracts that are asked for, `declared` those that somebody declares
/// beside what the project does: where the kernel has no strings, these are the ones that there are.
///
/// # Errors
///
/// A file that is not a kernel with types, and a contract that nothing is known of.
pub fn read(
    project: &Project,
    word: &str,
    names: &[String],
    declared: &[(String, String)],
    options: &Options,
) -> Result<Held, ProjectError> {
    let expected = expected(project, declared)?;
    let with_roots = expected.iter().filter(|contract| !contract.roots.is_empty()).cloned();
    let catalogue = Arc::new(Catalogue::built_in().expecting(with_roots));
    let options = Options { catalogue: Arc::clone(&catalogue), ..options.clone() };
    let mut reading = source::open(word, &options)?;
    if !matches!(reading.kind, Kind::Dwarf | Kind::Btf) {
        return Err(no_kernel(word, &reading).into());
    }
    let mut from_kernel = FromKernel::of(&reading);
    let own = own(project, names, declared);
    for (_, contract) in headers_and_contracts(&mut reading.model) {
        // The names that this program has for them are not the kernel's.
        contract.macro_name.clear();
    }
    if !reading.knows.strings {
        let asked: BTreeSet<String> = match &own {
            Some(own) => own.clone(),
            None => expected.into_iter().map(|contract| contract.compatible).collect(),
        };
        if asked.is_empty() {
            return Err(no_strings(word).into());
        }
        for name in asked {
            give(&mut reading.model, &catalogue, &name)?;
        }
    }
    let Reading { mut model, mut gaps, .. } = reading;
    if let Some(own) = &own {
        let mut absent = Vec::new();
        for header in &mut model.headers {
            let is_own = |contract: &Contract| own.contains(&contract.compatible);
            let others = header.contracts.iter().filter(|contract| !is_own(contract));
            from_kernel.others.extend(others.map(|contract| contract.compatible.clone()));
            header.contracts.retain(is_own);
        }
        gaps.retain(|gap| !from_kernel.others.contains(&gap.item));
        for string in own.iter().filter(|string| model.contract(string).is_none()) {
            let why = format!("{word} does not have this string");
            gaps.push(Gap { item: string.clone(), why });
            absent.push(string.clone());
        }
        for string in absent {
            give(&mut model, &catalogue, &string)?;
        }
    }
    missing(&model, word, &mut gaps);
    gaps.retain(|gap| !gap.item.is_empty());
    Ok(Held {
        model,
        gaps,
        machines: Vec::new(),
        owners: Vec::new(),
        texts: BTreeMap::new(),
        from_kernel: Some(from_kernel),
    })
}

/// The contracts that are asked for: those that are named, else those that are declared; `None` for all.
fn own(
    project: &Project,
    names: &[String],
    declared: &[(String, String)],
) -> Option<BTreeSet<String>> {
    if !names.is_empty() {
        return Some(names.iter().cloned().collect());
    }
    let of_project = project.config().contracts.iter().map(|declared| &declared.string);
    let own: BTreeSet<String> =
        of_project.chain(declared.iter().map(|(string, _)| string)).cloned().collect();
    (!own.is_empty()).then_some(own)
}

/// What the project and the caller say that strings promise.
fn expected(
    project: &Project,
    declared: &[(String, String)],
) -> Result<Vec<Contract>, ProjectError> {
    let mut expected: Vec<Contract> = Vec::new();
    let mut expect = |string: &str, structs: &[String]| match expected
        .iter_mut()
        .find(|contract| contract.compatible == string)
    {
        Some(known) => known.roots.extend(structs.iter().cloned()),
        None => expected.push(Contract {
            compatible: string.into(),
            roots: structs.to_vec(),
            ..Contract::default()
        }),
    };
    for declared in &project.config().contracts {
        expect(&declared.string, &declared.structs);
    }
    for (string, root) in declared {
        expect(string, std::slice::from_ref(root));
    }
    let layouts = project.layouts();
    for frozen in layouts.readable()? {
        let has = |c: &Contract| c.compatible == frozen.contract.compatible && !c.roots.is_empty();
        if !expected.iter().any(has)
            && !frozen.contract.roots.is_empty()
            && frozen.contract.version.is_none()
        {
            let Contract { compatible, roots, .. } = frozen.contract;
            expected.retain(|contract| contract.compatible != compatible);
            expected.push(Contract { compatible, roots, ..Contract::default() });
        }
    }
    Ok(expected)
}

fn headers_and_contracts(model: &mut Model) -> impl Iterator<Item = (String, &mut Contract)> {
    model.headers.iter_mut().flat_map(|header| {
        let name = header.name.clone();
        header.contracts.iter_mut().map(move |contract| (name.clone(), contract))
    })
}

/// Gives a model a contract whose string nothing in the kernel says.
fn give(model: &mut Model, catalogue: &Catalogue, name: &str) -> Result<(), ProjectError> {
    if model.contract(name).is_some() {
        return Ok(());
    }
    let error = |_| ProjectError::NoContract { name: name.into(), known: Vec::new() };
    let roots = catalogue.roots(name).map_err(error)?;
    let roots = roots.ok_or_else(|| ProjectError::NoContract {
        name: name.into(),
        known: vec![format!("--root-struct {name}=STRUCT")],
    })?;
    let contract = Contract { compatible: name.into(), roots, ..Contract::default() };
    let first = contract.roots.first().cloned().unwrap_or_default();
    let has_it = |header: &&mut Header| header.records().any(|record| record.name == first);
    if let Some(header) = model.headers.iter_mut().find(has_it) {
        header.contracts.push(contract);
    } else {
        let mut header = Header::named("unknown");
        header.contracts.push(contract);
        model.headers.push(header);
    }
    Ok(())
}

/// The structs that a contract begins with and the kernel does not have, and strings of which nothing is known.
fn missing(model: &Model, word: &str, gaps: &mut Vec<Gap>) {
    let mut found = Vec::new();
    for (_, contract) in model.contracts() {
        let missing = contract.roots.iter().filter(|root| model.record(root).is_none());
        for root in missing {
            if !gaps.iter().any(|gap| gap.item == *root) {
                let why = format!("it is not among the types of {word}");
                found.push(Gap { item: root.clone(), why });
            }
        }
        if contract.roots.is_empty() && !gaps.iter().any(|gap| gap.item == contract.compatible) {
            let why = format!("{word} shows only its string");
            found.push(Gap { item: contract.compatible.clone(), why });
        }
        if contract.name.is_some() {
            let why = "its version is a number that only the code contains".into();
            found.push(Gap { item: contract.compatible.clone(), why });
        }
    }
    gaps.extend(found);
}

fn no_kernel(word: &str, reading: &Reading) -> SourceError {
    let why = match reading.kind {
        Kind::Strings => "it has no types".to_string(),
        kind => format!("expected a kernel, found {}", kind.plural()),
    };
    let help = "give a vmlinux, a module or a bzImage with DWARF or BTF, or raw BTF".into();
    SourceError::NotASource { name: word.into(), why, help }
}

fn no_strings(word: &str) -> SourceError {
    SourceError::NotASource {
        name: word.into(),
        why: "BTF has no compatible strings".into(),
        help:
            "name contracts, or declare what they promise, with --root-struct or in kho-abi.toml: \
             [[contract]]"
                .into(),
    }
}

/// The path of a project's kernel, from where the program runs.
pub(super) fn path(project: &Project, source: &str) -> String {
    if names::path(source).is_absolute() {
        return source.into();
    }
    names::shown(project.root().join(names::path(source)))
}
