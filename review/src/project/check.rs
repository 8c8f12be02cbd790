// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares the headers of a project with its frozen layouts: one finding for each cause, at its
//! line.

use super::contract::is_unread;
use super::flaws;
use super::frozen::{self, Found};
use super::held::Held;
use super::suites;
use super::{Project, ProjectError};
use crate::policy::allow::Book;
use crate::policy::checks::failed_assertion;
use crate::policy::sides;
use kho_abi_codegen::check::{shared_strings, Check};
use kho_abi_codegen::freeze::too_long;
use kho_abi_model::finding::Finding;
use kho_abi_model::{DeclarationKind, Model, Place};
use kho_abi_read::source::Gap;
use std::collections::BTreeSet;
use std::path::Path;

const READ: &str = "every declaration of the headers was read";
const COVERED: &str = "a version covers every struct";
const OWNERS: &str = "every owner in kho-abi.toml exists";
const ONE_STRING: &str = "each compatible string is one contract's";
const FITS: &str = "each compatible string fits the field that carries it";
const SOUND: &str = "new declarations in the headers are fit for preserved memory";
const MACHINES: &str = "every machine has the same layouts";
const FROZEN: &str = "the headers match the frozen layouts";
const FOUND: &str = "the kernel has every contract and its structs";
const BUILT: &str = "the kernel matches the frozen layouts";
const TESTS: &str = "the unit tests match the frozen layouts";
const HISTORY: &str = "no released layout was edited";
const ALLOWED: &str = "every exception in kho-abi.toml is needed";

/// Runs every check. `today` is the day, in days since 1970, since exceptions expire. `cache` keeps
/// what was found in the history.
///
/// # Errors
///
/// A frozen layout that exists but cannot be read.
pub fn run(
    project: &Project,
    read: &Held,
    today: i64,
    cache: Option<&Path>,
) -> Result<Vec<Check>, ProjectError> {
    let Held { model, machines, owners, .. } = read;
    let layouts = project.layouts();
    let Unread { found: mut unread, failed, notes: mut open, .. } = unread(read);
    open.extend(read.from_kernel.as_ref().map(|from_kernel| {
        format!(
            "{} is a kernel, which does not contain {}",
            from_kernel.source,
            from_kernel.words()
        )
    }));
    let others = read.from_kernel.as_ref().map(|from_kernel| from_kernel.others.join(", "));
    open.extend(others.filter(|others| !others.is_empty()).map(|others| {
        format!("the kernel has {others}, but kho-abi.toml does not name them: not checked")
    }));
    let mut flaws = flaws::of(read, &layouts)?;
    // Why a struct could not be read is one cause.
    flaws.found.retain(|(item, _)| {
        let record = item.split('.').next().unwrap_or_default();
        !unread.iter().any(|(known, _)| known == record)
    });
    let mut frozen = frozen::check(project, &layouts, read)?;
    unread.extend(
        failed.into_iter().filter_map(|failed| failed.unless_it_follows(&mut frozen.found)),
    );
    let is_kernel = read.from_kernel.is_some();
    frozen.notes.extend(nodes(model).filter(|_| !is_kernel));
    let mut book = Book::new(&project.config().allowances, today);
    // An exception is still needed if what it allows was frozen since.
    for (rule, item) in &flaws.frozen {
        book.take(rule, item);
    }
    let mut done = |name, found: Vec<Found>, notes| {
        let kept = found.into_iter().filter(|(item, finding)| !book.take(&finding.rule, item));
        Check { notes, ..Check::done(name, kept.map(|(_, finding)| finding).collect()) }
    };
    let by_place = |finding: Finding| (finding.shown_place(), finding);
    let strings = shared_strings(std::slice::from_ref(model)).into_iter().map(by_place);
    let too_long = model.contracts().filter_map(|(_, contract)| {
        Some((contract.compatible.clone(), too_long(model, contract)?))
    });
    let mut checks = vec![done(if is_kernel { FOUND } else { READ }, unread, open)];
    // A kernel does not say which structs its strings promise: what none is given is not known to have none.
    if !is_kernel {
        checks.push(done(COVERED, uncovered(model), Vec::new()));
        checks.push(done(SOUND, flaws.found, flaws.notes));
    }
    checks.push(done(ONE_STRING, strings.collect(), Vec::new()));
    checks.push(done(FITS, too_long.collect(), Vec::new()));
    if project.config().targets.len() > 1 && !is_kernel {
        checks.push(done(MACHINES, machines.clone(), Vec::new()));
    }
    checks.push(done(if is_kernel { BUILT } else { FROZEN }, frozen.found, frozen.notes));
    let (edited, notes) = layouts.check_history(cache)?;
    let by_file = |finding: Finding| (finding.shown_place(), finding);
    checks.push(done(HISTORY, edited.into_iter().map(by_file).collect(), notes));
    if !is_kernel && suites::are_there(project)? {
        // That a contract is not frozen is reported above.
        let suites = suites::of(project, read)?;
        let found = suites.check(project)?.into_iter().map(by_place);
        checks.push(done(TESTS, found.collect(), suites.notes));
    }
    if !project.config().owners.is_empty() {
        checks.push(done(OWNERS, owners.clone(), Vec::new()));
    }
    if !project.config().allowances.is_empty() {
        let stale = book.stale(|rule| !is_of_a_change(rule)).into_iter().map(|event| {
            let what = event.what.replace("in this change", "that was found");
            Finding { what, ..event }
        });
        checks.push(Check::done(ALLOWED, stale.collect()));
    }
    Ok(checks)
}

/// Whether a rule is one of changes alone: an exception for it is needed when a change is judged, and not here.
fn is_of_a_change(rule: &str) -> bool {
    let here = [
        "compatible_in_two_contracts",
        "compatible_too_long",
        "header_unreadable",
        "struct_without_contract",
    ];
    let of_codegen = kho_abi_codegen::rules::RULES.iter().any(|known| known.id == rule);
    let of_one_side = sides::REGISTRY.iter().any(|known| known.rule.id == rule);
    !of_codegen && !of_one_side && !here.contains(&rule)
}

/// What of the headers was not read.
#[derive(Default)]
struct Unread {
    found: Vec<Found>,
    /// The failed assertions of headers about themselves.
    failed: Vec<Failed>,
    /// What is only worth a note.
    notes: Vec<String>,
    /// Whether a kernel was read, and no headers.
    is_kernel: bool,
}

impl Unread {
    fn put(&mut self, item: &str, place: Place, what: String) {
        let remedy = if self.is_kernel {
            "give a kernel that has it, or declare in kho-abi.toml what the string promises: \
             [[contract]]"
        } else {
            "declare it with types from the headers themselves, and outside #ifdef"
        };
        if !self.found.iter().any(|(known, _)| known == item) {
            let finding = Finding::new("declaration_not_read", place, what, remedy);
            self.found.push((item.into(), finding));
        }
    }
}

/// An assertion of a header about itself that does not hold.
struct Failed {
    place: Place,
    said: String,
}

impl Failed {
    /// The finding; `None` if the assertion is about a struct that changed, since it follows from
    /// that.
    fn unless_it_follows(self, changed: &mut [Found]) -> Option<Found> {
        let Self { place, said } = self;
        let mut words = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        // `sizeof(struct x_ser) == 8`
        let about = words.find(|word| matches!(*word, "struct" | "union")).and(words.next());
        let is_cause = |(item, finding): &&mut Found| {
            let of_it = |about: &str| {
                let follows = format!("struct {about}:");
                item.split('.').next() == Some(about)
                    || finding.consequences.iter().any(|so| so.starts_with(&follows))
            };
            about.is_some_and(of_it)
        };
        if let Some((_, finding)) = changed.iter_mut().find(is_cause) {
            finding.consequences.push(format!("{place}: the compiler rejects it: {said}"));
            return None;
        }
        let what = format!("the compiler rejects it: {said}");
        let remedy = "change the assertion together with the struct";
        Some((said, Finding::new("header_unreadable", place, what, remedy)))
    }
}

fn unread(read: &Held) -> Unread {
    let mut unread = Unread { is_kernel: read.from_kernel.is_some(), ..Unread::default() };
    let declarations = read.model.headers.iter().flat_map(|header| &header.declarations);
    for declaration in declarations {
        let Some(why) = &declaration.unproven else { continue };
        let is_layout =
            matches!(declaration.kind, DeclarationKind::Struct | DeclarationKind::Union);
        if !is_layout && !declaration.is_broken() {
            continue;
        }
        let place = declaration.place.clone().unwrap_or_else(|| Place::from(""));
        let what = format!("{} {} has no layout: {why}", declaration.kind.word(), declaration.name);
        unread.put(&declaration.name, place, what);
    }
    for gap in &read.gaps {
        if gap.item.is_empty() {
            match failed_assertion(gap) {
                Some((place, said)) => unread.failed.push(Failed { place, said }),
                None => unread.notes.push(gap.why.clone()),
            }
            continue;
        }
        let of_a_version = read.model.headers.iter().any(|h| h.include_path() == gap.item);
        if of_a_version && !is_unread(&read.model, gap) {
            // Another check reports that no version covers its structs.
            continue;
        }
        let (place, why) = apart(gap);
        unread.put(&gap.item, place, format!("{} was not read: {why}", gap.item));
    }
    unread.notes.sort();
    unread.notes.dedup();
    unread
}

/// The place at the start of a reason, and the rest of it.
fn apart(gap: &Gap) -> (Place, String) {
    let mut parts = gap.why.splitn(3, ':');
    if let (Some(file), Some(line), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
        if let Ok(line) = line.parse() {
            return (Place { file: file.into(), line }, rest.trim().into());
        }
    }
    (Place::from(&gap.item), gap.why.clone())
}

/// Structs that no version covers.
fn uncovered(model: &Model) -> Vec<Found> {
    let owned: BTreeSet<&str> = model
        .contracts()
        .flat_map(|(_, contract)| model.closure(contract))
        .map(|record| record.name.as_str())
        .collect();
    let orphans = model.records().filter(|(_, record)| !owned.contains(record.name.as_str()));
    orphans
        .map(|(header, record)| {
            let place =
                record.place.as_ref().map_or_else(|| Place::from(&header.file), Place::from);
            let what = format!("no version covers struct {}", record.name);
            let help =
                "give its header a compatible string, embed it in a struct that has one, or \
                        name its owner in kho-abi.toml: [[owner]]";
            (record.name.clone(), Finding::new("struct_without_contract", place, what, help))
        })
        .collect()
}

/// A note that only code has the device tree, if a contract consists of nothing else.
fn nodes(model: &Model) -> Option<String> {
    let bare = model.contracts().filter(|(_, c)| c.roots.is_empty()).map(|(_, c)| &*c.compatible);
    let bare: Vec<_> = bare.collect();
    let of = bare.join(", ");
    (!bare.is_empty()).then(|| {
        format!("{of}: no struct in the headers; properties of device trees are not checked")
    })
}
