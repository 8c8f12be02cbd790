// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares the headers of a project with its frozen layouts: what changed, what is missing, what
//! is left over.

use super::contract::{how_to_bump, layout, place_of, unread};
use super::held::Held;
use super::{Project, ProjectError, FILE};
use crate::policy::Strictness;
use kho_abi_codegen::freeze::{departures, rule_of, with_places, Subject};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_model::finding::Finding;
use kho_abi_model::version::{self, Step};
use kho_abi_model::{Contract, Model, Place};
use kho_abi_read::frozen::{Frozen, Part, Status};
use std::collections::BTreeSet;

/// A finding, and the item by which an exception names it.
pub(super) type Found = (String, Finding);

/// One change that a frozen layout does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    item: String,
    place: Place,
    what: String,
    consequences: Vec<String>,
    /// Whether all bytes are as they were.
    leaves_bytes: bool,
    /// Whether another version of the header may own what changed.
    shared: bool,
    /// Every contract in whose frozen layout it is.
    promises: Vec<Promise>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Promise {
    compatible: String,
    file: String,
    status: Status,
    bump: String,
}

impl Changed {
    /// The finding.
    pub(super) fn finding(self) -> Finding {
        let frozen: Vec<String> = self
            .promises
            .iter()
            .map(|Promise { compatible, file, status, .. }| {
                format!("{file} has it {} as \"{compatible}\"", status.past())
            })
            .collect();
        let released = self.promises.iter().any(|promise| promise.status == Status::Released);
        let mut bumps: Vec<&str> = self.promises.iter().map(|promise| &*promise.bump).collect();
        bumps.dedup();
        let bump = bumps.join(if self.shared { " or " } else { " and " });
        let help = if released {
            format!("undo the change, or {bump}")
        } else {
            let names: Vec<_> = self.promises.iter().map(|promise| &*promise.compatible).collect();
            format!(
                "undo the change, or {bump}; or run `kho-abi freeze {}`, but only if no kernel was \
                 released with the draft",
                names.join(" ")
            )
        };
        let rule = rule_of(if released { Status::Released } else { Status::Draft });
        let what = format!("{}; {}", self.what, frozen.join(", and "));
        Finding { consequences: self.consequences, ..Finding::new(rule, self.place, what, help) }
    }
}

/// Every change of a contract that its frozen layout does not allow.
pub(super) fn held_to(
    layouts: &Layouts,
    model: &Model,
    contract: &Contract,
    old: &Frozen,
    new: &Frozen,
) -> Vec<Changed> {
    let all = departures(old, new);
    let certain = model.certain_closure(contract);
    let is_shared = |item: &str| {
        let record = item.split('.').next().unwrap_or_default();
        let owned = certain.iter().any(|known| known.name == record);
        !contract.shared.is_empty() && !owned
    };
    // An added or removed root is reported as an added or removed struct.
    let whole: BTreeSet<&str> = all
        .iter()
        .filter(|departure| departure.subject == Subject::Record)
        .map(|departure| departure.item.as_str())
        .collect();
    let (before, after): (BTreeSet<&str>, BTreeSet<&str>) = (
        old.contract.roots.iter().map(String::as_str).collect(),
        new.contract.roots.iter().map(String::as_str).collect(),
    );
    let roots_differ = before.symmetric_difference(&after).any(|root| !whole.contains(root));
    let promise = Promise {
        compatible: contract.compatible.clone(),
        file: layouts.display(&layouts.path(&contract.compatible)),
        status: old.status,
        bump: how_to_bump(model, contract),
    };
    let kept = all.into_iter().filter(|departure| match departure.subject {
        // The first two are not in memory, and headers do not show nodes.
        Subject::Macro | Subject::Header | Subject::Node => false,
        Subject::Roots => roots_differ,
        Subject::Version | Subject::Constant | Subject::Record => true,
    });
    kept.map(|departure| {
        let item = if departure.item.is_empty() { &contract.compatible } else { &departure.item };
        let place = departure.place;
        Changed {
            item: item.clone(),
            place: place.unwrap_or_else(|| place_of(model, contract)),
            what: departure.what,
            consequences: departure.consequences,
            leaves_bytes: departure.leaves_bytes,
            shared: is_shared(item),
            promises: vec![promise.clone()],
        }
    })
    .collect()
}

/// The findings, and what is only worth a note.
#[derive(Default)]
pub(super) struct Report {
    pub(super) found: Vec<Found>,
    pub(super) notes: Vec<String>,
}

/// The frozen layouts of a project, and its headers.
struct Frozens<'a> {
    layouts: &'a Layouts,
    model: &'a Model,
    /// Every layout that was read.
    files: Vec<Frozen>,
    /// The files that could not be read.
    malformed: Vec<String>,
    /// Whether anything was set up here: a `kho-abi.toml`, or a layout.
    begun: bool,
    report: Report,
}

/// Holds the headers to the frozen layouts, and the frozen layouts to the headers.
///
/// How strictly: what leaves all bytes as they were is worth a note alone, unless every modification counts.
pub(super) fn check(
    project: &Project,
    layouts: &Layouts,
    read: &Held,
) -> Result<Report, ProjectError> {
    let mut frozens = Frozens {
        layouts,
        model: &read.model,
        files: Vec::new(),
        malformed: Vec::new(),
        begun: project.has_file(),
        report: Report::default(),
    };
    for path in layouts.files()? {
        frozens.begun = true;
        match layouts.read(&path)? {
            Some(Ok(frozen)) => frozens.files.push(frozen),
            Some(Err(finding)) => {
                let file = layouts.display(&path);
                frozens.malformed.push(file.clone());
                frozens.report.found.push((file, finding));
            }
            None => {}
        }
    }
    // What changed comes first, then what is missing or left over.
    let mut found = frozens.contracts(read, project.config().policy);
    frozens.without_contract();
    let Report { found: others, notes } = frozens.report;
    found.extend(others);
    Ok(Report { found, notes })
}

impl Frozens<'_> {
    /// Holds each contract to its layout.
    fn contracts(&mut self, read: &Held, strictness: Strictness) -> Vec<Found> {
        let model = self.model;
        let mut changed: Vec<Changed> = Vec::new();
        let mut bumped: BTreeSet<&str> = BTreeSet::new();
        for (header, contract) in model.contracts() {
            let name = &contract.compatible;
            let known = self.files.iter().find(|frozen| frozen.contract.compatible == *name);
            let unread = unread(read, header, contract);
            let Some(old) = known.cloned() else {
                // An unread struct is reported as unread; it cannot be frozen.
                if unread.is_empty() && self.is_without_layout(contract) {
                    bumped.insert(name);
                }
                continue;
            };
            let Some(new) = layout(read, header, contract, old.status) else { continue };
            if let Some(found) = self.other_pages(contract, &old, &new) {
                self.report.found.push(found);
                continue;
            }
            let unknown: BTreeSet<Part> =
                old.unknown.symmetric_difference(&new.unknown).copied().collect();
            if !unknown.is_empty() {
                let words: Vec<_> = unknown.iter().map(|part| part.what()).collect();
                let which = if new.unknown.is_empty() {
                    "its layout does not"
                } else {
                    "the source does not"
                };
                let note = format!(
                    "\"{name}\": not checked, since {which} contain it: {}",
                    words.join(", ")
                );
                self.report.notes.push(note);
            }
            if !unknown.contains(&Part::Header) && old.contract.macro_name != contract.macro_name {
                let (before, after) = (&old.contract.macro_name, &contract.macro_name);
                let note = format!("\"{name}\": its macro was {before}, and is now {after}");
                self.report.notes.push(note);
            }
            if !old.contract.nodes.is_empty() && !contract.roots.is_empty() {
                let note = format!("\"{name}\": nodes of device trees are not checked");
                self.report.notes.push(note);
            }
            for one in held_to(self.layouts, model, contract, &old, &with_places(model, &new)) {
                // An unread struct is reported as unread, not as gone.
                if !unread.iter().any(|(item, _)| one.item.split('.').next() == Some(item)) {
                    merge(&mut changed, one);
                }
            }
        }
        let mut found = Vec::new();
        for one in changed {
            let record = one.item.split('.').next().unwrap_or_default();
            let covering = model.contracts().find(|(_, contract)| {
                bumped.contains(&*contract.compatible)
                    && contract.shared.iter().any(|shared| shared == record)
            });
            match covering {
                Some((_, contract)) if one.shared => self.report.notes.push(format!(
                    "{}: {}; \"{}\" is new, and may be its version: if so, add it to kho-abi.toml, \
                     [[owner]]",
                    one.place, one.what, contract.compatible
                )),
                _ if one.leaves_bytes && strictness == Strictness::Wire => {
                    self.report.notes.push(format!(
                        "{}: {}, but no byte moves: by the policy in kho-abi.toml, this is a note",
                        one.place, one.what
                    ));
                }
                _ => found.push((one.item.clone(), one.finding())),
            }
        }
        found
    }

    /// Reports that a layout and the source are of kernels with other pages: nothing says which
    /// differences are due to that.
    fn other_pages(&self, contract: &Contract, old: &Frozen, new: &Frozen) -> Option<Found> {
        let (before, after) = (old.kernel_pages?, new.kernel_pages?);
        if before == after {
            return None;
        }
        let name = &contract.compatible;
        let what = format!(
            "unknown whether \"{name}\" matches its frozen layout, which is for pages of {before} \
             bytes: the kernel has pages of {after} bytes"
        );
        let help = "give a kernel with pages of that size, or freeze the layout from headers";
        let place = place_of(self.model, contract);
        Some((name.clone(), Finding::new("declaration_not_read", place, what, help)))
    }

    /// Reports that a contract has no layout, and whether that is a bump.
    fn is_without_layout(&mut self, contract: &Contract) -> bool {
        let (name, place) = (&contract.compatible, place_of(self.model, contract));
        if self.malformed.contains(&self.layouts.display(&self.layouts.path(name))) {
            return false;
        }
        let akin = self.files.iter().filter(|frozen| {
            let before = &frozen.contract;
            self.model.contract(&before.compatible).is_none()
                && is_akin(before, contract)
                && step(self.model, before, contract) != Step::Backwards
        });
        if let Some(before) = akin.map(|frozen| &frozen.contract.compatible).next_back() {
            self.report.notes.push(format!(
                "{place}: \"{name}\" follows \"{before}\" and is not frozen yet: run `kho-abi \
                 freeze {name}`"
            ));
            return true;
        }
        let (what, remedy) = if self.begun {
            let what = format!("no layout is frozen for \"{name}\"");
            (what, format!("run `kho-abi freeze {name}`"))
        } else if self.report.found.is_empty() {
            // The first contract speaks for all.
            let what = format!("no layout is frozen, and there is no {FILE}");
            (what, "run `kho-abi init`".into())
        } else {
            return false;
        };
        let finding = Finding::new("frozen_layout_missing", place, what, remedy);
        self.report.found.push((name.clone(), finding));
        false
    }

    /// Reports layouts of contracts that the headers do not have.
    fn without_contract(&mut self) {
        let model = self.model;
        let gone = self.files.iter().filter(|f| model.contract(&f.contract.compatible).is_none());
        for frozen in gone {
            let name = &frozen.contract.compatible;
            let file = self.layouts.display(&self.layouts.path(name));
            let is_draft = frozen.status == Status::Draft;
            let akin = model.contracts().find(|(_, contract)| is_akin(&frozen.contract, contract));
            let (place, what, remedy) = match akin {
                Some((_, now)) if step(model, &frozen.contract, now) == Step::Backwards => (
                    place_of(model, now),
                    format!(
                        "\"{name}\" is frozen, but the headers went back to \"{}\"",
                        now.compatible
                    ),
                    if is_draft {
                        format!("remove {file}, if no kernel was released with \"{name}\"")
                    } else {
                        format!("give {} a version after \"{name}\"", now.macro_name)
                    },
                ),
                Some((_, now)) if is_draft => {
                    self.report.notes.push(format!(
                        "{file}: \"{name}\" is a draft, and \"{}\" replaced it: remove it, unless a \
                         kernel was released with it",
                        now.compatible
                    ));
                    continue;
                }
                // Earlier kernels wrote it.
                Some(_) => continue,
                None => (
                    Place::from(&file),
                    format!("no header has \"{name}\", whose layout is frozen here"),
                    if is_draft {
                        format!("bring the header back, or remove {file}: it is a draft")
                    } else {
                        "bring the header back, or allow it in kho-abi.toml: [[allow]]".into()
                    },
                ),
            };
            let finding = Finding::new("frozen_layout_unowned", place, what, remedy);
            self.report.found.push((name.clone(), finding));
        }
    }
}

/// Adds a change; if other contracts promise it too, it is still one change.
fn merge(changed: &mut Vec<Changed>, one: Changed) {
    let same = |other: &&mut Changed| {
        (&other.item, &other.place, &other.what) == (&one.item, &one.place, &one.what)
    };
    match changed.iter_mut().find(same) {
        Some(other) => {
            other.shared |= one.shared;
            other.promises.extend(one.promises);
            for consequence in one.consequences {
                if !other.consequences.contains(&consequence) {
                    other.consequences.push(consequence);
                }
            }
        }
        None => changed.push(one),
    }
}

/// Whether two contracts are versions of one thing.
fn is_akin(one: &Contract, other: &Contract) -> bool {
    version::akin(&one.compatible, &other.compatible)
}

fn step(model: &Model, old: &Contract, new: &Contract) -> Step {
    version::of(model, old).1.step(&version::of(model, new).1)
}
