// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds KHO's device tree in an image, and decides which of several to use.
//!
//! No symbol and no register leads there. The boot protocol has the address, if the place of its
//! data is known. Otherwise every page is searched. Memory also contains trees of earlier kernels,
//! and copies. All of them are listed, and ranked by what they lead to.

pub mod boot;
pub(crate) mod near;
pub(crate) mod pages;
pub mod scan;

use crate::fdt::{number, string, Fdt};
use crate::finding::{address, AddressText};
use crate::image::cache::Cached;
use crate::image::Image;
use crate::kho;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::kexec_metadata_v1::KHO_METADATA_NODE_NAME;
use kho_abi::wire::versions::kho_v4::{KHO_SUB_TREE_PROP_NAME, KHO_SUB_TREE_SIZE_PROP_NAME};
use kho_abi::wire::versions::luo_v5::{luo_ser, LUO_KHO_ENTRY_NAME};
use kho_abi::wire::walk::Memory;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

/// How a device tree was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Its address was given.
    Given,
    /// The boot parameters of x86 lead there.
    SetupData,
    /// The device tree of an arm64 machine leads there.
    ChosenNode,
    /// A search of memory found it.
    Scan,
    /// The image is the tree itself.
    Whole,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "given",
            Self::SetupData => "setup_data",
            Self::ChosenNode => "chosen node",
            Self::Scan => "scan",
            Self::Whole => "the image itself",
        })
    }
}

/// A device tree that may be KHO's.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Candidate {
    /// Where it is.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// How it was found.
    pub found_by: Way,
    /// The compatible string of its root.
    pub compatible: String,
    /// Number of the kexec that it is for, if its metadata says so.
    pub kexec_count: Option<u32>,
    /// Number of the live update that it is for, if LUO's root says so.
    pub liveupdate_num: Option<u64>,
    /// How much of what it leads to exists; within a generation, the candidate with the highest
    /// score is chosen.
    pub score: u32,
    /// The evidence for it, in words.
    pub because: Vec<String>,
}

/// Sorts candidates, the one to use first.
///
/// Memory may contain the trees of several live updates. The latest counts, even if it is damaged.
/// Copies of one tree are distinguished by what they lead to.
pub(crate) fn rank(candidates: &mut Vec<Candidate>) {
    candidates.sort_by(|a, b| b.score.cmp(&a.score).then(a.at.cmp(&b.at)));
    let mut seen = std::collections::HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.at));
    // A number counts if all candidates have it.
    let kexec = candidates.iter().all(|candidate| candidate.kexec_count.is_some());
    let update = candidates.iter().all(|candidate| candidate.liveupdate_num.is_some());
    let generation = |candidate: &Candidate| {
        (candidate.kexec_count.filter(|_| kexec), candidate.liveupdate_num.filter(|_| update))
    };
    // The sort is stable: candidates of one generation stay in order.
    candidates.sort_by_key(|candidate| std::cmp::Reverse(generation(candidate)));
    let [first, others @ ..] = candidates.as_mut_slice() else { return };
    let (mine, before) = (generation(first), others.iter().map(generation).max());
    if before.is_some_and(|before| before < mine) {
        let numbers = [("kexec", mine.0.map(u64::from)), ("live update", mine.1)];
        let numbers = numbers.iter().filter_map(|(what, number)| Some((what, (*number)?)));
        let numbers: Vec<_> =
            numbers.map(|(what, number)| format!("{what} number {number}")).collect();
        first.because.insert(0, format!("it is the latest: {}", numbers.join(", ")));
    }
}

/// Reads the bytes of a tree: a page, or the part of it that exists.
pub(crate) fn tree_bytes(image: &Image, at: u64, page_size: usize) -> Option<Vec<u8>> {
    let range = image.ranges().iter().find(|range| range.start <= at && at < range.end)?;
    let there = usize::try_from(range.end - at).unwrap_or(usize::MAX);
    // Of a large page, possibly only the beginning exists.
    [page_size, SMALLEST_PAGE].into_iter().find_map(|size| {
        let mut bytes = vec![0; size.min(there)];
        image.read(at, &mut bytes).ok()?;
        Some(bytes)
    })
}

/// Whether a tree is at an address, as far as its header says; [`judge`] reads no other.
pub(crate) fn is_tree(image: &Image, at: u64) -> bool {
    tree_bytes(image, at, SMALLEST_PAGE).is_some_and(|bytes| Fdt::new(&bytes).is_ok())
}

const SMALLEST_PAGE: usize = crate::image::PAGE_SIZES[0];

/// Determines what a tree leads to.
pub(crate) fn judge(memory: &Cached<'_>, at: u64, found_by: Way) -> Option<Candidate> {
    let bytes = tree_bytes(memory.image(), at, memory.page_size())?;
    let fdt = Fdt::new(&bytes).ok()?;
    // A truncated tree lacks the names of its properties, but may still be the right one.
    let compatible = string(fdt.root_property("compatible").unwrap_or_default());
    if found_by == Way::Scan && !compatible.starts_with(b"kho-v") {
        return None;
    }
    let mut candidate = Candidate {
        at,
        found_by,
        compatible: crate::text::readable(compatible),
        kexec_count: None,
        liveupdate_num: None,
        score: 0,
        because: Vec::new(),
    };
    for (name, data, size) in entries(&fdt) {
        if name == KHO_METADATA_NODE_NAME.as_bytes() {
            candidate.kexec_count = crate::metadata::count(memory, data, size);
        } else if name == LUO_KHO_ENTRY_NAME.as_bytes() {
            candidate.liveupdate_num = crate::luo::update_number(memory, data, size);
        }
    }
    let mut speaks = |points, why: &str| {
        candidate.score += points;
        candidate.because.push(why.into());
    };
    if kho::known().any(|known| known.as_bytes() == compatible) {
        speaks(32, "its version is known");
    }
    if matches!(found_by, Way::SetupData | Way::ChosenNode) {
        speaks(64, "the boot protocol leads to it");
    }
    let property = fdt.root_property(kho_abi::wire::versions::kho_v4::KHO_FDT_MEMORY_MAP_PROP_NAME);
    let map = property.and_then(number).filter(|map| *map != 0);
    if let Some(map) = map {
        let mut page = vec![0; memory.page_size()];
        let there = map % memory.page_size() as u64 == 0;
        if there && memory.read(PhysAddr::new(map), &mut page).is_ok() {
            speaks(4, "its tree of preserved pages can be read");
            if page.iter().any(|byte| *byte != 0) {
                speaks(4, "pages are preserved");
            }
            // The page of a copy is not preserved.
            if crate::radix::has(memory, map, at) {
                speaks(2, "the tree's own page is preserved");
            }
        }
    }
    if let Some(luo) = luo_root(memory, &fdt) {
        let root = luo.compatible().unwrap_or_default();
        if crate::luo::known().any(|known| known == root) {
            speaks(8, "LUO's state has a known version");
            if !luo.sessions_pa.is_null() {
                speaks(16, "LUO's sessions are written");
            }
        }
    }
    Some(candidate)
}

/// The entries of a tree: name, address and size.
fn entries<'t>(fdt: &Fdt<'t>) -> Vec<(&'t [u8], u64, u64)> {
    use crate::fdt::Event;
    let mut entries: Vec<(&[u8], u64, u64)> = Vec::new();
    let mut depth = 0_u32;
    for event in fdt.events().take_while(Result::is_ok).flatten() {
        match event {
            Event::Begin { name, .. } => {
                depth += 1;
                if depth == 2 {
                    entries.push((name, 0, 0));
                }
            }
            Event::End => depth = depth.saturating_sub(1),
            Event::Property { name, value } if depth == 2 => {
                let Some(entry) = entries.last_mut() else { continue };
                let value = number(value).unwrap_or(0);
                if name == KHO_SUB_TREE_PROP_NAME.as_bytes() {
                    entry.1 = value;
                } else if name == KHO_SUB_TREE_SIZE_PROP_NAME.as_bytes() {
                    entry.2 = value;
                }
            }
            Event::Property { .. } => {}
        }
    }
    entries
}

/// LUO's root, if a tree leads to it.
fn luo_root(memory: &Cached<'_>, fdt: &Fdt<'_>) -> Option<luo_ser> {
    use crate::fdt::Event;
    let mut depth = 0_u32;
    let mut within = false;
    for event in fdt.events() {
        match event.ok()? {
            Event::Begin { name, .. } => {
                depth += 1;
                within = depth == 2
                    && name == kho_abi::wire::versions::luo_v5::LUO_KHO_ENTRY_NAME.as_bytes();
            }
            Event::End => depth = depth.saturating_sub(1),
            Event::Property { name, value } => {
                let wanted = kho_abi::wire::versions::kho_v4::KHO_SUB_TREE_PROP_NAME.as_bytes();
                if within && depth == 2 && name == wanted {
                    return memory.value(number(value)?).ok();
                }
            }
        }
    }
    None
}
