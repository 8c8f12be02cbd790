// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Decides which version owns which structs, if the headers do not say.
//!
//! For headers that the truth has, the truth decides: by the macro of the string, since the string
//! itself may differ. But a header's own version comes first: once a header has its own version, it
//! gets back what the truth gives to another header. A header with a single version owns all that
//! it contains. If there are several, a struct belongs to the version that its comment names, that
//! embeds it, or whose name it shares. If none of these decides, it belongs to all candidates, and
//! each of them lists it in [`Contract::shared`]. What no version covers is a contract of its own,
//! marked as [`Contract::unversioned`].

pub mod spellings;
mod words;

use crate::catalogue::Catalogue;
use crate::owners::{self, Owners};
use kho_abi_model::reading::Gap;
use kho_abi_model::{Contract, Declaration, DeclarationKind, Header, Item, Model, Value};
use std::collections::{BTreeMap, BTreeSet};
use words::Key;

/// The suffix of a macro with a compatible string.
pub const SUFFIX: &str = "_COMPATIBLE";

/// A header whose structs no version covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unowned {
    /// The header, as `linux/kho/abi/x.h`.
    pub header: String,
    /// The file that was read.
    pub file: String,
    /// The structs and unions.
    pub records: Vec<String>,
}

impl Unowned {
    /// What is unknown, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let structs = self.records.join(", ");
        format!("{} has no version that covers {structs}", self.file)
    }

    /// The gap that it leaves in the reading.
    #[must_use]
    pub fn gap(&self) -> Gap {
        Gap { item: self.header.clone(), why: self.why() }
    }
}

/// Gives the contracts of a model to its headers, and returns what no version covers.
///
/// The contracts have no device-tree nodes, since headers do not show those.
pub fn assign(model: &mut Model, catalogue: &Catalogue) -> Vec<Unowned> {
    let known = catalogue.owners();
    let mut contracts: Vec<Vec<Contract>> =
        model.headers.iter().map(|header| spellings::read(header, known)).collect();
    // Headers with a version that the truth does not know own all that they contain.
    let own: BTreeSet<usize> = (0..contracts.len())
        .filter(|at| {
            let mut of_it = contracts[*at].iter();
            of_it.any(|contract| !known.by_macro.contains_key(&*contract.macro_name))
        })
        .collect();
    let mut taken = BTreeSet::new();
    for contract in contracts.iter_mut().flatten() {
        give_known(model, known, &own, contract, &mut taken);
    }
    for (at, header) in model.headers.iter().enumerate() {
        let rest = Rest::of(header, &taken);
        match contracts[at].as_mut_slice() {
            [] => {}
            [only] => {
                only.roots.extend(rest.record_names());
                let constants = rest.constants.iter().filter(|name| !only.is_carrier(name));
                let constants: Vec<_> = constants.map(|name| (*name).to_string()).collect();
                only.constants.extend(constants);
            }
            several => share_out(&rest, several),
        }
    }
    let mut unowned = Vec::new();
    for (at, header) in model.headers.iter().enumerate() {
        if !contracts[at].is_empty() {
            continue;
        }
        let rest = Rest::of(header, &taken);
        // The header's comment names the version of another header.
        let of_another = contracts.iter_mut().flatten().filter(|contract| {
            !contract.macro_name.is_empty() && mentions(&header.doc, &contract.macro_name)
        });
        let of_another: Vec<_> = of_another.collect();
        if let Ok([owner]) = <[&mut Contract; 1]>::try_from(of_another) {
            owner.roots.extend(rest.record_names());
            owner.constants.extend(rest.constants.iter().map(|name| (*name).to_string()));
            continue;
        }
        let versions = contracts.iter().flatten().filter(|contract| !contract.unversioned);
        let owned: BTreeSet<String> =
            versions.flat_map(|contract| reach(model, &contract.roots)).collect();
        let free = rest.record_names().filter(|name| !owned.contains(name));
        let contract = Contract {
            compatible: header.include_path(),
            unversioned: true,
            roots: free.collect(),
            constants: rest.constants.iter().map(|name| (*name).to_string()).collect(),
            ..Contract::default()
        };
        if !contract.roots.is_empty() {
            unowned.push(Unowned {
                header: header.include_path(),
                file: header.file.clone(),
                records: contract.roots.clone(),
            });
        }
        if !contract.roots.is_empty() || !contract.constants.is_empty() {
            contracts[at].push(contract);
        }
    }
    for (header, contracts) in model.headers.iter_mut().zip(contracts) {
        header.contracts.extend(contracts);
    }
    owners::give(model, catalogue.declared());
    for open in &mut unowned {
        let is_free =
            |contract: &Contract| contract.unversioned && contract.compatible == open.header;
        let mut contracts = model.headers.iter().flat_map(|header| &header.contracts);
        let free = contracts.find(|contract| is_free(contract));
        open.records = free.map(|contract| contract.roots.clone()).unwrap_or_default();
    }
    unowned.retain(|open| !open.records.is_empty());
    unowned
}

/// Gives a contract what the truth says it owns, from any header of the model.
fn give_known(
    model: &Model,
    known: &Owners,
    own: &BTreeSet<usize>,
    contract: &mut Contract,
    taken: &mut BTreeSet<String>,
) {
    let Some(entry) = known.by_macro.get(&*contract.macro_name) else { return };
    // A header with its own version keeps its items, unless it is this contract's header.
    let free = model.headers.iter().enumerate().filter(|(at, header)| {
        !own.contains(at) || header.constants().any(|c| c.name == contract.macro_name)
    });
    let free: Vec<&Header> = free.map(|(_, header)| header).collect();
    let records = free.iter().flat_map(|header| declared(header)).map(|record| record.name);
    let records: Vec<&str> = records.collect();
    let inside: BTreeSet<&str> = records.iter().copied().collect();
    contract.roots = unique(records.into_iter().filter(|name| entry.roots.contains(name)));
    let constants = free.iter().flat_map(|header| named_values(header));
    contract.constants = unique(constants.filter(|name| entry.constants.contains(name)));
    let closure = reach(model, &contract.roots).into_iter();
    taken.extend(closure.filter(|name| inside.contains(&**name)));
    taken.extend(contract.constants.iter().cloned());
}

/// A struct of a header, which the compiler may have failed to lay out.
struct Declared<'a> {
    name: &'a str,
    /// The comment before it.
    doc: &'a str,
}

/// The structs and unions that a header declares, including those that no compiler lays out.
fn declared(header: &Header) -> impl Iterator<Item = Declared<'_>> {
    let laid_out = header.records().map(|record| Declared { name: &record.name, doc: &record.doc });
    let others = unproven(header).filter(|declaration| is_record(declaration));
    laid_out.chain(others.map(|declaration| Declared { name: &declaration.name, doc: "" }))
}

/// The names of a header's constants, including those without a value.
fn named_values(header: &Header) -> impl Iterator<Item = &str> {
    let known = header.constants().map(|constant| constant.name.as_str());
    let others = unproven(header).filter(|declaration| {
        matches!(declaration.kind, DeclarationKind::Constant | DeclarationKind::Enum)
    });
    known.chain(others.flat_map(Declaration::names))
}

fn is_record(declaration: &Declaration) -> bool {
    matches!(declaration.kind, DeclarationKind::Struct | DeclarationKind::Union)
}

/// The declarations of a header of which the model has only the text.
fn unproven(header: &Header) -> impl Iterator<Item = &Declaration> {
    let known: BTreeSet<&str> = header
        .items
        .iter()
        .flat_map(|item| std::iter::once(item.name()).chain(item.constants().map(|c| &*c.name)))
        .collect();
    let mut seen = BTreeSet::new();
    let declarations = header.declarations.iter();
    declarations.filter(move |d| !known.contains(&*d.name) && seen.insert(d.name.as_str()))
}

/// The names of these structs and of all that they embed, as far as layouts or texts show.
fn reach(model: &Model, roots: &[String]) -> BTreeSet<String> {
    let mut embeds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for header in &model.headers {
        for record in header.records() {
            let fields = record.fields.iter().filter_map(|field| field.ty.embedded());
            embeds.entry(&record.name).or_default().extend(fields);
        }
        for declaration in unproven(header).filter(|declaration| is_record(declaration)) {
            embeds.entry(&declaration.name).or_default().extend(declaration.references());
        }
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = roots.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if let Some(inner) = embeds.get(name) {
            if found.insert(name.to_string()) {
                open.extend(inner);
            }
        }
    }
    found
}

/// The items of a header that no contract has yet.
struct Rest<'a> {
    /// Structs that no other struct of the header embeds.
    records: Vec<Declared<'a>>,
    /// Constants, including those that hold versions.
    constants: Vec<&'a str>,
}

impl<'a> Rest<'a> {
    fn of(header: &'a Header, taken: &BTreeSet<String>) -> Self {
        // If nothing embeds a struct, something else refers to it.
        let fields = header.records().flat_map(|record| &record.fields);
        let mut embedded: BTreeSet<&str> =
            fields.into_iter().filter_map(|field| field.ty.embedded()).collect();
        let texts = unproven(header).filter(|declaration| is_record(declaration));
        embedded.extend(texts.flat_map(Declaration::references));
        let free = |name: &str| !taken.contains(name);
        let records = declared(header).filter(|r| free(r.name) && !embedded.contains(r.name));
        let constants = named_values(header).filter(|name| free(name));
        Self { records: records.collect(), constants: constants.collect() }
    }

    fn record_names(&self) -> impl Iterator<Item = String> + '_ {
        self.records.iter().map(|record| record.name.to_string())
    }
}

/// Gives each struct and constant to the contract that it belongs to, or to all candidates.
fn share_out(rest: &Rest<'_>, contracts: &mut [Contract]) {
    let keys: Vec<Key> = contracts.iter().map(Key::of).collect();
    let best = |name: &str| -> Vec<usize> {
        let fits: Vec<_> = keys.iter().map(|key| key.fit(name)).collect();
        let most = fits.iter().copied().max().unwrap_or_default();
        (0..fits.len()).filter(|at| fits[*at] == most).collect()
    };
    for record in &rest.records {
        let mut owners = best(record.name);
        let said: Vec<_> = named_in(record.doc, contracts);
        if let [said] = said.as_slice() {
            if owners.contains(said) {
                owners = vec![*said];
            } else {
                // The comment names one contract, and the struct's name suggests another.
                owners.push(*said);
            }
        }
        for at in &owners {
            let contract = &mut contracts[*at];
            contract.roots.push(record.name.to_string());
            contract.shared.extend((owners.len() > 1).then(|| record.name.to_string()));
        }
    }
    for name in &rest.constants {
        // A string is not part of what another string promises.
        if contracts.iter().any(|contract| contract.is_carrier(name)) {
            continue;
        }
        let feature = contracts.iter().position(|c| c.features.iter().any(|f| f == name));
        let owners = feature.map_or_else(|| best(name), |at| vec![at]);
        for at in &owners {
            let contract = &mut contracts[*at];
            contract.constants.push((*name).to_string());
            contract.shared.extend((owners.len() > 1).then(|| (*name).to_string()));
        }
    }
}

/// The contracts that a comment names: by macro, by string, or by a macro that nearly matches.
fn named_in(doc: &str, contracts: &[Contract]) -> Vec<usize> {
    let exact = |contract: &Contract| {
        let named = contract.name.as_ref().map(|name| name.macro_name.as_str());
        let strings = contract.string().filter(|text| kho_abi_model::version::is_version(text));
        [Some(&*contract.macro_name), named, strings]
            .into_iter()
            .flatten()
            .any(|n| mentions(doc, n))
    };
    let found: Vec<_> = (0..contracts.len()).filter(|at| exact(&contracts[*at])).collect();
    if !found.is_empty() {
        return found;
    }
    let is_macro = |word: &&str| {
        spellings::names_a_string(word) || spellings::names_a_number(word) && word.contains('_')
    };
    for word in identifiers(doc).filter(is_macro) {
        let wanted: BTreeSet<_> = words::words(word).into_iter().collect();
        let has_all = |contract: &Contract| {
            let has: BTreeSet<_> = words::words(&contract.macro_name).into_iter().collect();
            wanted.is_subset(&has)
        };
        let fitting: Vec<_> = (0..contracts.len()).filter(|at| has_all(&contracts[*at])).collect();
        if fitting.len() == 1 {
            return fitting;
        }
    }
    Vec::new()
}

/// Whether a comment contains a name as a whole word.
fn mentions(doc: &str, name: &str) -> bool {
    !name.is_empty() && identifiers(doc).any(|word| word == name)
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .filter(|word| !word.is_empty())
}

/// Renames constants that another kernel has under another name to the truth's name, with the value
/// that follows: a source that differs only in such a name should not differ.
pub fn present_names(model: &mut Model, catalogue: &Catalogue) {
    for renamed in catalogue.renamed() {
        let is_of_it = model.contract(renamed.compatible).is_some();
        if !is_of_it || model.constant(renamed.now).is_some() {
            continue;
        }
        for header in &mut model.headers {
            for item in &mut header.items {
                let members = match item {
                    Item::Constant(constant) => std::slice::from_mut(constant),
                    Item::Enum(enumeration) => &mut enumeration.members,
                    Item::Record(_) | Item::Macro(_) => continue,
                };
                for constant in members.iter_mut().filter(|c| c.name == renamed.before) {
                    let Value::Int(value) = &mut constant.value else { continue };
                    *value = value.saturating_add(renamed.more);
                    constant.name = renamed.now.into();
                    constant.expr = None;
                }
            }
            for contract in &mut header.contracts {
                for name in contract.constants.iter_mut().filter(|name| *name == renamed.before) {
                    *name = renamed.now.into();
                }
                let mut seen = BTreeSet::new();
                contract.constants.retain(|name| seen.insert(name.clone()));
            }
        }
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).map(Into::into).collect()
}
