// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What patches apply to: a tree or a revision, with or without ABI headers.

use crate::diff::open::Files;
use kho_abi_model::ABI_DIR;
use kho_abi_read::git::{revision, Git};
use kho_abi_read::headers::{self, HeaderError};
use kho_abi_read::source::{Options, SourceError, Tree};
use kho_abi_show::names;
use std::path::Path;

/// What patches apply to.
#[derive(Clone, Debug)]
pub struct Base {
    /// The name of the source, as the user wrote it.
    pub name: String,
    /// Its headers, by their path in a kernel tree.
    pub files: Files,
    /// The tree that they are from, if it is a whole one.
    pub tree: Option<Tree>,
}

impl Base {
    /// The base that a word names. In a base without ABI headers, all headers are new.
    ///
    /// # Errors
    ///
    /// A word that is neither a directory with files nor a revision.
    pub fn open(word: &str, options: &Options) -> Result<Self, SourceError> {
        let word = &*source_word(word, options);
        let dir = names::path(word);
        let dir = dir.as_path();
        let is_empty = is_without_headers(word, options);
        let (files, tree) = match word.strip_prefix("git:") {
            Some(rev) if is_empty => (Files::new(), Some(revision::tree_of_rev(rev, options)?)),
            Some(rev) => {
                let (files, tree) = revision::files_and_tree_of_rev(rev, options)?;
                (files, Some(tree))
            }
            None if is_empty => (Files::new(), headers::tree_of_dir(dir)),
            None => (headers::files_of_dir(dir)?, headers::tree_of_dir(dir)),
        };
        // Other headers are looked up in the tree.
        let of_it = |path: &str| !headers::is_companion_path(path);
        let files = files.into_iter().filter(|(path, _)| of_it(path));
        let files = files.map(|(path, bytes)| (tree_path(&path), bytes)).collect();
        Ok(Self { name: word.into(), files, tree })
    }
}

/// A word for a source, with `git:` in front of the bare name of a revision, as git itself takes it.
#[must_use]
pub fn source_word(word: &str, options: &Options) -> String {
    let is_other = word.starts_with("git:") || matches!(word, "abi" | "snapshots" | "-");
    if is_other || names::path(word).exists() {
        return word.into();
    }
    match Git::new(options.git_dir.as_deref()).commit(word) {
        Ok(_) => format!("git:{word}"),
        Err(_) => word.into(),
    }
}

/// The path of a header in a kernel tree, wherever its own tree has it.
pub(super) fn tree_path(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("include/{ABI_DIR}/{name}")
}

/// Whether the name of something at its top shows that a directory is a kernel's tree.
fn is_of_kernel(name: &[u8]) -> bool {
    const TOP: &[&str] = &["kernel", "mm", "drivers", "arch", "include", "Kbuild", "Kconfig"];
    TOP.iter().any(|known| known.as_bytes() == name)
}

/// Whether a word names a kernel's tree, or a revision of one, that has no ABI header.
///
/// A directory without files, one that does not exist, and one of something else are not a tree.
#[must_use]
pub fn is_without_headers(word: &str, options: &Options) -> bool {
    if let Some(rev) = word.strip_prefix("git:") {
        let git = Git::new(options.git_dir.as_deref());
        let Ok(commit) = git.commit(rev) else { return false };
        let top = git.run(rev, &["ls-tree", "--name-only", "-z", &commit]).unwrap_or_default();
        if !top.split(|byte| *byte == 0).any(is_of_kernel) {
            return false;
        }
        // The reader looks for headers in other places.
        return git.entries(rev, &commit).is_ok_and(|entries| entries.is_empty())
            && revision::files_of_rev(rev, options).is_err();
    }
    // A checkout has a directory of that name, but the word means something else.
    if matches!(word, "abi" | "snapshots") {
        return false;
    }
    let dir = names::path(word);
    let dir = dir.as_path();
    // A directory inside include/linux is a mistake, not a tree.
    let is_slip = ["abi", "kho/abi"].iter().any(|below| has_files(&dir.join(below), 0));
    matches!(headers::files_of_dir(dir), Err(SourceError::Headers(HeaderError::NoHeaders { .. })))
        && !is_slip
        && std::fs::read_dir(dir).is_ok_and(|entries| {
            entries.flatten().any(|entry| is_of_kernel(entry.file_name().as_encoded_bytes()))
        })
        && has_files(dir, 4)
}

/// Whether a directory has a file in it, apart from hidden ones.
fn has_files(dir: &Path, depth: usize) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    let shown =
        entries.flatten().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut shown = shown.take(4096);
    shown.any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => depth > 0 && has_files(&entry.path(), depth - 1),
        Ok(kind) => kind.is_file(),
        Err(_) => false,
    })
}
