// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Joins consecutive folios, in memory and in the file, into one extent.

use crate::finding::{address, AddressText};
use crate::folios::FolioRun;
use crate::image::cache::Cached;
use crate::radix::Preserved;
use schemars::JsonSchema;
use serde::Serialize;

/// Consecutive folios with the same order and flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Extent {
    /// Place of the first folio in the file, in pages.
    pub index: u64,
    /// The lowest page frame number.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub pfn: u64,
    /// Number of folios.
    pub folios: u64,
    /// The order of each folio: `1 << order` pages.
    pub order: u32,
    /// The flags of each folio.
    pub flags: u16,
    /// Whether the first folio in the file is the last one in memory.
    pub descending: bool,
}

impl Extent {
    /// Number of pages.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.folios << self.order
    }

    /// A folio's page frame number and its place in the file.
    #[must_use]
    pub const fn folio(&self, number: u64) -> (u64, u64) {
        let before = number << self.order;
        let page = if self.descending {
            self.pfn + (self.pages() - before - (1 << self.order))
        } else {
            self.pfn + before
        };
        (page, self.index.wrapping_add(before))
    }

    /// Appends another extent if it continues this one.
    fn append(&mut self, other: &Self) -> bool {
        if (self.order, self.flags) != (other.order, other.flags)
            || self.index.checked_add(self.pages()) != Some(other.index)
        {
            return false;
        }
        // An extent of one folio does not have a direction yet.
        let up = (!self.descending || self.folios == 1) && (!other.descending || other.folios == 1);
        let down = (self.descending || self.folios == 1) && (other.descending || other.folios == 1);
        if up && self.pfn + self.pages() == other.pfn {
            self.descending = false;
        } else if down && other.pfn + other.pages() == self.pfn {
            self.descending = true;
            self.pfn = other.pfn;
        } else {
            return false;
        }
        self.folios += other.folios;
        true
    }
}

/// A part of a run of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Folios, each known to be preserved as one block.
    Extent(Extent),
    /// Entries without a folio.
    Missing {
        /// Number of entries.
        count: u64,
    },
    /// A folio that is not preserved.
    NotPreserved {
        /// Its page frame number.
        page: u64,
        /// Its place in the file, in pages.
        index: u64,
    },
    /// A folio that is preserved inside a block that begins before it.
    NotStart {
        /// Its page frame number.
        page: u64,
        /// Its place in the file, in pages.
        index: u64,
        /// The order of the block.
        order: u32,
    },
    /// The same folio again, at the same place.
    Again {
        /// Its page frame number.
        page: u64,
        /// How often.
        count: u64,
    },
}

/// Splits a run of entries by what is preserved at their addresses.
///
/// An entry does not contain the size of its folio: it is the order of the block that is preserved
/// there. If that is unknown, folios count as single pages.
pub fn each_part(
    run: &FolioRun,
    preserved: Option<&Preserved>,
    memory: &Cached<'_>,
    mut each: impl FnMut(Part),
) {
    if run.page == 0 {
        return each(Part::Missing { count: run.count });
    }
    let (mut done, mut count) = (0, run.count);
    if run.page_step == 0 && count > 1 {
        count = 1;
    }
    while done < count {
        let (page, index) = (run.page_of(done), run.index_of(done));
        let extent = |folios: u64, order: u32| {
            let descending = run.page_step < 0 && folios > 1;
            let back = if descending { (folios - 1) << order } else { 0 };
            Extent { index, pfn: page - back, folios, order, flags: run.flags, descending }
        };
        let Some(preserved) = preserved.filter(|preserved| preserved.is_complete()) else {
            let whole = run.page_step.abs() == 1;
            let folios = if whole { count - done } else { 1 };
            each(Part::Extent(extent(folios, 0)));
            done += folios;
            continue;
        };
        let Some(block) = preserved.run_at(memory, page) else {
            each(Part::NotPreserved { page, index });
            done += 1;
            continue;
        };
        let order = block.order;
        if (page - block.start) & ((1 << order) - 1) != 0 {
            each(Part::NotStart { page, index, order });
            done += 1;
            continue;
        }
        let folios = if run.page_step == 1 << order {
            ((block.end - page) >> order).min(count - done)
        } else if run.page_step == -(1 << order) {
            (((page - block.start) >> order) + 1).min(count - done)
        } else {
            1
        };
        each(Part::Extent(extent(folios, order)));
        done += folios;
    }
    if run.count > count {
        each(Part::Again { page: run.page, count: run.count - count });
    }
}

/// Joins consecutive extents.
#[derive(Debug, Default)]
pub struct Coalesce {
    last: Option<Extent>,
}

impl Coalesce {
    /// Takes an extent, and returns the previous one if that is complete.
    pub fn push(&mut self, extent: Extent) -> Option<Extent> {
        if self.last.as_mut().is_some_and(|last| last.append(&extent)) {
            return None;
        }
        self.last.replace(extent)
    }

    /// Returns the last extent.
    pub fn finish(&mut self) -> Option<Extent> {
        self.last.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(index: u64, pfn: u64, folios: u64, descending: bool) -> Extent {
        Extent { index, pfn, folios, order: 1, flags: 3, descending }
    }

    #[test]
    fn extents_join_in_both_directions() {
        let mut up = extent(0, 10, 2, false);
        assert!(up.append(&extent(4, 14, 1, false)));
        assert_eq!(up, extent(0, 10, 3, false));
        assert!(!up.append(&extent(6, 8, 1, false)), "it turns around");
        assert!(!up.append(&extent(8, 16, 1, false)), "the file has a hole");
        let mut down = extent(0, 10, 1, false);
        assert!(down.append(&extent(2, 8, 1, false)));
        assert!(down.append(&extent(4, 4, 2, true)));
        assert_eq!(down, extent(0, 4, 4, true));
        let folios: Vec<_> = (0..4).map(|number| down.folio(number)).collect();
        assert_eq!(folios, [(10, 0), (8, 2), (6, 4), (4, 6)]);
    }
}
