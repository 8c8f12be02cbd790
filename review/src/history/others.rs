// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Lists the commits of a history, with those that change what ABI headers use of other headers.
//!
//! Which other headers these are is seen only when the headers are read. A commit that touches one of them may take what
//! is used from yet another one, so commits are listed again until there are no more. What a commit uses is kept on
//! disk, by the commit's id.

use super::cache::Cache;
use super::commits::{self, Commit, Set, LOG_TIME};
use super::contents::{read_all, top, Contents, Input, Lacks};
use crate::diff::Side;
use kho_abi_model::{Item, ABI_DIR};
use kho_abi_read::git::Git;
use kho_abi_read::headers::{is_companion, is_header, numbers_elsewhere, places_of};
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::{Progress, Unit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

/// How often to list the commits.
const ROUNDS: usize = 16;

/// The commits of a history that change what ABI headers contain or use.
#[derive(Debug)]
pub struct Commits {
    pub(super) rev: String,
    pub(super) git: Git,
    pub(super) shallow: bool,
    /// The directory of the ABI headers.
    pub(super) dir: String,
    pub(super) all: Vec<Commit>,
    /// What was read to list them, by commit.
    pub(super) read: Read,
    pub(super) lacks: Lacks,
}

/// Headers that were read, by commit.
type Read = HashMap<String, Result<Side, String>>;

impl Commits {
    /// Those up to a revision. What they use is kept in the directory `cache`.
    ///
    /// # Errors
    ///
    /// A revision that does not exist, a failure of git, and headers that take what they use from
    /// ever more other headers.
    pub fn up_to(
        rev: &str,
        reading: &source::Options,
        cache: Option<&Path>,
        progress: &Progress,
    ) -> Result<Self, SourceError> {
        progress.begin("listing commits", Unit::Items, None);
        let git = Git::new(reading.git_dir.as_deref()).with_time(LOG_TIME);
        let (tip, shallow) = thread::scope(|scope| {
            let shallow = scope.spawn(|| git.is_shallow());
            let tip = git.commit(rev).and_then(|tip| Ok((commits::dir(&git, rev, &tip)?, tip)));
            (tip, shallow.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let ((dir, tip), shallow) = (tip?, shallow?);
        // A shallow clone lacks commits that another clone of the same tip has.
        let cache = cache.filter(|_| !shallow);
        let lacks = Lacks::default();
        let (all, read) = list(&git, (rev, &tip), &dir, reading, (cache, &lacks), progress)?;
        Ok(Self { rev: rev.into(), shallow, git, dir, all, read, lacks })
    }
}

fn list(
    git: &Git,
    (rev, tip): (&str, &str),
    dir: &str,
    reading: &source::Options,
    (cache, lacks): (Option<&Path>, &Lacks),
    progress: &Progress,
) -> Result<(Vec<Commit>, Read), SourceError> {
    let top = top(dir);
    // What a commit uses depends on which directory has its ABI headers.
    let key = |commit: &str| format!("{commit} {dir}");
    let mut cache = Cache::<BTreeSet<String>>::open(cache, "uses", reading, "");
    let all_of_it = format!("up to {tip} {dir}");
    let mut others: BTreeSet<String> = cache.get(&all_of_it).cloned().unwrap_or_default();
    let is_known = top.is_none() || cache.get(&all_of_it).is_some();
    let mut read = HashMap::new();
    let mut contents = Contents::new(git, dir, lacks.clone());
    for _ in 0..ROUNDS {
        let all = commits::list(git, (rev, tip), dir, &others)?;
        if is_known {
            return Ok((all, read));
        }
        // What is used at the end may have come from elsewhere since the last of the commits.
        let last = all.last().map(|last| Set { commit: tip.into(), ..last.new.clone() });
        let mut wanted: BTreeMap<String, Input> = BTreeMap::new();
        for set in all.iter().map(|commit| &commit.new).chain(&last) {
            if cache.get(&key(&set.commit)).is_none() && !read.contains_key(&set.commit) {
                wanted.insert(set.commit.clone(), contents.input(set)?);
            }
        }
        for (commit, side) in read_all(&wanted, reading, progress) {
            // Of what cannot be read, the next run may find out more.
            if let Ok(side) = &side {
                cache.put(&key(&commit), &used(side, top.unwrap_or_default()));
            }
            read.insert(commit, side);
        }
        let before = others.len();
        for commit in all.iter().map(|commit| &*commit.id).chain([tip]) {
            others.extend(cache.get(&key(commit)).into_iter().flatten().cloned());
        }
        if others.len() == before {
            if read.values().all(Result::is_ok) {
                cache.put(&all_of_it, &others);
            }
            if !lacks.any() {
                cache.close();
            }
            return Ok((all, read));
        }
    }
    let why = format!(
        "what the ABI headers use of other headers moved to yet others more than {ROUNDS} times"
    );
    Err(SourceError::Git {
        rev: rev.into(),
        why,
        help: "use `kho-abi diff` between releases".into(),
    })
}

/// The other headers that the headers of a side use, by path below `top`.
fn used(side: &Side, top: &str) -> BTreeSet<String> {
    let headers = &side.model().headers;
    let included = headers.iter().flat_map(|header| &header.includes);
    let companions = included.filter(|name| is_companion(name));
    let companions = companions.map(|name| format!("{top}include/{name}"));
    let places = headers.iter().flat_map(|header| {
        let declared = header.elsewhere().filter_map(|one| one.place.as_ref());
        let items = header.items.iter().filter_map(|item| match item {
            Item::Record(record) => record.place.as_ref(),
            Item::Enum(one) => one.place.as_ref(),
            Item::Constant(constant) => constant.place.as_ref(),
            Item::Macro(one) => one.place.as_ref(),
        });
        declared.chain(items).filter(|place| place.file != header.file)
    });
    let declared = headers.iter().flat_map(|header| &header.declarations);
    let words = declared.flat_map(|one| one.tokens.split_ascii_whitespace()).collect();
    let numbers = numbers_elsewhere(&words).into_iter().map(|path| format!("{top}{path}"));
    let own: BTreeSet<&String> = headers.iter().map(|header| &header.file).collect();
    let files = places.map(|place| &place.file).filter(|file| !own.contains(file));
    // What was not read may define something.
    let gaps = side.reading.gaps.iter().map(|gap| &*gap.item);
    let unread = gaps.filter(|item| is_header(Path::new(item)) && !item.starts_with(ABI_DIR));
    let unread = unread.flat_map(places_of).map(|path| format!("{top}{path}"));
    companions.chain(files.cloned()).chain(numbers).chain(unread).collect()
}
