// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the ABI headers of a revision of a git repository, without a checkout.
//!
//! Only the headers are extracted. [`Git`] limits every call.

use super::{error, headers_of, link_of, Entry, Git};
use crate::error::SourceError;
use crate::headers;
use crate::options::{Options, Tree};
use kho_abi_model::reading::Reading;
use kho_abi_model::ABI_DIR;
use std::collections::BTreeMap;

/// Reads the ABI headers of a revision: of a kernel tree, or of a directory in it with `REV:DIR`.
///
/// # Errors
///
/// [`SourceError::Git`] if git, the repository or the revision is missing, or has no headers; as
/// [`headers::read_files`].
pub fn read_rev(rev: &str, options: &Options) -> Result<Reading, SourceError> {
    let (files, tree) = files_and_tree_of_rev(rev, options)?;
    let options = Options { tree: Some(tree), ..options.clone() };
    headers::read_named(&files, &format!("git:{rev}"), &prefix(rev), &options)
}

/// The ABI headers of a revision, by path, and the tree that they are from.
///
/// # Errors
///
/// As [`read_rev`], for failures of git.
pub fn files_and_tree_of_rev(
    rev: &str,
    options: &Options,
) -> Result<(BTreeMap<String, Vec<u8>>, Tree), SourceError> {
    let git = Git::new(options.git_dir.as_deref());
    let tree = git.tree(rev)?;
    let repository = Repository { rev, git };
    let files = repository.files(&tree)?;
    Ok((files, tree_of(repository.git, rev, tree)))
}

/// The tree of a revision, for other headers that its ABI headers use.
///
/// # Errors
///
/// As [`read_rev`], for failures of git.
pub fn tree_of_rev(rev: &str, options: &Options) -> Result<Tree, SourceError> {
    let git = Git::new(options.git_dir.as_deref());
    let tree = git.tree(rev)?;
    Ok(tree_of(git, rev, tree))
}

fn tree_of(git: Git, rev: &str, tree: String) -> Tree {
    let named = rev.to_string();
    let get = move |paths: &[String]| {
        let wanted: Vec<_> = paths.iter().map(|path| format!("{tree}:{path}")).collect();
        git.tree_files(&named, &wanted)
    };
    Tree::new(&prefix(rev), get)
}

/// The prefix of a header's path in places: `REV:`, in git's syntax.
fn prefix(rev: &str) -> String {
    let end = if rev.ends_with(':') {
        ""
    } else if rev.contains(':') {
        "/"
    } else {
        ":"
    };
    format!("{rev}{end}")
}

/// The ABI headers of a revision, by path.
///
/// # Errors
///
/// As [`read_rev`], for failures of git.
pub fn files_of_rev(
    rev: &str,
    options: &Options,
) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    let repository = Repository { rev, git: Git::new(options.git_dir.as_deref()) };
    let tree = repository.git.tree(rev)?;
    repository.files(&tree)
}

struct Repository<'a> {
    rev: &'a str,
    git: Git,
}

impl Repository<'_> {
    fn error(&self, why: impl Into<String>, help: &str) -> SourceError {
        error(self.rev, why, help)
    }

    /// The ABI headers of a tree, by path.
    fn files(&self, tree: &str) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let mut found = Vec::new();
        for dir in [format!("include/{ABI_DIR}/"), format!("{ABI_DIR}/"), String::new()] {
            found = self.headers(tree, &dir)?;
            if !found.is_empty() {
                // Headers beside these only matter if a header includes them, which the reader
                // checks.
                if let Some(include) = dir.strip_suffix(&format!("{ABI_DIR}/")) {
                    for name in headers::COMPANIONS {
                        found.extend(self.headers(tree, &format!("{include}{name}"))?);
                    }
                }
                break;
            }
        }
        if found.is_empty() {
            let why = format!("it has no headers in include/{ABI_DIR}");
            return Err(self.error(why, "give a revision of a kernel, or REV:DIR"));
        }
        self.contents(found)
    }

    /// The headers in a directory, given with its last slash, and below it, or exactly that header.
    /// Without a directory, those at the top of the tree.
    fn headers(&self, tree: &str, dir: &str) -> Result<Vec<Entry>, SourceError> {
        let mut args = vec!["ls-tree", "-z", "--full-tree"];
        if dir.is_empty() {
            args.push(tree);
        } else {
            args.extend(["-r", tree, "--", dir]);
        }
        let list = self.git.run(self.rev, &args)?;
        if let Some(path) = link_of(&list) {
            let why = format!("{path} is a link; links in a revision are not followed");
            return Err(self.error(why, "give a worktree of that revision"));
        }
        Ok(headers_of(&list))
    }

    fn contents(&self, entries: Vec<Entry>) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.clone()).collect();
        let contents = self.git.contents(self.rev, &ids)?;
        let mut files = BTreeMap::new();
        for (Entry { path, .. }, content) in entries.into_iter().zip(contents) {
            let Some(content) = content else {
                let why = format!("git does not have the content of {path}");
                return Err(self.error(why, "fetch it, or check the repository with git fsck"));
            };
            files.insert(path, content);
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_as_git_has_them() {
        assert_eq!(prefix("v7.3"), "v7.3:");
        assert_eq!(prefix("HEAD:c-headers"), "HEAD:c-headers/");
        assert_eq!(prefix("HEAD:"), "HEAD:");
    }
}
