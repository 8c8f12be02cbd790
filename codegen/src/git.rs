// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Walks a git history: commits, the ids of headers in them, contents by id.
//!
//! One revision by itself is for [`crate::read::git`].

use crate::model::ABI_DIR;
use crate::source::SourceError;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Longest header that is looked at, in bytes.
const MAX_BLOB: u64 = 1 << 20;

/// A repository.
#[derive(Clone, Debug)]
pub struct Git {
    dir: PathBuf,
}

/// A header in a tree: its path and the id of its content.
pub type Entries = BTreeMap<String, String>;

impl Git {
    /// The repository at or around a directory, the current one where none is given.
    ///
    /// # Errors
    ///
    /// A directory that is in no repository, or git is not installed.
    pub fn find(dir: Option<&Path>) -> Result<Self, SourceError> {
        let dir = dir.unwrap_or(Path::new(".")).to_path_buf();
        let git = Self { dir };
        git.run("", &["rev-parse", "--git-dir"])?;
        Ok(git)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        // What is asked for decides, and not where a hook was called from; and no pager, no colour.
        command.arg("-C").arg(&self.dir).args([
            "-c",
            "core.quotePath=false",
            "-c",
            "color.ui=false",
        ]);
        command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    fn fail(rev: &str, why: impl Into<String>) -> SourceError {
        SourceError::Git {
            rev: rev.into(),
            why: why.into(),
            help: "name the repository with --git-dir, and a revision that `git rev-parse` knows"
                .into(),
        }
    }

    /// What git prints.
    ///
    /// # Errors
    ///
    /// That git cannot be run, or what it says.
    pub fn run(&self, rev: &str, args: &[&str]) -> Result<Vec<u8>, SourceError> {
        let output = self
            .command()
            .args(args)
            .output()
            .map_err(|error| Self::fail(rev, format!("git cannot be run: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().find(|line| !line.is_empty()).unwrap_or("git failed");
            return Err(Self::fail(rev, first.trim_start_matches("fatal: ")));
        }
        Ok(output.stdout)
    }

    /// The commit that a revision names.
    ///
    /// # Errors
    ///
    /// A revision that there is not.
    pub fn commit(&self, rev: &str) -> Result<String, SourceError> {
        // A revision that looks like an option is none.
        let wanted = format!("{rev}^{{commit}}");
        let found =
            self.run(rev, &["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]);
        match found {
            Ok(found) => Ok(String::from_utf8_lossy(&found).trim().into()),
            Err(_) => Err(Self::fail(rev, "there is no such revision")),
        }
    }

    /// The ABI headers of a commit, by the id of their content.
    ///
    /// # Errors
    ///
    /// What git says.
    pub fn entries(&self, rev: &str, commit: &str) -> Result<Entries, SourceError> {
        let usual = format!("include/{ABI_DIR}/");
        let list = self.run(rev, &["ls-tree", "-z", "--full-tree", commit, "--", &usual])?;
        let found = entries_of(&list);
        if !found.is_empty() {
            return Ok(found);
        }
        // Not a kernel's tree: they may lie anywhere in it.
        let list = self.run(rev, &["ls-tree", "-r", "-z", "--full-tree", commit])?;
        Ok(entries_of(&list))
    }

    /// A reader of contents by id.
    ///
    /// # Errors
    ///
    /// That git cannot be run.
    pub fn blobs(&self) -> Result<Blobs, SourceError> {
        let child = self
            .command()
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Self::fail("", format!("git cannot be run: {error}")))?;
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

/// Lines of `git ls-tree -z`, of those files that are ABI headers.
fn entries_of(list: &[u8]) -> Entries {
    let mut entries = Entries::new();
    for line in list.split(|b| *b == 0) {
        let line = String::from_utf8_lossy(line);
        let Some((about, path)) = line.split_once('\t') else { continue };
        let mut about = about.split(' ');
        let (mode, kind, id) = (about.next(), about.next(), about.next());
        // A link leads elsewhere.
        if kind == Some("blob")
            && mode.is_some_and(|mode| mode.starts_with("100"))
            && is_abi_header(path)
        {
            entries.insert(path.into(), id.unwrap_or_default().into());
        }
    }
    entries
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
    /// An id that there is not, or a content that is too long for a header.
    pub fn get(&mut self, id: &str) -> Result<Vec<u8>, SourceError> {
        let fail = |why: String| Git::fail(id, why);
        let gone = |error: std::io::Error| fail(format!("git cat-file ended: {error}"));
        if self.read.is_none() {
            self.read = self.child.stdout.take().map(BufReader::new);
        }
        let (Some(stdin), Some(read)) = (self.child.stdin.as_mut(), self.read.as_mut()) else {
            return Err(fail("git cat-file ended".into()));
        };
        writeln!(stdin, "{id}").and_then(|()| stdin.flush()).map_err(gone)?;
        let mut head = String::new();
        read.read_line(&mut head).map_err(gone)?;
        let mut words = head.split_whitespace();
        let size = match (words.next(), words.next(), words.next()) {
            (Some(_), Some("blob"), Some(size)) => size.parse::<u64>().ok(),
            _ => None,
        };
        let size = size.ok_or_else(|| fail(format!("git has no such content: {}", head.trim())))?;
        if size > MAX_BLOB {
            return Err(fail(format!("it has {size} bytes, and no header has so many")));
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
        // Without its input, the process ends by itself.
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
