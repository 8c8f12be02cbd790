// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The entry point: finds KHO in an image, walks through everything, and checks it.

use crate::claims::Contested;
use crate::extract::Ground;
use crate::find::{self, boot, pages, scan, Candidate, Way};
use crate::finding::Findings;
use crate::image::cache::Cached;
use crate::image::{Format, Image};
use crate::kho::{self, Kho};
use crate::luo::{self, Luo, Phase};
use crate::owners;
use crate::radix::Preserved;
use crate::rules;
use crate::scratch;
use crate::text;
use crate::typed::Layouts;
use crate::walk::Walker;
use kho_abi_show::{Progress, Unit};
use std::sync::Arc;

/// What to look for, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Address of KHO's device tree, if known.
    pub fdt: Option<u64>,
    /// Address of the boot parameters of x86, if known.
    pub boot_params: Option<u64>,
    /// Address of an arm64 machine's device tree, if known.
    pub device_tree: Option<u64>,
    /// Page size of the kernel, in bytes; determined if not given.
    pub page_size: Option<usize>,
    /// Number of threads; 0 for the number of processors.
    pub threads: usize,
    /// Layouts for state without a decoder.
    pub types: Option<Arc<Layouts>>,
    /// What counts the bytes that are searched.
    pub progress: Progress,
}

impl Options {
    /// How many threads to use.
    pub(crate) fn nr_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// Everything that an image shows.
#[derive(Clone, Debug)]
pub struct State {
    /// Page size of the kernel, in bytes.
    pub page_size: usize,
    /// Whether the page size was guessed.
    pub page_size_guessed: bool,
    /// The device trees that may be KHO's, the best first.
    pub candidates: Vec<Candidate>,
    /// What the first of them leads to.
    pub kho: Option<Kho>,
    /// LUO's state, if the image contains only that.
    pub luo_alone: Option<Luo>,
    /// Pages that have two owners.
    pub contested: Contested,
    /// What is wrong.
    pub findings: Findings,
    /// What was not checked, and why.
    pub notes: Vec<String>,
    /// Number of items that the image has, and that were not decoded or not checked: with them, a
    /// result without findings is unknown.
    pub unknown: u64,
}

impl State {
    /// LUO's state.
    #[must_use]
    pub fn luo(&self) -> Option<&Luo> {
        self.kho.as_ref().and_then(|kho| kho.luo.as_ref()).or(self.luo_alone.as_ref())
    }

    /// What is preserved.
    #[must_use]
    pub fn preserved(&self) -> Option<&Preserved> {
        self.kho.as_ref().and_then(|kho| kho.preserved.as_ref())
    }

    /// What the content of memfds is read from, in the image that this was found in.
    #[must_use]
    pub fn ground<'s>(&'s self, image: &'s Image) -> Ground<'s> {
        let (page_size, preserved) = (self.page_size, self.preserved());
        let addresses_doubtful =
            self.findings.counts().contains_key(rules::OFFSETS_NOT_ADDRESSES.id);
        let contested = Some(&self.contested);
        Ground { image, page_size, preserved, contested, addresses_doubtful }
    }
}

/// Finds KHO in an image, walks through all that it leads to, and checks it.
///
/// # Examples
///
/// ```
/// use kho_abi_inspect::image::Image;
/// use kho_abi_inspect::{inspect, Options};
///
/// let image = Image::from_bytes(vec![0; 1 << 20])?;
/// let state = inspect(&image, &Options::default());
/// assert_eq!(state.findings.list()[0].rule.id, "kho_not_found");
/// # Ok::<(), kho_abi_inspect::image::OpenError>(())
/// ```
#[must_use]
pub fn inspect(image: &Image, options: &Options) -> State {
    let threads = options.nr_threads();
    let Places { list: places, carried, problems, searched } = places(image, options, threads);
    let (page_size, guessed) = pages::page_size(image, options.page_size, &places);
    let mut walker = Walker::new(image, page_size, threads);
    walker.types.clone_from(&options.types);
    for note in image.notes() {
        walker.find(&rules::IMAGE_MALFORMED, 0, || note.clone());
    }
    walker.notes.extend(image.remarks().iter().cloned());
    for problem in problems {
        walker.not_checked(problem);
    }
    let memory = Cached::new(image, page_size);
    let mut candidates: Vec<Candidate> =
        places.iter().filter_map(|(at, way)| find::judge(&memory, *at, *way)).collect();
    find::rank(&mut candidates);
    let mut luo_alone = None;
    // An address that the user gave is used without a check.
    let chosen = options.fdt.or(candidates.first().map(|candidate| candidate.at));
    let unread = match (&searched, chosen) {
        // The beginning of a compressed page may be readable although the rest is not.
        (Some(_), None) if image.is_packed() => {
            Some(scan::verify(image, threads, &options.progress))
        }
        (searched, _) => searched.as_ref().map(|searched| searched.unread),
    };
    let unread = unread.unwrap_or_default();
    options.progress.begin("checking what is preserved", Unit::Items, None);
    if let Some((at, error)) = unread.first {
        walker.find(&rules::IMAGE_MALFORMED, at, || {
            let damaged = text::count(unread.damaged, "byte");
            format!("{damaged} of memory cannot be read from the file; the first error: {error}")
        });
    }
    let mut kho = match chosen {
        Some(at) => kho::read(&mut walker, at),
        None if image.format() == Format::Luo => {
            luo_alone = Some(luo::read(&mut walker, 0, image.bytes()));
            None
        }
        None => {
            let searched =
                searched.unwrap_or_else(|| scan::trees(image, threads, &options.progress));
            not_found(&mut walker, &unread, &searched);
            None
        }
    };
    if let Some(end) = ends_in_a_page(image).filter(|_| kho.is_some()) {
        walker.find(&rules::IMAGE_MALFORMED, end, || {
            "the image ends inside a page, and may be cut off".into()
        });
    }
    if let Some(kho) = &mut kho {
        let of_this = carried.iter().find(|carried| carried.fdt == kho.at && carried.scratch != 0);
        let array = of_this.map(|carried| (carried.scratch, carried.scratch_size));
        kho.scratch = scratch::read(&mut walker, array, kho.preserved.as_ref());
        owners::check(&mut walker, kho);
        if let Some(note) = cause(&walker, kho) {
            walker.notes.push(note);
        }
    }
    let state_luo = kho.as_ref().and_then(|kho| kho.luo.as_ref()).or(luo_alone.as_ref());
    if let Some(note) = state_luo.and_then(phase_note) {
        walker.notes.push(note.into());
    }
    if walker.claims.is_incomplete() {
        walker.not_checked("not checked: whether pages that are far apart have two owners".into());
    }
    let undecoded = walker.undecoded.values().fold(0, |sum: u64, more| sum.saturating_add(*more));
    let unknown = walker.unknown.saturating_add(undecoded);
    for (what, number) in std::mem::take(&mut walker.undecoded) {
        let times = if number > 1 { format!(", {number} times") } else { String::new() };
        walker.notes.push(format!("not decoded: {what}{times}"));
    }
    let contested = walker.claims.take_contested();
    let Walker { findings, notes, .. } = walker;
    State {
        page_size,
        page_size_guessed: guessed,
        candidates,
        kho,
        luo_alone,
        contested,
        findings,
        notes,
        unknown,
    }
}

/// What an image of a moment cannot show.
fn phase_note(luo: &Luo) -> Option<&'static str> {
    match luo.phase {
        Phase::Serialised | Phase::UnknownVersion | Phase::Unreadable => None,
        Phase::NotFollowed => Some(
            "LUO's sessions were not followed: their lists are blocks of KHO, and the layout of \
             blocks in this version of KHO is unknown",
        ),
        Phase::NotSerialised => Some(
            "LUO has not written its sessions: it writes them during the reboot that ends this \
             kernel. Either no session exists, or the image was taken earlier; memory does not say \
             which",
        ),
        Phase::Consumed => Some(
            "LUO's root is gone: the next kernel reuses the page once it has read the root. There \
             may have been sessions, although none are shown",
        ),
    }
}

/// Why so many pages may not be preserved, if one cause explains them.
fn cause(walker: &Walker<'_>, kho: &Kho) -> Option<String> {
    let missing = walker.findings.counts().get(rules::PAGE_NOT_PRESERVED.id)?;
    let empty = kho.preserved.as_ref()?.empty();
    let first = empty.first()?;
    let nodes = match empty.len() {
        1 => format!("the node at {first:#x} of the tree of preserved pages is all zeroes"),
        more => {
            format!(
                "{more} nodes of the tree of preserved pages, the first at {first:#x}, are all \
                 zeroes"
            )
        }
    };
    Some(format!(
        "{nodes}: unless the kernel unpreserved their pages, that is why {} not preserved",
        match missing {
            1 => "1 place is".into(),
            more => format!("{more} places are"),
        }
    ))
}

/// Where raw memory ends inside a page, if it does. Memory ends with a page; a machine's map of it, which
/// other formats have, need not.
fn ends_in_a_page(image: &Image) -> Option<u64> {
    let last = image.ranges().last().map(|range| range.end);
    last.filter(|end| image.format() == Format::Raw && !end.is_multiple_of(4096))
}

/// Reports that there is no KHO, or that this is unknown.
fn not_found(walker: &mut Walker<'_>, unread: &scan::Unread, searched: &scan::Searched) {
    let image = walker.memory.image();
    let almost = &searched.near;
    for near in almost {
        walker.find(&rules::KHO_TREE_DAMAGED, near.at, || {
            format!("the page is almost KHO's device tree: {}", near.why)
        });
    }
    // Where the image begins, for want of a better place.
    let begins = image.ranges().first().map_or(0, |range| range.start);
    let left_out = unread.left_out.saturating_add(image.left_out());
    let mut lacking = Vec::new();
    if unread.damaged > 0 {
        lacking.push(format!("{} cannot be read", text::count(unread.damaged, "byte")));
    }
    if left_out > 0 {
        lacking.push(format!("{} were left out of the image", text::count(left_out, "byte")));
    }
    if !image.notes().is_empty() {
        lacking.push("the file is incomplete or contradicts itself".into());
    }
    if searched.too_many {
        lacking.push("it has too many device trees to check them all".into());
    }
    if let Some(end) = ends_in_a_page(image) {
        lacking.push(format!("it ends inside a page, at {end:#x}, and may be cut off"));
    }
    if lacking.is_empty() && !almost.is_empty() {
        return;
    }
    if lacking.is_empty() {
        walker.find(&rules::KHO_NOT_FOUND, begins, || {
            "no page of the image begins a KHO device tree".into()
        });
    } else {
        walker.find(&rules::KHO_SEARCH_INCOMPLETE, begins, || {
            format!(
                "no KHO device tree is in the part of the image that could be read: {}",
                lacking.join("; ")
            )
        });
    }
}

/// Where to look, what the boot protocol says, what is in the way, and the result of the search.
#[derive(Default)]
struct Places {
    list: Vec<(u64, Way)>,
    /// What the boot protocol says.
    carried: Vec<boot::Carried>,
    problems: Vec<String>,
    searched: Option<scan::Searched>,
}

impl Places {
    fn carry(&mut self, found: boot::Carried, way: Way) {
        self.list.push((found.fdt, way));
        self.carried.push(found);
    }
}

fn places(image: &Image, options: &Options, threads: usize) -> Places {
    let mut places = Places::default();
    if let Some(at) = options.fdt {
        places.list.push((at, Way::Given));
        // What else was given has the scratch areas.
        for (option, found, _) in given(image, options) {
            match found {
                Ok(found) if found.fdt == at => places.carried.push(found),
                Ok(found) => places.problems.push(format!(
                    "not used: {option} leads to the tree at {:#x}, but --fdt is {at:#x}",
                    found.fdt
                )),
                Err(problem) => places.problems.push(problem),
            }
        }
        return places;
    }
    match image.format() {
        Format::Fdt => places.list.push((0, Way::Whole)),
        Format::Luo => {}
        _ => search(image, options, threads, &mut places),
    }
    places
}

/// What the boot protocol says at the addresses that were given, each by its option.
fn given(image: &Image, options: &Options) -> Vec<(String, Result<boot::Carried, String>, Way)> {
    let mut found = Vec::new();
    let mut add = |option: &str, at: u64, read: Result<boot::Carried, String>, way: Way| {
        let option = format!("{option} {at:#x}");
        let read = read.map_err(|problem| format!("not used: {option}: {problem}"));
        found.push((option, read, way));
    };
    if let Some(at) = options.boot_params {
        add("--boot-params", at, boot::setup_data(image, at), Way::SetupData);
    }
    if let Some(at) = options.device_tree {
        add("--device-tree", at, boot::chosen(image, at), Way::ChosenNode);
    }
    found
}

fn search(image: &Image, options: &Options, threads: usize, places: &mut Places) {
    for (option, found, way) in given(image, options) {
        match found {
            Ok(found) if find::is_tree(image, found.fdt) => places.carry(found, way),
            Ok(found) => places
                .problems
                .push(format!("not used: {option}: no device tree is at {:#x}", found.fdt)),
            Err(problem) => places.problems.push(problem),
        }
    }
    if !places.list.is_empty() {
        return;
    }
    let searched = scan::trees(image, threads, &options.progress);
    if searched.too_many {
        places
            .problems
            .push("the search stopped early: the image has thousands of device trees".into());
    }
    for at in &searched.trees {
        places.list.push((*at, Way::Scan));
        // An arm64 machine's own tree leads to KHO's.
        if let Ok(found) = boot::chosen(image, *at) {
            places.carry(found, Way::ChosenNode);
        }
    }
    places.searched = Some(searched);
}
