// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A directory of frozen layouts, of our checkout or of anybody's tree: reads it, writes to it, and
//! holds it to its history.

use crate::output::write_file;
use crate::write;
use kho_abi_model::finding::Finding;
use kho_abi_read::checkout::{at, files, Checkout, CheckoutError};
use kho_abi_read::frozen::{self, Frozen, Status};
use kho_abi_read::git::Git;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Extension of a frozen layout's file.
const EXTENSION: &str = "layout";

/// A directory of frozen layouts.
#[derive(Clone, Debug)]
pub struct Layouts {
    /// The top of what they belong to; messages show paths below it.
    root: PathBuf,
    /// The directory, below the top.
    dir: PathBuf,
    /// A file below the top that is under version control, if the top is.
    tracked: Option<&'static str>,
}

/// What the history of the frozen layouts tells.
#[derive(Debug, PartialEq, Eq)]
pub enum History {
    /// The history was read.
    Checked(Vec<Finding>),
    /// It was not, because.
    NotChecked(String),
}

impl Layouts {
    /// Those of a checkout of this repository.
    #[must_use]
    pub fn of(checkout: &Checkout) -> Self {
        Self {
            root: checkout.root().into(),
            dir: checkout.snapshots_dir(),
            tracked: Some("Cargo.toml"),
        }
    }

    /// Those in a directory below some other top, given as a path relative to it.
    #[must_use]
    pub fn at(root: &Path, below: &Path) -> Self {
        Self { root: root.into(), dir: root.join(below), tracked: None }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file that a contract's layout is frozen in.
    #[must_use]
    pub fn path(&self, compatible: &str) -> PathBuf {
        path(&self.dir, compatible)
    }

    /// A path as messages show it: below the top where it is.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The files of frozen layouts, sorted.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, CheckoutError> {
        files(&self.dir, EXTENSION)
    }

    /// Reads a frozen layout: `None` where there is no file, a finding where it makes no sense.
    ///
    /// # Errors
    ///
    /// A file that is there and cannot be read.
    pub fn read(&self, path: &Path) -> Result<Option<Result<Frozen, Finding>>, CheckoutError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(path)(error)),
        };
        let shown = self.display(path);
        let malformed = |line: usize, what: String| {
            Finding::new(
                "frozen_file_malformed",
                format!("{shown}:{line}"),
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
        let compatible = &frozen.contract.compatible;
        if path.file_name() != self.path(compatible).file_name() {
            let what = format!("the file freezes \"{compatible}\", which is not its name");
            return Ok(Some(Err(malformed(1, what))));
        }
        Ok(Some(Ok(frozen)))
    }

    /// Writes a frozen layout; returns whether the file says something else than before.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&self, frozen: &Frozen) -> Result<bool, CheckoutError> {
        write_file(&self.path(&frozen.contract.compatible), &write::frozen::render(frozen))
    }

    /// Holds each released file to the commit that released it.
    ///
    /// The one check that an edit of type and frozen file together cannot pass. It needs git and the
    /// whole history; where either is missing, it says so.
    ///
    /// # Errors
    ///
    /// A frozen file that is there and cannot be read.
    pub fn history(&self) -> Result<History, CheckoutError> {
        let repository = Git::new(Some(&self.root));
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
        let is_tracked =
            |file| text(&["ls-files", "--", file]).is_some_and(|listed| !listed.trim().is_empty());
        if !self.tracked.is_none_or(is_tracked) {
            return not("the checkout is not under version control");
        }
        let below = self.display(&self.dir);
        let Some(log) = text(&[
            "log",
            "--reverse",
            "--format=commit %H",
            "--name-only",
            "--no-renames",
            "--relative",
            "--",
            &format!(":(literal){below}"),
        ]) else {
            return not("there is no commit yet");
        };
        if log.is_empty() && self.tracked.is_none() {
            return Ok(History::NotChecked(format!("{below} is not committed yet")));
        }

        let mut findings = Vec::new();
        let mut released: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut commit = "";
        for line in log.lines().filter(|line| !line.is_empty()) {
            if let Some(hash) = line.strip_prefix("commit ") {
                commit = hash;
                continue;
            }
            let is_layout = Path::new(line).extension().is_some_and(|found| found == EXTENSION);
            if !is_layout || released.iter().any(|(path, _)| *path == line) {
                continue;
            }
            // A commit that removes the file has no such blob: nothing was released by it.
            let Some(bytes) = git(&["show", &format!("{commit}:./{line}")]) else { continue };
            let frozen = frozen::parse(&String::from_utf8_lossy(&bytes));
            if !frozen.is_ok_and(|frozen| frozen.status == Status::Released) {
                continue;
            }
            let path = self.root.join(line);
            let now = match fs::read(&path) {
                Ok(now) => Some(now),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(at(&path)(error)),
            };
            if now.as_ref() != Some(&bytes) {
                let short: String = commit.chars().take(12).collect();
                let what = if now.is_some() { "differs from what" } else { "is gone that" };
                let version = match self.tracked {
                    Some(_) => "a new layout needs `kho-abi bump`",
                    None => "a new layout needs a new version in its header",
                };
                findings.push(Finding::new(
                    "frozen_file_changed",
                    line,
                    format!("the frozen layout {what} commit {short} released"),
                    format!("run `git checkout {short} -- {line}`; {version}"),
                ));
            }
            released.push((line, bytes));
        }
        Ok(History::Checked(findings))
    }
}

/// The file that a contract's layout is frozen in.
#[must_use]
pub fn path(snapshots: &Path, compatible: &str) -> PathBuf {
    snapshots.join(format!("{compatible}.{EXTENSION}"))
}
