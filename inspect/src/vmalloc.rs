// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Pages of preserved vmalloc memory, a chunk at a time, with the chunks that say where they are.

use crate::image::cache::Cached;
use crate::image::ReadError;
use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::{Memory, WalkError};
use std::collections::HashSet;

/// A step of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A chunk of addresses begins.
    Chunk(PhysAddr),
    /// A block of pages, of the order that the struct tells.
    Block(PhysAddr),
}

/// Walks through the chunks and the blocks of pages that a struct leads to; ends with the first error.
///
/// It finds what [`kho_abi::wire::walk::VmallocPages`] finds. It reads a chunk at once, which is
/// faster from a file, and remembers chunks, of which there are no more than the image has pages.
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
    /// Begins at the first chunk.
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

    /// Number of pages of the kernel's size that were found so far.
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
        // A list that fills its chunks exactly has an empty one at its end, and no more.
        let per_chunk = page / size_of::<PhysAddr>() as u64 - 1;
        let limit = (self.told >> self.order) / per_chunk + 1;
        if self.chunks.len() as u64 == limit {
            return Err(WalkError::TooLong { at, limit });
        }
        self.chunk.resize(self.memory.page_size(), 0);
        self.memory
            .read(at, &mut self.chunk)
            .map_err(|error| WalkError::Unreadable { at, error })?;
        // Only what the image has is remembered.
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
