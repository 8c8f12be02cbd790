// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The whole of it in one call: find KHO in an image, walk through everything, check everything.

use crate::find::{self, boot, scan, Candidate, Way};
use crate::finding::Findings;
use crate::image::cache::Cached;
use crate::image::{Format, Image, PAGE_SIZES};
use crate::kho::{self, Kho};
use crate::luo::{self, Luo, Phase};
use crate::owners;
use crate::radix::Preserved;
use crate::rules;
use crate::scratch;
use crate::walk::Walker;

/// What to look for, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Address of KHO's device tree, where it is known.
    pub fdt: Option<u64>,
    /// Address of the boot parameters of x86, where it is known.
    pub boot_params: Option<u64>,
    /// Address of an arm64 machine's device tree, where it is known.
    pub device_tree: Option<u64>,
    /// Size of a page of the kernel, in bytes; found out where it is not given.
    pub page_size: Option<usize>,
    /// Number of threads; 0 for as many as the machine has processors.
    pub threads: usize,
}

/// Everything that an image shows.
#[derive(Clone, Debug)]
pub struct State {
    /// Size of a page of the kernel, in bytes.
    pub page_size: usize,
    /// Whether that was found out by trying.
    pub page_size_guessed: bool,
    /// The device trees that may be KHO's, the best first.
    pub candidates: Vec<Candidate>,
    /// What the first of them leads to.
    pub kho: Option<Kho>,
    /// LUO's state, where the image is that alone.
    pub luo_alone: Option<Luo>,
    /// What was found wrong.
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
    let (places, carried, problems) = places(image, options, threads);
    let (page_size, guessed) = page_size(image, options, &places);
    let mut walker = Walker::new(image, page_size, threads);
    for note in image.notes() {
        walker.find(&rules::IMAGE_MALFORMED, 0, || note.clone());
    }
    walker.notes.extend(problems);
    let memory = Cached::new(image, page_size);
    let mut candidates: Vec<Candidate> =
        places.iter().filter_map(|(at, way)| find::judge(&memory, *at, *way)).collect();
    find::rank(&mut candidates);
    let mut luo_alone = None;
    // An address that was given is taken at its word.
    let chosen = options.fdt.or(candidates.first().map(|candidate| candidate.at));
    let mut kho = match chosen {
        Some(at) => kho::read(&mut walker, at),
        None if image.format() == Format::Luo => {
            luo_alone = Some(luo::read(&mut walker, 0, image.bytes()));
            None
        }
        None => {
            walker.find(&rules::KHO_NOT_FOUND, 0, || {
                "no page of the image begins a device tree of KHO".into()
            });
            None
        }
    };
    if let Some(kho) = &mut kho {
        scratch::read(&mut walker, kho, &carried);
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
            "LUO's sessions were not followed: how its lists are made is KHO's matter, and its version is not \
             known",
        ),
        Phase::NotSerialised => Some(
            "LUO has not written its sessions: it does so within the reboot that ends this kernel. \
             Either there are none, or the image was taken before that moment; nothing in memory \
             tells which",
        ),
        Phase::Consumed => Some(
            "LUO's root is no longer there: once the next kernel has read it, it uses the page for \
             other things. That no sessions are shown does not mean that there were none",
        ),
    }
}

/// Where to look, what the boot protocol carries, and what is in the way.
type Found = (Vec<(u64, Way)>, Vec<boot::Carried>, Vec<String>);

/// Finds places to look at.
fn places(image: &Image, options: &Options, threads: usize) -> Found {
    let (mut problems, mut carried) = (Vec::new(), Vec::new());
    if let Some(at) = options.fdt {
        return (vec![(at, Way::Given)], carried, problems);
    }
    match image.format() {
        Format::Fdt => return (vec![(0, Way::Whole)], carried, problems),
        Format::Luo => return (Vec::new(), carried, problems),
        _ => {}
    }
    let mut places = Vec::new();
    if let Some(at) = options.boot_params {
        match boot::setup_data(image, at) {
            Ok(found) => {
                places.push((found.fdt, Way::SetupData));
                carried.push(found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(at) = options.device_tree {
        match boot::chosen(image, at) {
            Ok(found) => {
                places.push((found.fdt, Way::ChosenNode));
                carried.push(found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if places.is_empty() {
        let (trees, too_many) = scan::trees(image, threads);
        if too_many {
            problems
                .push("not searched to its end: the image has thousands of device trees".into());
        }
        for at in trees {
            places.push((at, Way::Scan));
            // An arm64 machine's own tree says where KHO's is.
            if let Ok(found) = boot::chosen(image, at) {
                places.push((found.fdt, Way::ChosenNode));
                carried.push(found);
            }
        }
    }
    (places, carried, problems)
}

/// The size of the kernel's pages, and whether it had to be guessed.
fn page_size(image: &Image, options: &Options, places: &[(u64, Way)]) -> (usize, bool) {
    if let Some(size) = options.page_size.or(image.page_size()) {
        return (size, false);
    }
    if image.machine() == Some(crate::image::Machine::X86_64) || image.is_blob() {
        return (PAGE_SIZES[0], false);
    }
    // The tree of preserved pages has another depth for each size: with the wrong one it leads to
    // places that are none.
    let judge = |size: usize| {
        let memory = Cached::new(image, size);
        places
            .iter()
            .take(16)
            .filter_map(|(at, _)| {
                let bytes = find::tree_bytes(image, *at, size)?;
                let fdt = crate::fdt::Fdt::new(&bytes).ok()?;
                let name = kho_abi::wire::kexec_handover::KHO_FDT_MEMORY_MAP_PROP_NAME;
                let map = kho::number(fdt.root_property(name)?)?;
                let mut findings = Findings::default();
                let preserved = Preserved::read(&memory, map, &[], &mut findings);
                Some(findings.is_empty() && preserved.pages() > 0)
            })
            .any(|good| good)
    };
    let found = PAGE_SIZES.into_iter().find(|size| judge(*size));
    (found.unwrap_or(PAGE_SIZES[0]), true)
}
