// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Walks a git history: commits, the ids of their headers, contents by id.
//!
//! [`super::revision`] reads a single revision.

use super::{error, headers_of, Git};
use crate::error::SourceError;
use kho_abi_model::ABI_DIR;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};

/// Longest header to read, in bytes.
const MAX_BLOB: u64 = 1 << 20;

/// A header in a tree: its path and the id of its content.
pub type Entries = BTreeMap<String, String>;

impl Git {
    /// The ABI headers of a commit, by the id of their content.
    ///
    /// # Errors
    ///
    /// A failure of git.
    pub fn entries(&self, rev: &str, commit: &str) -> Result<Entries, SourceError> {
        let usual = format!("include/{ABI_DIR}/");
        let list = self.run(rev, &["ls-tree", "-z", "--full-tree", commit, "--", &usual])?;
        let found = entries_of(&list);
        if !found.is_empty() {
            return Ok(found);
        }
        // Not a kernel tree: the headers may be anywhere in it.
        let list = self.run(rev, &["ls-tree", "-r", "-z", "--full-tree", commit])?;
        Ok(entries_of(&list))
    }

    /// Whether the repository is a shallow clone, which lacks the older history.
    ///
    /// # Errors
    ///
    /// A directory outside of any repository, and a failure of git.
    pub fn is_shallow(&self) -> Result<bool, SourceError> {
        let answer = self.run("", &["rev-parse", "--is-shallow-repository"])?;
        Ok(answer.trim_ascii() == b"true")
    }

    /// Starts a reader of contents by id.
    ///
    /// # Errors
    ///
    /// git cannot be run.
    pub fn blobs(&self) -> Result<Blobs, SourceError> {
        let child = self
            .command()
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| {
                let why = format!("git cannot be run: {source}");
                error("", why, "check the installation of git")
            })?;
        Ok(Blobs { child, read: None })
    }
}

/// Whether a path is that of an ABI header.
#[must_use]
pub fn is_abi_header(path: &str) -> bool {
    path.strip_suffix(".h").and_then(|path| path.rsplit_once('/')).is_some_and(|(dir, name)| {
        !name.is_empty() && (dir == ABI_DIR || dir.ends_with(&format!("/{ABI_DIR}")))
    })
}

/// The ABI headers that `git ls-tree -z` lists.
fn entries_of(list: &[u8]) -> Entries {
    let headers = headers_of(list).into_iter().filter(|entry| is_abi_header(&entry.path));
    headers.map(|entry| (entry.path, entry.id)).collect()
}

/// Reads contents by id, all from one process.
#[derive(Debug)]
pub struct Blobs {
    child: Child,
    read: Option<BufReader<std::process::ChildStdout>>,
}

impl Blobs {
    /// The content with that id.
    ///
    /// # Errors
    ///
    /// An id that does not exist, or a content that is too long for a header.
    pub fn get(&mut self, id: &str) -> Result<Vec<u8>, SourceError> {
        let fail = |why: String| error(id, why, "check the repository with git fsck");
        let gone = |error: std::io::Error| fail(format!("git cat-file exited: {error}"));
        if self.read.is_none() {
            self.read = self.child.stdout.take().map(BufReader::new);
        }
        let (Some(stdin), Some(read)) = (self.child.stdin.as_mut(), self.read.as_mut()) else {
            return Err(fail("git cat-file exited".into()));
        };
        writeln!(stdin, "{id}").and_then(|()| stdin.flush()).map_err(gone)?;
        let mut head = String::new();
        read.read_line(&mut head).map_err(gone)?;
        let mut words = head.split_whitespace();
        let size = match (words.next(), words.next(), words.next()) {
            (Some(_), Some("blob"), Some(size)) => size.parse::<u64>().ok(),
            _ => None,
        };
        let size =
            size.ok_or_else(|| fail(format!("git does not have this content: {}", head.trim())))?;
        if size > MAX_BLOB {
            return Err(fail(format!("{size} bytes, more than the limit for a header")));
        }
        let mut bytes = Vec::new();
        read.by_ref().take(size).read_to_end(&mut bytes).map_err(gone)?;
        let mut newline = [0];
        read.read_exact(&mut newline).map_err(gone)?;
        Ok(bytes)
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // Closing its input ends the process.
        drop(self.child.stdin.take());
        drop(self.read.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_by_their_directory() {
        assert!(is_abi_header("include/linux/kho/abi/luo.h"));
        assert!(is_abi_header("linux/kho/abi/luo.h"));
        assert!(!is_abi_header("include/linux/kho/abi/luo.c"));
        assert!(!is_abi_header("include/linux/kho/abi/sub/luo.h"));
        assert!(!is_abi_header("include/linux/kho/abix/luo.h"));
        assert!(!is_abi_header("include/linux/kho/abi/.h"));
    }
}
