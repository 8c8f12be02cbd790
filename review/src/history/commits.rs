// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Lists the commits that touch headers, with the ids of the headers' contents.

use kho_abi_model::ABI_DIR;
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::git::Git;
use kho_abi_read::source::SourceError;
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// The headers of a commit.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    /// Path and id of the content: the ABI headers, and others that ABI headers use.
    pub(super) ids: BTreeMap<String, String>,
    /// The commit that they are of; its tree has the rest. Empty before the first commit.
    pub(super) commit: String,
}

/// How long git may take for a list of commits: the kernel has more than a million.
pub(super) const LOG_TIME: Duration = Duration::from_secs(600);

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

/// The directory that has the ABI headers now. A kernel's is the usual one, even before it had any.
pub(super) fn dir(git: &Git, rev: &str, tip: &str) -> Result<String, SourceError> {
    let entries = git.entries(rev, tip)?;
    let of_first = entries.keys().next().and_then(|path| path.rsplit_once('/'));
    Ok(of_first.map_or_else(|| format!("include/{ABI_DIR}"), |(dir, _)| dir.into()))
}

/// A path as git's pathspec.
fn from_top(path: &str) -> String {
    format!(":(top,literal){path}")
}

/// The commits that touch the headers in a directory or one of the others, each after those that it builds on.
pub(super) fn list(
    git: &Git,
    (rev, tip): (&str, &str),
    dir: &str,
    others: &BTreeSet<String>,
) -> Result<Vec<Commit>, SourceError> {
    let mut args = vec![
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
    ];
    // From the top of the repository, wherever git runs, and without patterns.
    let paths: Vec<String> =
        [dir].into_iter().chain(others.iter().map(|path| &**path)).map(from_top).collect();
    args.extend(paths.iter().map(String::as_str));
    let list = git.run(rev, &args)?;
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
        let mut new = Set { commit: id.into(), ..old };
        for line in raw.lines().filter_map(|line| line.strip_prefix(':')) {
            // old-mode new-mode old-id new-id status, a tab, the path
            let Some((about, path)) = line.split_once('\t') else { continue };
            let path = &*names::of_git(path);
            let mut about = about.split(' ').skip(1);
            let (mode, id) = (about.next().unwrap_or_default(), about.nth(1).unwrap_or_default());
            if !is_abi_header(path) && !others.contains(path) {
                continue;
            }
            if mode.starts_with("100") {
                new.ids.insert(path.into(), id.into());
            } else {
                new.ids.remove(path);
            }
        }
        states.insert(id, new.clone());
        let olds = own_changes(befores, &new);
        if olds.iter().all(|old| old.ids != new.ids) {
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
    let paths: BTreeSet<&String> =
        befores.iter().chain([new]).flat_map(|set| set.ids.keys()).collect();
    let taken: Vec<&String> = paths
        .into_iter()
        .filter(|path| befores.iter().any(|before| before.ids.get(*path) == new.ids.get(*path)))
        .collect();
    let without = |mut before: Set| {
        for path in &taken {
            match new.ids.get(*path) {
                Some(id) => drop(before.ids.insert((*path).clone(), id.clone())),
                None => drop(before.ids.remove(*path)),
            }
        }
        before
    };
    befores.iter().cloned().map(without).collect()
}

pub(super) fn key(set: &Set) -> String {
    let mut key = String::new();
    for (path, id) in &set.ids {
        let name = path.rsplit('/').next().filter(|_| is_abi_header(path));
        key.push_str(name.unwrap_or(path));
        key.push('=');
        key.push_str(id.get(..20).unwrap_or(id));
        key.push(',');
    }
    key
}
