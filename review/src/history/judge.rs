// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges pairs of sets of headers, each once.

use super::cache::{Cache, Kept};
use super::commits::{key, Set};
use super::contents::{read_all, Contents, Input};
use crate::diff::{compare, Side};
use crate::policy::Options;
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::Progress;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Judges pairs of sets, each once.
pub(super) struct Judge<'a> {
    pub(super) cache: Cache<Kept>,
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
        let mut wanted: BTreeMap<String, Input> = BTreeMap::new();
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
                    free.insert(self.contents.input(set)?);
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
