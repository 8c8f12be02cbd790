// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Freezes the layouts of a project: as drafts, or as released if a release proves it.

use super::contract::{how_to_bump, layout, place_of, unread};
use super::flaws;
use super::frozen::{held_to, Changed};
use super::held::Held;
use super::read::Release;
use super::{Project, ProjectError};
use crate::policy::allow::Book;
use kho_abi_codegen::freeze::too_long;
use kho_abi_codegen::freeze::{departures, with_places, Subject};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_codegen::write;
use kho_abi_model::finding::Finding;
use kho_abi_model::{Contract, Header, Model, Place};
use kho_abi_read::frozen::{self, Frozen, Status};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The result of freezing one contract.
#[derive(Debug)]
pub struct Outcome {
    /// The contract.
    pub contract: String,
    /// How it is frozen now; `None` if it is not.
    pub status: Option<Status>,
    /// The file that was written; `None` if none was.
    pub written: Option<PathBuf>,
    /// Why it was not done, or only partly.
    pub findings: Vec<Finding>,
}

/// What [`freeze`] refuses: what memory cannot hand over and no layout has yet, unless
/// `kho-abi.toml` allows it. `today` is the day, in days since 1970.
///
/// # Errors
///
/// A frozen layout that exists but cannot be read.
pub fn refused(
    project: &Project,
    held: &Held,
    today: i64,
) -> Result<Vec<(String, Finding)>, ProjectError> {
    let mut book = Book::new(&project.config().allowances, today);
    let mut found = flaws::of(held, &project.layouts())?.found;
    found.retain(|(item, finding)| !book.take(&finding.rule, item));
    Ok(found)
}

/// Freezes the named contracts, or all of them.
///
/// A released layout is never overwritten. A draft is overwritten, and becomes released if
/// `release` has the same bytes. A contract with what is `refused` is not frozen.
///
/// # Errors
///
/// A name that no contract has, and files that cannot be read or written.
pub fn freeze(
    project: &Project,
    held: &Held,
    names: &[String],
    release: Option<&(Release, Held)>,
    refused: &[(String, Finding)],
) -> Result<Vec<Outcome>, ProjectError> {
    let layouts = project.layouts();
    let model = &held.model;
    let chosen = chosen(model, names)?;
    let mut outcomes = Vec::new();
    for (header, contract) in chosen {
        let name = &contract.compatible;
        let mut outcome =
            Outcome { contract: name.clone(), status: None, written: None, findings: Vec::new() };
        let path = layouts.path(name);
        let mut draft = match of(held, header, contract) {
            Ok(frozen) => frozen,
            Err(finding) => {
                outcome.findings.push(*finding);
                outcomes.push(outcome);
                continue;
            }
        };
        let own: BTreeSet<&str> = draft.records.iter().map(|record| record.name.as_str()).collect();
        let of_it = refused.iter().filter(|(item, _)| {
            let record = item.split(['.', '+']).next().unwrap_or_default();
            own.contains(record)
        });
        outcome.findings = of_it.map(|(_, finding)| finding.clone()).collect();
        if !outcome.findings.is_empty() {
            outcomes.push(outcome);
            continue;
        }
        let before = match layouts.read(&path)? {
            Some(Err(finding)) => {
                outcome.findings.push(finding);
                outcomes.push(outcome);
                continue;
            }
            Some(Ok(before)) => Some(before),
            None => None,
        };
        let is_first = before.is_none();
        if let Some(before) = before {
            let is_released = before.status == Status::Released;
            if is_released {
                let new = with_places(model, &draft);
                outcome.findings = changes(&layouts, model, contract, &before, &new);
            } else if !before.unknown.is_superset(&draft.unknown)
                || !before.given.is_superset(&draft.given)
            {
                outcome.findings = vec![degrades(&layouts, held, contract, &draft)];
            }
            if is_released || !outcome.findings.is_empty() {
                outcome.status = Some(before.status);
                outcomes.push(outcome);
                continue;
            }
        }
        if let Some((release, other)) = release {
            match prove(&draft, release, other) {
                Ok(()) => draft.status = Status::Released,
                Err(NotProven { why, theirs }) => {
                    let has_others = theirs.is_some();
                    let remedy = if has_others {
                        format!("undo the change, or {}", how_to_bump(model, contract))
                    } else {
                        "name the release that has these bytes, or freeze a draft without --release"
                            .into()
                    };
                    let what =
                        format!("{release} does not prove that \"{name}\" is released: {why}");
                    let place = place_of(model, contract);
                    outcome.findings.push(Finding::new("release_not_proven", place, what, remedy));
                    // What a kernel has under this string is what the next one must read.
                    if let Some(theirs) = theirs.filter(|_| is_first) {
                        draft = *theirs;
                        draft.status = Status::Released;
                    }
                }
            }
            // A named contract is frozen exactly as requested, or not at all.
            if !outcome.findings.is_empty() && !names.is_empty() {
                outcomes.push(outcome);
                continue;
            }
        }
        outcome.status = Some(draft.status);
        outcome.written = layouts.write(&draft)?.then_some(path);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// That a draft is there which knows more than what would be written over it.
fn degrades(layouts: &Layouts, held: &Held, contract: &Contract, new: &Frozen) -> Finding {
    let file = layouts.display(&layouts.path(&contract.compatible));
    let source = held.from_kernel.as_ref().map_or("", |from_kernel| &from_kernel.source);
    let parts = new.unknown.union(&new.given);
    let words: Vec<_> = parts.map(|part| part.what()).collect();
    let what = format!(
        "the frozen layout of \"{}\" has more than {source}, which lacks {}",
        contract.compatible,
        words.join(", ")
    );
    let remedy = format!("freeze it from the headers, or remove {file} first");
    Finding::new("contract_not_freezable", Place::from(&file), what, remedy)
}

/// The contracts to freeze.
fn chosen<'a>(
    model: &'a Model,
    names: &[String],
) -> Result<Vec<(&'a Header, &'a Contract)>, ProjectError> {
    if names.is_empty() {
        return Ok(model.contracts().collect());
    }
    let known = || model.contracts().map(|(_, contract)| contract.compatible.clone()).collect();
    let find = |name: &String| {
        let found = model.contract(name);
        found.ok_or_else(|| ProjectError::NoContract { name: name.clone(), known: known() })
    };
    names.iter().map(find).collect()
}

/// What to freeze of a contract, as a draft.
///
/// # Errors
///
/// The finding, if it cannot be frozen.
pub(super) fn of(
    held: &Held,
    header: &Header,
    contract: &Contract,
) -> Result<Frozen, Box<Finding>> {
    let (model, name) = (&held.model, &contract.compatible);
    let refuse = |why: String, help: &str| {
        let what = format!("\"{name}\" cannot be frozen: {why}");
        Box::new(Finding::new("contract_not_freezable", place_of(model, contract), what, help))
    };
    // Once frozen, such a string would be cut off in memory for good.
    if let Some(finding) = too_long(model, contract) {
        return Err(Box::new(finding));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,;+@ ".contains(c);
    if name.starts_with('.') || name.is_empty() || !name.chars().all(plain) {
        return Err(refuse(
            "this name cannot be a file name".into(),
            "use letters, digits, `-` and `_` in the string",
        ));
    }
    let mut unread = unread(held, header, contract);
    if let Some((item, why)) = unread.pop() {
        let (why, remedy) = match &held.from_kernel {
            Some(_) if item == *name => (
                why,
                "freeze it from headers, or say what it promises: --root-struct, [[contract]]",
            ),
            Some(_) => {
                (format!("{item}: {why}"), "give a kernel that has it, or freeze it from headers")
            }
            None => (
                format!("{item} has no layout: {why}"),
                "remove its dependence on the kernel's configuration",
            ),
        };
        return Err(refuse(why, remedy));
    }
    let frozen = layout(held, header, contract, Status::Draft)
        .ok_or_else(|| refuse("its header does not define it".into(), "report it"))?;
    // Read back what will be written, so that both agree.
    let read = frozen::parse(&write::frozen::render(&frozen));
    let same = |read: &Frozen| {
        (&read.records, &read.constants, &read.header, &read.unknown, &read.given)
            == (&frozen.records, &frozen.constants, &frozen.header, &frozen.unknown, &frozen.given)
            && read.contract.roots == frozen.contract.roots
    };
    match read {
        Ok(read) if same(&read) => Ok(frozen),
        Ok(_) => Err(refuse("its layout cannot be written".into(), "report it")),
        Err(error) => Err(refuse(
            format!("its layout cannot be written: {}", error.what),
            "give each struct and field a name, and a type of fixed size",
        )),
    }
}

/// Why a release does not prove a contract released.
struct NotProven {
    why: String,
    /// What the release has under the same version, if it has other bytes.
    theirs: Option<Box<Frozen>>,
}

/// Whether a release has the same bytes under the same version; otherwise why not.
fn prove(draft: &Frozen, release: &Release, other: &Held) -> Result<(), NotProven> {
    let name = &draft.contract.compatible;
    let not = |why: String| NotProven { why, theirs: None };
    let Some((header, contract)) = other.model.contract(name) else {
        return Err(not(format!("{release} does not have it")));
    };
    let theirs = of(other, header, contract).map_err(|finding| not(finding.what))?;
    let of_bytes = |subject: Subject| !matches!(subject, Subject::Macro | Subject::Header);
    let mut differences = departures(&theirs, draft);
    differences.retain(|departure| {
        of_bytes(departure.subject)
            && !(departure.subject == Subject::Roots && same_roots(&theirs, draft))
    });
    match differences.first() {
        None => Ok(()),
        Some(departure) => {
            let why = departure.what.clone();
            Err(NotProven { why, theirs: Some(Box::new(theirs)) })
        }
    }
}

fn same_roots(a: &Frozen, b: &Frozen) -> bool {
    let sorted = |frozen: &Frozen| {
        let mut roots = frozen.contract.roots.clone();
        roots.sort_unstable();
        roots
    };
    sorted(a) == sorted(b)
}

/// Every change of a contract that its frozen layout does not allow, as findings of this contract
/// alone.
fn changes(
    layouts: &Layouts,
    model: &Model,
    contract: &Contract,
    old: &Frozen,
    new: &Frozen,
) -> Vec<Finding> {
    let changed = held_to(layouts, model, contract, old, new);
    changed.into_iter().map(Changed::finding).collect()
}
