// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What words of a command line can be: rules, contracts, structs, revisions, sources.
//!
//! Nothing here takes long: no header is read, and clang is not started.

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};
use kho_abi_model::Model;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::git::Git;
use kho_abi_review::project::{self, Found, FILE};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Most revisions that are offered, of a repository with more.
const REVISIONS_LIMIT: usize = 2000;

/// Those of the words that begin as what is typed.
pub(crate) fn matching<I>(typed: &OsStr, all: I) -> Vec<CompletionCandidate>
where
    I: IntoIterator<Item = String>,
{
    let typed = typed.to_string_lossy();
    all.into_iter().filter(|word| word.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}

fn both(
    mut first: Vec<CompletionCandidate>,
    then: Vec<CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    first.extend(then);
    first
}

/// The value that an option has on the line that is typed.
fn typed_option(name: &str) -> Option<PathBuf> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let with_value = |word: &OsString| {
        let value = word.to_str()?.strip_prefix(name)?.strip_prefix('=')?;
        Some(PathBuf::from(value))
    };
    let next = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    next.map(PathBuf::from).or_else(|| words.iter().find_map(with_value))
}

/// The contracts of this program, and those of the tree's frozen layouts.
fn known_contracts() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let catalogue = Catalogue::built_in();
    let models = catalogue.current().into_iter().chain(catalogue.earlier().into_iter().flatten());
    for model in models {
        known.extend(model.contracts().map(|(_, contract)| contract.compatible.clone()));
    }
    let found = match typed_option("--root") {
        Some(root) => project::at(&root),
        None => project::find(&std::env::current_dir().unwrap_or_default()),
    };
    if let Ok(Found::Project(project)) = found {
        let layouts = project.layouts().dir().read_dir().into_iter().flatten().flatten();
        let names = layouts.filter_map(|entry| entry.file_name().into_string().ok());
        known.extend(names.filter_map(|name| Some(name.strip_suffix(".layout")?.to_string())));
    }
    known
}

/// Contracts, by compatible string.
pub(crate) fn contracts(typed: &OsStr) -> Vec<CompletionCandidate> {
    matching(typed, known_contracts())
}

/// The current versions of contracts: an earlier one has its next version already.
pub(crate) fn current_contracts(typed: &OsStr) -> Vec<CompletionCandidate> {
    let catalogue = Catalogue::built_in();
    let current = catalogue.current().into_iter().flat_map(Model::contracts);
    let known: BTreeSet<_> = current.map(|(_, contract)| contract.compatible.clone()).collect();
    matching(typed, known)
}

/// Contracts, and structs by name.
pub(crate) fn contracts_and_structs(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut known = known_contracts();
    let catalogue = Catalogue::built_in();
    if let Ok(current) = catalogue.current() {
        known.extend(current.records().map(|(_, record)| record.name.clone()));
    }
    matching(typed, known)
}

/// Contracts, and headers by their paths.
pub(crate) fn contracts_and_paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    both(contracts(typed), paths(typed))
}

fn paths(typed: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::any().complete(typed)
}

/// Where frozen layouts of a tree are: directories, and its file.
pub(crate) fn catalogues(typed: &OsStr) -> Vec<CompletionCandidate> {
    let is_one = |path: &Path| path.is_dir() || path.file_name().is_some_and(|name| name == FILE);
    PathCompleter::any().filter(is_one).complete(typed)
}

/// Branches, tags and HEAD of the repository that is meant.
fn known_revisions() -> Vec<String> {
    let dir = typed_option("--git-dir").or_else(|| typed_option("--root"));
    let count = format!("--count={REVISIONS_LIMIT}");
    let mut args = vec!["for-each-ref", "--format=%(refname:short)", "--sort=-creatordate"];
    args.extend([&*count, "refs/heads", "refs/tags", "refs/remotes"]);
    let Ok(said) = Git::new(dir.as_deref()).run("", &args) else { return Vec::new() };
    let names = String::from_utf8_lossy(&said).into_owned();
    std::iter::once("HEAD".to_string()).chain(names.lines().map(String::from)).collect()
}

/// Revisions, behind whatever of a range is typed already.
pub(crate) fn revisions(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = typed.to_str() else { return Vec::new() };
    let begin = text.rfind("..").map_or(0, |at| at + 2);
    // The second revision of a range may have the prefix of a source, as the first has.
    let begin = if text[begin..].starts_with("git:") { begin + 4 } else { begin };
    let before = &text[..begin];
    matching(typed, known_revisions().into_iter().map(|name| format!("{before}{name}")))
}

/// Sources: words, revisions behind `git:`, and files.
pub(crate) fn sources(typed: &OsStr) -> Vec<CompletionCandidate> {
    let text = typed.to_string_lossy();
    if let Some(rest) = text.strip_prefix("git:") {
        let found = revisions(OsStr::new(rest));
        return found.into_iter().map(|candidate| candidate.add_prefix("git:")).collect();
    }
    let words = ["abi", "snapshots", "git:"].map(String::from);
    both(matching(typed, words), paths(typed))
}

/// Patches, or a range of revisions.
pub(crate) fn patches(typed: &OsStr) -> Vec<CompletionCandidate> {
    let found = sources(typed);
    // Files first: every branch and tag is a range's beginning, too.
    if typed.is_empty() || typed.to_string_lossy().starts_with("git:") {
        return found;
    }
    both(found, revisions(typed))
}

/// What a release is: a revision, or a source.
pub(crate) fn releases(typed: &OsStr) -> Vec<CompletionCandidate> {
    both(revisions(typed), paths(typed))
}
