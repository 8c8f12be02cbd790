// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The areas in which the next kernel starts: nothing there may be preserved.
//!
//! The boot protocol leads to them. They are called scratch, or boot memory in later kernels.

use crate::finding::{address, AddressText};
use crate::radix::Preserved;
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Memory as _;
use schemars::JsonSchema;
use serde::Serialize;

/// How many areas to read: there are two, and one for each node of the machine.
const LIMIT: u64 = 4096;
/// Size of an entry: an address and a size.
const ENTRY: u64 = 16;
/// The kernel frees the areas in blocks of pages, which are at least this large on machines with
/// KHO.
const ALIGN: u64 = 2 << 20;

/// An area.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Area {
    /// Where it begins.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub start: u64,
    /// Its size, in bytes; 0 if a node has none.
    pub size: u64,
}

/// Reads the areas of an array, given by its address and its size in bytes, and checks that nothing
/// in them is preserved.
pub(crate) fn read(
    walker: &mut Walker<'_>,
    array: Option<(u64, u64)>,
    preserved: Option<&Preserved>,
) -> Vec<Area> {
    let mut areas = Vec::new();
    let Some((scratch, scratch_size)) = array else {
        if preserved.is_some() {
            walker.notes.push(
                "not checked: preserved pages in scratch memory. --boot-params (x86) or \
                 --device-tree (arm64) locates it"
                    .into(),
            );
        }
        return areas;
    };
    walker.within("scratch areas", Some(scratch), |walker| {
        if scratch_size == 0 || scratch_size % ENTRY != 0 || scratch_size / ENTRY > LIMIT {
            walker.find(&rules::SCRATCH_INVALID, scratch, || {
                format!("the array of scratch areas has {scratch_size:#x} bytes")
            });
            return;
        }
        for index in 0..scratch_size / ENTRY {
            let mut entry = [0; 16];
            let at = scratch.saturating_add(index * ENTRY);
            if let Err(error) = walker.memory.read(PhysAddr::new(at), &mut entry) {
                return walker.unreadable(at, "a scratch area", error);
            }
            let number = |at: usize| entry[at..at + 8].try_into().map_or(0, u64::from_ne_bytes);
            let area = Area { start: number(0), size: number(8) };
            areas.push(area);
            check(walker, preserved, at, area);
        }
    });
    areas
}

fn check(walker: &mut Walker<'_>, preserved: Option<&Preserved>, at: u64, area: Area) {
    let Area { start, size } = area;
    if size == 0 {
        return;
    }
    let Some(end) = start.checked_add(size).filter(|_| start % ALIGN == 0 && size % ALIGN == 0)
    else {
        walker.find(&rules::SCRATCH_INVALID, at, || {
            format!(
                "the scratch area of {size:#x} bytes at {start:#x} is not aligned to {ALIGN:#x}"
            )
        });
        return;
    };
    let Some(preserved) = preserved else { return };
    let shift = walker.page_size().trailing_zeros();
    let (first, last) = (start >> shift, end >> shift);
    let Some(runs) = preserved.runs() else {
        walker.notes.push(format!(
            "not checked: whether pages in the scratch area at {start:#x} are preserved: there are \
             too many ranges"
        ));
        return;
    };
    for run in runs.iter().filter(|run| run.start < last && run.end > first) {
        let page = run.start.max(first);
        let pages = run.end.min(last) - page;
        walker.find(&rules::PRESERVED_IN_SCRATCH, page << shift, || {
            format!(
                "{} from {:#x} are preserved inside the scratch area {start:#x}-{end:#x}",
                crate::text::count(pages, "page"),
                page << shift
            )
        });
    }
}
