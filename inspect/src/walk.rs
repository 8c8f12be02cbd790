// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Common parts of the walk: reading with findings, the chain that led here, and the checks that
//! every page must pass.

use crate::claims::{Claims, Conflict, Owner};
use crate::finding::{Findings, Link};
use crate::image::cache::Cached;
use crate::image::{Image, ReadError};
use crate::layouts::{Budget, Layouts};
use crate::radix::Preserved;
use crate::rules::{self, Rule};
use crate::text;
use kho_abi::wire::layout::WireType;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::{Memory, WalkError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many kinds of undecoded items to list by name.
const UNDECODED_LIMIT: usize = 64;

/// A walk through one image.
pub(crate) struct Walker<'i> {
    pub(crate) memory: Cached<'i>,
    pub(crate) findings: Findings,
    pub(crate) preserved: Option<Preserved>,
    pub(crate) claims: Claims,
    pub(crate) chain: Vec<Link>,
    /// Notes for the report, and what was not checked.
    pub(crate) notes: Vec<String>,
    /// Number of notes that make the result unknown, apart from items without a decoder.
    pub(crate) unknown: u64,
    /// Items without a decoder, and their number. They are not damage.
    pub(crate) undecoded: BTreeMap<String, u64>,
    /// Number of threads for work that benefits from several.
    pub(crate) threads: usize,
    /// Layouts for items without a decoder.
    pub(crate) types: Option<Arc<Layouts>>,
    /// What may still be read by them.
    pub(crate) budget: Budget,
    /// Whether layouts were used: they do not contain everything that a decoder knows.
    pub(crate) by_types: bool,
}

impl<'i> Walker<'i> {
    pub(crate) fn new(image: &'i Image, page_size: usize, threads: usize) -> Self {
        Self {
            memory: Cached::new(image, page_size),
            findings: Findings::default(),
            preserved: None,
            claims: Claims::default(),
            chain: Vec::new(),
            notes: Vec::new(),
            unknown: 0,
            undecoded: BTreeMap::new(),
            threads,
            types: None,
            budget: Budget::default(),
            by_types: false,
        }
    }

    pub(crate) fn page_size(&self) -> u64 {
        self.memory.page_size() as u64
    }

    /// Adds a finding at an address.
    pub(crate) fn find(&mut self, rule: &'static Rule, at: u64, what: impl FnOnce() -> String) {
        self.findings.add(rule, at, &self.chain, what);
    }

    /// Notes something that was not checked although the image has it: the result is unknown.
    pub(crate) fn not_checked(&mut self, note: String) {
        self.notes.push(note);
        self.unknown += 1;
    }

    /// Counts an item without known types.
    pub(crate) fn not_decoded(&mut self, what: String) {
        let is_known = self.undecoded.contains_key(&what);
        let what = if is_known || self.undecoded.len() < UNDECODED_LIMIT {
            what
        } else {
            "and others".into()
        };
        *self.undecoded.entry(what).or_default() += 1;
    }

    /// As [`Self::not_decoded`], with the reason why the given layouts do not help.
    pub(crate) fn not_decoded_by(&mut self, what: String, why: Option<String>) {
        self.not_decoded(match why {
            Some(why) => format!("{what}: {why}"),
            None => what,
        });
    }

    /// Whether the page of an address is preserved, if that is known.
    pub(crate) fn is_preserved(&self, at: u64) -> Option<bool> {
        let preserved = self.preserved.as_ref()?;
        let is = preserved.run_at(&self.memory, at / self.page_size()).is_some();
        (is || preserved.is_complete()).then_some(is)
    }

    /// Runs a function with one more link in the chain.
    pub(crate) fn within<T>(
        &mut self,
        what: impl Into<String>,
        at: Option<u64>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.chain.push(Link { what: what.into(), at });
        let done = work(self);
        self.chain.pop();
        done
    }

    /// Reports that something cannot be read.
    pub(crate) fn unreadable(&mut self, at: u64, what: &str, error: ReadError) {
        let rule = match error {
            ReadError::Outside { .. } => &rules::ADDRESS_OUTSIDE_IMAGE,
            ReadError::Excluded { .. } => &rules::ADDRESS_EXCLUDED,
            ReadError::Damaged { .. } | ReadError::Io { .. } => &rules::IMAGE_MALFORMED,
        };
        self.find(rule, at, || format!("{what} at {at:#x} cannot be read: {error}"));
    }

    /// Reads a value, or reports why that is impossible.
    pub(crate) fn value<T: WireType>(&mut self, at: u64, what: &str) -> Option<T> {
        match self.memory.value(at) {
            Ok(value) => Some(value),
            Err(error) => {
                self.unreadable(at, what, error);
                None
            }
        }
    }

    /// Reads some bytes, as many as the image has, but at most a page.
    pub(crate) fn bytes(&mut self, at: u64, len: u64, what: &str) -> Option<Vec<u8>> {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.memory.page_size());
        let mut bytes = vec![0; len];
        match self.memory.read(PhysAddr::new(at), &mut bytes) {
            Ok(()) => Some(bytes),
            Err(error) => {
                self.unreadable(at, what, error);
                None
            }
        }
    }

    /// Reports what is wrong with a list.
    pub(crate) fn walk_error(&mut self, what: &str, error: &WalkError<ReadError>) {
        let (rule, at): (&'static Rule, u64) = match error {
            WalkError::Unreadable { at, error } => {
                return self.unreadable(at.get(), what, *error);
            }
            WalkError::Unaligned { at, .. } => (&rules::ADDRESS_UNALIGNED, at.get()),
            WalkError::Count { at, .. } => (&rules::BLOCK_COUNT_INVALID, at.get()),
            WalkError::Cycle { at } => (&rules::LIST_CYCLE, at.get()),
            WalkError::TooLong { at, .. } => (&rules::LIST_TOO_LONG, at.get()),
            WalkError::EntrySize { .. } | WalkError::Order { .. } | WalkError::Pages { .. } => {
                let at = self.chain.iter().rev().find_map(|link| link.at).unwrap_or(0);
                (&rules::VMALLOC_INVALID, at)
            }
        };
        let said = error.to_string();
        self.find(rule, at, || format!("{what}: {said}"));
    }

    /// A name in a field; a malformed name is a finding.
    pub(crate) fn name(&mut self, field: &[u8], at: u64, what: &str) -> String {
        let readable = text::readable(field);
        match field.iter().position(|byte| *byte == 0) {
            None => self.find(&rules::NAME_UNTERMINATED, at, || {
                format!("{what} has no NUL in its {} bytes: {readable}", field.len())
            }),
            Some(end) if std::str::from_utf8(&field[..end]).is_err() => {
                self.find(&rules::NAME_NOT_UTF8, at, || format!("{what} is not UTF-8: {readable}"));
            }
            Some(end) => {
                if let Some(after) = field[end..].iter().position(|byte| *byte != 0) {
                    self.find(&rules::NAME_NOT_PADDED, at, || {
                        let offset = end + after;
                        let byte = field[offset];
                        format!("{what} ends at byte {end} of its field, and byte {offset} is {byte:#x}: \"{readable}\"")
                    });
                }
            }
        }
        readable
    }

    /// The same for a name that is never empty.
    pub(crate) fn named(&mut self, field: &[u8], at: u64, what: &str) -> String {
        if field.first() == Some(&0) {
            self.find(&rules::NAME_EMPTY, at, || format!("{what} is empty"));
        }
        self.name(field, at, what)
    }

    /// Checks that one allocation of the kernel, whose pages it restores by the first one, is
    /// preserved and has one owner; returns its pages as a half-open range.
    pub(crate) fn allocation(
        &mut self,
        at: u64,
        len: u64,
        what: &str,
        owner: Owner,
    ) -> Option<(u64, u64)> {
        let page_size = self.page_size();
        let (first, last) = self.first_and_last(at, len, what)?;
        if !at.is_multiple_of(page_size) {
            self.find(&rules::ADDRESS_UNALIGNED, at, || {
                format!("{what} is not page-aligned: {at:#x}")
            });
        }
        // The owner has the whole block, since the kernel frees it as a whole.
        let end = self.block_of(last).filter(|(begin, _)| *begin >= first);
        let end = end.map_or(last + 1, |(_, end)| end);
        self.pages(first, end, what, owner);
        Some((first, end))
    }

    /// The same for memory that may begin anywhere in a block, which then belongs to its owner as a
    /// whole.
    pub(crate) fn within_blocks(
        &mut self,
        at: u64,
        len: u64,
        what: &str,
        owner: Owner,
    ) -> Option<(u64, u64)> {
        let (first, last) = self.first_and_last(at, len, what)?;
        let start = self.block_of(first).map_or(first, |(begin, _)| begin);
        let end = self.block_of(last).map_or(last + 1, |(_, end)| end);
        self.pages(start, end, what, owner);
        Some((start, end))
    }

    /// The first and the last page of some bytes.
    fn first_and_last(&mut self, at: u64, len: u64, what: &str) -> Option<(u64, u64)> {
        let page_size = self.page_size();
        let last = at.checked_add(len.max(1) - 1).map(|last| last / page_size);
        if last.is_none() {
            self.find(&rules::ADDRESS_OUTSIDE_IMAGE, at, || {
                format!("{what} at {at:#x} goes past the last address")
            });
        }
        Some((at / page_size, last?))
    }

    /// The preserved block that contains a page: its first page, and the one after its last.
    fn block_of(&self, page: u64) -> Option<(u64, u64)> {
        let run = self.preserved.as_ref()?.run_at(&self.memory, page)?;
        let begin = run.start + ((page - run.start) >> run.order << run.order);
        Some((begin, begin.saturating_add(1 << run.order)))
    }

    /// The address after the preserved block that contains an address.
    pub(crate) fn block_end(&self, at: u64) -> Option<u64> {
        let (_, end) = self.block_of(at / self.page_size())?;
        Some(end.saturating_mul(self.page_size()))
    }

    /// Checks that pages are preserved and have one owner.
    pub(crate) fn pages(&mut self, start: u64, end: u64, what: &str, owner: Owner) {
        let shift = self.memory.page_size().trailing_zeros();
        if let Some(preserved) = self.preserved.take() {
            let mut page = start;
            // Consecutive missing pages are a single finding.
            let mut missing: Option<u64> = None;
            while page < end {
                if let Some(run) = preserved.run_at(&self.memory, page) {
                    // The first page of an allocation is the first page of a block.
                    if page == start && (page - run.start) & ((1 << run.order) - 1) != 0 {
                        self.find(&rules::PAGE_NOT_BLOCK_START, page << shift, || {
                            let block = run.start + ((page - run.start) >> run.order << run.order);
                            format!(
                                "{what} at {:#x} is inside the block of order {} at {:#x}",
                                page << shift,
                                run.order,
                                block << shift
                            )
                        });
                    }
                    if let Some(first) = missing.take() {
                        self.not_preserved(first, page, what);
                    }
                    page = run.end;
                    continue;
                }
                // If the tree could not be walked completely, the page may be in the unknown part.
                if preserved.is_complete() {
                    missing.get_or_insert(page);
                }
                page = preserved.next_start(page).min(end);
            }
            if let Some(first) = missing {
                self.not_preserved(first, end, what);
            }
            self.preserved = Some(preserved);
        }
        self.claim(start, end, what, owner);
    }

    fn not_preserved(&mut self, start: u64, end: u64, what: &str) {
        let at = start << self.memory.page_size().trailing_zeros();
        self.find(&rules::PAGE_NOT_PRESERVED, at, || match end - start {
            1 => format!("{what} at {at:#x} is not preserved"),
            pages => format!("{what} at {at:#x} is not preserved ({pages} pages in all)"),
        });
    }

    /// Checks that pages have one owner.
    pub(crate) fn claim(&mut self, start: u64, end: u64, what: &str, owner: Owner) {
        let shift = self.memory.page_size().trailing_zeros();
        if let Some(Conflict { page, owner: first }) = self.claims.claim(start, end, owner) {
            let first = first.map_or("another owner", |owner| self.claims.name(owner)).to_owned();
            let second = self.claims.name(owner).to_owned();
            self.find(&rules::PAGE_OWNED_TWICE, page << shift, || {
                if first == second {
                    return format!("{what} at {:#x} belongs to {first} twice", page << shift);
                }
                format!("{what} at {:#x} belongs to {second}, and also to {first}", page << shift)
            });
        }
    }
}
