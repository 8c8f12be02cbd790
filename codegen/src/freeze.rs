// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Frozen layouts: writes new ones, and compares the truth with old ones, and old ones with their
//! history.

pub use crate::layouts::{path, History};

use crate::layouts::Layouts;
use crate::output::write_file;
use crate::{registry, rustfmt, write};
use kho_abi_model::carrier;
use kho_abi_model::compare::{self, RecordChange, Scope, Values, Words};
use kho_abi_model::finding::Finding;
use kho_abi_model::{Contract, Header, Item, Model, Place};
use kho_abi_read::checkout::{at, Checkout, CheckoutError};
use kho_abi_read::frozen::{Frozen, Part, Status};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The result of freezing a layout.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file was written.
    Written(PathBuf),
    /// The file has the same content already.
    Unchanged(PathBuf),
    /// The file has another content, and is released.
    Refused(Vec<Finding>),
}

/// Freezes one contract of a model, as a draft or for good.
///
/// # Errors
///
/// A file that cannot be read or written.
pub fn freeze(
    checkout: &Checkout,
    model: &Model,
    header: &Header,
    compatible: &str,
    status: Status,
) -> Result<Outcome, CheckoutError> {
    freeze_in(&Layouts::of(checkout), model, header, compatible, status)
}

/// The same, in a directory of frozen layouts.
///
/// # Errors
///
/// A file that cannot be read or written.
pub fn freeze_in(
    layouts: &Layouts,
    model: &Model,
    header: &Header,
    compatible: &str,
    status: Status,
) -> Result<Outcome, CheckoutError> {
    let path = layouts.path(compatible);
    // Once frozen, such a string would be cut off in memory for good.
    let contract = header.contracts.iter().find(|contract| contract.compatible == compatible);
    if let Some(finding) = contract.and_then(|contract| too_long(model, contract)) {
        return Ok(Outcome::Refused(vec![finding]));
    }
    let Some(new) = write::frozen::of(model, header, compatible, status) else {
        return Ok(Outcome::Unchanged(path));
    };
    match layouts.read(&path)? {
        Some(Err(finding)) => return Ok(Outcome::Refused(vec![finding])),
        Some(Ok(old)) if old.status == Status::Released => {
            let findings = compare_contract(layouts, &old, &with_places(model, &new));
            return Ok(match findings.as_slice() {
                [] => Outcome::Unchanged(path),
                _ => Outcome::Refused(findings),
            });
        }
        _ => {}
    }
    Ok(if layouts.write(&new)? { Outcome::Written(path) } else { Outcome::Unchanged(path) })
}

/// Writes the list of drafts in `abi/src/wire/mod.rs` anew, where it does not say how a contract is
/// frozen. Returns the file, where it was written.
///
/// # Errors
///
/// A file that cannot be read or written, or has no such list.
pub fn list(checkout: &Checkout, compatible: &str) -> Result<Option<PathBuf>, CheckoutError> {
    let path = checkout.wire_dir().join("mod.rs");
    let text = std::fs::read_to_string(&path).map_err(at(&path))?;
    let is_draft = status(checkout, compatible)? == Some(Status::Draft);
    let Ok(listed) = registry::set_draft(&text, compatible, is_draft) else {
        let message =
            "the list of drafts, `pub const DRAFTS: &[&str] = &[…];`, is not found".into();
        return Err(CheckoutError::Syntax { path, line: 1, message });
    };
    let written = write_file(&path, &rustfmt::format(checkout.root(), &listed))?;
    Ok(written.then_some(path))
}

/// The finding if a contract's string does not fit the field that carries it.
#[must_use]
pub fn too_long(model: &Model, contract: &Contract) -> Option<Finding> {
    let found = carrier::too_long(model, contract)?;
    let named = contract.name.as_ref().map_or(&contract.macro_name, |name| &name.macro_name);
    let place = model.constant(named).and_then(|constant| constant.place.as_ref());
    let place = place.map_or_else(|| Place::from(named), Place::from);
    Some(Finding::new("compatible_too_long", place, found.to_string(), "take a shorter string"))
}

/// Compares the truth and the frozen layouts in both directions.
///
/// `models` are the current versions and the earlier ones. Nothing is written.
///
/// # Errors
///
/// A directory or file that exists but cannot be read.
pub fn check(checkout: &Checkout, models: &[Model]) -> Result<Vec<Finding>, CheckoutError> {
    let layouts = Layouts::of(checkout);
    let mut findings = Vec::new();
    let mut owned = Vec::new();
    for model in models {
        for (header, contract) in model.contracts() {
            let compatible = &contract.compatible;
            findings.extend(check_contract_in(&layouts, model, header, compatible)?);
            owned.push(layouts.path(compatible));
        }
    }
    for path in layouts.files()? {
        if !owned.contains(&path) {
            findings.push(Finding::new(
                "frozen_layout_unowned",
                checkout.display(&path),
                "no type declares this compatible string: what it describes can no longer be read",
                "bring its types back; `kho-abi bump` keeps them under abi/src/wire/earlier/",
            ));
        }
    }
    Ok(findings)
}

/// Whether a contract is frozen, and with which status.
///
/// # Errors
///
/// A file that cannot be read.
pub fn status(checkout: &Checkout, compatible: &str) -> Result<Option<Status>, CheckoutError> {
    let layouts = Layouts::of(checkout);
    let frozen = layouts.read(&layouts.path(compatible))?;
    Ok(frozen.and_then(Result::ok).map(|frozen| frozen.status))
}

/// Compares one contract of a model with its frozen layout.
///
/// # Errors
///
/// A file that exists but cannot be read.
pub fn check_contract(
    checkout: &Checkout,
    model: &Model,
    header: &Header,
    compatible: &str,
) -> Result<Vec<Finding>, CheckoutError> {
    check_contract_in(&Layouts::of(checkout), model, header, compatible)
}

/// The same, of a directory of frozen layouts.
///
/// # Errors
///
/// A file that is there and cannot be read.
pub fn check_contract_in(
    layouts: &Layouts,
    model: &Model,
    header: &Header,
    compatible: &str,
) -> Result<Vec<Finding>, CheckoutError> {
    let path = layouts.path(compatible);
    Ok(match layouts.read(&path)? {
        None => vec![Finding::new(
            "frozen_layout_missing",
            layouts.display(&path),
            format!("the contract \"{compatible}\" has no frozen layout"),
            layouts.origin().freeze(compatible),
        )],
        Some(Err(finding)) => vec![finding],
        Some(Ok(old)) => write::frozen::of(model, header, compatible, old.status)
            .map(|new| compare_contract(layouts, &old, &with_places(model, &new)))
            .unwrap_or_default(),
    })
}

/// Adds places, which a frozen layout lacks, so that a finding can name one.
#[must_use]
pub fn with_places(model: &Model, new: &Frozen) -> Frozen {
    let mut placed = new.clone();
    for record in &mut placed.records {
        let name = record.name.clone();
        let others = model.other_pages_of(&name).filter_map(Item::record);
        let mut all = model.records().map(|(_, record)| record).chain(others);
        if let Some(found) = all.find(|found| found.name == name && found.bare() == *record) {
            *record = found.clone();
        }
    }
    for constant in &mut placed.constants {
        constant.place = model.constant(&constant.name).and_then(|found| found.place.clone());
    }
    placed
}

/// Every difference between the truth and a frozen layout.
fn compare_contract(layouts: &Layouts, old: &Frozen, new: &Frozen) -> Vec<Finding> {
    let compatible = &old.contract.compatible;
    let file = layouts.display(&layouts.path(compatible));
    let help = match old.status {
        Status::Released => layouts.origin().bump(compatible),
        Status::Draft => layouts.origin().draft(compatible),
    };
    let (rule, released) = (rule_of(old.status), old.status.past());
    let found = departures(old, new).into_iter().map(|departure| {
        let Departure { subject, place, what, consequences, .. } = departure;
        let place = place.map_or_else(|| file.clone(), |place| place.to_string());
        let what = match subject {
            Subject::Record => format!("{what}; {file} has it {released} as \"{compatible}\""),
            _ => format!("{what}; \"{compatible}\" was {released} with it"),
        };
        Finding { consequences, ..Finding::new(rule, place, what, &help) }
    });
    found.collect()
}

/// The rule that a difference from a frozen layout breaks.
#[must_use]
pub fn rule_of(status: Status) -> &'static str {
    match status {
        Status::Released => "frozen_layout_changed",
        Status::Draft => "draft_out_of_date",
    }
}

/// One difference from a frozen layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// What kind of thing differs.
    pub subject: Subject,
    /// The item that differs: `vfio_pci_core_device_ser.bdf`, the name of a constant, the path of a
    /// node; empty for the contract itself.
    pub item: String,
    /// Its place on the new side.
    pub place: Option<Place>,
    /// What differs, in words.
    pub what: String,
    /// What follows from it.
    pub consequences: Vec<String>,
    /// Whether it leaves all bytes, and what they stand for, as they were.
    pub leaves_bytes: bool,
}

/// The kind of a difference from a frozen layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The macro that holds the version.
    Macro,
    /// The header that the contract is in.
    Header,
    /// The list of roots.
    Roots,
    /// How the version is spelled.
    Version,
    /// A constant.
    Constant,
    /// A node of a device tree.
    Node,
    /// A struct or union.
    Record,
}

/// Every difference between a contract and its frozen layout, causes separate from consequences.
///
/// What one of the two does not know is not compared: [`Frozen::unknown`].
#[must_use]
pub fn departures(old: &Frozen, new: &Frozen) -> Vec<Departure> {
    let paged = |frozen: &Frozen| {
        frozen.records.iter().any(|record| record.page_size.is_some())
            || frozen.constants.iter().any(|constant| constant.page_size.is_some())
    };
    let of_one = |frozen: &Frozen| frozen.unknown.contains(&Part::Pages);
    if (of_one(old) || of_one(new)) && (paged(old) || paged(new)) {
        let (old, new) = for_one_page_size(old, new);
        return departures(&old, &new);
    }
    let mut found = Vec::new();
    let mut differs = |subject, what: &str, old: &str, new: &str| {
        if old != new {
            found.push(Departure {
                subject,
                item: String::new(),
                place: None,
                what: format!("{what} was {old}, is {new}"),
                consequences: Vec::new(),
                leaves_bytes: false,
            });
        }
    };
    let (before, after) = (&old.contract, &new.contract);
    let known = |part| !old.unknown.contains(&part) && !new.unknown.contains(&part);
    if known(Part::Header) {
        differs(Subject::Macro, "the macro", &before.macro_name, &after.macro_name);
        differs(Subject::Header, "the header", &old.header, &new.header);
    }
    differs(Subject::Roots, "the list of roots", &before.roots.join(" "), &after.roots.join(" "));
    let version = |contract: &Contract| {
        contract.version.map_or_else(|| "a string".into(), |version| version.to_string())
    };
    differs(Subject::Version, "the version", &version(before), &version(after));
    let string = |contract: &Contract| match &contract.name {
        Some(name) => format!("{} {:?}", name.macro_name, name.value),
        None => "a part of the version".into(),
    };
    differs(Subject::Version, "the string", &string(before), &string(after));
    for change in constants(old, new) {
        let mut constants = new.constants.iter();
        found.push(Departure {
            subject: Subject::Constant,
            item: change.name.clone(),
            place: constants.find(|c| c.name == change.name).and_then(|c| c.place.clone()),
            what: change.tell(Words::Change),
            consequences: Vec::new(),
            leaves_bytes: false,
        });
    }
    let nodes =
        if known(Part::Nodes) { compare::nodes(&before.nodes, &after.nodes) } else { Vec::new() };
    for change in nodes {
        found.push(Departure {
            subject: Subject::Node,
            item: change.item(),
            place: None,
            what: change.tell(Words::Change),
            consequences: Vec::new(),
            leaves_bytes: false,
        });
    }
    let scope = Scope { packing: known(Part::Packing) };
    let changes = compare::records_in(&old.records, &new.records, scope);
    let all: Vec<&RecordChange> = changes.iter().collect();
    for cause in compare::causes(&all) {
        let change = all[cause.change];
        let own = change.consequences.iter().map(|change| change.tell(Words::Change));
        let mut consequences: Vec<_> = own.collect();
        for follower in cause.followers.into_iter().map(|at| all[at]) {
            let told = follower.tell(Words::Change);
            consequences.extend(told.map(|what| format!("struct {}: {what}", follower.title())));
        }
        for cause in &change.causes {
            let field = cause.field().map(|field| format!(".{}", field.name)).unwrap_or_default();
            found.push(Departure {
                subject: Subject::Record,
                item: format!("{}{field}", change.record),
                place: change.place.clone(),
                what: format!("struct {}: {}", change.title(), cause.tell(Words::Change)),
                consequences: std::mem::take(&mut consequences),
                leaves_bytes: change.leaves_bytes(cause),
            });
        }
    }
    found
}

/// Both layouts for the one page size that one of them is of, which it does not say: the one that fits best.
fn for_one_page_size(old: &Frozen, new: &Frozen) -> (Frozen, Frozen) {
    let both = || [old, new].into_iter();
    let records = both().flat_map(|frozen| &frozen.records).filter_map(|record| record.page_size);
    let constants = both().flat_map(|frozen| &frozen.constants).filter_map(|c| c.page_size);
    let sizes: BTreeSet<u64> = records.chain(constants).collect();
    let at = |frozen: &Frozen, size: u64| {
        let mut frozen = frozen.clone();
        let fits = |page_size: Option<u64>| page_size.is_none_or(|known| known == size);
        frozen.records.retain(|record| fits(record.page_size));
        frozen.constants.retain(|constant| fits(constant.page_size));
        frozen.records.iter_mut().for_each(|record| record.page_size = None);
        frozen.constants.iter_mut().for_each(|constant| constant.page_size = None);
        frozen
    };
    let pairs = sizes.into_iter().map(|size| (at(old, size), at(new, size)));
    let pair = pairs.min_by_key(|(old, new)| departures(old, new).len());
    pair.unwrap_or_else(|| (old.clone(), new.clone()))
}

/// The differing constants of two frozen layouts, for every page size that one of them has.
fn constants(old: &Frozen, new: &Frozen) -> Vec<compare::ConstantChange> {
    let both = || old.constants.iter().chain(&new.constants);
    let mut sizes: Vec<_> = both().filter_map(|constant| constant.page_size).map(Some).collect();
    sizes.sort_unstable();
    sizes.dedup();
    if sizes.is_empty() {
        sizes.push(None);
    }
    let mut names: Vec<&str> = Vec::new();
    for constant in both() {
        if !names.contains(&constant.name.as_str()) {
            names.push(&constant.name);
        }
    }
    // A constant without a page size has the same value for each.
    let values = |frozen: &Frozen, name: &str| -> Values {
        let of = |size: &Option<u64>| {
            let mut constants = frozen.constants.iter();
            constants.find(|c| c.name == name && (c.page_size.is_none() || c.page_size == *size))
        };
        sizes.iter().map(|size| Some(of(size)?.value.clone())).collect()
    };
    // Without the values of all macros, or of all enumerators, one that is not there may be there.
    let is_partial = |frozen: &Frozen| {
        [Part::Macros, Part::Enumerators].iter().any(|part| frozen.unknown.contains(part))
    };
    let may_have = |frozen: &Frozen, name: &str| {
        is_partial(frozen) && !frozen.constants.iter().any(|constant| constant.name == name)
    };
    names.retain(|name| !may_have(old, name) && !may_have(new, name));
    let differ = names
        .iter()
        .map(|name| compare::constant(name, &sizes, values(old, name), values(new, name)));
    differ.flatten().collect()
}
