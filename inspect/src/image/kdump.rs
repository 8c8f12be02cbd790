// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compressed kdumps from makedumpfile and QEMU: a header, two bitmaps, and a descriptor for each
//! page that was kept.
//!
//! A bit in the first bitmap means that the machine has a page; in the second, that the file has
//! it. The number of a page's descriptor is the number of bits before the page's bit in the second
//! bitmap.

use super::bytes::{self, Bytes};
use super::unpack::{Packing, Unpacker};
use super::{elf, Facts, Format, Image, Machine, OpenError, Range, ReadError};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use zerocopy::little_endian::{U32, U64};
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

const SIGNATURE: &[u8; 8] = b"KDUMP   ";
/// How many bytes of a bitmap are counted together: a cache slot.
const CHUNK: usize = 512;
const PAGES_PER_CHUNK: u64 = CHUNK as u64 * 8;
const WORDS: usize = CHUNK / 8;
const SLOTS: usize = 64;
/// How much to read at once if pages are read in order: of descriptors, and of the data that they
/// refer to.
const DESCRIPTORS_AHEAD: usize = 128 * size_of::<Descriptor>();
const PAGES_AHEAD: usize = 64 << 10;
/// More pieces of memory than any machine has.
const RANGES_LIMIT: usize = 1 << 20;
const VMCOREINFO_LIMIT: u64 = 1 << 20;
/// The flag of makedumpfile for a dump that it could not complete.
const INCOMPLETE: u32 = 0x8;
/// Since this version of the header, its page numbers have 64 bits.
const WIDE_SINCE: u32 = 6;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 8],
    version: U32,
    /// Six fields of `uname()`: system, node, release, version, machine, domain.
    uname: [[u8; 65]; 6],
    padding: [u8; 6],
    timestamp: [u8; 16],
    status: U32,
    block_size: U32,
    sub_header_blocks: U32,
    bitmap_blocks: U32,
    page_count: U32,
    rest: [u8; 20],
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SubHeader {
    physical_base: U64,
    dump_level: U32,
    split: U32,
    start_page: U64,
    end_page: U64,
    vmcoreinfo_offset: U64,
    vmcoreinfo_size: U64,
    notes: [U64; 2],
    erased: [U64; 2],
    start_page_wide: U64,
    end_page_wide: U64,
    page_count_wide: U64,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Descriptor {
    offset: U64,
    size: U32,
    flags: U32,
    page_flags: U64,
}

/// A chunk of the second bitmap that has bits.
struct Rank {
    chunk: u64,
    /// Number of bits in all chunks before.
    before: u64,
}

/// A chunk of the second bitmap, ready to count the bits before any of its pages.
struct Slot {
    chunk: u64,
    words: [u64; WORDS],
    /// Number of bits in all words before.
    before: [u16; WORDS],
}

impl Slot {
    const EMPTY: Self = Self { chunk: u64::MAX, words: [0; WORDS], before: [0; WORDS] };

    fn fill(&mut self, chunk: u64, bits: &[u8; CHUNK]) {
        let mut before = 0;
        for (index, word) in bits.chunks_exact(8).enumerate() {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            self.words[index] = word;
            self.before[index] = before;
            before += ones_of(word);
        }
        self.chunk = chunk;
    }

    /// The number of bits before that of a page, by its place in the chunk; `None` if its bit is clear.
    fn rank(&self, place: usize) -> Option<u64> {
        (self.words[place / 64] >> (place % 64) & 1 != 0).then(|| self.before(place))
    }

    /// The number of bits before that of a page, by its place in the chunk.
    fn before(&self, place: usize) -> u64 {
        let (word, bit) = (place / 64, place % 64);
        (self.before[word] + ones_of(self.words[word] & ((1 << bit) - 1))).into()
    }
}

pub(super) struct Kdump {
    bytes: Arc<dyn Bytes>,
    block_size: usize,
    /// Where the second bitmap begins.
    bitmap: u64,
    descriptors: u64,
    page_count: u64,
    /// Number of pages that the file has.
    kept: u64,
    /// Whether it has all pages of its ranges.
    is_whole: bool,
    ranges: Vec<Range>,
    ranks: Vec<Rank>,
    slots: Vec<Mutex<Slot>>,
    unpackers: Mutex<Vec<Unpacker>>,
}

pub(super) fn is_kdump(head: &[u8]) -> bool {
    head.starts_with(SIGNATURE)
}

pub(super) fn open(bytes: Arc<dyn Bytes>, format: Format) -> Result<Image, OpenError> {
    let malformed = |why: String| OpenError::Malformed { format, why };
    let head: [u8; 464] = bytes::array(&*bytes, 0)
        .map_err(|_| malformed("the header is cut off, or not in the flattened file".into()))?;
    if !is_kdump(&head) {
        return Err(malformed("the flattened file is not a compressed kdump".into()));
    }
    let header =
        Header::ref_from_bytes(&head).map_err(|_| malformed("the header is cut off".into()))?;
    let block_size = header.block_size.get();
    let page_size = usize::try_from(block_size).unwrap_or(0);
    if !super::PAGE_SIZES.contains(&page_size) {
        // Big-endian machines have the opposite byte order.
        return Err(OpenError::Unsupported {
            format,
            why: format!("invalid block size: {block_size} bytes"),
        });
    }
    let block = u64::from(block_size);
    let sub: [u8; 104] = bytes::array(&*bytes, block)
        .map_err(|_| malformed("the second header is cut off".into()))?;
    let sub = SubHeader::ref_from_bytes(&sub)
        .map_err(|_| malformed("the second header is cut off".into()))?;
    let version = header.version.get();
    let page_count = match version {
        WIDE_SINCE.. if sub.page_count_wide.get() != 0 => sub.page_count_wide.get(),
        _ => header.page_count.get().into(),
    };
    let mut facts = facts(header, page_size);
    // The first version could not be split.
    if version >= 2 && sub.split.get() != 0 {
        let why = "this is one part of a split dump; join the parts first".into();
        return Err(OpenError::Unsupported { format, why });
    }
    if version >= 3 {
        let (offset, len) = (sub.vmcoreinfo_offset.get(), sub.vmcoreinfo_size.get());
        read_vmcoreinfo(&*bytes, offset, len, &mut facts);
    }

    // None of these overflows 64 bits: they are products of 32-bit and 17-bit numbers.
    let bitmap_bytes = u64::from(header.bitmap_blocks.get()) * block;
    let bitmaps = (1 + u64::from(header.sub_header_blocks.get())) * block;
    let descriptors = bitmaps + bitmap_bytes;
    if descriptors > bytes.len() {
        return Err(malformed(format!(
            "the bitmaps end at {descriptors:#x}, but the file ends at {:#x}",
            bytes.len()
        )));
    }
    // Old dumps have a single bitmap, which is as long as two.
    let half = bitmap_bytes / 2;
    let two = page_count <= half.saturating_mul(8);
    let (bitmap, bitmap_len) = if two { (bitmaps + half, half) } else { (bitmaps, bitmap_bytes) };
    let page_count = page_count.min(bitmap_len.saturating_mul(8));

    let mut kdump = Kdump {
        bytes,
        block_size: page_size,
        bitmap,
        descriptors,
        page_count,
        kept: 0,
        is_whole: false,
        ranges: Vec::new(),
        ranks: Vec::new(),
        slots: (0..SLOTS).map(|_| Mutex::new(Slot::EMPTY)).collect(),
        unpackers: Mutex::new(Vec::new()),
    };
    let cut_off = |_| malformed("a bitmap cannot be read".into());
    kdump.ranges = kdump.read_ranges(bitmaps).map_err(cut_off)?;
    if kdump.ranges.len() > RANGES_LIMIT {
        return Err(malformed(format!("it has memory in more than {RANGES_LIMIT} pieces")));
    }
    let kept = kdump.read_ranks().map_err(cut_off)?;
    kdump.kept = kept;
    let has_all = |range: &Range| matches!(kdump.left_out(range.start, range.end), Ok(None));
    kdump.is_whole = kdump.ranges.iter().all(has_all);
    let room = kdump.bytes.len().saturating_sub(descriptors) / size_of::<Descriptor>() as u64;
    if kept > room {
        facts
            .notes
            .push(format!("it claims {kept} pages, but the file holds at most {room} descriptors"));
    }
    if header.status.get() & INCOMPLETE != 0 {
        facts.notes.push("its header says that the dump is incomplete: the disk was full".into());
    }
    facts.notes.extend(kdump.last_page_note(kept.min(room)));
    Ok(Image { backing: super::Backing::Kdump(Box::new(kdump)), format, facts })
}

fn facts(header: &Header, page_size: usize) -> Facts {
    let text = |field: &[u8; 65]| {
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(&field[..end]).into_owned()
    };
    let [_, _, release, _, machine, _] = &header.uname;
    let release = text(release);
    Facts {
        machine: match text(machine).as_str() {
            "" => None,
            "x86_64" => Some(Machine::X86_64),
            "aarch64" => Some(Machine::Arm64),
            _ => Some(Machine::Other),
        },
        // QEMU uses the largest page size that the machine supports, whatever its kernel uses.
        block_size: Some(page_size),
        // QEMU does not know the release, and leaves it out.
        release: Some(release).filter(|release| !release.is_empty()),
        ..Facts::default()
    }
}

fn read_vmcoreinfo(bytes: &dyn Bytes, offset: u64, len: u64, facts: &mut Facts) {
    let Ok(size) = usize::try_from(len) else { return };
    if len == 0 {
        return;
    }
    if len > VMCOREINFO_LIMIT || len > bytes.len() {
        facts.notes.push(format!("VMCOREINFO claims {len} bytes"));
        return;
    }
    let mut text = vec![0; size];
    match bytes.read_exact_at(&mut text, offset) {
        Ok(()) => elf::read_vmcoreinfo(&text, facts),
        Err(_) => facts.notes.push(format!("VMCOREINFO at {offset:#x} cannot be read")),
    }
}

impl Kdump {
    pub(super) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Calls a function for each chunk of a bitmap that may have bits, up to the last page.
    fn each_chunk(&self, bitmap: u64, mut each: impl FnMut(u64, &[u8]) -> bool) -> io::Result<()> {
        const AT_ONCE: usize = 64 << 10;
        let len = self.page_count.div_ceil(8);
        let mut buffer = vec![0; AT_ONCE];
        let mut at = 0;
        while at < len {
            // Parts that were never written have no bits.
            let Some(written) = self.bytes.next_written(bitmap + at) else { break };
            let start = written.start.saturating_sub(bitmap) / CHUNK as u64 * CHUNK as u64;
            at = at.max(start);
            if at >= len {
                break;
            }
            let now = usize::try_from(len - at).unwrap_or(AT_ONCE).min(AT_ONCE);
            let buffer = &mut buffer[..now];
            self.bytes.read_exact_at(buffer, bitmap + at)?;
            for (index, chunk) in buffer.chunks_mut(CHUNK).enumerate() {
                let number = at / CHUNK as u64 + index as u64;
                self.cut(number, chunk);
                if chunk.iter().any(|byte| *byte != 0) && !each(number, chunk) {
                    return Ok(());
                }
            }
            at += now as u64;
        }
        Ok(())
    }

    /// Clears the bits of a chunk after the last page.
    fn cut(&self, number: u64, chunk: &mut [u8]) {
        let left = self.page_count.saturating_sub(number * PAGES_PER_CHUNK);
        if left < PAGES_PER_CHUNK {
            for (index, byte) in chunk.iter_mut().enumerate() {
                *byte &= match left.saturating_sub(index as u64 * 8) {
                    bits @ 0..8 => (1_u8 << bits) - 1,
                    _ => u8::MAX,
                };
            }
        }
    }

    /// The memory according to the first bitmap.
    fn read_ranges(&self, bitmap: u64) -> io::Result<Vec<Range>> {
        let mut ranges: Vec<Range> = Vec::new();
        let block = self.block_size as u64;
        self.each_chunk(bitmap, |number, chunk| {
            for (index, byte) in chunk.iter().enumerate() {
                let first = number * PAGES_PER_CHUNK + index as u64 * 8;
                let mut bits = u16::from(*byte);
                let mut page = first;
                while bits != 0 {
                    let skipped = bits.trailing_zeros();
                    let run = (bits >> skipped).trailing_ones();
                    page += u64::from(skipped);
                    let (Some(start), Some(end)) =
                        (page.checked_mul(block), (page + u64::from(run)).checked_mul(block))
                    else {
                        return false;
                    };
                    match ranges.last_mut() {
                        Some(last) if last.end == start => last.end = end,
                        _ => ranges.push(Range { start, end }),
                    }
                    page += u64::from(run);
                    bits >>= skipped + run;
                }
            }
            ranges.len() <= RANGES_LIMIT
        })?;
        Ok(ranges)
    }

    /// Counts the second bitmap, and returns its number of bits.
    fn read_ranks(&mut self) -> io::Result<u64> {
        let mut ranks = Vec::new();
        let mut before = 0;
        self.each_chunk(self.bitmap, |chunk, bits| {
            ranks.push(Rank { chunk, before });
            before += ones(bits);
            true
        })?;
        self.ranks = ranks;
        Ok(before)
    }

    /// The number of a page's descriptor; `None` if the file does not have the page.
    fn descriptor(&self, page: u64) -> io::Result<Option<u64>> {
        let chunk = page / PAGES_PER_CHUNK;
        let Ok(index) = self.ranks.binary_search_by_key(&chunk, |rank| rank.chunk) else {
            return Ok(None);
        };
        let place = usize::try_from(page % PAGES_PER_CHUNK).unwrap_or(0);
        let within = self.in_slot(chunk, |slot| slot.rank(place))?;
        Ok(within.map(|within| self.ranks[index].before + within))
    }

    /// Number of pages before this one that the file has.
    fn pages_before(&self, page: u64) -> io::Result<u64> {
        let chunk = page / PAGES_PER_CHUNK;
        let index = self.ranks.partition_point(|rank| rank.chunk < chunk);
        let Some(rank) = self.ranks.get(index) else { return Ok(self.kept) };
        let place = usize::try_from(page % PAGES_PER_CHUNK).unwrap_or(0);
        if rank.chunk > chunk || place == 0 {
            return Ok(rank.before);
        }
        Ok(rank.before + self.in_slot(chunk, |slot| slot.before(place))?)
    }

    /// The bytes from an address to another one that the file lists but lacks: their number, and the
    /// first. Does not read the pages, and takes no longer if there are more.
    pub(super) fn left_out(&self, start: u64, end: u64) -> io::Result<Option<(u64, u64)>> {
        let block = self.block_size as u64;
        if self.is_whole || start >= end {
            return Ok(None);
        }
        let (first, last) = (start / block, (end - 1) / block);
        let before = self.pages_before(first)?;
        let lacks = |page: u64| {
            let here = self.pages_before(page)?.saturating_sub(before);
            io::Result::Ok((page - first).saturating_sub(here))
        };
        let missing = lacks(last + 1)?;
        if missing == 0 {
            return Ok(None);
        }
        // The first page that is missing is the last one before which none is.
        let (mut from, mut to) = (first, last + 1);
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            if lacks(middle)? == 0 {
                from = middle;
            } else {
                to = middle;
            }
        }
        let mut bytes = missing.saturating_mul(block);
        if from == first {
            bytes = bytes.saturating_sub(start - first * block);
        }
        if lacks(last)? < missing {
            bytes = bytes.saturating_sub(last.saturating_add(1).saturating_mul(block) - end);
        }
        Ok(Some((bytes, start.max(from * block))))
    }

    /// Uses the slot of a chunk that has bits.
    fn in_slot<T>(&self, chunk: u64, look: impl FnOnce(&Slot) -> T) -> io::Result<T> {
        let slot = &self.slots[usize::try_from(chunk % SLOTS as u64).unwrap_or(0)];
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.chunk != chunk {
            slot.chunk = u64::MAX;
            let at = chunk * CHUNK as u64;
            let there = self.page_count.div_ceil(8).saturating_sub(at);
            let there = usize::try_from(there).unwrap_or(CHUNK).min(CHUNK);
            let mut bits = [0; CHUNK];
            self.bytes.read_exact_at(&mut bits[..there], self.bitmap + at)?;
            self.cut(chunk, &mut bits);
            slot.fill(chunk, &bits);
        }
        Ok(look(&slot))
    }

    pub(super) fn read(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.with_unpacker(pa, into, false)
    }

    /// Reads the beginning of a page, which need not be unpacked to its end.
    pub(super) fn peek(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.with_unpacker(pa, into, true)
    }

    fn with_unpacker(&self, pa: u64, into: &mut [u8], peeks: bool) -> Result<(), ReadError> {
        let mut unpacker = {
            let mut unpackers = self.unpackers.lock().unwrap_or_else(PoisonError::into_inner);
            unpackers.pop().unwrap_or_else(Unpacker::new)
        };
        let result = self.read_with(&mut unpacker, pa, into, peeks);
        self.unpackers.lock().unwrap_or_else(PoisonError::into_inner).push(unpacker);
        result
    }

    fn read_with(
        &self,
        unpacker: &mut Unpacker,
        pa: u64,
        into: &mut [u8],
        peeks: bool,
    ) -> Result<(), ReadError> {
        let block = self.block_size as u64;
        let mut at = pa;
        let mut into = into;
        while !into.is_empty() {
            let within = usize::try_from(at % block).unwrap_or(0);
            let len = into.len().min(self.block_size - within);
            let (now, later) = into.split_at_mut(len);
            let number = at / block;
            if unpacker.page_number == Some(number) && len < self.block_size {
                now.copy_from_slice(&unpacker.page[within..within + len]);
                at += len as u64;
                into = later;
                continue;
            }
            let packing = self.read_packed(unpacker, at)?;
            let damaged = |why| ReadError::Damaged { at, why };
            if len == self.block_size {
                unpacker.unpack(packing, now).map_err(damaged)?;
            } else if !peeks || within != 0 || unpacker.unpack_head(packing, now).is_none() {
                unpacker.page_number = None;
                let mut page = std::mem::take(&mut unpacker.page);
                page.resize(self.block_size, 0);
                let result = unpacker.unpack(packing, &mut page);
                now.copy_from_slice(&page[within..within + len]);
                unpacker.page = page;
                result.map_err(damaged)?;
                // The next read of this page finds it unpacked.
                unpacker.page_number = Some(number);
            }
            at += len as u64;
            into = later;
        }
        Ok(())
    }

    /// Reads the file's data for the page at an address.
    fn read_packed(&self, unpacker: &mut Unpacker, at: u64) -> Result<Packing, ReadError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ReadError::Damaged { at, why: "the file ends before this data" }
            }
            kind => ReadError::Io { at, kind },
        };
        let damaged = |why| ReadError::Damaged { at, why };
        // If only the second bitmap has a page, the machine has no memory there.
        if super::find_range(&self.ranges, at).is_none() {
            return Err(ReadError::Outside { at });
        }
        let number = self.descriptor(at / self.block_size as u64).map_err(failed)?;
        let number = number.ok_or(ReadError::Excluded { at })?;
        let place = self.descriptors + number * size_of::<Descriptor>() as u64;
        let mut descriptor = [0; size_of::<Descriptor>()];
        let file = &*self.bytes;
        unpacker
            .descriptors
            .read(file, &mut descriptor, place, DESCRIPTORS_AHEAD)
            .map_err(failed)?;
        let Ok(descriptor) = Descriptor::ref_from_bytes(&descriptor) else {
            return Err(damaged("the page's descriptor is cut off"));
        };
        let packing = Packing::of(descriptor.flags.get())
            .ok_or_else(|| damaged("unsupported compression"))?;
        let size = usize::try_from(descriptor.size.get()).unwrap_or(usize::MAX);
        if size == 0 {
            return Err(damaged("the page has 0 bytes in the file"));
        }
        // A page that does not shrink when compressed is kept plain.
        if size > self.block_size {
            return Err(damaged("the compressed page is larger than a page"));
        }
        let Unpacker { packed, ahead, .. } = unpacker;
        packed.resize(size, 0);
        ahead.read(file, packed, descriptor.offset.get(), PAGES_AHEAD).map_err(failed)?;
        Ok(packing)
    }

    /// What is wrong with the last page: the file may end before it.
    fn last_page_note(&self, kept: u64) -> Option<String> {
        let place = self.descriptors + kept.checked_sub(1)? * size_of::<Descriptor>() as u64;
        let descriptor: [u8; size_of::<Descriptor>()] = bytes::array(&*self.bytes, place).ok()?;
        let descriptor = Descriptor::ref_from_bytes(&descriptor).ok()?;
        let end = descriptor.offset.get().saturating_add(descriptor.size.get().into());
        let len = self.bytes.len();
        (end > len)
            .then(|| format!("the last page ends at {end:#x}, but the file ends at {len:#x}"))
    }

    /// The next addresses from this one on that the file has, a chunk at most.
    pub(super) fn next_written(&self, pa: u64) -> Option<Range> {
        let page = pa / self.block_size as u64;
        let chunk = page / PAGES_PER_CHUNK;
        let index = self.ranks.partition_point(|rank| rank.chunk < chunk);
        let rank = self.ranks.get(index)?;
        let block = self.block_size as u64;
        let start = rank.chunk.saturating_mul(PAGES_PER_CHUNK).saturating_mul(block);
        let end = start.saturating_add(PAGES_PER_CHUNK * block);
        Some(Range { start: start.max(pa), end })
    }
}

/// Number of bits that are set.
fn ones(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest: u64 = words.remainder().iter().map(|byte| u64::from(byte.count_ones())).sum();
    let word = |word: &[u8]| word.try_into().map_or(0, u64::from_le_bytes);
    rest + words.map(|bytes| u64::from(ones_of(word(bytes)))).sum::<u64>()
}

#[allow(clippy::cast_possible_truncation)] // At most 64.
fn ones_of(word: u64) -> u16 {
    word.count_ones() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_of_a_page_is_the_number_of_bits_before_it() {
        let mut seed = 1_u32;
        let mut bits = [0; CHUNK];
        for byte in &mut bits {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        bits[8..24].fill(u8::MAX);
        bits[24..40].fill(0);
        let mut slot = Slot::EMPTY;
        for bits in [bits, [u8::MAX; CHUNK], [0; CHUNK]] {
            slot.fill(7, &bits);
            let mut before = 0;
            for place in 0..CHUNK * 8 {
                let is_set = bits[place / 8] >> (place % 8) & 1 != 0;
                assert_eq!(slot.rank(place), is_set.then_some(before), "{place}");
                before += u64::from(is_set);
            }
        }
    }
}
