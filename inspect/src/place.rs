// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Determines the addresses of a raw file's memory, if they are not its offsets.
//!
//! A file may have a header, begin where RAM begins, or lack the hole below 4 GiB or the gaps
//! between parts of RAM. The state contains its own addresses: LUO's root and the root of preserved
//! pages are recognised by their content. The shift is the difference between their offsets in the
//! file and their addresses in the device tree. A shift is accepted if the tree of preserved pages,
//! read with it, contains the page of the device tree.

use crate::fdt::{number, string, Event, Fdt, MAGIC};
use crate::find::Way;
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::image::bytes::Bytes;
use crate::image::cache::Cached;
use crate::image::{Image, OpenError, Piece, PAGE_SIZES};
use crate::inspect::{inspect, Options, State};
use crate::luo::Phase;
use crate::rules;
use crate::threads;
use kho_abi::wire::versions::kho_v4::{KHO_FDT_MEMORY_MAP_PROP_NAME, KHO_SUB_TREE_PROP_NAME};
use kho_abi::wire::versions::luo_v5::LUO_KHO_ENTRY_NAME;
use kho_abi::wire::versions::memblock_v1::MEMBLOCK_KHO_FDT;
use kho_abi_show::{Progress, Unit};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// How much to read at once.
const AT_ONCE: usize = 1 << 20;
/// How many bytes of a page, after its first one, the search examines.
const OVERLAP: usize = 64;
/// The largest tree that KHO hands over: a page.
const TREE_LIMIT: usize = 64 << 10;
/// How many places of each kind to keep.
const PLACES: usize = 256;
/// How many shifts to try.
const SHIFTS: usize = 64;
/// How many trees to try.
const TREES: usize = 8;
const GIB: u64 = 1 << 30;
/// Where memory continues after the hole of a PC.
const ABOVE_HOLE: u64 = 4 * GIB;
/// Where the hole begins on QEMU's machines.
const HOLES: [u64; 4] = [2 * GIB, 0xb000_0000, 3 * GIB, 0xe000_0000];
/// Where RAM begins on machines on which it does not begin at 0.
const BASES: [u64; 4] = [GIB, 2 * GIB, 32 * GIB, 512 * GIB];

/// The note if the offsets may not be addresses, and the addresses are unknown.
const HINT: &str =
    "not proven: that the file's offsets are physical addresses. If the file starts with a header, \
     starts where RAM starts, or omits the hole below 4 GiB, give its parts with their addresses: \
     FILE@ADDRESS[,offset=N][,size=N]";

/// Finds KHO in an image wherever its memory belongs, walks through all that it leads to, and
/// checks it. Also returns the image, with its memory at the addresses that were determined.
///
/// At first, the offsets of a raw file count as addresses. If the state contradicts that, the file
/// is searched for its real addresses, which is a finding of its own.
///
/// # Errors
///
/// [`OpenError::NotMemory`] for a file that looks like something else, and contains nothing of KHO.
pub fn inspect_file(image: Image, options: &Options) -> Result<(Image, State), OpenError> {
    if let Some(at) = options.fdt.filter(|at| image.by_offset().is_some() && !image.has(*at, 1)) {
        // An address that the report of this file had: the file belongs elsewhere.
        let (image, found) = inspect_file(image, &Options { fdt: None, ..options.clone() })?;
        let mut state = inspect(&image, options);
        let placed = found.findings.list().iter();
        let placed = placed.filter(|finding| finding.rule.id == rules::OFFSETS_NOT_ADDRESSES.id);
        for finding in placed.filter(|_| image.has(at, 1)) {
            state.findings.add(finding.rule, finding.at, &[], || finding.what.clone());
        }
        return Ok((image, state));
    }
    let state = inspect(&image, options);
    let doubtful = is_doubtful(&image, options, &state);
    let placed = doubtful.then(|| place(&image, options, &state)).flatten();
    let (image, state) = if let Some(placed) = placed {
        (placed.image, placed.state)
    } else {
        let mut state = state;
        if doubtful && state.kho.is_some() {
            state.notes.push(HINT.into());
        }
        state.notes.extend(unproven(&image, &state));
        elsewhere(&image, options, &mut state);
        (image, state)
    };
    let is_empty = state.kho.is_none() && state.luo_alone.is_none();
    if let Some((raw, what)) = image.unpacked_in_part().filter(|_| is_empty) {
        // Memory may begin like compressed data by chance.
        let (_, of_raw) = inspect_file(raw, options)?;
        if of_raw.kho.is_some() {
            return Err(OpenError::NotMemory {
                what: what.to_owned(),
                help: "its bytes contain KHO state: `--as raw` shows it".into(),
            });
        }
    }
    match image.not_memory() {
        Some(error) if state.kho.is_none() && state.luo_alone.is_none() => Err(error),
        _ => Ok((image, state)),
    }
}

/// Finds out where a file belongs that was given another address, and says so.
fn elsewhere(image: &Image, options: &Options, state: &mut State) {
    let wrong = state.kho.is_none() || is_outside(state);
    let Some(raw) = image.without_address().filter(|_| wrong && options.fdt.is_none()) else {
        return;
    };
    let by_offset = inspect(&raw, options);
    let placed = place(&raw, options, &by_offset);
    let at = state.kho.as_ref().map_or(0, |kho| kho.at);
    let words = match placed {
        Some(placed) => {
            let list = placed.state.findings.list().iter();
            let found = list.filter(|finding| finding.rule.id == rules::OFFSETS_NOT_ADDRESSES.id);
            let words = found.filter_map(|finding| finding.what.split_once("By hand: "));
            words.map(|(_, words)| words.to_owned()).next()
        }
        None => (by_offset.kho.is_some() && !is_outside(&by_offset)).then(|| "FILE@0x0".into()),
    };
    if let Some(words) = words {
        state.findings.add(&rules::OFFSETS_NOT_ADDRESSES, at, &[], || {
            format!("the given address is wrong for this file: its state belongs at {words}")
        });
    }
}

/// Whether the result contradicts that the file's offsets are its addresses.
fn is_doubtful(image: &Image, options: &Options, state: &State) -> bool {
    if image.by_offset().is_none() || options.fdt.is_some() {
        return false;
    }
    let Some(kho) = &state.kho else { return true };
    let wrong = !state.findings.is_empty() || memfds(state).any(|memfd| memfd.size == 0);
    if wrong && is_above_hole(image, state) {
        return true;
    }
    let consumed = state.luo().is_some_and(|luo| luo.phase != Phase::Serialised);
    is_outside(state)
        || !is_proven(image, state, kho.at)
            && !is_recognised(state)
            && (consumed || !state.findings.is_empty())
}

/// Whether a tree of an unknown version leads to what it must: its preserved pages cannot tell.
fn is_recognised(state: &State) -> bool {
    let Some(kho) = state.kho.as_ref().filter(|kho| kho.preserved.is_none()) else { return false };
    let luo = kho.luo.as_ref().filter(|luo| luo.phase == Phase::NotFollowed);
    kho.metadata.is_some() || luo.is_some_and(|luo| luo.compatible.starts_with("luo-v"))
}

/// Whether something is preserved at addresses that a file without a PC's hole would have
/// elsewhere.
fn is_above_hole(image: &Image, state: &State) -> bool {
    let last = state.preserved().and_then(|preserved| preserved.runs()?.last());
    let last = last.map_or(0, |run| run.end.saturating_mul(state.page_size as u64));
    image.bytes() > HOLES[0] && last > HOLES[0]
}

/// The note for a file whose offsets are accepted, although only content is above the place of a
/// possible hole.
fn unproven(image: &Image, state: &State) -> Option<String> {
    let kho = state.kho.as_ref()?;
    let above = image.by_offset().is_some() && is_above_hole(image, state);
    (above && kho.at < HOLES[0]).then(|| {
        "not checked: whether the file contains the hole that a PC's memory has below 4 GiB. QEMU's \
         memory backend files omit it: for those, give the two parts with their addresses, \
         FILE@ADDRESS,offset=N,size=N"
            .into()
    })
}

fn memfds(state: &State) -> impl Iterator<Item = &Memfd> {
    let sessions = state.luo().map(|luo| luo.sessions.iter()).into_iter().flatten();
    sessions.flat_map(|session| &session.files).filter_map(|file| match &file.payload {
        Payload::Memfd(memfd) => Some(memfd),
        _ => None,
    })
}

/// Whether the tree of preserved pages contains the page of the device tree that leads to it.
fn is_proven(image: &Image, state: &State, fdt: u64) -> bool {
    let memory = Cached::new(image, state.page_size);
    let page = fdt >> state.page_size.trailing_zeros();
    state.preserved().is_some_and(|preserved| preserved.run_at(&memory, page).is_some())
}

/// How much a state shows: first proof, then sessions and files, then findings.
type Worth = (bool, usize, usize, std::cmp::Reverse<u64>);

fn worth(image: &Image, state: &State) -> Worth {
    let proven = state.kho.as_ref().is_some_and(|kho| is_proven(image, state, kho.at));
    let sessions = state
        .luo()
        .map_or(0, |luo| luo.sessions.iter().map(|session| 1 + session.files.len()).sum::<usize>());
    // Memory that was never written reads as a file of size 0.
    let sessions = sessions + memfds(state).filter(|memfd| memfd.size > 0).count();
    let known = state.luo().is_some_and(|luo| luo.phase == Phase::Serialised);
    let findings = std::cmp::Reverse(state.findings.total());
    (proven, sessions, usize::from(known), findings)
}

/// Where memory was found to belong.
struct Placed {
    image: Image,
    state: State,
}

/// Searches a raw file for KHO's state at any place, and determines its addresses.
fn place(image: &Image, options: &Options, state: &State) -> Option<Placed> {
    let file = image.by_offset()?;
    let found = search(file, options);
    options.progress.begin("trying addresses", Unit::Items, None);
    let before = worth(image, state);
    let mut best: Option<(Worth, Image, State, Hypothesis)> = None;
    let mut ambiguous = false;
    'trees: for at in found.trees.iter().rev().take(TREES) {
        let Some(tree) = Tree::read(&**file, *at) else { continue };
        let shifts = tree.shifts(&**file, &found, options);
        for hypothesis in hypotheses(file.len(), &tree, &shifts) {
            let Some(candidate) = image.moved(&hypothesis.pieces) else { continue };
            let Some(fdt) = address_of(&hypothesis.pieces, *at) else { continue };
            let options =
                Options { fdt: Some(fdt), progress: Progress::default(), ..options.clone() };
            let state = inspect(&candidate, &options);
            // Without evidence in the file, a place must explain everything.
            if !hypothesis.traced && (is_outside(&state) || !is_proven(&candidate, &state, fdt)) {
                continue;
            }
            let worth = worth(&candidate, &state);
            match &best {
                Some((known, ..)) if worth < *known => {}
                Some((known, .., other)) if worth == *known => {
                    ambiguous |= !hypothesis.traced && !other.traced;
                }
                _ => {
                    ambiguous = false;
                    let settled =
                        hypothesis.traced && worth.0 && worth > before && state.findings.is_empty();
                    best = Some((worth, candidate, state, hypothesis));
                    if settled {
                        break 'trees;
                    }
                }
            }
        }
    }
    let (found, image, mut state, hypothesis) = best.filter(|_| !ambiguous)?;
    // Findings alone are not proof, and neither is a tree that leads to nothing.
    let better = (found.0, found.1, found.2) > (before.0, before.1, before.2)
        || found.0 && found > before && !is_outside(&state);
    if !better {
        return None;
    }
    for candidate in &mut state.candidates {
        candidate.found_by = Way::Scan;
    }
    let pieces = hypothesis.pieces.iter();
    let words: Vec<String> = pieces.map(|piece| words(piece, file.len())).collect();
    let fdt = state.kho.as_ref().map_or(0, |kho| kho.at);
    state.findings.add(&rules::OFFSETS_NOT_ADDRESSES, fdt, &[], || {
        format!(
            "the file's offsets are not physical addresses; the state shows the right ones. By \
             hand: {}",
            words.join(" ")
        )
    });
    Some(Placed { image, state })
}

/// Whether a state leads to addresses where the image has no memory.
fn is_outside(state: &State) -> bool {
    let rules = [&rules::ADDRESS_OUTSIDE_IMAGE, &rules::PRESERVED_OUTSIDE_IMAGE];
    rules.iter().any(|rule| state.findings.counts().contains_key(rule.id))
}

/// A way in which the file may map to memory.
struct Hypothesis {
    pieces: Vec<Piece>,
    /// Whether the file contains evidence for it, apart from its being usual.
    traced: bool,
}

/// The option of the command line for a piece.
fn words(piece: &Piece, len: u64) -> String {
    // Memory begins with a page: what is before the first one in the file is left out.
    let skip = piece.pa.next_multiple_of(PAGE_SIZES[0] as u64) - piece.pa;
    let skip = skip.min(piece.len);
    let piece = Piece { pa: piece.pa + skip, offset: piece.offset + skip, len: piece.len - skip };
    let offset = match piece.offset {
        0 => String::new(),
        offset => format!(",offset={offset:#x}"),
    };
    let size = match piece.offset + piece.len {
        end if end < len => format!(",size={:#x}", piece.len),
        _ => String::new(),
    };
    format!("FILE@{:#x}{offset}{size}", piece.pa)
}

fn address_of(pieces: &[Piece], offset: u64) -> Option<u64> {
    let piece =
        pieces.iter().find(|piece| piece.offset <= offset && offset - piece.offset < piece.len)?;
    Some(piece.pa + (offset - piece.offset))
}

/// The offsets that the search through a file found: the last few of each kind.
#[derive(Default)]
struct Found {
    trees: BTreeSet<u64>,
    luo: BTreeSet<u64>,
    /// Device trees of memblock.
    memblock: BTreeSet<u64>,
}

impl Found {
    fn join(&mut self, other: Self) {
        for (own, others) in [
            (&mut self.trees, other.trees),
            (&mut self.luo, other.luo),
            (&mut self.memblock, other.memblock),
        ] {
            for at in others {
                keep(own, at);
            }
        }
    }
}

fn keep(places: &mut BTreeSet<u64>, at: u64) {
    places.insert(at);
    if places.len() > PLACES {
        places.pop_first();
    }
}

/// Examines every byte that was ever written, with any alignment.
fn search(file: &Arc<dyn Bytes>, options: &Options) -> Found {
    let progress = &options.progress;
    progress.begin("searching the file for addresses", Unit::Bytes, Some(file.len()));
    let magic = MAGIC.to_be_bytes();
    let trees = memchr::memmem::Finder::new(&magic);
    let luo = memchr::memmem::Finder::new(b"luo-v");
    let look = |found: &mut Found, at: u64, bytes: &[u8]| {
        for place in trees.find_iter(bytes) {
            let at = at + place as u64;
            match compatible(&**file, at) {
                Some(name) if name.starts_with(b"kho-v") => keep(&mut found.trees, at),
                Some(name) if name.starts_with(b"memblock-v") => keep(&mut found.memblock, at),
                _ => {}
            }
        }
        for place in luo.find_iter(bytes) {
            // The version, and then zeroes to the end of the field.
            let field = bytes.get(place + 5..place + 8).unwrap_or_default();
            if field.first().is_some_and(u8::is_ascii_digit) && field.last() == Some(&0) {
                keep(&mut found.luo, at + place as u64);
            }
        }
    };
    each_written(&**file, options.nr_threads(), progress, look, Found::join)
}

/// Where each part of a file begins that was ever written, none longer than [`AT_ONCE`].
struct Parts<'f> {
    file: &'f dyn Bytes,
    /// The rest of the present part that was written.
    written: Range<u64>,
}

impl Iterator for Parts<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.written.is_empty() {
            // The last part may have gone beyond what was written.
            let from = self.written.start.min(self.file.len()).max(self.written.end);
            let written = self.file.next_written(from)?;
            self.written = written.start.max(from)..written.end;
            if self.written.is_empty() {
                return None;
            }
        }
        let start = self.written.start;
        self.written.start = start.saturating_add(AT_ONCE as u64);
        Some(start)
    }
}

/// Lets threads look at each part of a file that was ever written, with a few bytes after it, and joins what
/// each of them found.
fn each_written<T: Default + Send>(
    file: &dyn Bytes,
    threads: usize,
    progress: &Progress,
    look: impl Fn(&mut T, u64, &[u8]) + Sync,
    join: impl Fn(&mut T, T),
) -> T {
    let parts = Mutex::new((Parts { file, written: 0..0 }, 0));
    let take = || {
        let mut taken = parts.lock().unwrap_or_else(PoisonError::into_inner);
        let start = taken.0.next()?;
        progress.advance(start.saturating_sub(taken.1));
        taken.1 = start;
        Some(start)
    };
    let run = || {
        let mut found = T::default();
        let mut buffer = vec![0; AT_ONCE + OVERLAP];
        while let Some(start) = take() {
            let len = (file.len() - start).min(buffer.len() as u64);
            let part = &mut buffer[..usize::try_from(len).unwrap_or(0)];
            if file.read_exact_at(part, start).is_ok() {
                look(&mut found, start, part);
            }
        }
        found
    };
    // Most files with memory are longer than this, and a thread costs more than a short one.
    let threads = if file.len() <= 4 * AT_ONCE as u64 { 1 } else { threads.max(1) };
    threads::joined(threads, run, join)
}

fn tree_bytes(file: &dyn Bytes, at: u64) -> Option<Vec<u8>> {
    let len = usize::try_from(file.len().checked_sub(at)?).unwrap_or(usize::MAX).min(TREE_LIMIT);
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

fn compatible(file: &dyn Bytes, at: u64) -> Option<Vec<u8>> {
    let bytes = tree_bytes(file, at)?;
    let fdt = Fdt::new(&bytes).ok()?;
    Some(string(fdt.root_property("compatible")?).to_vec())
}

/// The content of KHO's device tree, and its offset in the file.
struct Tree {
    at: u64,
    map: u64,
    luo: Option<u64>,
    memblock: Option<u64>,
}

impl Tree {
    fn read(file: &dyn Bytes, at: u64) -> Option<Self> {
        let bytes = tree_bytes(file, at)?;
        let fdt = Fdt::new(&bytes).ok()?;
        let map = number(fdt.root_property(KHO_FDT_MEMORY_MAP_PROP_NAME)?)?;
        let mut tree = Self { at, map, luo: None, memblock: None };
        let (mut depth, mut entry) = (0_u32, Vec::new());
        for event in fdt.events().map_while(Result::ok) {
            match event {
                Event::Begin { name, .. } => {
                    depth += 1;
                    entry = name.to_vec();
                }
                Event::End => depth = depth.saturating_sub(1),
                Event::Property { name, value }
                    if depth == 2 && name == KHO_SUB_TREE_PROP_NAME.as_bytes() =>
                {
                    let value = number(value);
                    if entry == LUO_KHO_ENTRY_NAME.as_bytes() {
                        tree.luo = value;
                    } else if entry == MEMBLOCK_KHO_FDT.as_bytes() {
                        tree.memblock = value;
                    }
                }
                Event::Property { .. } => {}
            }
        }
        Some(tree)
    }

    /// Differences between addresses and offsets for which the file's content is evidence.
    fn shifts(&self, file: &dyn Bytes, found: &Found, options: &Options) -> Vec<i128> {
        let mut shifts = Vec::new();
        let add = |shifts: &mut Vec<i128>, address: u64, offset: u64| {
            let shift = i128::from(address) - i128::from(offset);
            // Pages are page-aligned, and so is the device tree.
            let tree = i128::from(self.at) + shift;
            if tree >= 0 && tree % PAGE_SIZES[0] as i128 == 0 && !shifts.contains(&shift) {
                shifts.push(shift);
            }
        };
        for (address, places) in [(self.luo, &found.luo), (self.memblock, &found.memblock)] {
            let Some(address) = address else { continue };
            // The candidates nearest to the tree most likely belong to it.
            let mut places: Vec<u64> = places.iter().copied().collect();
            places.sort_by_key(|place| place.abs_diff(self.at));
            places.iter().take(SHIFTS / 4).for_each(|at| add(&mut shifts, address, *at));
        }
        if shifts.is_empty() {
            for place in self.roots(file, options) {
                add(&mut shifts, self.map, place);
            }
        }
        shifts.truncate(SHIFTS);
        shifts
    }

    /// Pages that may be the root of preserved pages: a few addresses of pages, within the part
    /// that keys can reach, and zeroes. Those nearest to the device tree.
    fn roots(&self, file: &dyn Bytes, options: &Options) -> Vec<u64> {
        /// More than a root has for any page size.
        const INDICES: usize = 16;
        const PAGE_SIZE: usize = PAGE_SIZES[0];
        const PAGE: u64 = PAGE_SIZE as u64;
        let residue = self.at % PAGE;
        let look = |roots: &mut Vec<u64>, at: u64, bytes: &[u8]| {
            let skip = (PAGE + residue - at % PAGE) % PAGE;
            let pages = bytes.get(usize::try_from(skip).unwrap_or(0)..).unwrap_or_default();
            for (number, page) in pages.chunks_exact(PAGE_SIZE).enumerate() {
                let word = |word: &[u8]| word.try_into().map_or(0, u64::from_le_bytes);
                let (head, rest) = page.split_at(INDICES * 8);
                let leads = |word: u64| word == 0 || word.is_multiple_of(PAGE) && word < 1 << 52;
                let is_root = head.chunks_exact(8).all(|bytes| leads(word(bytes)))
                    && head.iter().any(|byte| *byte != 0)
                    && rest.iter().all(|byte| *byte == 0);
                if is_root {
                    roots.push(at + skip + number as u64 * PAGE);
                }
            }
        };
        let (threads, progress) = (options.nr_threads(), Progress::default());
        let mut roots =
            each_written(file, threads, &progress, look, |all: &mut Vec<u64>, other| {
                all.extend(other);
            });
        roots.sort_by_key(|root| (root.abs_diff(self.at), *root));
        roots.dedup();
        roots.truncate(SHIFTS / 2);
        roots
    }
}

/// Ways in which the file may map to memory.
fn hypotheses(len: u64, known: &Tree, shifts: &[i128]) -> Vec<Hypothesis> {
    let mut all: Vec<Hypothesis> = Vec::new();
    let mut add = |pieces: Option<Vec<Piece>>, traced: bool| {
        let Some(pieces) = pieces else { return };
        if all.iter().all(|known| known.pieces != pieces) {
            all.push(Hypothesis { pieces, traced });
        }
    };
    for shift in shifts {
        // After the hole of a PC, with RAM from 0 before it.
        let hole = u64::try_from(i128::from(ABOVE_HOLE) - shift).ok().filter(|hole| *hole > 0);
        if let Some(hole) = hole.filter(|hole| known.at >= *hole && *hole % (1 << 20) == 0) {
            add(two(len, 0, *shift, hole), true);
        }
        add(one(len, *shift), true);
    }
    // Parts with different shifts.
    let mut sorted: Vec<i128> = shifts.iter().copied().chain([0]).collect();
    sorted.sort_unstable();
    sorted.dedup();
    for (index, low) in sorted.iter().enumerate().take(SHIFTS / 8) {
        for high in sorted.iter().skip(index + 1).take(SHIFTS / 8) {
            let anchors = [
                Some(known.at),
                known.luo.and_then(|luo| u64::try_from(i128::from(luo) - high).ok()),
            ];
            let until = anchors.into_iter().flatten().max().unwrap_or(len).min(len);
            let from = anchors.into_iter().flatten().min().unwrap_or(0);
            for (from, until) in [(0, until), (from, until), (from, len)] {
                if let Some(split) = roundest(from, until, *high) {
                    add(two(len, *low, *high, split), true);
                }
            }
        }
    }
    for hole in HOLES {
        add(two(len, 0, i128::from(ABOVE_HOLE - hole), hole), false);
    }
    for base in BASES {
        add(one(len, i128::from(base)), false);
    }
    all
}

/// The offset within bounds whose address is the roundest.
fn roundest(from: u64, until: u64, shift: i128) -> Option<u64> {
    let address = |offset: u64| u64::try_from(i128::from(offset) + shift).ok();
    let (low, high) = (address(from)?, address(until)?);
    if high <= low {
        return None;
    }
    // The highest differing bit of the bounds is that of the roundest number between them.
    let bit = (low ^ high).ilog2();
    let round = high >> bit << bit;
    u64::try_from(i128::from(round) - shift).ok()
}

/// The whole file at one shift.
fn one(len: u64, shift: i128) -> Option<Vec<Piece>> {
    Some(vec![piece(0, len, shift)?])
}

/// The part of a file before an offset, and the part after it, each at its own shift.
fn two(len: u64, low: i128, high: i128, split: u64) -> Option<Vec<Piece>> {
    if split == 0 || split >= len || high <= low {
        return None;
    }
    Some(vec![piece(0, split, low)?, piece(split, len, high)?])
}

/// A part of a file at a shift; anything that would be before address 0 is dropped.
fn piece(from: u64, until: u64, shift: i128) -> Option<Piece> {
    let from = from.max(u64::try_from(-shift).unwrap_or(0));
    let pa = u64::try_from(i128::from(from) + shift).ok()?;
    let len = until.checked_sub(from).filter(|len| *len > 0)?;
    pa.checked_add(len)?;
    Some(Piece { pa, offset: from, len })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of zeroes with holes.
    struct Holes {
        len: u64,
        written: Vec<Range<u64>>,
    }

    impl Bytes for Holes {
        fn len(&self) -> u64 {
            self.len
        }

        fn read_exact_at(&self, into: &mut [u8], offset: u64) -> std::io::Result<()> {
            assert!(offset + into.len() as u64 <= self.len);
            into.fill(0);
            Ok(())
        }

        fn next_written(&self, offset: u64) -> Option<Range<u64>> {
            let written = self.written.iter().find(|written| written.end > offset)?;
            Some(written.start.max(offset)..written.end)
        }
    }

    #[test]
    fn each_byte_that_was_written_is_looked_at_with_any_number_of_threads() {
        let mib = 1 << 20;
        let written = vec![100..200, 3 * mib - 1..7 * mib + 1, 9 * mib..9 * mib + 5];
        let file = Holes { len: 9 * mib + 5, written };
        let of = |threads| {
            let look = |all: &mut BTreeSet<(u64, usize)>, at: u64, bytes: &[u8]| {
                all.insert((at, bytes.len()));
            };
            each_written(&file, threads, &Progress::default(), look, Extend::extend)
        };
        let alone = of(1);
        for written in &file.written {
            for at in [written.start, written.start + 4, written.end - 1] {
                let covers = |&(start, len): &(u64, usize)| start <= at && at - start < len as u64;
                assert!(alone.iter().any(covers), "{at}: {alone:?}");
            }
        }
        assert!(alone.len() > 4);
        assert_eq!(of(2), alone);
        assert_eq!(of(5), alone);
    }

    #[test]
    fn the_roundest_address_is_between_its_bounds() {
        assert_eq!(roundest(0x7f00_0000, 0x8111_1000, 2 << 30), Some(2 << 30));
        assert_eq!(roundest(5, 9, 0), Some(8));
        assert_eq!(roundest(9, 9, 0), None);
        assert_eq!(roundest(0, 9, -4), None);
    }

    #[test]
    fn pieces_are_written_as_people_type_them() {
        let two = two(0x1_0000_0000, 0, 2 << 30, 2 << 30).unwrap();
        let words: Vec<String> = two.iter().map(|piece| words(piece, 0x1_0000_0000)).collect();
        assert_eq!(words, ["FILE@0x0,size=0x80000000", "FILE@0x100000000,offset=0x80000000"]);
        let one = one(0x5000, -0x1000).unwrap();
        assert_eq!(super::words(&one[0], 0x5000), "FILE@0x0,offset=0x1000");
        let odd = super::one(0x1_0000, 0x11f_fffa).unwrap();
        assert_eq!(super::words(&odd[0], 0x1_0000), "FILE@0x1200000,offset=0x6");
        assert_eq!(address_of(&one, 0x1000), Some(0));
        assert_eq!(address_of(&one, 0xfff), None);
    }
}
