// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A directory of frozen layouts, of our checkout or of any other tree: reads it, writes to it, and
//! compares it with its history.

use crate::origin::Origin;
use crate::output::write_file;
use crate::write;
use kho_abi_model::finding::Finding;
use kho_abi_read::checkout::{at, files, Checkout, CheckoutError};
use kho_abi_read::frozen::{self, Frozen, Status};
use kho_abi_read::git::{is_id, Git};
use kho_abi_read::source::SourceError;
use kho_abi_show::names;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

/// Extension of a frozen layout's file.
const EXTENSION: &str = "layout";

/// A directory of frozen layouts.
#[derive(Clone, Debug)]
pub struct Layouts {
    /// The top of the tree; messages show paths relative to it.
    root: PathBuf,
    /// The directory, relative to the top.
    dir: PathBuf,
    /// A file of the tree that is under version control, if the tree is.
    tracked: Option<&'static str>,
    /// Whose types they are of; none where they are of headers.
    origin: Option<Origin>,
}

/// What the history says about the frozen layouts.
#[derive(Debug, PartialEq, Eq)]
pub enum History {
    /// The history was read.
    Checked(Vec<Finding>),
    /// The history was not read, for this reason.
    NotChecked(String),
    /// There is a history, and nothing of them is in it yet, because.
    NothingYet(String),
}

/// The rule of a history that cannot be read.
pub(crate) const HISTORY_NOT_READ: &str = "history_not_read";

impl From<String> for History {
    fn from(why: String) -> Self {
        Self::NotChecked(why)
    }
}

impl From<&str> for History {
    fn from(why: &str) -> Self {
        Self::NotChecked(why.into())
    }
}

impl Layouts {
    /// The layouts of a checkout of this repository.
    #[must_use]
    pub fn of(checkout: &Checkout) -> Self {
        Self {
            root: checkout.root().into(),
            dir: checkout.snapshots_dir(),
            tracked: Some("Cargo.toml"),
            origin: Some(Origin::CHECKOUT),
        }
    }

    /// Those of a crate of wire files, in `layouts` below its top.
    #[must_use]
    pub fn of_crate(root: &Path, origin: Origin) -> Self {
        Self {
            root: root.into(),
            dir: root.join("layouts"),
            tracked: Some("Cargo.toml"),
            origin: Some(origin),
        }
    }

    /// Whose types they are of; a checkout's where they are of headers.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin.unwrap_or(Origin::CHECKOUT)
    }

    /// The layouts in a directory of another tree, given as a path relative to its top.
    #[must_use]
    pub fn at(root: &Path, below: &Path) -> Self {
        Self { root: root.into(), dir: root.join(below), tracked: None, origin: None }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of a contract's frozen layout.
    #[must_use]
    pub fn path(&self, compatible: &str) -> PathBuf {
        path(&self.dir, compatible)
    }

    /// A path as messages show it: relative to the top if it is inside.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        names::shown(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// The files of frozen layouts, sorted.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, CheckoutError> {
        files(&self.dir, EXTENSION)
    }

    /// Reads a frozen layout: `None` if there is no file, a finding if it is malformed.
    ///
    /// # Errors
    ///
    /// A file that exists but cannot be read.
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
            let what = format!("the file freezes \"{compatible}\", which does not match its name");
            return Ok(Some(Err(malformed(1, what))));
        }
        Ok(Some(Ok(frozen)))
    }

    /// The frozen layouts that can be read: what is wrong with the others is for `check` to find.
    ///
    /// # Errors
    ///
    /// A directory or a file that cannot be read.
    pub fn readable(&self) -> Result<Vec<Frozen>, CheckoutError> {
        let mut all = Vec::new();
        for path in self.files()? {
            all.extend(self.read(&path)?.and_then(Result::ok));
        }
        Ok(all)
    }

    /// As [`Layouts::readable`], of a revision.
    ///
    /// # Errors
    ///
    /// A revision that does not exist, and as [`Git::run`].
    pub fn readable_at(&self, rev: &str) -> Result<Vec<Frozen>, SourceError> {
        // git takes names as relative to the directory that it works in.
        let git = Git::new(Some(&self.root));
        let files = git.files(rev, &format!("./{}", self.display(&self.dir)))?;
        let files = files.into_iter().filter(|file| is_layout(&names::path(&file.path)));
        let texts = git.contents(rev, &files.map(|file| file.id).collect::<Vec<_>>())?;
        let texts = texts.into_iter().flatten();
        Ok(texts.filter_map(|text| frozen::parse(&String::from_utf8_lossy(&text)).ok()).collect())
    }

    /// Writes a frozen layout; returns whether the content of the file changed.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&self, frozen: &Frozen) -> Result<bool, CheckoutError> {
        write_file(&self.path(&frozen.contract.compatible), &write::frozen::render(frozen))
    }

    /// Compares each released file with the commit that released it.
    ///
    /// This is the only check that notices if a type and its frozen file are edited together. It
    /// needs git and the whole history, and says so if either is missing. If a cache directory is
    /// given, results are kept there, and the next call only looks at newer commits.
    ///
    /// # Errors
    ///
    /// A frozen file that exists but cannot be read.
    pub fn history(&self, cache: Option<&Path>) -> Result<History, CheckoutError> {
        let git = Git::new(Some(&self.root)).with_time(HISTORY_TIME);
        let releases = match self.releases(&git, cache) {
            Ok(releases) => releases,
            Err(instead) => return Ok(instead),
        };
        let mut findings = Vec::new();
        let of = releases.iter().map(|Release { commit, path }| name_of(commit, path));
        let contents = match git.contents("", &of.collect::<Vec<_>>()) {
            Ok(contents) => contents,
            Err(error) => return Ok(History::NotChecked(error.to_string())),
        };
        for (Release { commit, path: line }, content) in releases.iter().zip(contents) {
            let Some(bytes) = content else {
                let why = format!("git does not have {line} of commit {commit}");
                return Ok(History::NotChecked(why));
            };
            let path = self.root.join(line);
            let now = match fs::read(&path) {
                Ok(now) => Some(now),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(at(&path)(error)),
            };
            if now.as_ref() != Some(&bytes) {
                let short: String = commit.chars().take(12).collect();
                let what = if now.is_some() { "differs from what" } else { "is gone that" };
                let version = match &self.origin {
                    Some(origin) => origin.new_version(),
                    None => "a new layout needs a new version in its header",
                };
                findings.push(Finding::new(
                    "frozen_file_changed",
                    line,
                    format!("the frozen layout {what} commit {short} released"),
                    format!("run `git checkout {short} -- {line}`; {version}"),
                ));
            }
        }
        Ok(History::Checked(findings))
    }

    /// What [`Layouts::history`] says, as findings and notes. A history that cannot be read is a finding if a
    /// layout is released: it may have been edited.
    ///
    /// # Errors
    ///
    /// A frozen file that exists but cannot be read.
    pub fn check_history(
        &self,
        cache: Option<&Path>,
    ) -> Result<(Vec<Finding>, Vec<String>), CheckoutError> {
        let why = match self.history(cache)? {
            History::Checked(findings) => return Ok((findings, Vec::new())),
            // Layouts that are not in the history cannot have been edited since.
            History::NothingYet(why) => return Ok((Vec::new(), vec![why])),
            History::NotChecked(why) => why,
        };
        let all = self.readable()?;
        let released = all.iter().filter(|frozen| frozen.status == Status::Released).count();
        if released == 0 {
            return Ok((Vec::new(), vec![format!("no layout is released; {why}")]));
        }
        let which = if released == 1 { "layout was" } else { "layouts were" };
        let finding = Finding::new(
            HISTORY_NOT_READ,
            self.display(&self.dir),
            format!("unknown whether {released} released {which} edited: {why}"),
            "run this in a git repository with the full history",
        );
        Ok((vec![finding], Vec::new()))
    }

    /// The commit that first released each layout, or why that is unknown.
    fn releases(&self, git: &Git, cache: Option<&Path>) -> Result<Vec<Release>, History> {
        let ask = |args: &[&str]| git.ask("", args, Vec::new()).map_err(|error| error.to_string());
        let text = |args: &[&str]| {
            let answer = ask(args)?.ok();
            Ok::<_, String>(answer.map(|out| String::from_utf8_lossy(&out).trim().to_string()))
        };
        match text(&["rev-parse", "--is-shallow-repository"]) {
            Ok(Some(shallow)) if shallow == "false" => {}
            Ok(Some(_)) => return Err("the history is cut off: run `git fetch --unshallow`".into()),
            _ => return Err("this is not a git checkout, or git is not installed".into()),
        }
        // If the directory is inside an unrelated repository, that history does not apply.
        if let Some(file) = self.tracked {
            if text(&["ls-files", "--", file])?.unwrap_or_default().is_empty() {
                return Err("the checkout is not under version control".into());
            }
        }
        let head = text(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
        let nothing = || History::NothingYet("there is no commit yet".into());
        let head = head.filter(|head| !head.is_empty()).ok_or_else(nothing)?;
        let mut kept = cache.and_then(|cache| self.kept(cache)).unwrap_or_default();
        if kept.head == head {
            return Ok(kept.releases);
        }
        let is_before = |old: &str| {
            !old.is_empty()
                && matches!(ask(&["merge-base", "--is-ancestor", old, &head]), Ok(Ok(_)))
        };
        let range = if is_before(&kept.head) {
            format!("{}..{head}", kept.head)
        } else {
            kept = Kept::default();
            head.clone()
        };
        let below = self.display(&self.dir);
        let log = text(&[
            "log",
            "--reverse",
            "--format=commit %H",
            "--name-only",
            "--no-renames",
            "--relative",
            &range,
            "--",
            &format!(":(literal){below}"),
        ])?;
        let log = log.ok_or("git cannot read the history")?;
        kept.committed |= !log.is_empty();
        if !kept.committed && self.tracked.is_none() {
            return Err(History::NothingYet(format!("{below} is not committed yet")));
        }
        let mut commit = "";
        let mut written = Vec::new();
        for line in log.lines().filter(|line| !line.is_empty()) {
            if let Some(hash) = line.strip_prefix("commit ") {
                commit = hash;
                continue;
            }
            if is_layout(Path::new(line))
                && !kept.releases.iter().any(|release| release.path == line)
            {
                written.push(Release { commit: commit.into(), path: line.into() });
            }
        }
        let of = written.iter().map(|Release { commit, path }| name_of(commit, path));
        let contents =
            git.contents("", &of.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
        for (release, content) in written.into_iter().zip(contents) {
            // A commit that removes the file has no such blob, and releases nothing.
            let Some(bytes) = content else { continue };
            let frozen = frozen::parse(&String::from_utf8_lossy(&bytes));
            if frozen.is_ok_and(|frozen| frozen.status == Status::Released)
                && !kept.releases.iter().any(|known| known.path == release.path)
            {
                kept.releases.push(release);
            }
        }
        kept.head = head;
        if let Some(cache) = cache {
            // Ignore a cache that cannot be written: that only costs time.
            let _ = write_file(&self.cache_file(cache), &kept.render(&self.dir));
        }
        Ok(kept.releases)
    }

    fn cache_file(&self, cache: &Path) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.dir.hash(&mut hasher);
        cache.join(format!("layouts-{:016x}", hasher.finish()))
    }

    fn kept(&self, cache: &Path) -> Option<Kept> {
        Kept::parse(&fs::read_to_string(self.cache_file(cache)).ok()?, &self.dir)
    }
}

/// The time limit of git for a history: a kernel's has more than a million commits.
const HISTORY_TIME: Duration = Duration::from_secs(600);

/// A layout, and the commit that released it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Release {
    commit: String,
    path: String,
}

/// The known part of a history, up to a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    head: String,
    /// Whether any commit has the layouts.
    committed: bool,
    releases: Vec<Release>,
}

impl Kept {
    fn render(&self, dir: &Path) -> String {
        let Self { head, committed, releases } = self;
        let mut out = format!("{KEPT}\n{}\n{head} {committed}\n", names::shown(dir));
        for Release { commit, path } in releases {
            out.extend([commit, " ", path, "\n"]);
        }
        out
    }

    /// `None` for text of another form, or for another directory.
    fn parse(text: &str, dir: &Path) -> Option<Self> {
        let mut lines = text.lines();
        let of_it = lines.next()? == KEPT && lines.next()? == names::shown(dir);
        let (head, committed) = lines.next().filter(|_| of_it)?.split_once(' ')?;
        let release = |line: &str| {
            let (commit, path) = line.split_once(' ')?;
            is_id(commit).then(|| Release { commit: commit.into(), path: path.into() })
        };
        let releases = lines.map(release).collect::<Option<_>>()?;
        let committed = committed.parse().ok()?;
        is_id(head).then(|| Self { head: head.into(), committed, releases })
    }
}

/// The first line of the cache file.
const KEPT: &str = "kho-abi layouts 1";

/// How git names the content of a file in a commit, by a path from the top.
fn name_of(commit: &str, path: &str) -> String {
    format!("{commit}:./{path}")
}

/// Whether a file is one of a frozen layout, by its name.
fn is_layout(path: &Path) -> bool {
    path.extension().is_some_and(|found| found == EXTENSION)
}

/// The file of a contract's frozen layout.
#[must_use]
pub fn path(snapshots: &Path, compatible: &str) -> PathBuf {
    snapshots.join(format!("{compatible}.{EXTENSION}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_anything_else_is_not() {
        let id = "0123456789012345678901234567890123456789";
        let release = Release { commit: id.into(), path: "a dir/x-v1.layout".into() };
        let kept = Kept { head: id.into(), committed: true, releases: vec![release] };
        let (dir, text) = (Path::new("/a"), kept.render(Path::new("/a")));
        assert_eq!(Kept::parse(&text, dir), Some(kept));
        assert_eq!(Kept::parse(&text, Path::new("/b")), None);
        for (from, to) in
            [("layouts 1", "layouts 2"), ("true", "yes"), ("012345", "--abc"), ("a dir/", "")]
        {
            let other = text.replace(from, to);
            assert_ne!(Kept::parse(&other, dir), Kept::parse(&text, dir), "{from}");
        }
    }
}
