// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Lists the commits of a history that touch the headers, with the ids of the headers' contents.

use kho_abi_model::ABI_DIR;
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::git::Git;
use kho_abi_read::source::SourceError;
use kho_abi_show::{names, Progress, Unit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The headers of a commit: path and id of the content.
pub(super) type Set = BTreeMap<String, String>;

/// How long git may take for a list of commits: the kernel has more than a million.
const LOG_TIME: Duration = Duration::from_secs(600);

/// A commit that changed a header.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) date: String,
    pub(super) subject: String,
    /// What it is compared with: its parent. For a merge: each parent, if the merge contains
    /// something that it takes from none of them.
    pub(super) olds: Vec<Set>,
    pub(super) new: Set,
}

impl Commit {
    pub(super) fn title(&self) -> String {
        let id = self.id.get(..12).unwrap_or(&self.id);
        let title = format!("{id} {} {}", self.date, self.subject);
        // A subject is untrusted, and may contain terminal escapes.
        title.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }
}

/// The commits of a history that touch the headers.
#[derive(Debug)]
pub struct Commits {
    pub(super) rev: String,
    pub(super) git: Git,
    pub(super) shallow: bool,
    pub(super) all: Vec<Commit>,
}

impl Commits {
    /// Those up to a revision, of the repository at or around a directory.
    ///
    /// # Errors
    ///
    /// A revision that does not exist, and a failure of git.
    pub fn up_to(
        rev: &str,
        git_dir: Option<&Path>,
        progress: &Progress,
    ) -> Result<Self, SourceError> {
        progress.begin("listing commits", Unit::Items, None);
        let git = Git::new(git_dir).with_time(LOG_TIME);
        let list = || commits(&git, rev, &git.commit(rev)?);
        let (all, shallow) = thread::scope(|scope| {
            let shallow = scope.spawn(|| git.is_shallow());
            (list(), shallow.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        Ok(Self { rev: rev.into(), all: all?, shallow: shallow?, git })
    }
}

/// The commits that touch the headers, each after those that it builds on.
fn commits(git: &Git, rev: &str, tip: &str) -> Result<Vec<Commit>, SourceError> {
    let entries = git.entries(rev, tip)?;
    let usual = format!("include/{ABI_DIR}");
    // The directory that has them now. A kernel's is the usual one, even before it had any.
    let dir = entries
        .keys()
        .next()
        .and_then(|path| path.rsplit_once('/'))
        .map_or(usual.as_str(), |(dir, _)| dir);
    let list = git.run(
        rev,
        &[
            "log",
            "--topo-order",
            "--reverse",
            "--parents",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--diff-merges=first-parent",
            "--root",
            "--format=%x01%H%x02%P%x02%cs%x02%s",
            tip,
            "--",
            dir,
        ],
    )?;
    let list = String::from_utf8_lossy(&list);
    let mut states: HashMap<&str, Set> = HashMap::new();
    let mut found = Vec::new();
    for block in list.split('\u{1}').skip(1) {
        let (head, raw) = block.split_once('\n').unwrap_or((block, ""));
        let mut head = head.split('\u{2}');
        let id = head.next().unwrap_or_default();
        let parents = head.next().unwrap_or_default();
        let befores: Vec<Set> = parents
            .split_whitespace()
            .map(|parent| states.get(parent).cloned().unwrap_or_default())
            .collect();
        let (date, subject) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
        let old = befores.first().cloned().unwrap_or_default();
        let mut new = old.clone();
        for line in raw.lines().filter_map(|line| line.strip_prefix(':')) {
            // old-mode new-mode old-id new-id status, a tab, the path
            let Some((about, path)) = line.split_once('\t') else { continue };
            let path = &*names::of_git(path);
            let mut about = about.split(' ').skip(1);
            let (mode, id) = (about.next().unwrap_or_default(), about.nth(1).unwrap_or_default());
            if !is_abi_header(path) {
                continue;
            }
            if mode.starts_with("100") {
                new.insert(path.into(), id.into());
            } else {
                new.remove(path);
            }
        }
        states.insert(id, new.clone());
        let olds = own_changes(befores, &new);
        if olds.iter().all(|old| *old != new) {
            let (id, date, subject) = (id.into(), date.into(), subject.into());
            found.push(Commit { id, date, subject, olds, new });
        }
    }
    Ok(found)
}

/// What a commit is compared with. For a merge: each parent without what the merge takes from
/// another parent, since that parent's commits already reported it.
fn own_changes(befores: Vec<Set>, new: &Set) -> Vec<Set> {
    if befores.len() < 2 {
        return vec![befores.into_iter().next().unwrap_or_default()];
    }
    let paths: BTreeSet<&String> = befores.iter().chain([new]).flat_map(BTreeMap::keys).collect();
    let taken: Vec<&String> = paths
        .into_iter()
        .filter(|path| befores.iter().any(|before| before.get(*path) == new.get(*path)))
        .collect();
    let without = |mut before: Set| {
        for path in &taken {
            match new.get(*path) {
                Some(id) => drop(before.insert((*path).clone(), id.clone())),
                None => drop(before.remove(*path)),
            }
        }
        before
    };
    befores.iter().cloned().map(without).collect()
}

pub(super) fn key(set: &Set) -> String {
    let mut key = String::new();
    for (path, id) in set {
        key.push_str(path.rsplit('/').next().unwrap_or(path));
        key.push('=');
        key.push_str(id.get(..20).unwrap_or(id));
        key.push(',');
    }
    key
}
