// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Walks through lists in preserved memory, without trusting any count or pointer.
//!
//! Memory may be damaged: a list may be cyclic, lead nowhere, or have counts that its pages have no
//! room for. Each walk is bounded by what the writer could have made, allocates nothing, and ends
//! with the first error, which names the address.

use core::fmt;

use super::block::kho_block_header_ser;
use super::kexec_handover::{kho_vmalloc, kho_vmalloc_hdr};
use super::layout::WireType;
use super::phys::PhysAddr;
use zerocopy::IntoBytes;

/// Memory that a kernel preserved, by physical address.
pub trait Memory {
    /// Why memory cannot be read.
    type Error;

    /// Size of a page of the kernel that wrote the memory, in bytes.
    fn page_size(&self) -> usize;

    /// Copies the bytes from that address on, all of them or none.
    ///
    /// # Errors
    ///
    /// Some of them do not exist.
    fn read(&self, at: PhysAddr, into: &mut [u8]) -> Result<(), Self::Error>;
}

/// What is wrong with a list; `E` is the reason why memory cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkError<E> {
    /// Memory cannot be read.
    Unreadable {
        /// The address to read.
        at: PhysAddr,
        /// The reason.
        error: E,
    },
    /// A page of the list, or a page that it refers to, is not page-aligned.
    Unaligned {
        /// The address.
        at: PhysAddr,
        /// The expected alignment, in bytes.
        align: u64,
    },
    /// A block's count is impossible.
    Count {
        /// The block.
        at: PhysAddr,
        /// The count.
        count: u64,
        /// How many entries fit a block; at least one.
        capacity: u64,
    },
    /// The list is cyclic.
    Cycle {
        /// A page that occurred before.
        at: PhysAddr,
    },
    /// The list has more pages than a kernel ever makes.
    TooLong {
        /// The first page that is too many.
        at: PhysAddr,
        /// How many pages it may have.
        limit: u64,
    },
    /// Entries of this size do not fit a page.
    EntrySize {
        /// The size, in bytes.
        size: usize,
    },
    /// A block of pages cannot have this order.
    Order {
        /// The order.
        order: u16,
    },
    /// The list has another number of pages than it states.
    Pages {
        /// Number of pages in the list, up to where it stopped.
        found: u64,
        /// Number of pages that it states.
        told: u64,
    },
}

impl<E: fmt::Display> fmt::Display for WalkError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { at, error } => write!(f, "memory at {at} cannot be read: {error}"),
            Self::Unaligned { at, align } => {
                write!(f, "the page address {at} is not a multiple of {align:#x}")
            }
            Self::Count { at, count, capacity } => {
                write!(f, "the block at {at} claims {count} entries but holds at most {capacity}")
            }
            Self::Cycle { at } => write!(f, "the list loops back to the page at {at}"),
            Self::TooLong { at, limit } => {
                write!(f, "the list continues at {at}, past its limit of {limit} pages")
            }
            Self::EntrySize { size } => write!(f, "entries of {size} bytes do not fit a block"),
            Self::Order { order } => write!(f, "no block of pages has order {order}"),
            Self::Pages { found, told } => {
                write!(f, "the list claims {told} pages but has {found}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for WalkError<E> {}

/// Reads one value, at any address.
fn read<M: Memory + ?Sized, T: WireType>(
    memory: &M,
    at: PhysAddr,
) -> Result<T, WalkError<M::Error>> {
    let mut value = T::new_zeroed();
    memory.read(at, value.as_mut_bytes()).map_err(|error| WalkError::Unreadable { at, error })?;
    Ok(value)
}

/// The pages of a list, one after the other.
///
/// Brent's algorithm finds a cycle without recording all pages: it keeps one page, and moves on to
/// a later one whenever the distance since has doubled.
#[derive(Clone, Copy, Debug)]
struct Chain {
    next: PhysAddr,
    kept: PhysAddr,
    since: u64,
    doubles_at: u64,
    left: u64,
    limit: u64,
}

impl Chain {
    fn new(first: PhysAddr, limit: u64) -> Self {
        Self { next: first, kept: PhysAddr::NULL, since: 0, doubles_at: 1, left: limit, limit }
    }

    /// The next page, if there is one, checked.
    fn next<E>(&mut self, page_size: u64) -> Result<Option<PhysAddr>, WalkError<E>> {
        let Some(at) = self.next.non_null() else { return Ok(None) };
        if !at.is_aligned(page_size) {
            return Err(WalkError::Unaligned { at, align: page_size });
        }
        if at == self.kept {
            return Err(WalkError::Cycle { at });
        }
        if self.left == 0 {
            return Err(WalkError::TooLong { at, limit: self.limit });
        }
        self.left -= 1;
        if self.since == self.doubles_at || self.kept.is_null() {
            self.kept = at;
            self.since = 0;
            self.doubles_at = self.doubles_at.saturating_mul(2);
        }
        self.since += 1;
        Ok(Some(at))
    }

    fn end(&mut self) {
        self.next = PhysAddr::NULL;
    }
}

/// A block of a list, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its address.
    pub at: PhysAddr,
    /// Number of its entries, from one to as many as fit.
    pub count: u64,
    /// Size of an entry, in bytes.
    pub entry_size: usize,
}

impl Block {
    /// The address of an entry; `None` after the last one.
    #[must_use]
    pub fn entry_at(&self, index: u64) -> Option<PhysAddr> {
        if index >= self.count {
            return None;
        }
        let offset = index.checked_mul(self.entry_size as u64)?;
        self.at.checked_add(size_of::<kho_block_header_ser>() as u64)?.checked_add(offset)
    }

    /// Reads an entry; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`WalkError::Unreadable`], and [`WalkError::EntrySize`] if `T` has another size than the
    /// blocks' entries.
    pub fn entry<T: WireType, M: Memory + ?Sized>(
        &self,
        memory: &M,
        index: u64,
    ) -> Result<Option<T>, WalkError<M::Error>> {
        if size_of::<T>() != self.entry_size {
            return Err(WalkError::EntrySize { size: size_of::<T>() });
        }
        self.entry_at(index).map(|at| read(memory, at)).transpose()
    }
}

/// The blocks of a list; ends with the first error.
///
/// A cyclic list may yield a block twice before the cycle is found.
#[derive(Debug)]
pub struct Blocks<'m, M: Memory + ?Sized> {
    memory: &'m M,
    chain: Chain,
    entry_size: usize,
}

impl<'m, M: Memory + ?Sized> Blocks<'m, M> {
    /// The maximum number of blocks that the kernel accepts.
    pub const LIMIT: u64 = 10_000;

    /// Walks through the blocks from the first one on; there are none if its address is 0.
    #[must_use]
    pub fn new(memory: &'m M, first: PhysAddr, entry_size: usize) -> Self {
        Self { memory, chain: Chain::new(first, Self::LIMIT), entry_size }
    }

    fn advance(&mut self) -> Result<Option<Block>, WalkError<M::Error>> {
        let page_size = self.memory.page_size();
        let Some(at) = self.chain.next(page_size as u64)? else { return Ok(None) };
        let entry_size = self.entry_size;
        let capacity = kho_block_header_ser::capacity(page_size, entry_size)
            .filter(|capacity| *capacity > 0)
            .ok_or(WalkError::EntrySize { size: entry_size })? as u64;
        let header: kho_block_header_ser = read(self.memory, at)?;
        let count = header.count;
        if count == 0 || count > capacity {
            return Err(WalkError::Count { at, count, capacity });
        }
        self.chain.next = header.next;
        Ok(Some(Block { at, count, entry_size }))
    }
}

impl<M: Memory + ?Sized> Iterator for Blocks<'_, M> {
    type Item = Result<Block, WalkError<M::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.advance();
        if block.is_err() {
            self.chain.end();
        }
        block.transpose()
    }
}

/// The blocks of pages of memory that was allocated with `vmalloc()`; ends with the first error.
///
/// Each is the address of `1 << order` pages. The last error may be that there are fewer pages than
/// the struct states: a list is valid if its walk ends without an error.
#[derive(Debug)]
pub struct VmallocPages<'m, M: Memory + ?Sized> {
    memory: &'m M,
    chain: Chain,
    /// The chunk, and the index of the next address in it.
    chunk: Option<(PhysAddr, u64)>,
    order: u16,
    found: u64,
    told: u64,
    done: bool,
}

impl<'m, M: Memory + ?Sized> VmallocPages<'m, M> {
    /// Walks through the pages that a struct leads to.
    #[must_use]
    pub fn new(memory: &'m M, vmalloc: &kho_vmalloc) -> Self {
        let told = u64::from(vmalloc.total_pages);
        let blocks = told.checked_shr(vmalloc.order.into()).unwrap_or(0);
        let per_chunk = Self::per_chunk(memory);
        // If a list fills its chunks exactly, an empty chunk follows.
        let limit = blocks.checked_div(per_chunk).map_or(0, |full| full + 1);
        let first = vmalloc.first.phys().unwrap_or(PhysAddr::NULL);
        let chain = Chain::new(first, limit);
        Self { memory, chain, chunk: None, order: vmalloc.order, found: 0, told, done: false }
    }

    /// Number of addresses in a chunk.
    fn per_chunk(memory: &M) -> u64 {
        let room = memory.page_size().saturating_sub(size_of::<kho_vmalloc_hdr>());
        (room / size_of::<PhysAddr>()) as u64
    }

    /// The address at an index of a chunk; 0 after its last one.
    fn address(&self, chunk: PhysAddr, index: u64) -> Result<PhysAddr, WalkError<M::Error>> {
        let offset = size_of::<kho_vmalloc_hdr>() as u64 + index * size_of::<PhysAddr>() as u64;
        // A chunk is aligned to its size, so no part of it is past the end of memory.
        let at = PhysAddr::new(chunk.get() | offset);
        let mut address = PhysAddr::NULL;
        let read = self.memory.read(at, address.as_mut_bytes());
        read.map_err(|error| WalkError::Unreadable { at, error })?;
        Ok(address)
    }

    fn advance(&mut self) -> Result<Option<PhysAddr>, WalkError<M::Error>> {
        let page_size = self.memory.page_size() as u64;
        // An order that overflows is invalid: the radix tree has no key for it.
        let align = page_size
            .checked_shl(self.order.into())
            .filter(|align| align >> self.order == page_size)
            .ok_or(WalkError::Order { order: self.order })?;
        loop {
            let (chunk, index) = match self.chunk {
                Some(place) => place,
                None => match self.chain.next(page_size)? {
                    Some(at) => (at, 0),
                    None => break,
                },
            };
            let address = if index < Self::per_chunk(self.memory) {
                self.address(chunk, index)?
            } else {
                PhysAddr::NULL
            };
            if address.is_null() {
                let header: kho_vmalloc_hdr = read(self.memory, chunk)?;
                self.chain.next = header.next.phys().unwrap_or(PhysAddr::NULL);
                self.chunk = None;
                continue;
            }
            self.chunk = Some((chunk, index + 1));
            if !address.is_aligned(align) {
                return Err(WalkError::Unaligned { at: address, align });
            }
            self.found = self.found.saturating_add(align / page_size);
            if self.found > self.told {
                return Err(WalkError::Pages { found: self.found, told: self.told });
            }
            return Ok(Some(address));
        }
        if self.found != self.told {
            return Err(WalkError::Pages { found: self.found, told: self.told });
        }
        Ok(None)
    }
}

impl<M: Memory + ?Sized> Iterator for VmallocPages<'_, M> {
    type Item = Result<PhysAddr, WalkError<M::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let page = self.advance();
        self.done = !matches!(page, Ok(Some(_)));
        page.transpose()
    }
}
