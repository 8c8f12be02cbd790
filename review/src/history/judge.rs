// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges pairs of sets of headers, each once.

use super::cache::{Cache, Kept};
use super::commits::{key, Set};
use crate::diff::open::{self, Files};
use crate::diff::pages::PageMemo;
use crate::diff::{compare, Side};
use crate::policy::Options;
use kho_abi_read::git::history::Blobs;
use kho_abi_read::git::Git;
use kho_abi_read::outline;
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::{Progress, Unit};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

/// Judges pairs of sets, each once.
pub(super) struct Judge<'a> {
    pub(super) cache: Cache,
    pub(super) contents: Contents<'a>,
    /// By the code of a set.
    pub(super) sides: HashMap<String, Result<Side, String>>,
    pub(super) reading: &'a source::Options,
    pub(super) options: &'a Options,
}

impl Judge<'_> {
    /// Reads both sides of each pair whose code differs and that is not cached.
    pub(super) fn read<'b>(
        &mut self,
        pairs: impl Iterator<Item = (&'b Set, &'b Set)>,
        progress: &Progress,
    ) -> Result<(), SourceError> {
        let mut wanted: BTreeMap<String, Files> = BTreeMap::new();
        for (old, new) in pairs {
            progress.advance(1);
            if self.cache.get(&pair_key(old, new)).is_some() {
                continue;
            }
            let codes = [self.contents.code(old)?, self.contents.code(new)?];
            if codes[0] == codes[1] {
                continue;
            }
            for (set, code) in [old, new].into_iter().zip(codes) {
                if self.sides.contains_key(&code) {
                    continue;
                }
                if let Entry::Vacant(free) = wanted.entry(code) {
                    free.insert(self.contents.files(set)?);
                }
            }
        }
        self.sides.extend(read_all(&wanted, self.reading, progress));
        Ok(())
    }

    /// The judgement of a pair; `None` if its code is the same.
    pub(super) fn pair(&mut self, old: &Set, new: &Set) -> Result<Option<Kept>, SourceError> {
        let key = pair_key(old, new);
        if let Some(kept) = self.cache.get(&key) {
            return Ok(Some(kept.clone()));
        }
        let (old, new) = (self.contents.code(old)?, self.contents.code(new)?);
        if old == new {
            return Ok(None);
        }
        let unread = || Err("not read".to_string());
        let [old, new] =
            [old, new].map(|code| self.sides.get(&code).cloned().unwrap_or_else(unread));
        let kept = match (old, new) {
            (Ok(old), Ok(new)) => {
                let report = crate::policy::judge(&compare(&old, &new), self.options);
                Kept::Judged(Box::new(report))
            }
            (Err(why), _) | (_, Err(why)) => Kept::Unreadable(why),
        };
        self.cache.put(&key, &kept);
        Ok(Some(kept))
    }
}

fn pair_key(old: &Set, new: &Set) -> String {
    format!("{} {}", key(old), key(new))
}

/// The contents of headers, each requested from git once.
pub(super) struct Contents<'a> {
    pub(super) git: &'a Git,
    pub(super) blobs: Option<Blobs>,
    /// By id: the content, and its code.
    pub(super) known: HashMap<String, (Vec<u8>, String)>,
}

impl Contents<'_> {
    fn get(&mut self, id: &str) -> Result<&(Vec<u8>, String), SourceError> {
        if !self.known.contains_key(id) {
            if self.blobs.is_none() {
                self.blobs = Some(self.git.blobs()?);
            }
            let bytes = match &mut self.blobs {
                Some(blobs) => blobs.get(id)?,
                None => Vec::new(),
            };
            let code = outline::read(&String::from_utf8_lossy(&bytes)).code;
            self.known.insert(id.into(), (bytes, code));
        }
        Ok(&self.known[id])
    }

    /// The code of a set, as the compiler sees it.
    fn code(&mut self, set: &Set) -> Result<String, SourceError> {
        let mut all = String::new();
        for (path, id) in set {
            all.push_str(path);
            all.push('\n');
            all.push_str(&self.get(id)?.1);
            all.push('\u{1}');
        }
        Ok(all)
    }

    fn files(&mut self, set: &Set) -> Result<Files, SourceError> {
        set.iter().map(|(path, id)| Ok((path.clone(), self.get(id)?.0.clone()))).collect()
    }
}

/// Reads sets of headers, several at a time.
fn read_all(
    sets: &BTreeMap<String, Files>,
    reading: &source::Options,
    progress: &Progress,
) -> HashMap<String, Result<Side, String>> {
    progress.begin("reading the headers of commits", Unit::Items, Some(sets.len() as u64));
    let next = AtomicUsize::new(0);
    let all: Vec<_> = sets.iter().collect();
    let done = Mutex::new(HashMap::new());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(16);
    let memo = PageMemo::default();
    let one = |files: &Files| -> Result<Side, String> {
        if files.is_empty() {
            return Ok(crate::review::nothing("nothing"));
        }
        open::of_files_with("headers", files, reading, &memo).map_err(|error| error.to_string())
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((code, files)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let side = one(files);
                    progress.advance(1);
                    if let Ok(mut done) = done.lock() {
                        done.insert((*code).clone(), side);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for code in sets.keys() {
        done.entry(code.clone()).or_insert_with(|| Err("the reader stopped".into()));
    }
    done
}
