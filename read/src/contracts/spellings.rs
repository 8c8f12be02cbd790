// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds the versions of a header in any spelling: no macro's name is known in advance.
//!
//! A macro that ends with `_COMPATIBLE` or holds `name-vN` is a string. A macro that ends with
//! `_VERSION` and holds a number belongs to the string whose macro has the same prefix, unless that
//! string has a version of its own: a kernel compares that one.
//! `*_FEATURE_*` are bits of feature words. A magic number counts if there is nothing else.

use super::words::{common_start, last, words};
use crate::owners::Owners;
use kho_abi_model::version::{self, called, features};
use kho_abi_model::{Constant, Contract, Header, Item, NameMacro, Type, Value};

/// The contracts of a header, without the items that they own.
pub(super) fn read(header: &Header, known: &Owners) -> Vec<Contract> {
    let macros: Vec<&Constant> = header
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Constant(constant) => Some(constant),
            Item::Record(_) | Item::Enum(_) | Item::Macro(_) => None,
        })
        .collect();
    let mut found = strings(&macros, known);
    numbers(header, &macros, known, &mut found);
    handlers(&macros, &mut found);
    add_features(header, &macros, &mut found);
    if found.is_empty() {
        magic(header, &macros, &mut found);
    }
    // In the order of the source, by the first macro of each.
    let place = |contract: &Contract| macros.iter().position(|c| contract.is_carrier(&c.name));
    found.sort_by_key(place);
    found
}

/// Whether the name of a macro suggests that it holds a compatible string.
#[must_use]
pub fn names_a_string(name: &str) -> bool {
    matches!(last(name).as_str(), "compatible" | "compat")
}

/// Whether the name of a macro suggests that it holds the number of a version.
#[must_use]
pub fn names_a_number(name: &str) -> bool {
    let words = words(name);
    let is_number = matches!(words.last().map(String::as_str), Some("version" | "ver"));
    let of_another = ["min", "max", "minimum", "maximum", "oldest", "first", "last", "feature"];
    is_number && !words.iter().any(|word| of_another.contains(&word.as_str()))
}

/// Whether a macro holds a version or a part of one, as far as its text shows.
#[must_use]
pub fn is_a_version(name: &str, body: &str) -> bool {
    let string = body.strip_prefix('"').and_then(|body| body.strip_suffix('"'));
    match string {
        Some(string) => names_a_string(name) || version::is_version(string),
        None => names_a_number(name) || features::is_feature(name),
    }
}

/// Whether a macro holds a compatible string, as far as its text shows.
#[must_use]
pub fn is_a_string(name: &str, body: &str) -> bool {
    body.starts_with('"') && is_a_version(name, body)
}

/// Whether the text of a macro is a string with a version.
#[must_use]
pub fn holds_a_version(body: &str) -> bool {
    let string = body.strip_prefix('"').and_then(|body| body.strip_suffix('"'));
    string.is_some_and(version::is_version)
}

fn text(constant: &Constant) -> Option<&str> {
    match &constant.value {
        Value::Str(text) => Some(text),
        Value::Int(_) => None,
    }
}

fn number(constant: &Constant) -> Option<u64> {
    match &constant.value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Str(_) => None,
    }
}

fn strings(macros: &[&Constant], known: &Owners) -> Vec<Contract> {
    let is_one = |constant: &Constant, text: &str| match known.by_macro.get(&*constant.name) {
        Some(entry) => entry.numbered.is_none(),
        None => names_a_string(&constant.name) || version::is_version(text),
    };
    let strings = macros.iter().filter_map(|constant| {
        let text = text(constant).filter(|text| is_one(constant, text))?;
        Some(Contract {
            compatible: text.into(),
            macro_name: constant.name.clone(),
            ..Contract::default()
        })
    });
    strings.collect()
}

fn numbers(header: &Header, macros: &[&Constant], known: &Owners, found: &mut Vec<Contract>) {
    let of_truth = |constant: &Constant| known.by_macro.get(&*constant.name)?.numbered;
    // An enumerator may be the number as well.
    let enumerators = header.items.iter().filter_map(|item| match item {
        Item::Enum(enumeration) => Some(&enumeration.members),
        Item::Constant(_) | Item::Record(_) | Item::Macro(_) => None,
    });
    let candidates: Vec<(&Constant, u64)> = macros
        .iter()
        .copied()
        .chain(enumerators.flatten())
        .filter(|c| of_truth(c).is_some() || names_a_number(&c.name))
        .filter_map(|constant| Some((constant, number(constant)?)))
        .collect();
    let strings = found.len();
    for (constant, number) in &candidates {
        if let Some(name) = of_truth(constant) {
            found.push(Contract {
                compatible: called::alone(name, *number),
                macro_name: constant.name.clone(),
                version: Some(*number),
                ..Contract::default()
            });
            continue;
        }
        // The string whose macro has the same prefix; a single string and a single number belong
        // together.
        let start = |contract: &Contract| {
            let name = contract.name.as_ref().map_or(&contract.macro_name, |name| &name.macro_name);
            common_start(name, &constant.name)
        };
        let best = found[..strings].iter().map(start).max().unwrap_or_default();
        let alone = strings == 1 && candidates.len() == 1;
        let mut fitting: Vec<_> =
            (0..strings).filter(|at| start(&found[*at]) == best && (best > 0 || alone)).collect();
        // Whatever that number counts, the string says which bytes these are.
        if fitting.iter().any(|at| version::is_version(&found[*at].compatible)) {
            continue;
        }
        fitting.retain(|at| found[*at].version.is_none());
        if let (Some(at), true) = (fitting.pop(), fitting.is_empty()) {
            let contract = &mut found[at];
            let value = std::mem::take(&mut contract.compatible);
            contract.compatible = called::beside(&value, *number);
            let macro_name = std::mem::replace(&mut contract.macro_name, constant.name.clone());
            contract.name = Some(NameMacro { macro_name, value });
            contract.version = Some(*number);
            continue;
        }
        let name = name_like(macros, &constant.name, found);
        let shown = name.as_ref().map_or_else(|| bare_name(header, constant), |n| n.value.clone());
        found.push(Contract {
            compatible: called::beside(&shown, *number),
            macro_name: constant.name.clone(),
            version: Some(*number),
            name,
            ..Contract::default()
        });
    }
}

/// The name for a number's version, if no string gives one.
fn bare_name(header: &Header, constant: &Constant) -> String {
    let mut name = words(&constant.name);
    name.retain(|word| {
        !matches!(
            word.as_str(),
            "kho" | "luo" | "fh" | "flb" | "version" | "ver" | "abi" | "metadata" | "format"
        )
    });
    if name.is_empty() {
        header.name.clone()
    } else {
        name.join("-")
    }
}

/// The name of an entry, a node or a handler whose macro has the same prefix as another.
fn name_like(macros: &[&Constant], like: &str, taken: &[Contract]) -> Option<NameMacro> {
    let mut best: Option<(usize, &Constant, &str)> = None;
    for constant in macros {
        let Some(text) = text(constant) else { continue };
        let words = words(&constant.name);
        let names = matches!(
            words.last().map(String::as_str),
            Some("name" | "subtree" | "node" | "entry" | "id" | "string" | "str")
        );
        let of_a_property = words.iter().any(|word| word.starts_with("prop"));
        if !names || of_a_property || taken.iter().any(|c| c.is_carrier(&constant.name)) {
            continue;
        }
        let start = common_start(&constant.name, like);
        if start > best.map_or(0, |(start, ..)| start) {
            best = Some((start, constant, text));
        }
    }
    best.map(|(_, constant, value)| NameMacro {
        macro_name: constant.name.clone(),
        value: value.into(),
    })
}

/// Names of handlers without a version: `MEMFD_LUO_FH_NAME "memfd"`.
fn handlers(macros: &[&Constant], found: &mut Vec<Contract>) {
    for constant in macros {
        let Some(text) = text(constant) else { continue };
        let words = words(&constant.name);
        let is_handler = words.last().is_some_and(|word| word == "name")
            && words.iter().any(|word| matches!(word.as_str(), "fh" | "flb" | "handler"));
        let same = |c: &Contract| {
            c.is_carrier(&constant.name) || common_start(&c.macro_name, &constant.name) > 1
        };
        if is_handler && !text.is_empty() && !found.iter().any(same) {
            found.push(Contract {
                compatible: text.into(),
                macro_name: constant.name.clone(),
                ..Contract::default()
            });
        }
    }
}

/// Adds bits of feature words to the version that they accompany, or as a version of their own.
fn add_features(header: &Header, macros: &[&Constant], found: &mut Vec<Contract>) {
    let carried = has_feature_words(header);
    let bits = macros.iter().filter(|c| number(c).is_some() && features::is_feature(&c.name));
    for constant in bits {
        let start = |contract: &Contract| {
            let named =
                contract.name.as_ref().map_or(0, |n| common_start(&n.macro_name, &constant.name));
            named.max(common_start(&contract.macro_name, &constant.name))
        };
        let best = found.iter().map(start).max().unwrap_or_default();
        let several = found.len() > 1;
        let owner = found.iter_mut().find(|c| start(c) == best && (best > 0 || !several));
        if let Some(contract) = owner {
            // If a version exists and nothing checks the flags, they are ordinary flags.
            let has_version =
                contract.version.is_some() || version::is_version(&contract.compatible);
            if carried || !has_version {
                contract.features.push(constant.name.clone());
                if contract.version.is_none() && !has_version {
                    contract.name.get_or_insert_with(|| NameMacro {
                        macro_name: contract.macro_name.clone(),
                        value: contract.compatible.clone(),
                    });
                }
            }
            continue;
        }
        let name = name_like(macros, &constant.name, found).unwrap_or_default();
        let shown = if name.value.is_empty() { header.name.clone() } else { name.value.clone() };
        found.push(Contract {
            compatible: shown,
            macro_name: name.macro_name.clone(),
            features: vec![constant.name.clone()],
            name: Some(name),
            ..Contract::default()
        });
    }
}

/// Whether a struct of the header has feature words: supported, required, in use.
fn has_feature_words(header: &Header) -> bool {
    let fields = header.records().flat_map(|record| &record.fields);
    fields.into_iter().any(|field| {
        let named = words(&field.name);
        let of_type = match &field.ty {
            Type::Struct { name } | Type::Union { name } => words(name),
            _ => Vec::new(),
        };
        let mut all = named.iter().chain(&of_type);
        all.any(|w| w.starts_with("feature") || w == "supp" || w == "incompat")
    })
}

fn magic(header: &Header, macros: &[&Constant], found: &mut Vec<Contract>) {
    for constant in macros.iter().filter(|c| last(&c.name) == "magic") {
        let contract = Contract { macro_name: constant.name.clone(), ..Contract::default() };
        match &constant.value {
            Value::Str(text) => {
                found.push(Contract { compatible: text.clone(), ..contract });
            }
            Value::Int(_) => {
                let Some(number) = number(constant) else { continue };
                let compatible = format!("{} {number:#x}", header.name);
                found.push(Contract { compatible, version: Some(number), ..contract });
            }
        }
    }
}
