// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Frozen layouts: writes new ones, holds the truth to old ones, and old ones to their history.

use crate::output::write_file;
use crate::write;
use kho_abi_model::carrier;
use kho_abi_model::compare::{self, RecordChange, Values, Words};
use kho_abi_model::finding::Finding;
use kho_abi_model::{Contract, Header, Item, Model, Place, Record};
use kho_abi_read::checkout::{at, files, Checkout, CheckoutError};
use kho_abi_read::frozen::{self, Frozen, Status};
use kho_abi_read::git::Git;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Extension of a frozen layout's file.
const EXTENSION: &str = "layout";

/// The file that a contract's layout is frozen in.
#[must_use]
pub fn path(snapshots: &Path, compatible: &str) -> PathBuf {
    snapshots.join(format!("{compatible}.{EXTENSION}"))
}

/// What became of a layout that was to be frozen.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file was written.
    Written(PathBuf),
    /// The file says it already.
    Unchanged(PathBuf),
    /// The file says something else, and is released.
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
    let path = path(&checkout.snapshots_dir(), compatible);
    // Frozen, such a string would be cut off in memory for good.
    let contract = header.contracts.iter().find(|contract| contract.compatible == compatible);
    if let Some(finding) = contract.and_then(|contract| too_long(model, contract)) {
        return Ok(Outcome::Refused(vec![finding]));
    }
    let Some(new) = write::frozen::of(model, header, compatible, status) else {
        return Ok(Outcome::Unchanged(path));
    };
    match read(checkout, &path)? {
        Some(Err(finding)) => return Ok(Outcome::Refused(vec![finding])),
        Some(Ok(old)) if old.status == Status::Released => {
            let findings = compare_contract(checkout, &old, &with_places(model, &new));
            return Ok(match findings.as_slice() {
                [] => Outcome::Unchanged(path),
                _ => Outcome::Refused(findings),
            });
        }
        _ => {}
    }
    let written = write_file(&path, &write::frozen::render(&new))?;
    Ok(if written { Outcome::Written(path) } else { Outcome::Unchanged(path) })
}

/// The finding, where a contract's string does not fit the field that carries it.
pub(crate) fn too_long(model: &Model, contract: &Contract) -> Option<Finding> {
    let found = carrier::too_long(model, contract)?;
    let named = contract.name.as_ref().map_or(&contract.macro_name, |name| &name.macro_name);
    let place = model.constant(named).and_then(|constant| constant.place.as_ref());
    let place = place.map_or_else(|| Place::from(named), Place::from);
    Some(Finding::new("compatible_too_long", place, found.to_string(), "take a shorter string"))
}

/// Holds the truth to the frozen layouts, and the frozen layouts to the truth.
///
/// `models` are the current versions and the earlier ones. Nothing is written.
///
/// # Errors
///
/// A directory or file that is there and cannot be read.
pub fn check(checkout: &Checkout, models: &[Model]) -> Result<Vec<Finding>, CheckoutError> {
    let mut findings = Vec::new();
    let mut owned = Vec::new();
    for model in models {
        for (header, contract) in model.contracts() {
            let compatible = &contract.compatible;
            findings.extend(check_contract(checkout, model, header, compatible)?);
            owned.push(path(&checkout.snapshots_dir(), compatible));
        }
    }
    for path in files(&checkout.snapshots_dir(), EXTENSION)? {
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

/// Whether a contract is frozen, and how.
///
/// # Errors
///
/// A file that cannot be read.
pub fn status(checkout: &Checkout, compatible: &str) -> Result<Option<Status>, CheckoutError> {
    let path = path(&checkout.snapshots_dir(), compatible);
    Ok(read(checkout, &path)?.and_then(Result::ok).map(|frozen| frozen.status))
}

/// Holds one contract of a model to its frozen layout.
///
/// # Errors
///
/// A file that is there and cannot be read.
pub fn check_contract(
    checkout: &Checkout,
    model: &Model,
    header: &Header,
    compatible: &str,
) -> Result<Vec<Finding>, CheckoutError> {
    let path = path(&checkout.snapshots_dir(), compatible);
    Ok(match read(checkout, &path)? {
        None => vec![Finding::new(
            "frozen_layout_missing",
            checkout.display(&path),
            format!("the contract \"{compatible}\" has no frozen layout"),
            format!("run `kho-abi freeze {compatible}`"),
        )],
        Some(Err(finding)) => vec![finding],
        Some(Ok(old)) => write::frozen::of(model, header, compatible, old.status)
            .map(|new| compare_contract(checkout, &old, &with_places(model, &new)))
            .unwrap_or_default(),
    })
}

/// Reads a frozen layout: `None` where there is no file, a finding where it makes no sense.
fn read(
    checkout: &Checkout,
    path: &Path,
) -> Result<Option<Result<Frozen, Finding>>, CheckoutError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path)(error)),
    };
    let shown = checkout.display(path);
    let malformed = |line: usize, what: String| {
        Finding::new(
            "frozen_file_malformed",
            Place { file: shown.clone(), line },
            what,
            format!("restore it: `git checkout -- {shown}`"),
        )
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Some(Err(malformed(1, "the file is not UTF-8".into()))));
    };
    let frozen = match frozen::parse(&text) {
        Ok(frozen) => frozen,
        Err(error) => return Ok(Some(Err(malformed(error.line, error.what)))),
    };
    if path.file_stem().is_some_and(|stem| *stem != *frozen.contract.compatible) {
        let what =
            format!("the file freezes \"{}\", which is not its name", frozen.contract.compatible);
        return Ok(Some(Err(malformed(1, what))));
    }
    Ok(Some(Ok(frozen)))
}

/// A frozen layout has no places; to name one, the changed fields need them back.
fn with_places(model: &Model, new: &Frozen) -> Frozen {
    let record = |bare: &Record| {
        let others = model.other_pages_of(&bare.name).filter_map(Item::record);
        let mut all = model.record(&bare.name).into_iter().chain(others);
        all.find(|record| record.page_size == bare.page_size).unwrap_or(bare).clone()
    };
    Frozen { records: new.records.iter().map(record).collect(), ..new.clone() }
}

/// Every way in which the truth departs from a frozen layout.
fn compare_contract(checkout: &Checkout, old: &Frozen, new: &Frozen) -> Vec<Finding> {
    let compatible = &old.contract.compatible;
    let file = checkout.display(&path(&checkout.snapshots_dir(), compatible));
    let (rule, released, help) = match old.status {
        Status::Released => (
            "frozen_layout_changed",
            "released",
            format!(
                "undo the change, run `kho-abi bump {compatible}`, then change the new version"
            ),
        ),
        Status::Draft => {
            ("draft_out_of_date", "drafted", format!("run `kho-abi freeze --draft {compatible}`"))
        }
    };
    let mut findings = Vec::new();
    let mut differs = |what: &str, old: &str, new: &str| {
        if old != new {
            let what =
                format!("{what} was {old}, is {new}; \"{compatible}\" was {released} with it");
            findings.push(Finding::new(rule, &file, what, &help));
        }
    };
    differs("the macro", &old.contract.macro_name, &new.contract.macro_name);
    differs("the header", &old.header, &new.header);
    differs("the list of roots", &old.contract.roots.join(" "), &new.contract.roots.join(" "));
    let version = |contract: &Contract| {
        contract.version.map_or_else(|| "a string".into(), |version| version.to_string())
    };
    differs("the version", &version(&old.contract), &version(&new.contract));
    let string = |contract: &Contract| match &contract.name {
        Some(name) => format!("{} {:?}", name.macro_name, name.value),
        None => "a part of the version".into(),
    };
    differs("the string", &string(&old.contract), &string(&new.contract));
    let mut put = |place: Place, what: String, consequences: Vec<String>| {
        let finding = Finding::new(rule, place, what, &help);
        findings.push(Finding { consequences, ..finding });
    };
    let promised = constants(old, new).into_iter().map(|change| change.tell(Words::Change));
    let nodes = compare::nodes(&old.contract.nodes, &new.contract.nodes).into_iter();
    for what in promised.chain(nodes.map(|change| change.tell(Words::Change))) {
        put(
            Place::from(&file),
            format!("{what}; \"{compatible}\" was {released} with it"),
            Vec::new(),
        );
    }
    let changes = compare::records(&old.records, &new.records);
    let all: Vec<&RecordChange> = changes.iter().collect();
    for found in compare::causes(&all) {
        let change = all[found.change];
        let place = change.place.clone().unwrap_or_else(|| Place::from(&file));
        let own = change.consequences.iter().map(|change| change.tell(Words::Change));
        let mut consequences: Vec<_> = own.collect();
        for follower in found.followers.into_iter().map(|at| all[at]) {
            let told = follower.tell(Words::Change);
            consequences.extend(told.map(|what| format!("struct {}: {what}", follower.title())));
        }
        for cause in &change.causes {
            let (title, cause) = (change.title(), cause.tell(Words::Change));
            let what =
                format!("struct {title}: {cause}; {file} has it {released} as \"{compatible}\"");
            put(place.clone(), what, std::mem::take(&mut consequences));
        }
    }
    findings
}

/// What differs in the constants of two frozen layouts, for every page size that one of them has.
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
    // One without a page size has its value for each.
    let values = |frozen: &Frozen, name: &str| -> Values {
        let of = |size: &Option<u64>| {
            let mut constants = frozen.constants.iter();
            constants.find(|c| c.name == name && (c.page_size.is_none() || c.page_size == *size))
        };
        sizes.iter().map(|size| Some(of(size)?.value.clone())).collect()
    };
    let differ = names
        .iter()
        .map(|name| compare::constant(name, &sizes, values(old, name), values(new, name)));
    differ.flatten().collect()
}

/// What the history of the frozen layouts tells.
#[derive(Debug, PartialEq, Eq)]
pub enum History {
    /// The history was read.
    Checked(Vec<Finding>),
    /// It was not, because.
    NotChecked(String),
}

/// Holds each released file to the commit that released it.
///
/// The one check that an edit of type and frozen file together cannot pass. It needs git and the
/// whole history; where either is missing, it says so.
///
/// # Errors
///
/// A frozen file that is there and cannot be read.
pub fn check_history(checkout: &Checkout) -> Result<History, CheckoutError> {
    let repository = Git::new(Some(checkout.root()));
    let git = |args: &[&str]| repository.ask("", args, Vec::new()).ok()?.ok();
    let text = |args: &[&str]| git(args).map(|out| String::from_utf8_lossy(&out).into_owned());
    let not = |why: &str| Ok(History::NotChecked(why.into()));

    match text(&["rev-parse", "--is-shallow-repository"]) {
        None => return not("this is no git checkout, or git is not installed"),
        Some(shallow) if shallow.trim() != "false" => {
            return not("the history is cut off: run `git fetch --unshallow`");
        }
        Some(_) => {}
    }
    // In a directory of somebody else's repository, that history says nothing about this.
    if text(&["ls-files", "--", "Cargo.toml"]).is_none_or(|out| out.trim().is_empty()) {
        return not("the checkout is not under version control");
    }
    let Some(log) = text(&[
        "log",
        "--reverse",
        "--format=commit %H",
        "--name-only",
        "--no-renames",
        "--relative",
        "--",
        "snapshots/*.layout",
    ]) else {
        return not("there is no commit yet");
    };

    let mut findings = Vec::new();
    let mut released: Vec<(&str, Vec<u8>)> = Vec::new();
    let mut commit = "";
    for line in log.lines().filter(|line| !line.is_empty()) {
        if let Some(hash) = line.strip_prefix("commit ") {
            commit = hash;
            continue;
        }
        if released.iter().any(|(path, _)| *path == line) {
            continue;
        }
        // A commit that removes the file has no such blob: nothing was released by it.
        let Some(bytes) = git(&["show", &format!("{commit}:./{line}")]) else { continue };
        let frozen = frozen::parse(&String::from_utf8_lossy(&bytes));
        if !frozen.is_ok_and(|frozen| frozen.status == Status::Released) {
            continue;
        }
        let path = checkout.root().join(line);
        let now = match fs::read(&path) {
            Ok(now) => Some(now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&path)(error)),
        };
        if now.as_ref() != Some(&bytes) {
            let short: String = commit.chars().take(12).collect();
            let what = if now.is_some() { "differs from what" } else { "is gone that" };
            findings.push(Finding::new(
                "frozen_file_changed",
                line,
                format!("the frozen layout {what} commit {short} released"),
                format!("run `git checkout {short} -- {line}`; a new layout needs `kho-abi bump`"),
            ));
        }
        released.push((line, bytes));
    }
    Ok(History::Checked(findings))
}
