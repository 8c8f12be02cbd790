// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the ABI headers of a revision of a git repository, without a checkout.
//!
//! Only the headers are taken out. [`Git`] bounds every call.

use super::{error, headers_of, Entry, Git};
use crate::headers;
use crate::source::{Options, Reading, SourceError};
use kho_abi_model::ABI_DIR;
use std::collections::BTreeMap;

/// Reads the ABI headers of a revision: of a kernel tree, or of a directory in it with `REV:DIR`.
///
/// # Errors
///
/// [`SourceError::Git`] where git, the repository or the revision is missing, or has no headers; as
/// [`headers::read_files`].
pub fn read_rev(rev: &str, options: &Options) -> Result<Reading, SourceError> {
    let files = files_of_rev(rev, options)?;
    headers::read_named(&files, &format!("git:{rev}"), &prefix(rev), options)
}

/// What stands before the path of a header in places: `REV:`, as git has it.
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

/// The ABI headers of a revision, by their paths in it.
///
/// # Errors
///
/// As [`read_rev`], for what concerns git.
pub fn files_of_rev(
    rev: &str,
    options: &Options,
) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    let repository = Repository { rev, git: Git::new(options.git_dir.as_deref()) };
    let tree = repository.git.tree(rev)?;
    let mut found = Vec::new();
    for dir in [format!("include/{ABI_DIR}/"), format!("{ABI_DIR}/"), String::new()] {
        found = repository.headers(&tree, &dir)?;
        if !found.is_empty() {
            // What is beside is of interest where a header includes it, which the reader looks at.
            if let Some(include) = dir.strip_suffix(&format!("{ABI_DIR}/")) {
                for name in headers::COMPANIONS {
                    found.extend(repository.headers(&tree, &format!("{include}{name}"))?);
                }
            }
            break;
        }
    }
    if found.is_empty() {
        let why = format!("it has no headers in include/{ABI_DIR}");
        return Err(repository.error(why, "give a revision of a kernel, or REV:DIR"));
    }
    repository.contents(found)
}

struct Repository<'a> {
    rev: &'a str,
    git: Git,
}

impl Repository<'_> {
    fn error(&self, why: impl Into<String>, help: &str) -> SourceError {
        error(self.rev, why, help)
    }

    /// The headers directly in a directory, given with its last slash, or that very header.
    fn headers(&self, tree: &str, dir: &str) -> Result<Vec<Entry>, SourceError> {
        let mut args = vec!["ls-tree", "-z", "--full-tree", tree];
        if !dir.is_empty() {
            args.extend(["--", dir]);
        }
        Ok(headers_of(&self.git.run(self.rev, &args)?))
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
