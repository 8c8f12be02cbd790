// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Which compatible string owns which structs, in headers that do not say so.
//!
//! For headers that the truth has, the truth says it: by the macro of the string, since the string
//! itself may be another one. A header that it does not have says it itself: its one `*_COMPATIBLE`
//! macro owns what is in it. Where there are several such macros, or none, nobody knows, and that is
//! told and not guessed.

use crate::source::Gap;
use kho_abi::wire::earlier::reused::RENAMED;
use kho_abi::wire::layout;
use kho_abi_model::{Contract, Header, Item, Model, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What the name of a macro with a compatible string ends with.
pub const SUFFIX: &str = "_COMPATIBLE";

/// A header whose structs no compatible string is known to own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unowned {
    /// The header, as `linux/kho/abi/x.h`.
    pub header: String,
    /// The file that was read.
    pub file: String,
    /// The macros that might own them; several, or none.
    pub macros: Vec<String>,
    /// The structs and unions.
    pub records: Vec<String>,
}

impl Unowned {
    /// What is not known, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let structs = self.records.join(", ");
        match self.macros.as_slice() {
            [] => format!("{} has no compatible string, and so nobody owns {structs}", self.file),
            several => format!(
                "{} has {}, and does not say which of them owns {structs}",
                self.file,
                several.join(" and ")
            ),
        }
    }

    /// The gap that it leaves in what was read.
    #[must_use]
    pub fn gap(&self) -> Gap {
        Gap { item: self.header.clone(), why: self.why() }
    }
}

/// What is known about a macro that holds the version of a contract.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The header that it is in.
    header: &'static str,
    /// What a version that is a number is the version of.
    numbered: Option<&'static str>,
    /// Structs that it owns, in any version.
    roots: BTreeSet<&'static str>,
    /// Constants that it owns, in any version.
    constants: BTreeSet<&'static str>,
}

/// What the truth knows, by macro, with its earlier versions.
fn known() -> BTreeMap<&'static str, Known> {
    let mut known: BTreeMap<&'static str, Known> = BTreeMap::new();
    let earlier = kho_abi::wire::earlier::EARLIER.iter();
    for header in kho_abi::wire::HEADERS.iter().chain(earlier) {
        for contract in header.contracts {
            let entry = known.entry(contract.compatible.name).or_default();
            entry.header = base_name(header);
            entry.numbered = contract.version.map(|_| contract.compatible.value);
            let roots = contract.roots.iter().map(|root| root.name);
            entry.roots.extend(roots.chain(contract.page_roots.iter().copied()));
            entry.constants.extend(contract.constants);
        }
    }
    known
}

/// The name of the kernel's header; an earlier version's has its number behind it.
fn base_name(header: &layout::Header) -> &'static str {
    match header.name.rsplit_once("_v") {
        Some((name, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => header.name,
    }
}

/// Gives the contracts of a model to its headers, and returns what nobody is known to own.
///
/// Device-tree nodes are not told by headers: the contracts have none.
pub fn assign(model: &mut Model) -> Vec<Unowned> {
    let known = known();
    let mut contracts: Vec<(usize, Contract)> = Vec::new();
    let mut unowned = Vec::new();
    for (at, header) in model.headers.iter().enumerate() {
        let mut strings = Vec::new();
        for constant in header.constants() {
            let entry = known.get(constant.name.as_str());
            let (compatible, version) = match (&constant.value, entry) {
                (Value::Str(text), Some(Known { numbered: None, .. })) => (text.clone(), None),
                (Value::Str(text), None) if constant.name.ends_with(SUFFIX) => (text.clone(), None),
                (Value::Int(number), Some(Known { numbered: Some(of), .. })) => {
                    let Ok(version) = u32::try_from(*number) else { continue };
                    (format!("{of}-v{version}"), Some(version))
                }
                _ => continue,
            };
            strings.push(Contract {
                compatible,
                macro_name: constant.name.clone(),
                version,
                roots: Vec::new(),
                constants: Vec::new(),
                nodes: Vec::new(),
            });
        }
        own(model, header, &known, &mut strings, &mut unowned);
        contracts.extend(strings.into_iter().map(|contract| (at, contract)));
    }
    for (at, contract) in contracts {
        model.headers[at].contracts.push(contract);
    }
    unowned
}

/// Says what each of a header's contracts owns.
fn own(
    model: &Model,
    header: &Header,
    known: &BTreeMap<&'static str, Known>,
    contracts: &mut [Contract],
    unowned: &mut Vec<Unowned>,
) {
    // What the truth says, wherever in the model it is.
    let mut taken = BTreeSet::new();
    for contract in &mut *contracts {
        let Some(entry) = known.get(contract.macro_name.as_str()) else { continue };
        let records = model.records().map(|(_, record)| record.name.as_str());
        contract.roots = unique(records.filter(|name| entry.roots.contains(name)));
        let constants = model.headers.iter().flat_map(Header::constants);
        contract.constants = unique(
            constants.map(|c| c.name.as_str()).filter(|name| entry.constants.contains(name)),
        );
        taken.extend(model.closure(contract).into_iter().map(|record| record.name.clone()));
    }
    // What a contract of another header owns is that one's.
    for (name, entry) in known {
        let there = entry.header != header.name
            && model.headers.iter().any(|other| other.constants().any(|c| c.name == *name));
        let mine = header.records().map(|record| record.name.as_str());
        taken.extend(mine.filter(|name| there && entry.roots.contains(name)).map(Into::into));
        let mine = header.constants().map(|constant| constant.name.as_str());
        taken.extend(mine.filter(|name| there && entry.constants.contains(name)).map(Into::into));
    }
    let embedded: BTreeSet<_> = header
        .records()
        .flat_map(|record| record.fields.iter().filter_map(|field| field.ty.embedded()))
        .collect();
    let rest: Vec<_> =
        header.records().map(|r| r.name.as_str()).filter(|name| !taken.contains(*name)).collect();
    match contracts {
        [only] => {
            // What nothing embeds is what something else leads to.
            let roots = rest.into_iter().filter(|name| !embedded.contains(name));
            only.roots.extend(roots.map(Into::into));
            let constants = header.constants().map(|constant| constant.name.as_str());
            let more: Vec<String> = constants
                .filter(|name| *name != only.macro_name && !taken.contains(*name))
                .filter(|name| !only.constants.iter().any(|owned| owned == name))
                .map(Into::into)
                .collect();
            only.constants.extend(more);
        }
        several => {
            if !rest.is_empty() {
                unowned.push(Unowned {
                    header: header.include_path(),
                    file: header.file.clone(),
                    macros: several.iter().map(|contract| contract.macro_name.clone()).collect(),
                    records: rest.into_iter().map(Into::into).collect(),
                });
            }
        }
    }
}

/// Gives constants that another kernel has under another name the name that the truth has for them,
/// with the value that follows: a source that differs in nothing else is not to differ in this.
pub fn present_names(model: &mut Model) {
    for renamed in RENAMED {
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
            }
        }
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).map(Into::into).collect()
}
