// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Who owns which pages: finds pages that a second owner claims, in bounded memory.
//!
//! A page goes from free to owned to contested, and never back: claims of what is contested already
//! cost nothing, so that hostile state cannot make the same pages be compared again and again.

use std::collections::{BTreeMap, HashMap};

/// How many spans to keep with their owners: about 20 MiB of them.
const SPANS_LIMIT: usize = 1 << 18;
/// How many pieces of the bitmap to keep when there are more spans: 64 MiB, enough for terabytes in
/// disorder.
const CHUNKS_LIMIT: usize = 1 << 17;
const CHUNK_WORDS: usize = 64;
const CHUNK_PAGES: u64 = CHUNK_WORDS as u64 * 64;

/// An owner, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u32);

/// A page that was claimed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// Its frame number.
    pub(crate) page: u64,
    /// Who claimed it first, if that is still known.
    pub(crate) owner: Option<Owner>,
}

/// How many ranges of contested pages to keep; beyond, ranges are joined over what is between them.
const CONTESTED_LIMIT: usize = 1 << 16;

/// Pages that more than one owner claims, by their frame numbers: what is in them is one owner's at
/// most.
#[derive(Clone, Debug, Default)]
pub struct Contested {
    /// By the first page, the page after the last; they neither overlap nor touch.
    ranges: BTreeMap<u64, u64>,
    /// Whether claims were left out, so that there may be more.
    incomplete: bool,
}

impl Contested {
    /// Whether every claim was compared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.incomplete
    }

    /// The first part of a range of pages that is contested, and the page after it.
    #[must_use]
    pub fn first_in(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let before = self.ranges.range(..=start).next_back().filter(|(_, to)| **to > start);
        let (from, to) = before.or_else(|| self.ranges.range(start..end).next())?;
        (start < end).then(|| ((*from).max(start), (*to).min(end)))
    }

    fn add(&mut self, start: u64, end: u64) {
        let (mut start, mut end) = (start, end);
        if self.ranges.len() >= CONTESTED_LIMIT {
            // Too much is called contested then, rather than too little.
            let next = self.ranges.range(start..).next().map(|(from, _)| *from);
            let before = self.ranges.range(..start).next_back().map(|(_, to)| *to);
            match (next, before) {
                (Some(next), _) => end = end.max(next),
                (None, Some(before)) => start = start.min(before),
                (None, None) => {}
            }
        }
        while let Some((from, to)) = self.ranges.range(..=end).next_back() {
            if *to < start {
                break;
            }
            let (from, to) = (*from, *to);
            self.ranges.remove(&from);
            (start, end) = (start.min(from), end.max(to));
        }
        self.ranges.insert(start, end);
    }
}

/// Every page that has an owner.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    owners: Vec<String>,
    /// Spans that do not overlap: by the first page, the page after the last, and the owner.
    spans: BTreeMap<u64, (u64, Owner)>,
    /// Claims that arrived when there were too many spans, as bits.
    chunks: HashMap<u64, Box<[u64; CHUNK_WORDS]>>,
    /// Pages that more than one owner claims.
    contested: Contested,
    /// Whether pages were left out, because there are too many, too far apart.
    left_out: bool,
}

impl Claims {
    pub(crate) fn owner(&mut self, name: String) -> Owner {
        let number = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        self.owners.push(name);
        Owner(number)
    }

    pub(crate) fn name(&self, owner: Owner) -> &str {
        self.owners.get(owner.0 as usize).map_or("another owner", String::as_str)
    }

    /// Whether some claims were not checked.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.left_out
    }

    /// Takes the pages that more than one owner claims.
    pub(crate) fn take_contested(&mut self) -> Contested {
        let incomplete = self.left_out;
        Contested { incomplete, ..std::mem::take(&mut self.contested) }
    }

    /// Claims pages for an owner; returns the first page that already has an owner.
    pub(crate) fn claim(&mut self, start: u64, end: u64, owner: Owner) -> Option<Conflict> {
        let mut conflict: Option<Conflict> = None;
        let mut at = start;
        if self.left_out {
            let (page, _) = self.contested.first_in(start, end)?;
            return Some(Conflict { page, owner: self.owner_of(page) });
        }
        while at < end {
            let known = self.contested.first_in(at, end);
            let until = known.map_or(end, |(from, _)| from);
            if let Some(found) = self.claim_part(at, until, owner) {
                conflict.get_or_insert(found);
            }
            let Some((from, to)) = known else { break };
            let first = Conflict { page: from, owner: self.owner_of(from) };
            conflict.get_or_insert(first);
            at = to;
        }
        conflict
    }

    /// The owner of a page, if it is known.
    fn owner_of(&self, page: u64) -> Option<Owner> {
        let (_, (end, owner)) = self.spans.range(..=page).next_back()?;
        (*end > page).then_some(*owner)
    }

    /// Claims pages of which none is contested yet.
    fn claim_part(&mut self, start: u64, end: u64, owner: Owner) -> Option<Conflict> {
        if start >= end {
            return None;
        }
        let mut conflict: Option<Conflict> = None;
        let mut at = start;
        while at < end {
            // The span that contains this page, or else the next one.
            let within = self.spans.range(..=at).next_back().filter(|(_, (to, _))| *to > at);
            let next = within.or_else(|| self.spans.range(at..end).next());
            let next = next.map(|(from, (to, other))| ((*from).max(at), (*to).min(end), *other));
            let (from, to) = next.map_or((end, end), |(from, to, _)| (from, to));
            if let Some(found) = self.take(at, from, owner) {
                conflict.get_or_insert(found);
            }
            if let Some((_, _, other)) = next {
                conflict.get_or_insert(Conflict { page: from, owner: Some(other) });
                self.contested.add(from, to);
            }
            at = to;
        }
        conflict
    }

    /// Takes pages that are in no span.
    fn take(&mut self, start: u64, end: u64, owner: Owner) -> Option<Conflict> {
        if start >= end {
            return None;
        }
        if self.chunks.is_empty() {
            let before = self.spans.range_mut(..start).next_back();
            if let Some((_, (before_end, _))) =
                before.filter(|(_, (to, other))| *to == start && *other == owner)
            {
                *before_end = end;
                return None;
            }
            if self.spans.len() < SPANS_LIMIT {
                self.spans.insert(start, (end, owner));
                return None;
            }
        }
        self.set(start, end)
    }

    /// Calls a function for each part of a range that has no owner, in order.
    pub(crate) fn gaps(&self, start: u64, end: u64, mut each: impl FnMut(u64, u64)) {
        let mut keys: Vec<u64> = self.chunks.keys().copied().collect();
        keys.sort_unstable();
        let mut at = start;
        if let Some((_, (span_end, _))) = self.spans.range(..=start).next_back() {
            at = at.max(*span_end);
        }
        for (span, (span_end, _)) in self.spans.range(start..end) {
            if *span > at {
                self.gaps_in_bits(&keys, at, *span, &mut each);
            }
            at = at.max(*span_end);
        }
        if at < end {
            self.gaps_in_bits(&keys, at, end, &mut each);
        }
    }

    /// The same for the bitmap: visits only pieces that exist.
    fn gaps_in_bits(&self, keys: &[u64], start: u64, end: u64, each: &mut impl FnMut(u64, u64)) {
        let mut at = start;
        let first = keys.partition_point(|key| (key + 1) * CHUNK_PAGES <= start);
        for key in keys[first..].iter().take_while(|key| **key * CHUNK_PAGES < end) {
            let Some(bits) = self.chunks.get(key) else { continue };
            for (index, word) in bits.iter().enumerate() {
                let base = key * CHUNK_PAGES + index as u64 * 64;
                let mut word = *word;
                while word != 0 {
                    let skipped = u64::from(word.trailing_zeros());
                    let many = u64::from((word >> skipped).trailing_ones());
                    let (from, to) = (base + skipped, base + skipped + many);
                    word &= !(u64::MAX >> (64 - many) << skipped);
                    if to <= at {
                        continue;
                    }
                    if from >= end {
                        break;
                    }
                    if from > at {
                        each(at, from);
                    }
                    at = at.max(to);
                }
            }
        }
        if at < end {
            each(at, end);
        }
    }

    /// Sets all bits; those that are set already are contested. Returns the first of them.
    fn set(&mut self, start: u64, end: u64) -> Option<Conflict> {
        let mut conflict = None;
        let mut page = start;
        while page < end {
            let chunk = page / CHUNK_PAGES;
            let chunk_end = end.min((chunk + 1) * CHUNK_PAGES);
            if !self.chunks.contains_key(&chunk) && self.chunks.len() >= CHUNKS_LIMIT {
                self.left_out = true;
                return conflict;
            }
            let bits = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; CHUNK_WORDS]));
            while page < chunk_end {
                let (word, bit) = (usize::try_from(page / 64 % 64).unwrap_or(0), page % 64);
                let many = (64 - bit).min(chunk_end - page);
                let mask = u64::MAX >> (64 - many) << bit;
                let mut taken = bits[word] & mask;
                while taken != 0 {
                    let skipped = taken.trailing_zeros();
                    let run = (taken >> skipped).trailing_ones();
                    let first = page - bit + u64::from(skipped);
                    conflict.get_or_insert(Conflict { page: first, owner: None });
                    self.contested.add(first, first + u64::from(run));
                    taken &= !(u64::MAX >> (64 - run) << skipped);
                }
                bits[word] |= mask;
                page += many;
            }
        }
        conflict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_names_the_first_owner() {
        let mut claims = Claims::default();
        let (a, b) = (claims.owner("a".into()), claims.owner("b".into()));
        assert_eq!(claims.claim(10, 20, a), None);
        assert_eq!(claims.claim(20, 30, a), None);
        assert_eq!(claims.claim(30, 40, b), None);
        assert_eq!(claims.spans.len(), 2, "what follows is one span");
        let conflict = |page, owner| Some(Conflict { page, owner: Some(owner) });
        assert_eq!(claims.claim(5, 11, b), conflict(10, a));
        assert_eq!(claims.claim(29, 50, a), conflict(29, a));
        assert_eq!(claims.claim(39, 40, a), conflict(39, b));
        // The rest of that claim was nobody's.
        assert_eq!(claims.claim(40, 41, b), conflict(40, a));
        assert_eq!(claims.claim(50, 51, a), None);
        assert_eq!(claims.name(a), "a");
    }

    #[test]
    fn every_page_of_two_owners_is_contested_and_the_rest_of_a_claim_is_not() {
        let mut claims = Claims::default();
        let (a, b) = (claims.owner("a".into()), claims.owner("b".into()));
        for page in [10, 12, 14] {
            assert_eq!(claims.claim(page, page + 1, a), None);
        }
        let conflict = |page, owner| Some(Conflict { page, owner: Some(owner) });
        assert_eq!(claims.claim(9, 20, b), conflict(10, a));
        let contested = |claims: &Claims| {
            claims.contested.ranges.iter().map(|(from, to)| (*from, *to)).collect::<Vec<_>>()
        };
        assert_eq!(contested(&claims), [(10, 11), (12, 13), (14, 15)]);
        // What lay between is the second owner's alone, until a third claims it.
        assert_eq!(claims.claim(16, 17, a), conflict(16, b));
        assert_eq!(claims.contested.first_in(0, 100), Some((10, 11)));
        assert_eq!(claims.contested.first_in(13, 100), Some((14, 15)));
        assert_eq!(claims.contested.first_in(15, 16), None);
        assert_eq!(claims.claim(0, 30, a), conflict(9, b));
        assert_eq!(contested(&claims), [(9, 20)]);
        assert_eq!(claims.claim(0, 30, a), conflict(0, a));
        assert_eq!(contested(&claims), [(0, 30)]);
        assert_eq!(claims.contested.first_in(5, 5), None);
    }

    #[test]
    fn too_many_contested_ranges_are_joined_and_none_is_forgotten() {
        let mut contested = Contested::default();
        let last = CONTESTED_LIMIT as u64 + 1000;
        for page in 0..last {
            contested.add(page * 2, page * 2 + 1);
        }
        assert!(contested.ranges.len() <= CONTESTED_LIMIT);
        assert!((0..last).all(|page| contested.first_in(page * 2, page * 2 + 1).is_some()));
    }

    #[test]
    fn spans_behind_the_limit_are_bits() {
        let mut claims = Claims::default();
        let owner = claims.owner("a".into());
        let last = SPANS_LIMIT as u64 + 10_000;
        for page in 0..last {
            assert_eq!(claims.claim(page * 2, page * 2 + 1, owner), None);
        }
        assert!(!claims.chunks.is_empty());
        assert_eq!(
            claims.claim(last * 2 - 3, last * 2, owner),
            Some(Conflict { page: last * 2 - 2, owner: None })
        );
        assert_eq!(claims.claim(last * 2, last * 2 + 200, owner), None);
        assert_eq!(
            claims.claim(last * 2 + 100, last * 2 + 300, owner),
            Some(Conflict { page: last * 2 + 100, owner: None })
        );
        assert!(claims.claim(0, 1, owner).is_some());
        let bits = last * 2;
        assert_eq!(claims.contested.first_in(bits, u64::MAX), Some((bits + 100, bits + 200)));
        assert!(!claims.is_incomplete());
        let gaps = |start, end| {
            let mut gaps = Vec::new();
            claims.gaps(start, end, |start, end| gaps.push((start, end)));
            gaps
        };
        assert_eq!(gaps(0, 5), [(1, 2), (3, 4)]);
        let limit = SPANS_LIMIT as u64 * 2;
        assert_eq!(
            gaps(limit - 3, limit + 4),
            [
                (limit - 3, limit - 2),
                (limit - 1, limit),
                (limit + 1, limit + 2),
                (limit + 3, limit + 4)
            ]
        );
        let last = last * 2;
        // Even a claim that was refused is recorded.
        assert_eq!(gaps(last - 6, last), [(last - 5, last - 4)]);
        assert_eq!(gaps(last, u64::MAX), [(last + 300, u64::MAX)]);
    }
}
