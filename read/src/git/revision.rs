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
        let mut input = String::new();
        for path in paths {
            input.extend([tree.as_str(), ":", path, "\n"]);
        }
        // If git does not answer, the file counts as missing.
        let answer = git.ask(&named, &["cat-file", "--batch"], input.into_bytes());
        let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
        let mut rest = answer.as_slice();
        paths.iter().map(|_| next_blob(&mut rest)).collect()
    };
    Tree::new(&prefix(rev), get)
}

/// Takes the next object: a blob, or a line that says that there is none.
fn next_blob(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, after) = (std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
    let mut words = line.rsplitn(3, ' ');
    let size = words.next().and_then(|size| size.parse::<usize>().ok());
    let Some(size) = size.filter(|_| !line.ends_with(" missing")) else {
        *rest = after;
        return None;
    };
    let content = after.get(..size)?;
    *rest = after.get(size..)?.strip_prefix(b"\n")?;
    (words.next() == Some("blob")).then(|| content.to_vec())
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

    /// The headers directly in a directory, given with its last slash, or exactly that header.
    fn headers(&self, tree: &str, dir: &str) -> Result<Vec<Entry>, SourceError> {
        let mut args = vec!["ls-tree", "-z", "--full-tree", tree];
        if !dir.is_empty() {
            args.extend(["--", dir]);
        }
        let list = self.git.run(self.rev, &args)?;
        if let Some(path) = link_of(&list) {
            let why = format!("{path} is a link, which is not followed in a revision");
            return Err(self.error(why, "give a worktree of that revision"));
        }
        Ok(headers_of(&list))
    }

    fn contents(&self, entries: Vec<Entry>) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
        let ids = ids.join("\n").into_bytes();
        let answer = match self.git.ask(self.rev, &["cat-file", "--batch"], ids)? {
            Ok(answer) => answer,
            Err(refusal) => {
                let help = refusal.help("check the repository with git fsck");
                return Err(self.error(refusal.why, &help));
            }
        };
        let mut files = BTreeMap::new();
        let mut rest = answer.as_slice();
        for entry in entries {
            let Some((bytes, after)) = blob(rest, &entry.id) else {
                let why = format!("git does not have the content of {}", entry.path);
                return Err(self.error(why, "fetch it, or check the repository with git fsck"));
            };
            files.insert(entry.path, bytes.to_vec());
            rest = after;
        }
        Ok(files)
    }
}

/// Takes `<id> blob <size>`, a line break, the content and a line break.
fn blob<'a>(answer: &'a [u8], id: &str) -> Option<(&'a [u8], &'a [u8])> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&answer[..end]).ok()?;
    let size: usize = line.strip_prefix(id)?.strip_prefix(" blob ")?.parse().ok()?;
    let content = &answer[end + 1..];
    let after = content.get(size..)?.strip_prefix(b"\n")?;
    Some((&content[..size], after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_in_a_batch_is_none() {
        let id = "0123456789012345678901234567890123456789";
        let answer =
            format!("{id}:a.h missing\n{id} blob 3\na\nb\n{id} tree 1\nx\n{id} blob 0\n\n");
        let mut rest = answer.as_bytes();
        assert_eq!(next_blob(&mut rest), None);
        assert_eq!(next_blob(&mut rest).as_deref(), Some(&b"a\nb"[..]));
        assert_eq!(next_blob(&mut rest), None);
        assert_eq!(next_blob(&mut rest).as_deref(), Some(&b""[..]));
        assert_eq!((next_blob(&mut rest), rest), (None, &b""[..]));
        assert_eq!(next_blob(&mut &b"x blob 18446744073709551615\nabc\n"[..]), None);
    }

    #[test]
    fn a_batch_is_taken_apart_and_a_cut_one_is_refused() {
        let id = "0123456789012345678901234567890123456789";
        let answer = format!("{id} blob 3\nabc\n{id} missing\n");
        let (bytes, rest) = blob(answer.as_bytes(), id).unwrap();
        assert_eq!(bytes, b"abc");
        assert_eq!(blob(rest, id), None);
        for end in 0..answer.find("\n0123").unwrap() {
            assert_eq!(blob(&answer.as_bytes()[..end], id), None, "{end}");
        }
        let huge = format!("{id} blob 18446744073709551615\nabc\n");
        assert_eq!(blob(huge.as_bytes(), id), None);
    }

    #[test]
    fn places_are_as_git_has_them() {
        assert_eq!(prefix("v7.3"), "v7.3:");
        assert_eq!(prefix("HEAD:c-headers"), "HEAD:c-headers/");
        assert_eq!(prefix("HEAD:"), "HEAD:");
    }
}
