// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The entry point: finds KHO in an image, walks through everything, and checks it.

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
    /// What is wrong.
    pub findings: Findings,
    /// What was not checked, and why.
    pub notes: Vec<String>,
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
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let Places { list: places, carried, problems, searched } = places(image, options, threads);
    let (page_size, guessed) = pages::page_size(image, options.page_size, &places);
    let mut walker = Walker::new(image, page_size, threads);
    walker.types.clone_from(&options.types);
    for note in image.notes() {
        walker.find(&rules::IMAGE_MALFORMED, 0, || note.clone());
    }
    walker.notes.extend(image.remarks().iter().cloned().chain(problems));
    let memory = Cached::new(image, page_size);
    let mut candidates: Vec<Candidate> =
        places.iter().filter_map(|(at, way)| find::judge(&memory, *at, *way)).collect();
    find::rank(&mut candidates);
    let mut luo_alone = None;
    // An address that the user gave is used without a check.
    let chosen = options.fdt.or(candidates.first().map(|candidate| candidate.at));
    let unread = match (&searched, chosen) {
        // The beginning of a compressed page may be readable although the rest is not.
        (Some(_), None) if image.is_packed() => Some(scan::verify(image, threads)),
        (searched, _) => searched.as_ref().map(|searched| searched.unread),
    };
    let unread = unread.unwrap_or_default();
    if let Some((at, error)) = unread.first {
        walker.find(&rules::IMAGE_MALFORMED, at, || {
            let damaged = text::count(unread.damaged, "byte");
            format!("{damaged} of memory cannot be read from the file, first of all: {error}")
        });
    }
    let mut kho = match chosen {
        Some(at) => kho::read(&mut walker, at),
        None if image.format() == Format::Luo => {
            luo_alone = Some(luo::read(&mut walker, 0, image.bytes()));
            None
        }
        None => {
            let too_many = searched.is_some_and(|searched| searched.too_many);
            not_found(&mut walker, &unread, too_many);
            None
        }
    };
    if let Some(kho) = &mut kho {
        let of_this = carried.iter().find(|carried| carried.fdt == kho.at && carried.scratch != 0);
        let array = of_this.map(|carried| (carried.scratch, carried.scratch_size));
        kho.scratch = scratch::read(&mut walker, array, kho.preserved.as_ref());
        owners::check(&mut walker, kho);
    }
    let state_luo = kho.as_ref().and_then(|kho| kho.luo.as_ref()).or(luo_alone.as_ref());
    if let Some(note) = state_luo.and_then(phase_note) {
        walker.notes.push(note.into());
    }
    if walker.claims.is_incomplete() {
        walker.notes.push("not checked: two owners of pages that are too far apart".into());
    }
    for (what, number) in std::mem::take(&mut walker.undecoded) {
        let times = if number > 1 { format!(", {number} times") } else { String::new() };
        walker.notes.push(format!("not decoded: {what}{times}"));
    }
    let Walker { findings, notes, .. } = walker;
    State { page_size, page_size_guessed: guessed, candidates, kho, luo_alone, findings, notes }
}

/// What an image of a moment cannot show.
fn phase_note(luo: &Luo) -> Option<&'static str> {
    match luo.phase {
        Phase::Serialised | Phase::UnknownVersion | Phase::Unreadable => None,
        Phase::NotFollowed => Some(
            "LUO's sessions were not followed: their lists are blocks of KHO, whose layout in this version of \
             KHO is not known",
        ),
        Phase::NotSerialised => Some(
            "LUO has not written its sessions: it does so within the reboot that ends this kernel. \
             Either no session exists, or the image was taken before that moment; nothing in memory \
             says which",
        ),
        Phase::Consumed => Some(
            "LUO's root is no longer there: once the next kernel has read it, it uses the page for \
             other things. That no sessions are shown does not mean that there were none",
        ),
    }
}

/// Reports that there is no KHO, or that this is unknown.
fn not_found(walker: &mut Walker<'_>, unread: &scan::Unread, too_many: bool) {
    let image = walker.memory.image();
    let left_out = unread.left_out.saturating_add(image.left_out());
    let mut lacking = Vec::new();
    if unread.damaged > 0 {
        lacking.push(format!("{} cannot be read", text::count(unread.damaged, "byte")));
    }
    if left_out > 0 {
        lacking.push(format!("{} were left out of the image", text::count(left_out, "byte")));
    }
    if !image.notes().is_empty() {
        lacking.push("the file is not whole or contradicts itself".into());
    }
    if too_many {
        lacking.push("it has too many device trees to look at all".into());
    }
    if lacking.is_empty() {
        walker.find(&rules::KHO_NOT_FOUND, 0, || {
            "no page of the image begins a device tree of KHO".into()
        });
    } else {
        walker.find(&rules::KHO_SEARCH_INCOMPLETE, 0, || {
            format!(
                "no device tree of KHO is in what could be read of the image, which is not all: {}",
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
        return places;
    }
    match image.format() {
        Format::Fdt => places.list.push((0, Way::Whole)),
        Format::Luo => {}
        _ => search(image, options, threads, &mut places),
    }
    places
}

fn search(image: &Image, options: &Options, threads: usize, places: &mut Places) {
    if let Some(at) = options.boot_params {
        match boot::setup_data(image, at) {
            Ok(found) => places.carry(found, Way::SetupData),
            Err(problem) => places.problems.push(problem),
        }
    }
    if let Some(at) = options.device_tree {
        match boot::chosen(image, at) {
            Ok(found) => places.carry(found, Way::ChosenNode),
            Err(problem) => places.problems.push(problem),
        }
    }
    if !places.list.is_empty() {
        return;
    }
    let searched = scan::trees(image, threads);
    if searched.too_many {
        places
            .problems
            .push("not searched to its end: the image has thousands of device trees".into());
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
