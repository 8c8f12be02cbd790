// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! memfds: the preserved state of the file, and its content folio by folio.

use super::{Given, Payload};
use crate::claims::{Contested, Owner};
use crate::extents::{self, Coalesce, Extent, Part};
use crate::finding::{address, AddressText};
use crate::folios::{self, Batch, FolioRun};
use crate::image::cache::Cached;
use crate::image::{Image, ReadError};
use crate::radix::Preserved;
use crate::rules::{self, Rule};
use crate::vmalloc::{self, Step, Steps};
use crate::walk::Walker;
use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::layout::WireType;
use kho_abi::wire::versions::memfd_v1;
use kho_abi::wire::versions::memfd_v2::{
    memfd_luo_ser, MEMFD_LUO_ALL_SEALS, MEMFD_LUO_FOLIO_DIRTY, MEMFD_LUO_FOLIO_UPTODATE,
};
use kho_abi::wire::walk::WalkError;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashMap;

/// The kernel refuses files with more pages.
const PAGES_LIMIT: u64 = u32::MAX as u64;
/// How many extents to keep; a report that needs all of them walks again.
pub const KEPT: usize = 64;

/// A memfd.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Memfd {
    /// Where its struct is.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// Position, in bytes.
    pub pos: u64,
    /// Size, in bytes.
    pub size: u64,
    /// Seals, as in `fcntl()`.
    pub seals: u32,
    /// Flags; none is defined.
    pub flags: u32,
    /// Number of entries that the list of folios claims to have.
    pub nr_folios: u64,
    /// Totals of the list of folios.
    pub totals: Totals,
    /// The first extents, in the order of the list.
    #[serde(skip)]
    pub first: Vec<Extent>,
    /// Where the list is.
    #[serde(skip)]
    pub list: FolioList,
    /// Whether findings say that its content cannot be believed, beyond single folios.
    #[serde(skip)]
    pub contradicted: bool,
}

/// Findings of the struct and the list that say nothing against the content: what cannot be read is
/// lost piece by piece.
const CONTENT_STANDS: [&Rule; 3] =
    [&rules::MEMFD_SEALS_UNKNOWN, &rules::ADDRESS_EXCLUDED, &rules::IMAGE_MALFORMED];
/// Findings of folios that say something against others as well.
const CONTENT_FALLS: [&Rule; 2] = [&rules::MEMFD_FOLIO_BEYOND_END, &rules::RESERVED_BITS];

/// Totals of a list of folios.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Totals {
    /// Entries that were read.
    pub entries: u64,
    /// Folios that are preserved.
    pub folios: u64,
    /// Pages in them.
    pub pages: u64,
    /// Dirty folios.
    pub dirty: u64,
    /// Folios whose content is valid.
    pub uptodate: u64,
    /// Entries without a folio: their page frame number is 0.
    pub missing: u64,
    /// Entries whose folio is not preserved as a block, so that its size is unknown; no other total
    /// includes them.
    pub not_preserved: u64,
    /// Extents: folios that are contiguous both in memory and in the file.
    pub extents: u64,
    /// Pages of the largest extent.
    pub largest: u64,
    /// Pages of the file without a folio; too high if entries were not read, or if the size of a
    /// folio is unknown.
    pub hole_pages: u64,
    /// Whether every entry was read, and the size of every folio is known.
    pub complete: bool,
}

/// The place of a list of folios: enough to read it again.
#[derive(Clone, Copy, Debug)]
pub struct FolioList {
    /// The list's pages.
    pub pages: kho_vmalloc,
    /// The number of entries that the list is stated to have.
    pub nr_folios: u64,
}

impl Memfd {
    /// Whether a kernel can have preserved a file of this size.
    #[must_use]
    pub fn has_possible_size(&self, page_size: u64) -> bool {
        self.size.div_ceil(page_size) <= PAGES_LIMIT
    }
}

impl FolioList {
    /// Walks through the entries in runs, up to the first damaged page of addresses.
    ///
    /// Nothing is allocated for each entry. With several threads, all of them read memory, but only
    /// this thread calls the function, in the order of the list.
    pub fn each_run(&self, memory: &Cached<'_>, threads: usize, mut each: impl FnMut(&FolioRun)) {
        self.each_batch(memory, threads, |batch| batch.runs.iter().for_each(&mut each));
    }

    /// Whether one of its own pages is among others.
    pub(crate) fn is_among(&self, memory: &Cached<'_>, pages: &Contested) -> bool {
        use kho_abi::wire::walk::Memory as _;
        let page_size = memory.page_size() as u64;
        let block = vmalloc::block_pages(self.pages.order);
        self.nr_folios > 0
            && Steps::new(memory, &self.pages).map_while(Result::ok).any(|step| {
                let (at, pages_of) = match step {
                    Step::Chunk(at) => (at, 1),
                    Step::Block(at) => (at, block),
                };
                let page = at.get() / page_size;
                pages.first_in(page, page.saturating_add(pages_of)).is_some()
            })
    }

    /// Why a page of its addresses cannot be read, if one cannot.
    pub(crate) fn broken(&self, memory: &Cached<'_>) -> Option<ReadError> {
        Steps::new(memory, &self.pages).find_map(|step| match step {
            Err(WalkError::Unreadable { error, .. }) => Some(error),
            _ => None,
        })
    }

    pub(crate) fn each_batch(
        &self,
        memory: &Cached<'_>,
        threads: usize,
        each: impl FnMut(Batch),
    ) -> u64 {
        use kho_abi::wire::walk::Memory as _;
        let page = (memory.page_size() as u64).checked_shl(self.pages.order.into()).unwrap_or(0);
        let pages =
            Steps::new(memory, &self.pages).map_while(Result::ok).filter_map(|step| match step {
                Step::Block(pa) => Some(pa),
                Step::Chunk(_) => None,
            });
        folios::each_batch(memory.image(), pages, page, self.nr_folios, threads, each)
    }

    /// Walks through the folios in extents, and skips everything that is not a folio.
    pub fn each_extent(
        &self,
        memory: &Cached<'_>,
        preserved: Option<&Preserved>,
        threads: usize,
        mut each: impl FnMut(Extent),
    ) {
        let mut coalesce = Coalesce::default();
        self.each_run(memory, threads, |run| {
            extents::each_part(run, preserved, memory, |part| {
                if let Part::Extent(extent) = part {
                    if let Some(extent) = coalesce.push(extent) {
                        each(extent);
                    }
                }
            });
        });
        if let Some(extent) = coalesce.finish() {
            each(extent);
        }
    }
}

/// Reads the state from a kernel that knows seals.
pub(super) fn read(walker: &mut Walker<'_>, given: &mut Given<'_>) -> Payload {
    read_as::<memfd_luo_ser>(walker, given, |ser| Fields {
        pos: ser.pos,
        size: ser.size,
        seals: ser.seals,
        flags: ser.flags,
        list: FolioList { pages: ser.folios, nr_folios: ser.nr_folios },
    })
}

/// Reads the state from a kernel that does not: Linux 6.19 and 7.0.
pub(super) fn read_v1(walker: &mut Walker<'_>, given: &mut Given<'_>) -> Payload {
    read_as::<memfd_v1::memfd_luo_ser>(walker, given, |ser| Fields {
        pos: ser.pos,
        size: ser.size,
        seals: 0,
        flags: 0,
        list: FolioList { pages: ser.folios, nr_folios: ser.nr_folios },
    })
}

/// The fields of the struct, in any version.
struct Fields {
    pos: u64,
    size: u64,
    seals: u32,
    flags: u32,
    list: FolioList,
}

fn read_as<T: WireType>(
    walker: &mut Walker<'_>,
    given: &mut Given<'_>,
    fields: fn(&T) -> Fields,
) -> Payload {
    let Given { data, owner, .. } = *given;
    let known = walker.findings.counts().clone();
    walker.within("memfd_luo_ser", Some(data), |walker| {
        let Some(ser) = walker.value::<T>(data, "a memfd") else {
            return Payload::Unreadable;
        };
        walker.allocation(data, size_of::<T>() as u64, "the page of a memfd", owner);
        let Fields { pos, size, seals, flags, list } = fields(&ser);
        let mut memfd = Memfd {
            at: data,
            pos,
            size,
            seals,
            flags,
            nr_folios: list.nr_folios,
            totals: Totals::default(),
            first: Vec::new(),
            list,
            contradicted: false,
        };
        let before = walker.findings.total();
        check_fields(walker, &memfd);
        // The kernel ignores the list if there are no folios.
        if memfd.nr_folios > 0 {
            check_list(walker, &memfd, owner);
        }
        let broken = walker.findings.since(&known);
        memfd.contradicted = broken.iter().any(|rule| !CONTENT_STANDS.contains(rule));
        let mut left_out = None;
        let known = walker.findings.counts().clone();
        if memfd.nr_folios > 0 {
            left_out = check_folios(walker, &mut memfd, owner);
        } else {
            memfd.totals.hole_pages = memfd.size.div_ceil(walker.page_size());
            memfd.totals.complete = true;
        }
        check_totals(walker, &memfd, before);
        if let Some((bytes, first)) = left_out {
            check_content(walker, &memfd, bytes, first);
        }
        let broken = walker.findings.since(&known);
        memfd.contradicted |= broken.iter().any(|rule| CONTENT_FALLS.contains(rule));
        Payload::Memfd(memfd)
    })
}

/// Reports content that the image lacks: the number of its bytes, and where the first is.
fn check_content(walker: &mut Walker<'_>, memfd: &Memfd, bytes: u64, first: u64) {
    let page_size = walker.page_size();
    walker.find(&rules::ADDRESS_EXCLUDED, first, || {
        let (lost, pages) = (bytes.div_ceil(page_size), memfd.size.div_ceil(page_size));
        let were = if lost == 1 { "was" } else { "were" };
        format!(
            "{lost} of the file's {} of content {were} left out of the image, the first at {first:#x}",
            crate::text::count(pages, "page")
        )
    });
}

/// Checks the totals of the list; `before` is the number of findings before it was read.
fn check_totals(walker: &mut Walker<'_>, memfd: &Memfd, before: u64) {
    let Memfd { at, totals, .. } = memfd;
    let earlier = walker.findings.total();
    let clean = totals.folios.saturating_sub(totals.dirty);
    if clean > 0 {
        walker.find(&rules::MEMFD_FOLIO_CLEAN, *at, || {
            format!("{clean} of {} folios are not dirty", totals.folios)
        });
    }
    let stale = totals.folios.saturating_sub(totals.uptodate);
    if stale > 0 {
        walker.find(&rules::MEMFD_FOLIO_NOT_UPTODATE, *at, || {
            format!("{stale} of {} folios are not up to date", totals.folios)
        });
    }
    // Without the tree of preserved pages, the sizes of folios are unknown. Earlier findings
    // already account for pages without a folio.
    let sizes_known = walker.preserved.as_ref().is_some_and(Preserved::is_complete);
    let pages = memfd.size.div_ceil(walker.page_size());
    if totals.hole_pages > 0 && sizes_known && earlier == before {
        walker.find(&rules::MEMFD_PAGES_MISSING, *at, || {
            let missing = crate::text::count(totals.hole_pages, "page");
            format!("{missing} of the file's {pages} have no folio")
        });
    }
}

fn check_fields(walker: &mut Walker<'_>, memfd: &Memfd) {
    let Memfd { at, pos, size, seals, flags, nr_folios, .. } = *memfd;
    let page_size = walker.page_size();
    if seals & !MEMFD_LUO_ALL_SEALS != 0 {
        walker.find(&rules::MEMFD_SEALS_UNKNOWN, at, || {
            format!("unknown seals: {seals:#x} (known: {MEMFD_LUO_ALL_SEALS:#x})")
        });
    }
    if flags != 0 {
        walker.find(&rules::RESERVED_BITS, at, || {
            format!("unknown flags of the memfd: {flags:#x} (none are defined)")
        });
    }
    if size.div_ceil(page_size) > PAGES_LIMIT {
        walker.find(&rules::MEMFD_INVALID, at, || {
            format!("the size is {size:#x} bytes, more than {PAGES_LIMIT} pages")
        });
    }
    if i64::try_from(pos).is_err() {
        walker.find(&rules::MEMFD_INVALID, at, || format!("the position is {pos:#x}"));
    }
    if size == 0 && nr_folios != 0 {
        walker.find(&rules::MEMFD_INVALID, at, || {
            format!("the size is 0, but the memfd has {nr_folios} folios")
        });
    }
}

/// Checks the pages of the list, before their content.
fn check_list(walker: &mut Walker<'_>, memfd: &Memfd, owner: Owner) {
    let kho_vmalloc { total_pages, order, .. } = memfd.list.pages;
    let at = memfd.at;
    let page_size = walker.page_size();
    let needed =
        memfd.nr_folios.checked_mul(folios::ENTRY as u64).map(|len| len.div_ceil(page_size));
    let block = vmalloc::block_pages(order);
    let needed = needed.and_then(|needed| needed.checked_next_multiple_of(block));
    if needed != Some(total_pages.into()) {
        walker.find(&rules::COUNT_MISMATCH, at, || {
            let needed = needed.map_or("more than possible".into(), |needed| needed.to_string());
            format!(
                "{} folios need {needed} pages, but the list has {total_pages}",
                memfd.nr_folios
            )
        });
    }
    let names = vmalloc::Names {
        list: "the list of folios".into(),
        chunk: "a chunk of a memfd's list".into(),
        page: "a page of a memfd's list".into(),
    };
    vmalloc::check(walker, &memfd.list.pages, &names, owner);
}

/// Which places in a file have folios.
struct Places {
    /// The place after the last one, as long as places are in order.
    end: u64,
    in_order: bool,
    covered: u64,
}

/// Reads the list, and checks each folio. Returns how many bytes of content were left out of the image,
/// and where the first is.
fn check_folios(walker: &mut Walker<'_>, memfd: &mut Memfd, owner: Owner) -> Option<(u64, u64)> {
    let preserved = walker.preserved.take();
    let image = walker.memory.image();
    let memory = Cached::new(image, walker.memory.page_size_usize());
    let threads = walker.threads;
    let mut check = Check {
        file_pages: memfd.size.div_ceil(walker.page_size()),
        places: Places { end: 0, in_order: true, covered: 0 },
        coalesce: Coalesce::default(),
        totals: Totals::default(),
        first: Vec::new(),
        left_out: None,
        owner,
    };
    let list = memfd.list;
    let mut unread = 0_u64;
    let entries = list.each_batch(&memory, threads, |batch| {
        for run in &batch.runs {
            check.run(walker, run, preserved.as_ref(), &memory);
        }
        for (at, count, error) in batch.unreadable {
            unread += count;
            walker.unreadable(
                at,
                &format!("a page of a memfd's list, with {count} folios,"),
                error,
            );
        }
    });
    if let Some(extent) = check.coalesce.finish() {
        check.extent(extent);
    }
    let entries = entries.saturating_sub(unread);
    check.totals.entries = entries;
    check.totals.hole_pages = check.file_pages.saturating_sub(check.places.covered);
    let sizes = preserved.as_ref().is_some_and(Preserved::is_complete);
    check.totals.complete = sizes && check.totals.not_preserved == 0 && entries == memfd.nr_folios;
    memfd.totals = check.totals;
    memfd.first = check.first;
    if !check.places.in_order {
        find_places_twice(walker, memfd, preserved.as_ref(), &memory);
    }
    walker.preserved = preserved;
    check.left_out
}

struct Check {
    file_pages: u64,
    places: Places,
    coalesce: Coalesce,
    totals: Totals,
    first: Vec<Extent>,
    /// Bytes of content that were left out of the image, and where the first is.
    left_out: Option<(u64, u64)>,
    owner: Owner,
}

impl Check {
    fn run(
        &mut self,
        walker: &mut Walker<'_>,
        run: &FolioRun,
        preserved: Option<&Preserved>,
        memory: &Cached<'_>,
    ) {
        let known = MEMFD_LUO_FOLIO_DIRTY | MEMFD_LUO_FOLIO_UPTODATE;
        if u64::from(run.flags) & !known != 0 {
            walker.find(&rules::RESERVED_BITS, run.at, || {
                format!(
                    "{} folios have unknown flags: {:#x} (known: {known:#x})",
                    run.count, run.flags
                )
            });
        }
        let shift = walker.page_size().trailing_zeros();
        extents::each_part(run, preserved, memory, |part| match part {
            Part::Extent(extent) => self.folios(walker, run, extent),
            Part::Missing { count } => {
                self.totals.missing += count;
                walker.find(&rules::MEMFD_FOLIO_MISSING, run.at, || match count {
                    1 => "an entry has no folio".into(),
                    count => format!("{count} entries have no folio"),
                });
            }
            Part::NotPreserved { page, .. } => {
                self.totals.not_preserved += 1;
                let pa = page << shift;
                walker.find(&rules::PAGE_NOT_PRESERVED, pa, || {
                    format!("the folio at {pa:#x} is not preserved")
                });
            }
            Part::NotStart { page, order, .. } => {
                self.totals.not_preserved += 1;
                let pa = page << shift;
                walker.find(&rules::PAGE_NOT_BLOCK_START, pa, || {
                    format!("the folio at {pa:#x} is inside a block of order {order}")
                });
            }
            Part::Again { page, count } => {
                let pa = page << shift;
                walker.find(&rules::MEMFD_FOLIO_INDEX_TWICE, run.at, || {
                    format!("the folio at {pa:#x} is listed {count} more times")
                });
            }
        });
    }

    /// Takes folios that are preserved.
    fn folios(&mut self, walker: &mut Walker<'_>, run: &FolioRun, extent: Extent) {
        let page_size = walker.page_size();
        let (start, pages) = (extent.pfn, extent.pages());
        let end = start.saturating_add(pages);
        let bytes = pages.checked_mul(page_size);
        let inside = start.checked_mul(page_size).zip(bytes);
        if inside.is_some_and(|(pa, len)| walker.memory.image().has(pa, len)) {
            walker.claim(start, end, "a folio", self.owner);
            self.content(walker.memory.image(), &extent, page_size);
        } else {
            let at = start.saturating_mul(page_size);
            walker.find(&rules::ADDRESS_OUTSIDE_IMAGE, at, || {
                format!("{pages} pages of folios at {at:#x} are not all in the image")
            });
        }
        let totals = &mut self.totals;
        totals.folios += extent.folios;
        totals.pages = totals.pages.saturating_add(pages);
        if u64::from(extent.flags) & MEMFD_LUO_FOLIO_DIRTY != 0 {
            totals.dirty += extent.folios;
        }
        if u64::from(extent.flags) & MEMFD_LUO_FOLIO_UPTODATE != 0 {
            totals.uptodate += extent.folios;
        }
        let index_end = extent.index.checked_add(pages);
        // A folio may extend past the end of the file, but must begin inside it.
        let last = extent.index.checked_add(pages - (1 << extent.order));
        if last.is_none_or(|last| last >= self.file_pages) {
            walker.find(&rules::MEMFD_FOLIO_BEYOND_END, run.at, || {
                format!(
                    "folios from index {:#x} have {pages} pages, but the file has {:#x} pages",
                    extent.index, self.file_pages
                )
            });
        }
        let index_end = index_end.unwrap_or(u64::MAX);
        self.places.in_order &= extent.index >= self.places.end;
        self.places.end = self.places.end.max(index_end);
        let within = index_end.min(self.file_pages).saturating_sub(extent.index);
        self.places.covered = self.places.covered.saturating_add(within);
        if let Some(extent) = self.coalesce.push(extent) {
            self.extent(extent);
        }
    }

    /// Counts the content of folios that was left out of the image.
    fn content(&mut self, image: &Image, extent: &Extent, page_size: u64) {
        if u64::from(extent.flags) & MEMFD_LUO_FOLIO_UPTODATE == 0 {
            return;
        }
        let (start, end) = (extent.pfn, extent.pfn.saturating_add(extent.pages()));
        // The last folio in the file may have pages past its end, which are not content.
        let folio = 1_u64 << extent.order;
        let beyond = extent.index.saturating_add(extent.pages()).saturating_sub(self.file_pages);
        let beyond = beyond.min(folio);
        let last_end = if extent.descending { start.saturating_add(folio) } else { end };
        let parts = [(start, last_end.saturating_sub(beyond)), (last_end, end)];
        for (from, to) in parts.into_iter().filter(|(from, to)| from < to) {
            let bytes = |page: u64| page.saturating_mul(page_size);
            let Some((lost, at)) = image.left_out_within(bytes(from), bytes(to)) else { continue };
            let (sum, first) = self.left_out.unwrap_or((0, at));
            self.left_out = Some((sum.saturating_add(lost), first));
        }
    }

    /// Takes a complete extent.
    fn extent(&mut self, extent: Extent) {
        self.totals.extents += 1;
        self.totals.largest = self.totals.largest.max(extent.pages());
        if self.first.len() < KEPT {
            self.first.push(extent);
        }
    }
}

/// Finds two folios for one place, in a list that is not sorted by place.
///
/// Places are bits, in pieces that are created when a folio needs one.
fn find_places_twice(
    walker: &mut Walker<'_>,
    memfd: &Memfd,
    preserved: Option<&Preserved>,
    memory: &Cached<'_>,
) {
    const WORDS: usize = 64;
    /// 32 MiB: enough for a terabyte in disorder.
    const PIECES_LIMIT: usize = 1 << 16;
    /// A damaged list may name large folios many times.
    const TWICE_LIMIT: u64 = 1 << 20;
    let mut pieces: HashMap<u64, Box<[u64; WORDS]>> = HashMap::new();
    let mut left_out = false;
    let mut twice = 0_u64;
    memfd.list.each_run(memory, 1, |run| {
        extents::each_part(run, preserved, memory, |part| {
            let Part::Extent(extent) = part else { return };
            let pages = extent.pages() / extent.folios.max(1);
            let places = (0..extent.folios).flat_map(|number| {
                let (_, first) = extent.folio(number);
                (first..first.saturating_add(pages)).map(move |index| (first, index))
            });
            let mut told = None;
            for (first, index) in places {
                if twice > TWICE_LIMIT {
                    return;
                }
                let piece = index / (WORDS as u64 * 64);
                if pieces.len() >= PIECES_LIMIT && !pieces.contains_key(&piece) {
                    left_out = true;
                    return;
                }
                let bits = pieces.entry(piece).or_insert_with(|| Box::new([0; WORDS]));
                let word = &mut bits[usize::try_from(index / 64 % WORDS as u64).unwrap_or(0)];
                if *word >> (index % 64) & 1 != 0 {
                    twice += 1;
                    // Once for each folio.
                    if told.replace(first) != Some(first) {
                        walker.find(&rules::MEMFD_FOLIO_INDEX_TWICE, run.at, || {
                            format!("two folios have page {index:#x} of the file")
                        });
                    }
                }
                *word |= 1 << (index % 64);
            }
        });
    });
    if left_out {
        walker.not_checked(format!(
            "not checked: whether two folios of the memfd at {:#x} have the same index, since the \
             indexes are too far apart",
            memfd.at
        ));
    }
}
