// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Pages of preserved vmalloc memory, one chunk at a time, with the chunks that contain their
//! addresses.

use crate::claims::Owner;
use crate::image::cache::Cached;
use crate::image::ReadError;
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::{Memory, WalkError};
use std::collections::HashSet;

/// A step of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A chunk of addresses begins.
    Chunk(PhysAddr),
    /// A block of pages, of the order in the struct.
    Block(PhysAddr),
}

/// Walks through the chunks and the blocks of pages that a struct leads to; ends with the first
/// error.
///
/// It finds what [`kho_abi::wire::walk::VmallocPages`] finds. It reads a whole chunk at once, which
/// is faster from a file, and records chunks, of which there are no more than the image has pages.
pub struct Steps<'m, 'i> {
    memory: &'m Cached<'i>,
    next: PhysAddr,
    chunk: Vec<u8>,
    at: usize,
    chunks: HashSet<PhysAddr>,
    order: u16,
    found: u64,
    told: u64,
    done: bool,
}

impl<'m, 'i> Steps<'m, 'i> {
    /// Starts at the first chunk.
    #[must_use]
    pub fn new(memory: &'m Cached<'i>, vmalloc: &kho_vmalloc) -> Self {
        Self {
            memory,
            next: vmalloc.first.phys().unwrap_or(PhysAddr::NULL),
            chunk: Vec::new(),
            at: 0,
            chunks: HashSet::new(),
            order: vmalloc.order,
            found: 0,
            told: vmalloc.total_pages.into(),
            done: false,
        }
    }

    /// Number of pages of the kernel's size so far.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found
    }

    fn advance(&mut self) -> Result<Option<Step>, WalkError<ReadError>> {
        let page = self.memory.page_size() as u64;
        let align = page
            .checked_shl(self.order.into())
            .filter(|align| align >> self.order == page)
            .ok_or(WalkError::Order { order: self.order })?;
        if let Some(entry) = self.chunk.get(self.at..self.at + 8) {
            let address = entry.try_into().map_or(0, u64::from_ne_bytes);
            if address != 0 {
                self.at += 8;
                let at = PhysAddr::new(address);
                if !at.is_aligned(align) {
                    return Err(WalkError::Unaligned { at, align });
                }
                self.found = self.found.saturating_add(align / page);
                if self.found > self.told {
                    return Err(WalkError::Pages { found: self.found, told: self.told });
                }
                return Ok(Some(Step::Block(at)));
            }
        }
        let Some(at) = self.next.non_null() else {
            if self.found != self.told {
                return Err(WalkError::Pages { found: self.found, told: self.told });
            }
            return Ok(None);
        };
        if !at.is_aligned(page) {
            return Err(WalkError::Unaligned { at, align: page });
        }
        if self.chunks.contains(&at) {
            return Err(WalkError::Cycle { at });
        }
        // If a list fills its chunks exactly, one empty chunk follows, and no more.
        let per_chunk = page / size_of::<PhysAddr>() as u64 - 1;
        let limit = (self.told >> self.order) / per_chunk + 1;
        if self.chunks.len() as u64 == limit {
            return Err(WalkError::TooLong { at, limit });
        }
        self.chunk.resize(self.memory.page_size(), 0);
        self.memory
            .read(at, &mut self.chunk)
            .map_err(|error| WalkError::Unreadable { at, error })?;
        // Only chunks in the image are recorded.
        self.chunks.insert(at);
        let next = self.chunk.first_chunk().map_or(0, |next| u64::from_ne_bytes(*next));
        self.next = PhysAddr::new(next);
        self.at = 8;
        Ok(Some(Step::Chunk(at)))
    }
}

impl Iterator for Steps<'_, '_> {
    type Item = Result<Step, WalkError<ReadError>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.advance();
        self.done = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// The flags of `vmalloc()` that KHO keeps.
const FLAGS: u16 = 0x3;
/// How many pages to check together: 8 MiB of addresses, for memory of 4 GiB.
const AT_ONCE: usize = 1 << 20;
/// How many addresses of blocks to return.
const KEPT: usize = 1 << 16;

/// The names of a list's parts in findings.
pub(crate) struct Names {
    /// As `the list of folios`.
    pub(crate) list: String,
    /// As `a chunk of a memfd's list`.
    pub(crate) chunk: String,
    /// As `a page of a memfd's list`.
    pub(crate) page: String,
}

/// The pages of a block, for a valid order.
pub(crate) fn block_pages(order: u16) -> u64 {
    1_u64.checked_shl(order.into()).filter(|_| order < 52).unwrap_or(1)
}

/// Checks the chunks and the pages of a list, and returns the addresses of its first blocks, in
/// order; `u64::MAX` for one that the image does not have.
pub(crate) fn check(
    walker: &mut Walker<'_>,
    list: &kho_vmalloc,
    names: &Names,
    owner: Owner,
) -> Vec<u64> {
    let kho_vmalloc { flags, order, .. } = *list;
    if flags & !FLAGS != 0 {
        let at = walker.chain.iter().rev().find_map(|link| link.at).unwrap_or(0);
        walker.find(&rules::RESERVED_BITS, at, || {
            format!("{} has unknown vmalloc flags: {flags:#x} (known: {FLAGS:#x})", names.list)
        });
    }
    let block = block_pages(order);
    let memory = Cached::new(walker.memory.image(), walker.memory.page_size_usize());
    let shift = walker.page_size().trailing_zeros();
    let mut kept = Vec::new();
    let mut pages: Vec<u64> = Vec::new();
    for step in Steps::new(&memory, list) {
        match step {
            Ok(Step::Chunk(chunk)) => {
                let page = chunk.get() >> shift;
                walker.pages(page, page + 1, &names.chunk, owner);
            }
            Ok(Step::Block(pa)) => {
                // For a missing block, every page would be looked up.
                let is_there = walker.memory.image().has(pa.get(), 1);
                if kept.len() < KEPT {
                    kept.push(if is_there { pa.get() } else { u64::MAX });
                }
                if !is_there {
                    walker.find(&rules::ADDRESS_OUTSIDE_IMAGE, pa.get(), || {
                        format!("{} at {pa} is outside the image", names.page)
                    });
                    continue;
                }
                pages.push(pa.get() >> shift);
                if pages.len() == AT_ONCE {
                    check_pages(walker, &mut pages, block, names, owner);
                }
            }
            Err(error) => walker.walk_error(&names.list, &error),
        }
    }
    check_pages(walker, &mut pages, block, names, owner);
    kept
}

/// Checks blocks of pages, given by their first pages. Blocks that are consecutive in memory are
/// checked together, whatever their order in the list.
fn check_pages(
    walker: &mut Walker<'_>,
    pages: &mut Vec<u64>,
    block: u64,
    names: &Names,
    owner: Owner,
) {
    let shift = walker.page_size().trailing_zeros();
    // An invalid order makes a block that is longer than memory.
    let ranges = walker.memory.image().ranges();
    let last = ranges.last().map_or(0, |range| range.end.div_ceil(1 << shift));
    pages.sort_unstable();
    let mut check = |start: u64, end: u64| {
        walker.pages(start, end.min(last), &names.page, owner);
    };
    let mut run: Option<(u64, u64)> = None;
    for page in pages.drain(..) {
        run = match run {
            Some((start, end)) if end == page => Some((start, page + block)),
            before => {
                if let Some((start, end)) = before {
                    check(start, end);
                }
                Some((page, page + block))
            }
        };
    }
    if let Some((start, end)) = run {
        check(start, end);
    }
}
