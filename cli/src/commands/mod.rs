// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The subcommands, one file each.

pub(crate) mod bump;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod freeze;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod judging;
pub(crate) mod kernel_patch;
pub(crate) mod layout;
pub(crate) mod lint;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod preflight;
pub(crate) mod review;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod verify;

use crate::output::{note, Failure};
use clap::builder::{OsStringValueParser, TypedValueParser};
use kho_abi_model::Model;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::checkout::{Checkout, CheckoutError};
use kho_abi_read::source;
use kho_abi_review::nearest;
use kho_abi_review::project::{self, Found, Project, ProjectError};
use kho_abi_show::names;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Takes a word that may name a file, whatever its bytes: as they are shown ([`names::shown`]).
fn word() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(names::shown)
}

/// The checkout that a command works on.
fn checkout(root: Option<&Path>) -> Result<Checkout, CheckoutError> {
    if let Some(root) = root {
        // For a missing directory, report the system's own error.
        root.read_dir().map_err(|source| CheckoutError::Io { path: root.into(), source })?;
        return Checkout::at(root);
    }
    let here = std::env::current_dir()
        .map_err(|source| CheckoutError::Io { path: PathBuf::from("."), source })?;
    Checkout::find(&here)
}

/// What a command works on: a checkout of this repository, whose types are this program's, or any
/// other tree, whose headers are the truth.
fn place(root: Option<&Path>) -> Result<Found, Failure> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Failure::from(CheckoutError::Io { path, source })
    };
    let found = match root {
        Some(root) => {
            // For a missing directory, report the system's own error.
            root.read_dir().map_err(io(root))?;
            project::at(root)?
        }
        None => project::find(&std::env::current_dir().map_err(io(Path::new(".")))?)?,
    };
    if let Found::Checkout(checkout) = &found {
        checkout.require_same_truth()?;
    }
    Ok(found)
}

/// The tree whose headers are the truth, if there is one; for commands that do not need one.
fn project_here(root: Option<&Path>) -> Result<Option<Project>, Failure> {
    let found = match root {
        Some(root) => project::at(root),
        None => match std::env::current_dir() {
            Ok(here) => project::find(&here),
            Err(_) => return Ok(None),
        },
    };
    match found {
        Ok(Found::Project(project)) => Ok(Some(project)),
        Ok(Found::Checkout(_)) | Err(ProjectError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the own frozen layouts of an old source have as drafts.
fn drafts_of(old: &str, options: &source::Options) -> BTreeSet<String> {
    let here = std::env::current_dir().unwrap_or_default();
    project::drafts(old, &here, options)
}

/// The frozen layouts of the tree around the current directory, if its headers are the truth.
fn layouts_here() -> Option<PathBuf> {
    // Commands that work on its kho-abi.toml report what is wrong with it.
    let dir = project_here(None).ok()??.layouts().dir().to_path_buf();
    dir.is_dir().then_some(dir)
}

/// As [`checkout()`], but its wire files must match this program's types.
fn matching_checkout(root: Option<&Path>) -> Result<Checkout, CheckoutError> {
    let checkout = checkout(root)?;
    checkout.require_same_truth()?;
    Ok(checkout)
}

/// The checkout that a command works on which writes wire files; in a tree whose headers are the
/// truth, what to do `instead`.
fn checkout_of_types(root: Option<&Path>, instead: &str) -> Result<Checkout, Failure> {
    if let Ok(Found::Project(project)) = place(root) {
        let tree = names::shown(project.root());
        return Err(Failure {
            message: format!("in {tree}, the C headers are the truth, not Rust types"),
            help: instead.into(),
        });
    }
    Ok(matching_checkout(root)?)
}

/// The current and the earlier versions that this program was compiled with.
fn models() -> Result<(Model, Vec<Model>), Failure> {
    let catalogue = Catalogue::built_in();
    Ok((catalogue.current()?.clone(), catalogue.earlier()?.to_vec()))
}

/// For commands that only show the types: notes that the checkout differs.
fn note_stale(root: Option<&Path>) {
    if let Ok(checkout) = checkout(root) {
        if let Err(error) = checkout.require_same_truth() {
            note(format_args!("note: showing what this program was compiled with: {error}"));
        }
    }
}

/// What to do about the name of a contract that no current one has.
fn contract_help(name: &str, model: &Model) -> String {
    let known: Vec<&str> = model.contracts().map(|(_, c)| c.compatible.as_str()).collect();
    format!("{}give one of {}", nearest::question(name, &known), known.join(", "))
}

/// The strings of all current contracts, for a message.
fn known_contracts(model: &Model) -> String {
    model.contracts().map(|(_, c)| c.compatible.as_str()).collect::<Vec<_>>().join(", ")
}
