// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Who owns which pages: finds pages that a second owner claims, in bounded memory.

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

/// Every page that has an owner.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    owners: Vec<String>,
    /// Spans that do not overlap: by the first page, the page after the last, and the owner.
    spans: BTreeMap<u64, (u64, Owner)>,
    /// Claims that arrived when there were too many spans, as bits.
    chunks: HashMap<u64, Box<[u64; CHUNK_WORDS]>>,
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

    /// Claims pages for an owner; returns the first page that already has an owner.
    pub(crate) fn claim(&mut self, start: u64, end: u64, owner: Owner) -> Option<Conflict> {
        if start >= end {
            return None;
        }
        let before = self.spans.range_mut(..=start).next_back();
        if let Some((_, (before_end, before_owner))) = before {
            if *before_end > start {
                return Some(Conflict { page: start, owner: Some(*before_owner) });
            }
            let extends = *before_end == start && *before_owner == owner;
            if extends && self.chunks.is_empty() {
                // The next span may still overlap.
                if let Some((next, (_, next_owner))) = self.spans.range(start..end).next() {
                    return Some(Conflict { page: *next, owner: Some(*next_owner) });
                }
                if let Some((_, (before_end, _))) = self.spans.range_mut(..=start).next_back() {
                    *before_end = end;
                }
                return None;
            }
        }
        if let Some((next, (_, next_owner))) = self.spans.range(start..end).next() {
            return Some(Conflict { page: *next, owner: Some(*next_owner) });
        }
        if self.spans.len() < SPANS_LIMIT && self.chunks.is_empty() {
            self.spans.insert(start, (end, owner));
            return None;
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

    /// Sets all bits, even if one is set already, so that the next claim fails at once.
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
                let taken = bits[word] & mask;
                if taken != 0 {
                    let first = page - bit + u64::from(taken.trailing_zeros());
                    if conflict.is_some() {
                        return conflict;
                    }
                    conflict = Some(Conflict { page: first, owner: None });
                    if taken & 1 << bit != 0 {
                        return conflict;
                    }
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
        assert_eq!(claims.claim(40, 41, a), None);
        assert_eq!(claims.name(a), "a");
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
        assert_eq!(gaps(last, u64::MAX), [(last + 200, u64::MAX)]);
    }
}
