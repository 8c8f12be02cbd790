// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Determines the kernel's page size.
//!
//! If the image contains the kernel's own value, that is used. Otherwise each size is tried on the
//! state: pages are at multiples of their size, and the tree of preserved pages has a different
//! shape for each size. No single address decides, as any of them may be damaged.

use super::Way;
use crate::fdt::{number, Event, Fdt};
use crate::finding::Findings;
use crate::image::cache::Cached;
use crate::image::{Image, Machine, PAGE_SIZES};
use crate::radix::Preserved;
use kho_abi::wire::block::kho_block_header_ser;
use kho_abi::wire::versions::kho_v4::{KHO_FDT_MEMORY_MAP_PROP_NAME, KHO_SUB_TREE_PROP_NAME};
use kho_abi::wire::versions::luo_v5::{luo_file_ser, luo_ser, luo_session_ser, LUO_KHO_ENTRY_NAME};

/// How many candidates to examine.
const CANDIDATES: usize = 16;
/// How many sessions, and files of one, to take addresses from.
const ENTRIES: u64 = 32;

/// The size of the kernel's pages, and whether it had to be guessed.
pub(crate) fn page_size(
    image: &Image,
    given: Option<usize>,
    places: &[(u64, Way)],
) -> (usize, bool) {
    if let Some(size) = given.or(image.page_size()) {
        return (size, false);
    }
    if image.machine() == Some(Machine::X86_64) || image.is_blob() {
        return (PAGE_SIZES[0], false);
    }
    let places = places.iter().take(CANDIDATES);
    let clues: Vec<Clues> = places.filter_map(|(at, _)| Clues::of(image, *at)).collect();
    let hint = image.block_size().unwrap_or(PAGE_SIZES[0]);
    let best = clues.iter().flat_map(|clues| {
        PAGE_SIZES.into_iter().map(|size| (clues.speak_for(image, size, hint), size))
    });
    (best.max().map_or(hint, |(_, size)| size), true)
}

/// The evidence for a size, the most important first: higher is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Evidence {
    /// Addresses that are in the tree of preserved pages, if it is read with this size.
    preserved: usize,
    /// Whether the addresses are multiples of the size, apart from a few.
    aligned: bool,
    /// Number of findings in that tree, negated.
    clean: i64,
    /// Whether a readable tree supports it; the image's hint; or the size itself, if many addresses
    /// are multiples of it although they need not be.
    rest: usize,
}

/// Addresses of pages that a state refers to.
struct Clues {
    map: u64,
    /// All of them, including those of the device tree and the map.
    addresses: Vec<u64>,
}

impl Clues {
    fn of(image: &Image, at: u64) -> Option<Self> {
        let bytes = super::tree_bytes(image, at, PAGE_SIZES[2])?;
        let fdt = Fdt::new(&bytes).ok()?;
        let map = number(fdt.root_property(KHO_FDT_MEMORY_MAP_PROP_NAME)?)?;
        let mut clues = Self { map, addresses: vec![at, map] };
        let memory = Cached::new(image, PAGE_SIZES[0]);
        let (mut depth, mut luo) = (0_u32, false);
        for event in fdt.events().map_while(Result::ok) {
            match event {
                Event::Begin { name, .. } => {
                    depth += 1;
                    luo = depth == 2 && name == LUO_KHO_ENTRY_NAME.as_bytes();
                }
                Event::End => depth = depth.saturating_sub(1),
                Event::Property { name, value } if name == KHO_SUB_TREE_PROP_NAME.as_bytes() => {
                    let Some(address) = number(value) else { continue };
                    clues.addresses.push(address);
                    if luo && depth == 2 {
                        clues.luo(&memory, address);
                    }
                }
                Event::Property { .. } => {}
            }
        }
        // An address that is not a page's says nothing about pages.
        clues.addresses.retain(|address| *address != 0 && address % PAGE_SIZES[0] as u64 == 0);
        Some(clues)
    }

    /// Takes the addresses of LUO's state from its first blocks.
    fn luo(&mut self, memory: &Cached<'_>, at: u64) {
        let Ok(root) = memory.value::<luo_ser>(at) else { return };
        if !root.compatible().is_ok_and(|name| crate::luo::known().any(|known| known == name)) {
            return;
        }
        let sessions = root.sessions_pa.get();
        self.addresses.extend([sessions, root.flbs_pa.get()]);
        let each = |block: u64, size: usize| {
            let count = memory.value::<kho_block_header_ser>(block).map_or(0, |block| block.count);
            let first = block.saturating_add(size_of::<kho_block_header_ser>() as u64);
            (0..count.min(ENTRIES)).map(move |n| first.saturating_add(n * size as u64))
        };
        for session in each(sessions, size_of::<luo_session_ser>()) {
            let Ok(session) = memory.value::<luo_session_ser>(session) else { break };
            let set = session.file_set_ser;
            let files = set.files.get();
            self.addresses.push(files);
            for file in each(files, size_of::<luo_file_ser>()) {
                let Ok(file) = memory.value::<luo_file_ser>(file) else { break };
                self.addresses.push(file.data);
            }
        }
    }

    fn speak_for(&self, image: &Image, size: usize, hint: usize) -> Evidence {
        let memory = Cached::new(image, size);
        let mut findings = Findings::default();
        let tree = Preserved::read(&memory, self.map, &[], &mut findings);
        let shift = size.trailing_zeros();
        let preserved = self
            .addresses
            .iter()
            .filter(|at| tree.run_at(&memory, **at >> shift).is_some())
            .count();
        let odd = self.addresses.iter().filter(|at| **at % size as u64 != 0).count();
        let many = self.addresses.len() >= 6;
        Evidence {
            preserved,
            aligned: odd <= usize::from(many),
            clean: match preserved {
                0 => 0,
                _ => -i64::try_from(findings.total().min(1000)).unwrap_or(1000),
            },
            rest: match (preserved, many) {
                (0, true) => size,
                _ => usize::from(size == hint),
            },
        }
    }
}
