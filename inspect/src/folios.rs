// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the folio list of a memfd fast: entries that continue one another become one run.
//!
//! If a page of entries continues the previous one, it is compared as a whole, without a branch for
//! each entry. Otherwise entries are handled one by one. Nothing is allocated per entry, and
//! several threads share the reading.

use crate::image::{Image, ReadError};
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::memfd_v2::memfd_luo_folio_ser;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread;
use zerocopy::FromBytes;

/// Size of an entry, in bytes.
pub const ENTRY: usize = size_of::<memfd_luo_folio_ser>();
/// How much to read at once: more is not faster, and less is slower.
const AT_ONCE: usize = 256 << 10;
/// The work unit of a thread.
const BATCH: usize = 8 << 20;
/// How many entries to compare at once: a page of 4 KiB.
const BLOCK: usize = 256;
const PFN_BITS: u32 = 52;

/// Entries that continue one another: they have the same flags, and constant steps between their
/// pages and between their places in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolioRun {
    /// Page frame number of the first folio; 0 if the entries have none.
    pub page: u64,
    /// Place of the first folio in the file, in pages.
    pub index: u64,
    /// Number of entries.
    pub count: u64,
    /// The step from one folio's page frame number to the next; may be negative.
    pub page_step: i64,
    /// The step from one folio's place in the file to the next.
    pub index_step: i64,
    /// The flags.
    pub flags: u16,
    /// Address of the first entry.
    pub at: u64,
}

/// The bits of a number, as a signed number.
fn signed(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}

/// The bits of a signed number, as an unsigned one.
fn unsigned(number: i64) -> u64 {
    u64::from_ne_bytes(number.to_ne_bytes())
}

impl FolioRun {
    /// Page frame number of a folio of the run.
    #[must_use]
    pub fn page_of(&self, entry: u64) -> u64 {
        self.page.wrapping_add_signed(self.page_step.wrapping_mul(signed(entry)))
    }

    /// Place in the file of a folio of the run.
    #[must_use]
    pub fn index_of(&self, entry: u64) -> u64 {
        self.index.wrapping_add_signed(self.index_step.wrapping_mul(signed(entry)))
    }

    fn packed(&self) -> u64 {
        self.page | u64::from(self.flags) << PFN_BITS
    }

    /// Whether that many more entries keep the page frame number within its bits, and not 0.
    fn has_room(&self, more: u64) -> bool {
        let last = self.count.saturating_add(more);
        let reach = i128::from(self.page_step) * i128::from(last) + i128::from(self.page);
        reach > 0 && reach < 1 << PFN_BITS
    }
}

/// The result of reading a part of the list.
#[derive(Debug, Default)]
pub struct Batch {
    /// The entries, in their order.
    pub runs: Vec<FolioRun>,
    /// Pages of the list that cannot be read, with the number of entries in them.
    pub unreadable: Vec<(u64, u64, ReadError)>,
}

impl Batch {
    /// Appends entries; `at` is the address of the first.
    fn take(&mut self, entries: &[memfd_luo_folio_ser], at: u64) {
        let mut at = at;
        for block in entries.chunks(BLOCK) {
            if !self.continues(block) {
                self.one_by_one(block, at);
            }
            at += size_of_val(block) as u64;
        }
    }

    /// Appends a block of entries if all of them continue the last run.
    fn continues(&mut self, block: &[memfd_luo_folio_ser]) -> bool {
        let Some(run) = self.runs.last_mut() else { return false };
        let many = block.len() as u64;
        if run.count < 2 {
            return false;
        }
        let missing = run.page == 0;
        if !missing && !run.has_room(many) {
            return false;
        }
        let (page_step, index_step) = (unsigned(run.page_step), unsigned(run.index_step));
        let page = run.packed().wrapping_add(page_step.wrapping_mul(run.count));
        let index = run.index.wrapping_add(index_step.wrapping_mul(run.count));
        if differs(block, page, page_step, index, index_step) {
            return false;
        }
        run.count += many;
        true
    }

    /// Whether the last entries were zero, so that the following ones may be in a hole.
    ///
    /// A damaged list may lead to terabytes of holes, which need not be read.
    fn in_a_hole(&self) -> bool {
        self.runs.last().is_some_and(|run| {
            run.count > BLOCK as u64
                && (run.page, run.flags, run.index, run.index_step) == (0, 0, 0, 0)
        })
    }

    /// Appends zero entries, like the last ones.
    fn missing(&mut self, count: u64) {
        if let Some(run) = self.runs.last_mut() {
            run.count += count;
        }
    }

    fn one_by_one(&mut self, block: &[memfd_luo_folio_ser], at: u64) {
        let mut at = at;
        for entry in block {
            self.entry(entry, at);
            at += ENTRY as u64;
        }
    }

    fn entry(&mut self, entry: &memfd_luo_folio_ser, at: u64) {
        let (page, index) = (entry.pfn(), entry.index);
        let flags = u16::try_from(entry.flags()).unwrap_or(u16::MAX);
        if let Some(run) = self.runs.last_mut() {
            let alike = run.flags == flags && (run.page == 0) == (page == 0);
            if alike && run.count == 1 {
                // The second entry sets the step; only steps that folios can have are allowed.
                let page_step = signed(page.wrapping_sub(run.page));
                let index_step = signed(index.wrapping_sub(run.index));
                let goes_on =
                    if page == 0 { page_step == 0 } else { index_step == page_step.abs() };
                if goes_on {
                    (run.page_step, run.index_step, run.count) = (page_step, index_step, 2);
                    return;
                }
            } else if alike
                && run.page_of(run.count) == page
                && run.index_of(run.count) == index
                && (page == 0 || run.has_room(0))
            {
                run.count += 1;
                return;
            }
        }
        self.runs.push(FolioRun { page, index, count: 1, page_step: 0, index_step: 0, flags, at });
    }
}

/// Whether any entry does not continue the run. There is no branch for each entry, so that the
/// compiler can vectorise this.
fn differs(
    block: &[memfd_luo_folio_ser],
    page: u64,
    page_step: u64,
    index: u64,
    index_step: u64,
) -> bool {
    let (mut page, mut index, mut differs) = (page, index, 0);
    for entry in block {
        let (entry_page, entry_index) = (entry.pfn_and_flags, entry.index);
        differs |= (entry_page ^ page) | (entry_index ^ index);
        page = page.wrapping_add(page_step);
        index = index.wrapping_add(index_step);
    }
    differs != 0
}

/// A piece of the list: an address, and its size in bytes.
type Piece = (u64, usize);

/// Whether nothing was ever written there, as far as the image shows: it is all zero.
fn is_hole(image: &Image, pa: u64, len: usize) -> bool {
    let end = pa.saturating_add(len as u64);
    image.has(pa, len as u64) && image.next_written(pa).is_none_or(|written| written.start >= end)
}

/// Reads the entries of pieces of memory.
fn read_pieces(image: &Image, pieces: &[Piece], buffer: &mut Vec<u8>) -> Batch {
    let mut batch = Batch::default();
    for (pa, len) in pieces {
        if batch.in_a_hole() && is_hole(image, *pa, *len) {
            batch.missing((*len / ENTRY) as u64);
            continue;
        }
        buffer.resize(*len, 0);
        match image.read(*pa, buffer) {
            Ok(()) => {
                if let Ok(entries) = <[memfd_luo_folio_ser]>::ref_from_bytes(buffer) {
                    batch.take(entries, *pa);
                }
            }
            Err(error) => batch.unreadable.push((*pa, (*len / ENTRY) as u64, error)),
        }
    }
    batch
}

/// Joins the pages of a list into pieces, and pieces into batches.
struct Batches<I> {
    pages: I,
    /// Size of a page of the list, in bytes.
    page: usize,
    /// Bytes of the list that are left.
    left: u64,
    next: Option<Piece>,
    bytes: u64,
}

impl<I: Iterator<Item = PhysAddr>> Iterator for Batches<I> {
    type Item = Vec<Piece>;

    fn next(&mut self) -> Option<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut batch = 0;
        while batch < BATCH && self.left > 0 {
            let Some((pa, len)) = self.next.take().or_else(|| {
                let pa = self.pages.next()?.get();
                Some((pa, self.page))
            }) else {
                break;
            };
            let left = usize::try_from(self.left).unwrap_or(usize::MAX);
            let now = len.min(left).min(AT_ONCE);
            match pieces.last_mut() {
                Some((last, size)) if *last + *size as u64 == pa && *size + now <= AT_ONCE => {
                    *size += now;
                }
                _ => pieces.push((pa, now)),
            }
            if now < len {
                self.next = Some((pa + now as u64, len - now));
            }
            batch += now;
            self.left -= now as u64;
            self.bytes += now as u64;
        }
        (!pieces.is_empty()).then_some(pieces)
    }
}

/// Reads a list of folios, batch by batch in its order.
///
/// `pages` are the addresses of the list's pages, each of `page` bytes; `entries` is the maximum
/// number of entries. With more than one thread, several batches are read at once. Returns the
/// number of entries for which there were pages.
pub fn each_batch(
    image: &Image,
    pages: impl Iterator<Item = PhysAddr>,
    page: u64,
    entries: u64,
    threads: usize,
    mut each: impl FnMut(Batch),
) -> u64 {
    let page = usize::try_from(page).unwrap_or(usize::MAX) / ENTRY * ENTRY;
    let left = entries.saturating_mul(ENTRY as u64);
    let mut batches = Batches { pages, page, left, next: None, bytes: 0 };
    // For little work, threads cost more than they gain.
    if threads < 2 || left <= BATCH as u64 {
        let mut buffer = Vec::new();
        for pieces in batches.by_ref() {
            each(read_pieces(image, &pieces, &mut buffer));
        }
        return batches.bytes / ENTRY as u64;
    }
    thread::scope(|scope| {
        // Each thread in turn gets a batch, and the results are taken in the same order. Each
        // thread has room for one more batch, so that it need not wait for this one.
        let workers: Vec<(SyncSender<Vec<Piece>>, Receiver<Batch>)> = (0..threads)
            .map(|_| {
                let (give, take) = sync_channel::<Vec<Piece>>(2);
                let (done, got) = sync_channel(1);
                scope.spawn(move || {
                    let mut buffer = Vec::new();
                    for pieces in take {
                        if done.send(read_pieces(image, &pieces, &mut buffer)).is_err() {
                            break;
                        }
                    }
                });
                (give, got)
            })
            .collect();
        let (mut given, mut taken) = (0, 0);
        let mut more = true;
        while more || taken < given {
            while more && given < taken + 2 * threads {
                match batches.next() {
                    Some(pieces) => {
                        more = workers[given % threads].0.send(pieces).is_ok();
                        given += usize::from(more);
                    }
                    None => more = false,
                }
            }
            if taken < given {
                let Ok(batch) = workers[taken % threads].1.recv() else { break };
                taken += 1;
                each(batch);
            }
        }
    });
    batches.bytes / ENTRY as u64
}
