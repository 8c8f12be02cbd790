// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Damage: each way in which state can be wrong, applied to [`super::sample`], with the rule that
//! finds it.

use super::{Places, Ram, Store as _, Tree};
use crate::radix::Shape;
use crate::rules::{self, Rule};
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::kexec_metadata_v1::KHO_METADATA_NODE_NAME;
use kho_abi::wire::versions::kho_v4::{
    KHO_FDT_COMPATIBLE, KHO_FDT_MEMORY_MAP_PROP_NAME, KHO_SUB_TREE_PROP_NAME,
    KHO_SUB_TREE_SIZE_PROP_NAME,
};
use kho_abi::wire::versions::luo_v5::LUO_KHO_ENTRY_NAME;
use kho_abi::wire::versions::memblock_v1::MEMBLOCK_KHO_FDT;
use kho_abi::wire::versions::pci_v2::{pci_dev_ser, pci_ser, PCI_LUO_FLB_COMPATIBLE};
use zerocopy::IntoBytes as _;

/// A way in which state can be wrong.
pub struct Corruption {
    /// What it does.
    pub name: &'static str,
    /// The rule that finds it.
    pub rule: &'static Rule,
    /// Applies it.
    pub apply: fn(&mut Ram, &Places),
}

/// An address where the sample has unused memory.
const FREE: u64 = 0x100_0000;
/// An address where the sample has no memory.
const OUTSIDE: u64 = 0x1_0000_0000;
const HEADER: u64 = 16;
const FILE: u64 = 64;
const SESSION: u64 = 80;
const FOLIO: u64 = 16;

/// The page's bit in a leaf of the tree of preserved pages: the leaf, and the bit's number.
fn bit(ram: &Ram, places: &Places, pa: u64, order: u32) -> (u64, u64) {
    let shape = Shape::of(ram.page_size);
    let key = shape.key(pa >> shape.page_shift, order);
    let mut node = places.radix[0];
    for level in (0..shape.levels - 1).rev() {
        let index = key >> (shape.leaf_bits + level * shape.table_bits);
        node = ram.number(node + (index & ((1 << shape.table_bits) - 1)) * 8);
    }
    (node, key & ((1 << shape.leaf_bits) - 1))
}

fn flip(ram: &mut Ram, places: &Places, pa: u64, order: u32) {
    let (leaf, bit) = bit(ram, places, pa, order);
    let at = leaf + bit / 64 * 8;
    let word = ram.number(at);
    ram.set_number(at, word ^ 1 << (bit % 64));
}

/// Removes a page from the tree of preserved pages.
fn forget(ram: &mut Ram, places: &Places, pa: u64) {
    let size = |order: u32| (ram.page_size as u64) << order;
    let blocks = places
        .preserved
        .iter()
        .find(|blocks| blocks.pa <= pa && pa < blocks.pa + blocks.count * size(blocks.order));
    let order = blocks.map_or(0, |blocks| blocks.order);
    flip(ram, places, pa, order);
}

fn file(places: &Places, session: usize, number: u64) -> u64 {
    places.file_blocks[session][0] + HEADER + number * FILE
}

fn session(places: &Places, number: u64) -> u64 {
    places.session_blocks[0] + HEADER + number * SESSION
}

fn folio(places: &Places, memfd: usize, number: u64) -> u64 {
    places.memfds[memfd].list[0] + number * FOLIO
}

/// Writes KHO's device tree again.
fn tree(ram: &mut Ram, places: &Places, map: &[u8], entries: &[(&str, Option<u64>, Option<u64>)]) {
    let mut tree = Tree::new(KHO_FDT_COMPATIBLE);
    tree.property(KHO_FDT_MEMORY_MAP_PROP_NAME, map);
    for (name, data, size) in entries {
        tree.begin(name);
        if let Some(data) = data {
            tree.number(KHO_SUB_TREE_PROP_NAME, *data);
        }
        if let Some(size) = size {
            tree.number(KHO_SUB_TREE_SIZE_PROP_NAME, *size);
        }
        tree.end();
    }
    let mut bytes = tree.finish();
    bytes.resize(ram.page_size, 0);
    ram.write(places.fdt, &bytes);
}

/// Gives an entry another name of the same length.
fn rename(ram: &mut Ram, places: &Places, name: &str, other: &str) {
    let tree = ram.read(places.fdt, ram.page_size);
    let field = [name.as_bytes(), b"\0"].concat();
    let at = tree.windows(field.len()).position(|part| part == field);
    ram.write(places.fdt + at.map_or(0, |at| at as u64), other.as_bytes());
}

/// Gives an entry another size.
fn resize(ram: &mut Ram, places: &Places, name: &str, size: u64) {
    let tree = ram.read(places.fdt, ram.page_size);
    let field = [name.as_bytes(), b"\0"].concat();
    let at = tree.windows(field.len()).position(|part| part == field).unwrap_or(0);
    // Its name, then the address with its header of 12 bytes, then the header of the size.
    let value = (at + field.len()).next_multiple_of(4) + 12 + 8 + 12;
    ram.set_number(places.fdt + value as u64, size);
}

/// Adds a block to the tree of preserved pages, and creates missing nodes.
fn preserve(ram: &mut Ram, places: &Places, pa: u64, order: u32) {
    let shape = Shape::of(ram.page_size);
    let key = shape.key(pa >> shape.page_shift, order);
    let (mut node, mut free) = (places.radix[0], FREE);
    for level in (0..shape.levels - 1).rev() {
        let index = key >> (shape.leaf_bits + level * shape.table_bits);
        let at = node + (index & ((1 << shape.table_bits) - 1)) * 8;
        if ram.number(at) == 0 {
            ram.set_number(at, free);
            free += ram.page_size as u64;
        }
        node = ram.number(at);
    }
    flip(ram, places, pa, order);
}

/// Writes a machine's device tree, whose chosen node leads to KHO's and to scratch areas.
fn scratch(ram: &mut Ram, places: &Places, name: &str, areas: &[(u64, u64)]) {
    let array = FREE + ram.page_size as u64;
    for (number, (start, size)) in areas.iter().enumerate() {
        ram.set_number(array + number as u64 * 16, *start);
        ram.set_number(array + number as u64 * 16 + 8, *size);
    }
    let pair = |at: u64, size: u64| [at.to_be_bytes(), size.to_be_bytes()].concat();
    let mut tree = Tree::new("linux,machine");
    tree.property("#address-cells", &2_u32.to_be_bytes());
    tree.property("#size-cells", &2_u32.to_be_bytes());
    tree.begin("chosen");
    tree.property("linux,kho-fdt", &pair(places.fdt, ram.page_size as u64));
    tree.property(name, &pair(array, areas.len() as u64 * 16));
    tree.end();
    ram.write(FREE, &tree.finish());
}

/// Adds the state of the PCI core, with its pages preserved: devices by domain and address.
fn pci(ram: &mut Ram, places: &Places, version: u32, devices: &[(u32, u16)]) {
    let block = FREE + ram.page_size as u64;
    let count = u32::try_from(devices.len()).unwrap_or(0);
    let ser = pci_ser { version, nr_devices: count, devices: PhysAddr::new(block) };
    ram.write(FREE, ser.as_bytes());
    ram.set_number(block + 8, count.into());
    for (number, (domain, bdf)) in devices.iter().enumerate() {
        let device = pci_dev_ser { domain: *domain, bdf: *bdf, refcount: 1 };
        let at = block + HEADER + (number * size_of::<pci_dev_ser>()) as u64;
        ram.write(at, device.as_bytes());
    }
    for page in [FREE, block] {
        flip(ram, places, page, 0);
    }
    ram.set_number(places.flbs + 8, 1);
    ram.write(places.flbs + 16, PCI_LUO_FLB_COMPATIBLE.as_bytes());
    ram.set_number(places.flbs + 16 + 48, FREE);
    ram.set_number(places.flbs + 16 + 56, 1);
}

fn map(places: &Places) -> [u8; 8] {
    places.radix[0].to_ne_bytes()
}

macro_rules! corruptions {
    ($($name:literal, $rule:ident: |$ram:ident, $places:ident| $apply:expr;)+) => {
        /// Every kind of damage.
        pub static CORRUPTIONS: &[Corruption] = &[$(Corruption {
            name: $name,
            rule: &rules::$rule,
            apply: |$ram, $places| { $apply; },
        }),+];
    };
}

corruptions! {
    "no tree begins anywhere", KHO_NOT_FOUND: |ram, places| {
        let page = vec![0; ram.page_size];
        ram.write(places.fdt, &page);
    };
    "the tree's magic number is another", KHO_TREE_DAMAGED: |ram, places| ram.write(places.fdt, &[0]);
    "the tree's structure begins outside of it", KHO_TREE_DAMAGED: |ram, places| {
        ram.write(places.fdt + 8, &0x1000_0000_u32.to_be_bytes());
    };
    "the tree's string is not KHO's", KHO_TREE_DAMAGED: |ram, places| rename(ram, places, "kho-v4", "lho-v4");
    "the tree's root has no string", KHO_TREE_DAMAGED: |ram, places| {
        rename(ram, places, "compatible", "comqatible");
    };
    "the tree is longer than its page", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 4, &0x2000_u32.to_be_bytes());
    };
    "the tree is shorter than its header", KHO_TREE_DAMAGED: |ram, places| {
        ram.write(places.fdt + 4, &8_u32.to_be_bytes());
    };
    "the tree's structure ends early", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 36, &0x2c_u32.to_be_bytes());
    };
    "the tree's structure ends outside of it", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 36, &0x1000_u32.to_be_bytes());
    };
    "the tree's strings end early", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 32, &11_u32.to_be_bytes());
    };
    "the tree's strings end outside of it", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 32, &0x1000_u32.to_be_bytes());
    };
    "the tree's memory reservations lie outside of it", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 16, &0x1000_0000_u32.to_be_bytes());
    };
    "the tree's memory reservations are not aligned", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 16, &0x29_u32.to_be_bytes());
    };
    "a token of the tree is unknown", FDT_MALFORMED: |ram, places| {
        ram.write(places.fdt + 56 + 8 + 12 + 8 + 12 + 8, &77_u32.to_be_bytes());
    };
    "the tree's version is unknown", COMPATIBLE_UNKNOWN: |ram, places| {
        ram.write(places.fdt + 56 + 8 + 12 + 5, b"9");
    };
    "the map's address has four bytes", KHO_MAP_MISSING: |ram, places| {
        tree(ram, places, &[1; 4], &[]);
    };
    "the map's address is 0", KHO_MAP_MISSING: |ram, places| tree(ram, places, &[0; 8], &[]);
    "an entry has no size", KHO_SUBTREE_INVALID: |ram, places| {
        tree(ram, places, &map(places), &[(LUO_KHO_ENTRY_NAME, Some(places.luo), None)]);
    };
    "an entry is there twice", KHO_SUBTREE_TWICE: |ram, places| {
        let entry = (LUO_KHO_ENTRY_NAME, Some(places.luo), Some(32));
        tree(ram, places, &map(places), &[entry, entry]);
    };
    "LUO's entry has another name", KHO_SUBTREE_MISNAMED: |ram, places| rename(ram, places, "LUO", "MUO");
    "memblock's entry has another name", KHO_SUBTREE_MISNAMED: |ram, places| {
        rename(ram, places, MEMBLOCK_KHO_FDT, "nemblock");
    };
    "the metadata's entry has another name", KHO_SUBTREE_MISNAMED: |ram, places| {
        rename(ram, places, KHO_METADATA_NODE_NAME, "kexec-metadat!");
    };
    "LUO's entry is larger than its root", KHO_SUBTREE_SIZE_WRONG: |ram, places| {
        resize(ram, places, LUO_KHO_ENTRY_NAME, 33);
    };
    "LUO's entry runs over others", KHO_SUBTREE_SIZE_WRONG: |ram, places| {
        resize(ram, places, LUO_KHO_ENTRY_NAME, 32 << 10);
    };
    "the metadata's entry runs over others", KHO_SUBTREE_SIZE_WRONG: |ram, places| {
        resize(ram, places, KHO_METADATA_NODE_NAME, 0x4900);
    };
    "memblock's entry is larger than its tree", KHO_SUBTREE_SIZE_WRONG: |ram, places| {
        resize(ram, places, MEMBLOCK_KHO_FDT, 4096);
    };
    "an entry without a decoder runs over others", PAGE_OWNED_TWICE: |ram, places| {
        flip(ram, places, FREE, 0);
        tree(ram, places, &map(places), &[
            ("ring", Some(places.luo), Some(32)), (LUO_KHO_ENTRY_NAME, Some(places.luo), Some(32)),
        ]);
    };
    "an entry without a decoder is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        tree(ram, places, &map(places), &[("ring", Some(FREE), Some(32))]);
    };
    "an entry without a decoder is larger than memory", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        tree(ram, places, &map(places), &[("ring", Some(FREE), Some(u64::MAX))]);
    };

    "the map's root is not at a page's address", ADDRESS_UNALIGNED: |ram, places| {
        tree(ram, places, &(places.radix[0] + 8).to_ne_bytes(), &[]);
    };
    "the map's root is outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        tree(ram, places, &OUTSIDE.to_ne_bytes(), &[]);
    };
    "a node of the map is its own child", LIST_CYCLE: |ram, places| {
        ram.set_number(places.radix[1] + 511 * 8, places.radix[1]);
    };
    "two nodes of the map are one", LIST_CYCLE: |ram, places| {
        ram.set_number(places.radix[4] + 511 * 8, *places.radix.last().unwrap_or(&0));
    };
    "the map's root has an index that no key has", RADIX_KEY_INVALID: |ram, places| {
        ram.set_number(places.radix[0] + 4 * 8, FREE);
    };
    "the map has the key 0", RADIX_KEY_INVALID: |ram, places| {
        // All indices on the path are 0.
        let mut node = places.radix[0];
        let mut free = FREE;
        for _ in 0..Shape::of(ram.page_size).levels - 1 {
            if ram.number(node) == 0 {
                ram.set_number(node, free);
                free += ram.page_size as u64;
            }
            node = ram.number(node);
        }
        ram.set_number(node, 1);
    };
    "a page outside is preserved", PRESERVED_OUTSIDE_IMAGE: |ram, places| {
        flip(ram, places, 0x700_0000, 0);
    };
    "a page is preserved twice", PRESERVED_TWICE: |ram, places| {
        flip(ram, places, places.memfds[3].folios[0], 0);
    };

    "a page is preserved that nothing refers to", PRESERVED_UNOWNED: |ram, places| {
        flip(ram, places, FREE, 0);
    };
    "a block of 2 GiB is preserved by an earlier kernel", PRESERVED_ORDER_LARGE: |ram, places| {
        preserve(ram, places, 0x8000_0000, 19);
        ram.write(places.metadata + 4, b"7.2.9\0");
    };
    "a preserved page is within scratch", PRESERVED_IN_SCRATCH: |ram, places| {
        let at = 0x120_0000;
        flip(ram, places, at, 0);
        scratch(ram, places, "linux,kho-scratch", &[(0, 0), (at, 2 << 20)]);
    };
    "a preserved page is within boot memory", PRESERVED_IN_SCRATCH: |ram, places| {
        let at = 0x120_0000;
        flip(ram, places, at + 0x1f_f000, 0);
        scratch(ram, places, "linux,kho-bootmem", &[(at, 2 << 20)]);
    };
    "a scratch area is not aligned", SCRATCH_INVALID: |ram, places| {
        scratch(ram, places, "linux,kho-scratch", &[(0x120_0800, 2 << 20)]);
    };
    "a scratch area has an odd size", SCRATCH_INVALID: |ram, places| {
        scratch(ram, places, "linux,kho-scratch", &[(0x120_0000, 0x10_1000)]);
    };
    "a scratch area goes past all addresses", SCRATCH_INVALID: |ram, places| {
        scratch(ram, places, "linux,kho-scratch", &[(0x120_0000, !0x1f_ffff)]);
    };
    "there is no scratch area", SCRATCH_INVALID: |ram, places| {
        scratch(ram, places, "linux,kho-scratch", &[]);
    };

    "KHO's tree is not preserved", PAGE_NOT_PRESERVED: |ram, places| forget(ram, places, places.fdt);
    "LUO's root is not preserved", PAGE_NOT_PRESERVED: |ram, places| forget(ram, places, places.luo);
    "a block of sessions is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.session_blocks[0]);
    };
    "a block of files is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.file_blocks[1][0]);
    };
    "the array of FLBs is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.flbs);
    };
    "a device is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.devices[1]);
    };
    "a memfd is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.memfds[0].ser);
    };
    "a chunk is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.memfds[0].chunks[0]);
    };
    "a page of a list is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.memfds[2].list[1]);
    };
    "a folio is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.memfds[0].folios[7]);
    };
    "a large folio is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.memfds[3].folios[7]);
    };
    "a reservation is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        let block = places.preserved.iter().find(|blocks| blocks.order == 4);
        forget(ram, places, block.map_or(0, |block| block.pa));
    };
    "memblock's tree is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.memblock);
    };
    "the metadata is not preserved", PAGE_NOT_PRESERVED: |ram, places| {
        forget(ram, places, places.metadata);
    };
    "a device is within a block", PAGE_NOT_BLOCK_START: |ram, places| {
        ram.set_number(file(places, 0, 0) + 48, places.memfds[3].folios[0] + ram.page_size as u64);
    };
    "a folio is within a block", PAGE_NOT_BLOCK_START: |ram, places| {
        let at = folio(places, 3, 5);
        let number = ram.number(at);
        ram.set_number(at, number + 1);
    };

    "LUO's entry is smaller than its root", LUO_STATE_TOO_SMALL: |ram, places| {
        tree(ram, places, &map(places), &[(LUO_KHO_ENTRY_NAME, Some(places.luo), Some(16))]);
    };
    "LUO's version is unknown", COMPATIBLE_UNKNOWN: |ram, places| ram.write(places.luo + 5, b"9");
    "LUO's struct has the string of a device tree", COMPATIBLE_UNKNOWN: |ram, places| {
        ram.write(places.luo + 5, b"1");
    };
    "LUO's root was taken for something else", COMPATIBLE_UNKNOWN: |ram, places| {
        ram.write(places.luo, &[0xcc; 32]);
    };
    "LUO's root is outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        tree(ram, places, &map(places), &[(LUO_KHO_ENTRY_NAME, Some(OUTSIDE), Some(32))]);
    };
    "the sessions are outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(places.luo + 16, OUTSIDE);
    };
    "the sessions are at the end of all addresses", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(places.luo + 16, !(ram.page_size as u64 - 1));
    };
    "the sessions are not at a page's address", ADDRESS_UNALIGNED: |ram, places| {
        ram.set_number(places.luo + 16, places.session_blocks[0] + 8);
    };
    "a block of sessions is its own next", LIST_CYCLE: |ram, places| {
        ram.set_number(places.session_blocks[0], places.session_blocks[0]);
    };
    "a block of sessions has no entry", BLOCK_COUNT_INVALID: |ram, places| {
        ram.set_number(places.session_blocks[0] + 8, 0);
    };
    "a block of sessions has one entry too many", BLOCK_COUNT_INVALID: |ram, places| {
        ram.set_number(places.session_blocks[0] + 8, 52);
    };
    "a block of sessions has all entries there are", BLOCK_COUNT_INVALID: |ram, places| {
        ram.set_number(places.session_blocks[0] + 8, u64::MAX);
    };
    "the list of sessions is too long", LIST_TOO_LONG: |ram, places| {
        let size = ram.page_size as u64;
        let mut block = places.session_blocks[0];
        for number in 0..10_000 {
            let next = FREE + number * size;
            ram.set_number(block, next);
            // It needs an entry, whose name is arbitrary.
            ram.set_number(next + 8, 1);
            ram.write(next + 16, format!("session {number}").as_bytes());
            block = next;
        }
    };
    "no live update was counted", LUO_NUMBER_INVALID: |ram, places| ram.set_number(places.luo + 8, 0);
    "bytes follow LUO's string", NAME_NOT_PADDED: |ram, places| ram.write(places.luo + 7, b"x");
    "a session is counted that is not there", NAME_EMPTY: |ram, places| {
        ram.set_number(places.session_blocks[0] + 8, 4);
    };
    "a session has no name", NAME_EMPTY: |ram, places| ram.write(session(places, 0), &[0; 64]);
    "bytes follow a session's name", NAME_NOT_PADDED: |ram, places| {
        ram.write(session(places, 0) + 63, b"x");
    };
    "bytes follow a file's string", NAME_NOT_PADDED: |ram, places| {
        ram.write(file(places, 0, 0) + 40, b"x");
    };
    "bytes follow an FLB's name", NAME_NOT_PADDED: |ram, places| {
        ram.set_number(places.flbs + 8, 1);
        ram.write(places.flbs + 16, b"iommu-v1\0x");
    };
    "an FLB has no name", NAME_EMPTY: |ram, places| {
        ram.set_number(places.flbs + 8, 1);
        ram.set_number(places.flbs + 16 + 48, FREE);
    };
    "a session's name has no end", NAME_UNTERMINATED: |ram, places| {
        ram.write(session(places, 0), &[b'x'; 64]);
    };
    "a session's name is not UTF-8", NAME_NOT_UTF8: |ram, places| {
        ram.write(session(places, 0), b"\xff\xfe");
    };
    "two sessions have one name", NAME_TWICE: |ram, places| {
        let name = ram.read(session(places, 0), 64);
        ram.write(session(places, 1), &name);
    };
    "a session claims a file too many", COUNT_MISMATCH: |ram, places| {
        ram.set_number(session(places, 0) + 72, 4);
    };
    "a session claims files and has no list", COUNT_MISMATCH: |ram, places| {
        ram.set_number(session(places, 0) + 64, 0);
    };
    "a session claims all files there are", COUNT_MISMATCH: |ram, places| {
        ram.set_number(session(places, 0) + 72, u64::MAX);
    };
    "two sessions have one list of files", PAGE_OWNED_TWICE: |ram, places| {
        ram.set_number(session(places, 1) + 64, places.file_blocks[0][0]);
    };
    "the files are outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(session(places, 1) + 64, OUTSIDE);
    };
    "a block of files runs in a circle", LIST_CYCLE: |ram, places| {
        ram.set_number(places.file_blocks[0][0], FREE);
        ram.set_number(FREE, places.file_blocks[0][0]);
        ram.set_number(FREE + 8, 1);
    };
    "a block of files has one entry too many", BLOCK_COUNT_INVALID: |ram, places| {
        ram.set_number(places.file_blocks[0][0] + 8, 64);
    };
    "a file's compatible string has no end", NAME_UNTERMINATED: |ram, places| {
        ram.write(file(places, 0, 0), &[b'v'; 48]);
    };
    "a file has no compatible string", COMPATIBLE_UNKNOWN: |ram, places| {
        ram.write(file(places, 0, 0), &[0; 48]);
    };
    "a file leads nowhere", ADDRESS_NULL: |ram, places| {
        ram.set_number(file(places, 0, 1) + 48, 0);
    };
    "a file leads outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(file(places, 0, 1) + 48, OUTSIDE);
    };
    "a file leads past the end of all addresses", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(file(places, 0, 1) + 48, u64::MAX - 7);
    };
    "two files have one token", TOKEN_TWICE: |ram, places| {
        ram.set_number(file(places, 0, 1) + 56, 1);
    };
    "two files have one device", DEVICE_TWICE: |ram, places| {
        let device = ram.read(places.devices[0], 4);
        ram.write(places.devices[1], &device);
    };
    "two files lead to one page", PAGE_OWNED_TWICE: |ram, places| {
        ram.set_number(file(places, 1, 0) + 48, places.devices[0]);
    };

    "the header of FLBs has no pages", FLB_HEADER_INVALID: |ram, places| {
        ram.set_number(places.flbs, 0);
    };
    "the header of FLBs has all pages there are", FLB_HEADER_INVALID: |ram, places| {
        ram.set_number(places.flbs, u64::MAX);
    };
    "the header of FLBs has an entry too many", FLB_HEADER_INVALID: |ram, places| {
        ram.set_number(places.flbs + 8, 64);
    };
    "an FLB is there twice", FLB_TWICE: |ram, places| {
        ram.set_number(places.flbs + 8, 2);
        ram.write(places.flbs + 16, b"iommu-v1");
        ram.write(places.flbs + 80, b"iommu-v1");
    };
    "an FLB's name has no end", NAME_UNTERMINATED: |ram, places| {
        ram.set_number(places.flbs + 8, 1);
        ram.write(places.flbs + 16, &[b'f'; 48]);
    };
    "the array of FLBs is outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(places.luo + 24, OUTSIDE);
    };

    "two PCI devices are out of order", PCI_DEVICES_UNORDERED: |ram, places| {
        pci(ram, places, 2, &[(0, 0x100), (0x1_0000, 0x8), (1, 0)]);
    };
    "a PCI device is there twice", PCI_DEVICES_UNORDERED: |ram, places| {
        pci(ram, places, 2, &[(0, 0x100), (0, 0x100)]);
    };
    "the PCI core claims a device too many", COUNT_MISMATCH: |ram, places| {
        pci(ram, places, 1, &[(0, 0x100), (0, 0x108)]);
        ram.write(FREE + 4, &3_u32.to_ne_bytes());
    };

    "a memfd has unknown seals", MEMFD_SEALS_UNKNOWN: |ram, places| {
        ram.write(places.memfds[0].ser + 16, &0x40_u32.to_ne_bytes());
    };
    "a memfd has flags", RESERVED_BITS: |ram, places| {
        ram.write(places.memfds[0].ser + 20, &1_u32.to_ne_bytes());
    };
    "a memfd is larger than any", MEMFD_INVALID: |ram, places| {
        ram.set_number(places.memfds[0].ser + 8, u64::MAX);
    };
    "a memfd's position is invalid", MEMFD_INVALID: |ram, places| {
        ram.set_number(places.memfds[0].ser, 1 << 63);
    };
    "a memfd of no size has folios", MEMFD_INVALID: |ram, places| {
        ram.set_number(places.memfds[0].ser + 8, 0);
    };
    "a memfd claims more folios than its list has", COUNT_MISMATCH: |ram, places| {
        ram.set_number(places.memfds[0].ser + 24, 257);
    };
    "a memfd claims all folios there are", COUNT_MISMATCH: |ram, places| {
        ram.set_number(places.memfds[0].ser + 24, u64::MAX);
    };
    "a memfd's list claims a page too many", VMALLOC_INVALID: |ram, places| {
        ram.write(places.memfds[0].ser + 40, &2_u32.to_ne_bytes());
    };
    "a memfd's list claims four billion pages", VMALLOC_INVALID: |ram, places| {
        ram.write(places.memfds[0].ser + 40, &u32::MAX.to_ne_bytes());
    };
    "a memfd's list claims no page", VMALLOC_INVALID: |ram, places| {
        ram.write(places.memfds[0].ser + 40, &0_u32.to_ne_bytes());
    };
    "a memfd's list has unknown flags", RESERVED_BITS: |ram, places| {
        ram.write(places.memfds[0].ser + 44, &5_u16.to_ne_bytes());
    };
    "a memfd's list has order 52", VMALLOC_INVALID: |ram, places| {
        ram.write(places.memfds[0].ser + 46, &52_u16.to_ne_bytes());
    };
    "a memfd's list has order 65535", VMALLOC_INVALID: |ram, places| {
        ram.write(places.memfds[0].ser + 46, &u16::MAX.to_ne_bytes());
    };
    "a chunk is its own next", LIST_CYCLE: |ram, places| {
        ram.set_number(places.memfds[0].chunks[0], places.memfds[0].chunks[0]);
    };
    "an empty chunk is its own next", LIST_TOO_LONG: |ram, places| {
        ram.set_number(places.memfds[0].chunks[0], FREE);
        ram.set_number(FREE, FREE);
    };
    "a chunk is not at a page's address", ADDRESS_UNALIGNED: |ram, places| {
        ram.set_number(places.memfds[0].ser + 32, places.memfds[0].chunks[0] + 8);
    };
    "a chunk is outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(places.memfds[0].ser + 32, OUTSIDE);
    };
    "a page of a list is outside", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        ram.set_number(places.memfds[0].chunks[0] + 8, OUTSIDE);
    };
    "a page of a list is not at a page's address", ADDRESS_UNALIGNED: |ram, places| {
        ram.set_number(places.memfds[0].chunks[0] + 8, places.memfds[0].list[0] + 16);
    };
    "two lists have one page", PAGE_OWNED_TWICE: |ram, places| {
        ram.set_number(places.memfds[0].chunks[0] + 8, places.memfds[1].list[0]);
    };
    "a memfd is longer than its list", MEMFD_PAGES_MISSING: |ram, places| {
        ram.set_number(places.memfds[0].ser + 8, 20 * 4096);
    };
    "half of a memfd's folios are not counted", MEMFD_PAGES_MISSING: |ram, places| {
        ram.set_number(places.memfds[0].ser + 24, 8);
    };
    "a memfd claims no folios", MEMFD_PAGES_MISSING: |ram, places| {
        ram.set_number(places.memfds[0].ser + 24, 0);
    };
    "a memfd's large folio is not counted", MEMFD_PAGES_MISSING: |ram, places| {
        let told = ram.number(places.memfds[3].ser + 24);
        ram.set_number(places.memfds[3].ser + 24, told - 1);
    };
    "a folio is clean", MEMFD_FOLIO_CLEAN: |ram, places| {
        let at = folio(places, 0, 3);
        let number = ram.number(at);
        ram.set_number(at, number & !(1 << 52));
    };
    "a folio is not up to date", MEMFD_FOLIO_NOT_UPTODATE: |ram, places| {
        let at = folio(places, 3, 3);
        let number = ram.number(at);
        ram.set_number(at, number & !(2 << 52));
    };
    "a folio has unknown flags", RESERVED_BITS: |ram, places| {
        let at = folio(places, 0, 3);
        let number = ram.number(at);
        ram.set_number(at, number | 1 << 54);
    };
    "an entry has no folio", MEMFD_FOLIO_MISSING: |ram, places| {
        ram.set_number(folio(places, 0, 3), 0);
    };
    "a folio is behind the end", MEMFD_FOLIO_BEYOND_END: |ram, places| {
        ram.set_number(folio(places, 0, 15) + 8, 16);
    };
    "a folio is at the end of all places", MEMFD_FOLIO_BEYOND_END: |ram, places| {
        ram.set_number(folio(places, 3, 15) + 8, u64::MAX);
    };
    "two folios have one place", MEMFD_FOLIO_INDEX_TWICE: |ram, places| {
        ram.set_number(folio(places, 0, 9) + 8, 2);
    };
    "a folio is in the list twice", MEMFD_FOLIO_INDEX_TWICE: |ram, places| {
        let entry = ram.read(folio(places, 0, 8), 16);
        ram.write(folio(places, 0, 9), &entry);
    };
    "a folio is outside, though preserved", ADDRESS_OUTSIDE_IMAGE: |ram, places| {
        flip(ram, places, 0x700_0000, 0);
        ram.set_number(folio(places, 0, 3), (3 << 52) | (0x700_0000 / ram.page_size as u64));
    };
    "two memfds have one folio", PAGE_OWNED_TWICE: |ram, places| {
        let page = ram.number(folio(places, 0, 3));
        ram.set_number(folio(places, 1, 3), page);
    };
    "a folio is a block of files", PAGE_OWNED_TWICE: |ram, places| {
        let page = places.file_blocks[0][0] / ram.page_size as u64;
        ram.set_number(folio(places, 0, 3), 3 << 52 | page);
    };

    "memblock's version is unknown", COMPATIBLE_UNKNOWN: |ram, places| {
        ram.write(places.memblock + 56 + 8 + 12 + 10, b"9");
    };
    "memblock's tree is invalid", FDT_MALFORMED: |ram, places| ram.write(places.memblock, &[0; 4]);
    "a reservation has no size", MEMBLOCK_INVALID: |ram, places| {
        let mut tree = Tree::new("memblock-v1");
        tree.begin("trace");
        tree.string("compatible", "reserve-mem-v1");
        tree.number("start", FREE);
        tree.end();
        ram.write(places.memblock, &tree.finish());
    };
    "a reservation is not of pages", MEMBLOCK_INVALID: |ram, places| {
        let mut tree = Tree::new("memblock-v1");
        tree.begin("trace");
        tree.string("compatible", "reserve-mem-v1");
        tree.number("start", FREE + 1);
        tree.number("size", 4096);
        tree.end();
        ram.write(places.memblock, &tree.finish());
    };
    "the metadata's version is unknown", KEXEC_METADATA_INVALID: |ram, places| {
        ram.write(places.metadata, &2_u32.to_ne_bytes());
    };
    "no kexec was counted", KEXEC_METADATA_INVALID: |ram, places| {
        ram.write(places.metadata + 69, &[0; 4]);
    };
    "the release is empty", NAME_EMPTY: |ram, places| ram.write(places.metadata + 4, &[0; 65]);
    "bytes follow the release", NAME_NOT_PADDED: |ram, places| ram.write(places.metadata + 68, b"x");
    "the release has no end", NAME_UNTERMINATED: |ram, places| {
        ram.write(places.metadata + 4, &[b'7'; 65]);
    };
}
