// SPDX-License-Identifier: GPL-2.0
//! What Kexec HandOver preserves: its device tree, and the radix tree of preserved pages.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail, Context, Result};
use dtoolkit::fdt::Fdt;
use dtoolkit::{Node, Property};

use super::memory::{Memory, PAGE_BYTES};

const FDT_MAGIC: u32 = 0xd00d_feed;
/// The compatible string of KHO's root node, in the kernel that has the generated headers.
pub use kho_abi::wire::kexec_handover::KHO_FDT_COMPATIBLE as KHO_COMPATIBLE;

/// Levels of the radix tree with 4 KiB pages, including the bitmap, and the index bits of each kind
/// of level.
const RADIX_LEVELS: u32 = 6;
const TABLE_BITS: u32 = 9;
const LEAF_BITS: u32 = 15;

/// A preserved run of `1 << order` pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreservedRun {
    pub pa: u64,
    pub order: u32,
}

/// KHO's root, found in memory.
#[derive(Debug)]
pub struct Kho {
    /// The address of the device tree.
    pub fdt_pa: u64,
    /// The address of the Live Update Orchestrator's `struct luo_ser`.
    pub luo_pa: u64,
    /// The runs of pages that the radix tree lists.
    pub preserved: BTreeSet<PreservedRun>,
}

impl Kho {
    /// Finds KHO's device tree by checking the start of every page.
    ///
    /// In an image, no symbol and no register leads to it, but the kernel keeps it page-aligned.
    /// Memory may still contain the tree of the previous kernel. If several are found, the caller
    /// chooses, since it knows which moment the image shows.
    pub fn find_all(memory: &impl Memory) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        for pa in (0..memory.end()).step_by(PAGE_BYTES as usize) {
            // A dump has holes where the machine does not have memory.
            let Ok(magic) = memory.array::<4>(pa) else {
                continue;
            };
            if u32::from_be_bytes(magic) != FDT_MAGIC {
                continue;
            }
            if let Ok(kho) = Self::read(memory, pa) {
                found.push(kho);
            }
        }
        Ok(found)
    }

    /// The only KHO root in memory.
    pub fn find(memory: &impl Memory) -> Result<Self> {
        let mut found = Self::find_all(memory)?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(anyhow!("no {KHO_COMPATIBLE} device tree in memory")),
            more => Err(anyhow!("{more} {KHO_COMPATIBLE} device trees in memory")),
        }
    }

    fn read(memory: &impl Memory, fdt_pa: u64) -> Result<Self> {
        let page = memory.array::<{ PAGE_BYTES as usize }>(fdt_pa)?;
        let total = u32::from_be_bytes(page[4..8].try_into()?) as usize;
        let blob = page
            .get(..total)
            .ok_or_else(|| anyhow!("the tree says that it is {total} bytes long"))?;
        let fdt = Fdt::new(blob).map_err(|error| anyhow!("{error}"))?;
        let root = fdt.root();
        let compatible = root.property("compatible").context("no compatible")?;
        if compatible.value() != format!("{KHO_COMPATIBLE}\0").as_bytes() {
            bail!("compatible is {:?}", compatible.value());
        }
        let radix_pa = native_u64(
            root.property("preserved-memory-map").context("no preserved-memory-map")?.value(),
        )?;
        let luo = root.child("LUO").context("no LUO node")?;
        let luo_pa =
            native_u64(luo.property("preserved-data").context("no preserved-data")?.value())?;
        let mut preserved = BTreeSet::new();
        walk_radix(memory, radix_pa, RADIX_LEVELS - 1, 0, &mut preserved)?;
        Ok(Self { fdt_pa, luo_pa, preserved })
    }

    /// Whether the page at this address is preserved, alone or as part of a larger run.
    pub fn preserves(&self, pa: u64) -> bool {
        self.preserved.iter().any(|run| {
            let size = PAGE_BYTES << run.order;
            pa >= run.pa && pa - run.pa < size
        })
    }
}

/// Property values are in the machine's byte order, unlike everything else in a device tree.
fn native_u64(value: &[u8]) -> Result<u64> {
    let bytes =
        value.try_into().map_err(|_| anyhow!("a property of {} bytes, not 8", value.len()))?;
    Ok(u64::from_le_bytes(bytes))
}

fn walk_radix(
    memory: &impl Memory,
    pa: u64,
    level: u32,
    prefix: u64,
    found: &mut BTreeSet<PreservedRun>,
) -> Result<()> {
    if pa % PAGE_BYTES != 0 {
        bail!("a radix node at {pa:#x} is not page-aligned");
    }
    let page = memory.array::<{ PAGE_BYTES as usize }>(pa)?;
    if level == 0 {
        for (index, byte) in page.iter().enumerate() {
            for bit in (0..8).filter(|bit| byte & (1 << bit) != 0) {
                let key = (prefix << LEAF_BITS) | (index as u64 * 8 + bit);
                found.insert(decode_key(key)?);
            }
        }
        return Ok(());
    }
    for (index, entry) in page.chunks_exact(8).enumerate() {
        let child = u64::from_le_bytes(entry.try_into()?);
        if child != 0 {
            let prefix = (prefix << TABLE_BITS) | index as u64;
            walk_radix(memory, child, level - 1, prefix, found)?;
        }
    }
    Ok(())
}

/// The highest set bit of a key encodes the size of the run, and the bits below it the start.
fn decode_key(key: u64) -> Result<PreservedRun> {
    let top = key.checked_ilog2().ok_or_else(|| anyhow!("a radix key of 0"))?;
    let shift = 64 - top;
    let order = shift
        .checked_sub(PAGE_BYTES.trailing_zeros())
        .ok_or_else(|| anyhow!("radix key {key:#x} is too wide"))?;
    if order > 40 {
        bail!("radix key {key:#x} stands for a run of order {order}");
    }
    Ok(PreservedRun { pa: (key ^ (1 << top)) << shift, order })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::memory::tests::TestMemory;

    #[test]
    fn keys_give_address_and_order() {
        let run = |pa, order| PreservedRun { pa, order };
        assert_eq!(decode_key((1 << 52) | 0x19f2).unwrap(), run(0x19f_2000, 0));
        assert_eq!(decode_key((1 << 43) | 3).unwrap(), run(3 << 21, 9));
        assert!(decode_key(0).is_err());
        assert!(decode_key(1 << 53).is_err());
        assert!(decode_key(1).is_err());
    }

    #[test]
    fn a_radix_tree_of_one_page_is_walked() {
        let mut memory = TestMemory(vec![0; 7 * 4096]);
        let key: u64 = (1 << 52) | 0x12345;
        let mut put = |level: u32, page: u64, child: u64| {
            let shift = LEAF_BITS + (level - 1) * TABLE_BITS;
            let index = (key >> shift) & ((1 << TABLE_BITS) - 1);
            let at = (page * 4096 + index * 8) as usize;
            memory.0[at..at + 8].copy_from_slice(&(child * 4096).to_le_bytes());
        };
        for level in (1..RADIX_LEVELS).rev() {
            let page = u64::from(RADIX_LEVELS - level);
            put(level, page, page + 1);
        }
        let bit = key & ((1 << LEAF_BITS) - 1);
        memory.0[6 * 4096 + (bit / 8) as usize] |= 1 << (bit % 8);
        let mut found = BTreeSet::new();
        walk_radix(&memory, 4096, RADIX_LEVELS - 1, 0, &mut found).unwrap();
        let expected = PreservedRun { pa: 0x1234_5000, order: 0 };
        assert_eq!(found, BTreeSet::from([expected]));
    }
}
