// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Assembles a memfd's content from its folios, and records what is missing.
//!
//! A kernel preserves every page of a memfd: it fills holes when it pins the file. So a place in
//! the file without a folio is lost, and not a hole. If the image has a page that the next kernel
//! would not keep, since it is not preserved, the page is written and reported as doubtful.

use crate::claims::Contested;
use crate::extents::{self, Part};
use crate::finding::{address, address_or_none, AddressText};
use crate::handlers::memfd::Memfd;
use crate::image::cache::Cached;
use crate::image::{find_range, Image, Range, ReadError};
use crate::radix::Preserved;
use kho_abi::wire::versions::memfd_v2::MEMFD_LUO_FOLIO_UPTODATE;
use kho_abi_show::{Progress, Unit};
use schemars::JsonSchema;
use serde::Serialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How much to read at once, in bytes.
const AT_ONCE: u64 = 1 << 20;
/// How many pieces to list; the rest is only counted.
pub const KEPT: usize = 1000;

/// Why a piece of the content is lost or doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The list has no folio for this place.
    NoFolio,
    /// The list of folios was not read to its end, so that a folio may have this place.
    ListUnread,
    /// The memfd's size is larger than any that a kernel preserves: the field is damaged, and
    /// nothing is written.
    SizeInvalid,
    /// The folio's memory cannot be read from the image.
    Unreadable,
    /// The folio's page is not preserved: the next kernel may use it for something else.
    NotPreserved,
    /// Unknown whether the page is preserved: the tree of preserved pages is damaged.
    NotKnown,
    /// The folio is inside a preserved block, but not at its start: the kernel refuses it.
    NotBlockStart,
    /// The folio is not up to date: the next kernel shows zeroes, although its page has other
    /// bytes.
    NotUptodate,
    /// Two folios have this place: the later one in the list is written.
    Twice,
    /// The folio's page has a second owner: its content belongs to at most one of them.
    OwnedTwice,
    /// The memfd's own fields contradict each other or are impossible: see the findings.
    Contradicted,
    /// Unknown whether its pages have a second owner: there are too many owners, too far apart.
    OwnersUnknown,
    /// The image file is damaged: it may not show what was in memory.
    ImageMalformed,
    /// The addresses of the image file's memory are wrong or derived: other memory may be there.
    AddressesDoubtful,
}

impl Why {
    /// The reason in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NoFolio => "the list has no folio for this part of the file",
            Self::ListUnread => "the list of folios was not read to its end",
            Self::SizeInvalid => "the size is larger than any memfd's: the field is damaged",
            Self::Unreadable => "the folio's memory cannot be read from the image",
            Self::NotPreserved => "the folio's page is not preserved",
            Self::NotKnown => "unknown whether the folio's page is preserved",
            Self::NotBlockStart => "the folio is not at the beginning of a preserved block",
            Self::NotUptodate => "the folio is not up to date: the kernel drops its page's content",
            Self::Twice => "two folios are for this part of the file",
            Self::OwnedTwice => "the folio's page has two owners",
            Self::Contradicted => "the memfd's state is damaged: see the findings",
            Self::OwnersUnknown => "unknown whether its pages have a second owner",
            Self::ImageMalformed => "the image file is damaged",
            Self::AddressesDoubtful => "the addresses of the image file's memory are doubtful",
        }
    }
}

/// A piece of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Piece {
    /// Offset in the file, in bytes.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub start: u64,
    /// The offset after its last byte.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub end: u64,
    /// What is wrong with it.
    pub why: Why,
    /// The physical address of its memory, if it has any.
    #[serde(serialize_with = "address_or_none")]
    #[schemars(with = "Option<AddressText>")]
    pub pa: Option<u64>,
}

/// Pieces of the file, of which the first are listed, and their total size.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Pieces {
    /// The first of them, in the order of the file.
    pub list: Vec<Piece>,
    /// Number of bytes in all pieces.
    pub bytes: u64,
    /// Number of pieces, including those that are not listed.
    pub pieces: u64,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        let len = piece.end.saturating_sub(piece.start);
        if len == 0 {
            return;
        }
        self.bytes = self.bytes.saturating_add(len);
        if let Some(last) = self.list.last_mut().filter(|_| self.pieces <= KEPT as u64) {
            let follows = match (last.pa, piece.pa) {
                (Some(before), Some(pa)) => before + (last.end - last.start) == pa,
                (None, None) => true,
                _ => false,
            };
            if last.why == piece.why && last.end == piece.start && follows {
                last.end = piece.end;
                return;
            }
        }
        self.pieces += 1;
        if self.list.len() < KEPT {
            self.list.push(piece);
        }
    }

    /// Whether there are no pieces.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

/// The result of extracting a memfd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Size of the file, in bytes.
    pub size: u64,
    /// Bytes that were written; the rest of the file is a hole, and so zero.
    pub written: u64,
    /// What the image lacks, and is zero in the file.
    pub lost: Pieces,
    /// What the image has, but may differ from what the next kernel would have.
    pub doubtful: Pieces,
    /// Why memory could not be read, for the first such piece.
    pub error: Option<ReadError>,
}

impl Extracted {
    /// Whether there is anything to write, if only in part.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.lost.list.first().is_none_or(|piece| piece.why != Why::SizeInvalid)
    }

    /// Whether the file has everything that the memfd had.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty() && self.doubtful.is_empty()
    }
}

/// Writes a memfd's content to a file, which gets the memfd's size; zeroes become holes.
///
/// # Errors
///
/// Errors of the file. A missing folio is not an error: the result records it.
pub fn memfd(
    ground: Ground<'_>,
    memfd: &Memfd,
    file: &File,
    progress: &Progress,
) -> io::Result<Extracted> {
    let Ground { image, page_size, contested, .. } = ground;
    if !memfd.has_possible_size(page_size as u64) {
        let mut extracted = Extracted { size: memfd.size, ..Extracted::default() };
        let whole = Piece { start: 0, end: memfd.size, why: Why::SizeInvalid, pa: None };
        extracted.lost.push(whole);
        return Ok(extracted);
    }
    progress.begin("writing the content", Unit::Bytes, Some(memfd.size));
    file.set_len(0)?;
    file.set_len(memfd.size)?;
    let (mut extracted, _) = assemble(ground, memfd, Sink::File(file, progress))?;
    let mut whole = |why| {
        let whole = Piece { start: 0, end: memfd.size, why, pa: None };
        extracted.doubtful.list.insert(0, whole);
        extracted.doubtful.pieces += 1;
        extracted.doubtful.bytes = memfd.size;
    };
    let page = memfd.at / page_size as u64;
    let memory = Cached::new(image, page_size);
    let own_pages = contested.is_some_and(|contested| {
        contested.first_in(page, page + 1).is_some() || memfd.list.is_among(&memory, contested)
    });
    let contradicted = memfd.contradicted || own_pages;
    if memfd.size > 0 && contradicted {
        whole(Why::Contradicted);
    }
    if memfd.size > 0 && contested.is_some_and(|contested| !contested.is_complete()) {
        whole(Why::OwnersUnknown);
    }
    if memfd.size > 0 && !image.notes().is_empty() {
        whole(Why::ImageMalformed);
    }
    if memfd.size > 0 && ground.addresses_doubtful {
        whole(Why::AddressesDoubtful);
    }
    Ok(extracted)
}

/// What a memfd's content is read from.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'s> {
    /// The image.
    pub image: &'s Image,
    /// Page size of the kernel, in bytes.
    pub page_size: usize,
    /// What is preserved, if that is known.
    pub preserved: Option<&'s Preserved>,
    /// Pages with two owners, once all owners are known.
    pub contested: Option<&'s Contested>,
    /// Whether the addresses of the image's memory are wrong or were derived from the state, which does
    /// not show where the pages of content belong.
    pub addresses_doubtful: bool,
}

/// The place of a piece of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Offset in the file.
    pub(crate) start: u64,
    /// The offset after its last byte.
    pub(crate) end: u64,
    /// Its physical address; `None` if the content is zero whatever memory contains.
    pub(crate) pa: Option<u64>,
}

/// The place of each piece of a memfd's content, in the order of the file, and the result so far.
/// Does not read the content.
pub(crate) fn places(ground: Ground<'_>, memfd: &Memfd) -> (Vec<Place>, Extracted) {
    // Nothing can fail, since no file is written.
    let assembled = assemble(ground, memfd, Sink::Places(Vec::new()));
    let (extracted, mut places) = assembled.unwrap_or_default();
    places.sort_by_key(|place| place.start);
    (places, extracted)
}

fn assemble(
    ground: Ground<'_>,
    memfd: &Memfd,
    sink: Sink<'_>,
) -> io::Result<(Extracted, Vec<Place>)> {
    let Ground { image, page_size, preserved, contested, .. } = ground;
    let mut writer = Writer {
        image,
        contested,
        sink,
        page_size: page_size as u64,
        size: memfd.size,
        buffer: Vec::new(),
        zeroes: vec![0; page_size],
        known: Lookup::default(),
        list_unread: false,
        // A file has each page once, and so does the image: a list with more pages is damaged, and
        // is not followed further.
        budget: memfd.size.min(image.bytes()),
        covered: Spans::default(),
        beyond: Spans::default(),
        pending: None,
        extracted: Extracted { size: memfd.size, ..Extracted::default() },
    };
    let memory = Cached::new(image, page_size);
    let complete = preserved.is_some_and(Preserved::is_complete);
    let mut result = Ok(());
    if memfd.nr_folios > 0 {
        let mut unread = None;
        let entries = memfd.list.each_batch(&memory, 1, |batch| {
            unread = unread.or(batch.unreadable.first().map(|(_, _, error)| *error));
            for run in &batch.runs {
                extents::each_part(run, preserved, &memory, |part| {
                    if result.is_ok() {
                        result = writer.part(part, run.flags, complete);
                    }
                });
            }
        });
        let broken = memfd.list.broken(&memory);
        writer.list_unread = unread.is_some() || entries < memfd.nr_folios;
        writer.extracted.error = writer.extracted.error.or(unread).or(broken);
    }
    result.and_then(|()| writer.finish())
}

/// A folio of unknown size, which extends to the next folio.
struct Pending {
    page: u64,
    index: u64,
    flags: u16,
    why: Why,
}

/// What is known of memory without reading it.
#[derive(Clone, Copy)]
pub(crate) enum Known {
    /// It was never written, and is zero.
    Zero,
    /// It may contain data.
    Written,
    /// Cannot be read.
    Absent(ReadError),
}

/// The last result, so that it is not determined again for each page.
#[derive(Default)]
pub(crate) struct Lookup {
    last: Option<(Range, Known)>,
}

impl Lookup {
    /// What is known of memory from an address on, and for how many bytes.
    pub(crate) fn look(&mut self, image: &Image, pa: u64) -> (Known, u64) {
        match self.last {
            Some((range, known)) if range.start <= pa && pa < range.end => (known, range.end - pa),
            _ => {
                let (known, end) = find_out(image, pa);
                self.last = Some((Range { start: pa, end }, known));
                (known, end - pa)
            }
        }
    }
}

fn find_out(image: &Image, pa: u64) -> (Known, u64) {
    let ranges = image.ranges();
    let mut byte = [0];
    let Some(range) = find_range(ranges, pa).map(|index| ranges[index]) else {
        let next = ranges.partition_point(|range| range.start <= pa);
        let end = ranges.get(next).map_or(u64::MAX, |range| range.start);
        let error = image.read(pa, &mut byte).err();
        return (Known::Absent(error.unwrap_or(ReadError::Outside { at: pa })), end);
    };
    let written = image.next_written(pa).filter(|written| written.start < range.end);
    let hole = written.map_or(range.end, |written| written.start);
    if hole > pa {
        // In a sparse file it is zero; in a kdump it was left out.
        return match image.read(pa, &mut byte) {
            Ok(()) => (Known::Zero, hole),
            Err(error) => (Known::Absent(error), hole),
        };
    }
    let end = written.map_or(range.end, |written| written.end.min(range.end));
    (Known::Written, end.max(pa + 1))
}

/// What to do with the content.
enum Sink<'w> {
    /// Write it.
    File(&'w File, &'w Progress),
    /// Record its places.
    Places(Vec<Place>),
}

struct Writer<'w> {
    image: &'w Image,
    contested: Option<&'w Contested>,
    sink: Sink<'w>,
    page_size: u64,
    size: u64,
    buffer: Vec<u8>,
    zeroes: Vec<u8>,
    known: Lookup,
    /// Whether not all of the list was read.
    list_unread: bool,
    budget: u64,
    covered: Spans,
    /// Parts with a folio that was not written, since folios have more bytes than the file.
    beyond: Spans,
    pending: Option<Pending>,
    extracted: Extracted,
}

impl Writer<'_> {
    fn part(&mut self, part: Part, flags: u16, complete: bool) -> io::Result<()> {
        match part {
            Part::Extent(extent) if complete => {
                self.settle(Some(extent.index))?;
                let pieces = if extent.descending { extent.folios } else { 1 };
                let pages = extent.pages() / pieces;
                for number in 0..pieces {
                    let (page, index) = extent.folio(number);
                    self.pages(page, index, pages, flags, None)?;
                }
                Ok(())
            }
            // The tree is damaged: take the size of a folio from its neighbours.
            Part::Extent(extent) => {
                self.settle(Some(extent.index))?;
                let last = extent.folios - 1;
                let before = if extent.descending { 0 } else { last };
                if before > 0 {
                    self.pages(extent.pfn, extent.index, before, flags, Some(Why::NotKnown))?;
                }
                for number in before..=last {
                    let (page, index) = extent.folio(number);
                    self.settle(Some(index))?;
                    self.pending = Some(Pending { page, index, flags, why: Why::NotKnown });
                }
                Ok(())
            }
            Part::NotPreserved { page, index } => {
                self.unsure(page, index, flags, Why::NotPreserved)
            }
            Part::NotStart { page, index, .. } => {
                self.unsure(page, index, flags, Why::NotBlockStart)
            }
            Part::Missing { .. } | Part::Again { .. } => Ok(()),
        }
    }

    fn unsure(&mut self, page: u64, index: u64, flags: u16, why: Why) -> io::Result<()> {
        self.settle(Some(index))?;
        self.pending = Some(Pending { page, index, flags, why });
        Ok(())
    }

    /// Writes the folio of unknown size, up to the next one at most.
    ///
    /// Folios are aligned to their size, in memory and in the file; a misaligned one is a single
    /// page.
    fn settle(&mut self, next: Option<u64>) -> io::Result<()> {
        let Some(Pending { page, index, flags, why }) = self.pending.take() else { return Ok(()) };
        let end = self.size.div_ceil(self.page_size);
        let next = next.filter(|next| *next > index).unwrap_or(end).min(end);
        let room = next.saturating_sub(index);
        let align = 1_u64 << page.trailing_zeros().min(index.trailing_zeros()).min(62);
        let pages = if room <= align { room } else { 1 };
        self.pages(page, index, pages, flags, Some(why))
    }

    /// Writes pages that are consecutive in memory and in the file; those that another owner has
    /// as well are doubtful.
    fn pages(
        &mut self,
        page: u64,
        index: u64,
        pages: u64,
        flags: u16,
        why: Option<Why>,
    ) -> io::Result<()> {
        let mut done = 0;
        while done < pages {
            let (at, end) = (page.saturating_add(done), page.saturating_add(pages));
            let (from, to) = self
                .contested
                .filter(|_| why.is_none())
                .and_then(|contested| contested.first_in(at, end))
                .unwrap_or((end, end));
            let place = index.saturating_add(done);
            self.alike(at, place, from - at, flags, why)?;
            self.alike(from, place + (from - at), to - from, flags, Some(Why::OwnedTwice))?;
            if to == at {
                break;
            }
            done = to - page;
        }
        Ok(())
    }

    /// Writes pages that are consecutive, and for which one reason holds.
    fn alike(
        &mut self,
        page: u64,
        index: u64,
        pages: u64,
        flags: u16,
        why: Option<Why>,
    ) -> io::Result<()> {
        let bytes = |number: u64| number.checked_mul(self.page_size);
        let (Some(offset), Some(pa)) = (bytes(index), bytes(page)) else { return Ok(()) };
        let whole = bytes(pages).unwrap_or(u64::MAX);
        let whole = whole.min(self.size.saturating_sub(offset)).min(u64::MAX - pa);
        let len = whole.min(self.budget);
        if len < whole {
            self.beyond.push(offset + len, offset + whole);
        }
        if len == 0 {
            return Ok(());
        }
        self.budget -= len;
        self.covered.push(offset, offset + len);
        let stale = u64::from(flags) & MEMFD_LUO_FOLIO_UPTODATE == 0;
        if let Sink::Places(places) = &mut self.sink {
            if why == Some(Why::OwnedTwice) {
                let piece =
                    Piece { start: offset, end: offset + len, why: Why::OwnedTwice, pa: Some(pa) };
                self.extracted.doubtful.push(piece);
            }
            let pa = Some(pa).filter(|_| !stale);
            match places.last_mut() {
                Some(last)
                    if last.end == offset
                        && last.pa.map(|at| at + (last.end - last.start)) == pa =>
                {
                    last.end = offset + len;
                }
                _ => places.push(Place { start: offset, end: offset + len, pa }),
            }
            return Ok(());
        }
        if stale {
            self.stale(pa, offset, len);
            return Ok(());
        }
        let mut done = 0;
        while done < len {
            let (at, to) = (pa + done, offset + done);
            let (known, there) = self.known.look(self.image, at);
            let now = (len - done).min(there);
            match known {
                Known::Zero => self.doubt(to, now, at, why),
                Known::Absent(error) => self.lose(to, now, at, error),
                Known::Written => {
                    let now = now.min(AT_ONCE);
                    self.copy(at, to, now, why)?;
                    self.advance(now);
                    done += now;
                    continue;
                }
            }
            self.advance(now);
            done += now;
        }
        Ok(())
    }

    fn advance(&self, len: u64) {
        if let Sink::File(_, progress) = self.sink {
            progress.advance(len);
        }
    }

    fn doubt(&mut self, offset: u64, len: u64, pa: u64, why: Option<Why>) {
        if let Some(why) = why {
            let piece = Piece { start: offset, end: offset + len, why, pa: Some(pa) };
            self.extracted.doubtful.push(piece);
        }
    }

    fn lose(&mut self, offset: u64, len: u64, pa: u64, error: ReadError) {
        self.extracted.error.get_or_insert(error);
        let piece = Piece { start: offset, end: offset + len, why: Why::Unreadable, pa: Some(pa) };
        self.extracted.lost.push(piece);
    }

    /// Copies memory from the image, page by page if it cannot be read at once.
    fn copy(&mut self, pa: u64, offset: u64, len: u64, why: Option<Why>) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(usize::try_from(len).unwrap_or(0), 0);
        let mut result = Ok(());
        if self.image.read(pa, &mut buffer).is_ok() {
            result = self.write(&buffer, offset);
            self.doubt(offset, len, pa, why);
        } else {
            let page_size = self.zeroes.len();
            for (page, skipped) in buffer.chunks_mut(page_size).zip((0..).step_by(page_size)) {
                let (pa, offset) = (pa + skipped, offset + skipped);
                match self.image.read(pa, page) {
                    Ok(()) => {
                        result = result.and_then(|()| self.write(page, offset));
                        self.doubt(offset, page.len() as u64, pa, why);
                    }
                    Err(error) => self.lose(offset, page.len() as u64, pa, error),
                }
            }
        }
        self.buffer = buffer;
        result
    }

    /// Writes the runs of pages that are not zero.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut start = None;
        let mut at = 0;
        let mut put = |from: usize, to: usize| {
            self.extracted.written += (to - from) as u64;
            match self.sink {
                Sink::File(file, _) => file.write_all_at(&bytes[from..to], offset + from as u64),
                Sink::Places(_) => Ok(()),
            }
        };
        for page in bytes.chunks(self.zeroes.len()) {
            let zero = page == &self.zeroes[..page.len()];
            match (zero, start) {
                (false, None) => start = Some(at),
                (true, Some(from)) => {
                    put(from, at)?;
                    start = None;
                }
                _ => {}
            }
            at += page.len();
        }
        start.map_or(Ok(()), |from| put(from, bytes.len()))
    }

    /// Checks whether pages that the kernel shows as zeroes contain other bytes, without writing
    /// them.
    fn stale(&mut self, pa: u64, offset: u64, len: u64) {
        let mut done = 0;
        while done < len {
            let (at, to) = (pa + done, offset + done);
            let (known, there) = self.known.look(self.image, at);
            let mut now = (len - done).min(there);
            if matches!(known, Known::Written) {
                now = now.min(self.page_size);
                self.buffer.resize(usize::try_from(now).unwrap_or(0), 0);
                // Unreadable pages are still zero for the next kernel.
                let read = self.image.read(at, &mut self.buffer);
                if read.is_ok() && self.buffer != self.zeroes[..self.buffer.len()] {
                    self.doubt(to, now, at, Some(Why::NotUptodate));
                }
            }
            done += now;
        }
    }

    fn finish(mut self) -> io::Result<(Extracted, Vec<Place>)> {
        self.settle(None)?;
        let Self { size, covered, beyond, mut extracted, sink, list_unread, .. } = self;
        let without = if list_unread { Why::ListUnread } else { Why::NoFolio };
        let piece = |(start, end), why| Piece { start, end, why, pa: None };
        let (spans, mut twice) = covered.finish();
        for (start, end) in beyond.finish().0 {
            let room = KEPT.saturating_sub(twice.len());
            let first = spans.partition_point(|span| span.1 <= start);
            let again = spans[first..].iter().take_while(|span| span.0 < end).take(room);
            twice.extend(again.map(|span| (span.0.max(start), span.1.min(end))));
        }
        twice.sort_unstable();
        let mut end = 0;
        for span in spans.into_iter().chain([(size, size)]) {
            extracted.lost.push(piece((end, span.0), without));
            end = span.1;
        }
        for span in twice {
            extracted.doubtful.push(piece(span, Why::Twice));
        }
        for pieces in [&mut extracted.lost, &mut extracted.doubtful] {
            pieces.list.sort_by_key(|piece| piece.start);
        }
        let places = match sink {
            Sink::File(..) => Vec::new(),
            Sink::Places(places) => places,
        };
        Ok((extracted, places))
    }
}

/// From an offset in the file to a later one.
type Span = (u64, u64);

/// Parts of the file that have a folio; merged whenever their number has doubled.
#[derive(Default)]
struct Spans {
    list: Vec<Span>,
    joined: usize,
    /// Parts that have two folios.
    twice: Vec<Span>,
}

impl Spans {
    fn push(&mut self, start: u64, end: u64) {
        if let Some(last) = self.list.last_mut().filter(|last| last.1 == start) {
            last.1 = end;
            return;
        }
        self.list.push((start, end));
        if self.list.len() >= 2 * self.joined.max(1 << 12) {
            self.join();
        }
    }

    fn join(&mut self) {
        self.list.sort_unstable();
        let mut joined: Vec<Span> = Vec::with_capacity(self.list.len());
        for (start, end) in self.list.drain(..) {
            match joined.last_mut() {
                Some(last) if start <= last.1 => {
                    if start < last.1 && self.twice.len() < KEPT {
                        self.twice.push((start, end.min(last.1)));
                    }
                    last.1 = last.1.max(end);
                }
                _ => joined.push((start, end)),
            }
        }
        self.joined = joined.len();
        self.list = joined;
    }

    fn finish(mut self) -> (Vec<Span>, Vec<Span>) {
        self.join();
        (self.list, self.twice)
    }
}
