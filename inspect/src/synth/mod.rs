// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A reference writer of preserved state, for tests and benchmarks without a kernel.
//!
//! It writes what a kernel writes, into memory or into a sparse file: any number of sessions, files
//! and folios. [`corrupt`] damages it, [`container`] converts it to image formats.

pub mod container;
pub mod corrupt;
pub mod counted;
pub mod made_up;
mod tree;

pub use tree::Tree;

use crate::radix::Shape;
use kho_abi::wire::block::kho_block_header_ser;
use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::phys::{KhoserPtr, PhysAddr};
use kho_abi::wire::versions::kexec_metadata_v1::{
    kho_kexec_metadata, KHO_KEXEC_METADATA_VERSION, KHO_METADATA_NODE_NAME,
};
use kho_abi::wire::versions::kho_v4::{
    KHO_FDT_COMPATIBLE, KHO_FDT_MEMORY_MAP_PROP_NAME, KHO_SUB_TREE_PROP_NAME,
    KHO_SUB_TREE_SIZE_PROP_NAME,
};
use kho_abi::wire::versions::luo_v5::{
    luo_file_ser, luo_file_set_ser, luo_flb_header_ser, luo_flb_ser, luo_ser, luo_session_ser,
    LUO_ABI_COMPATIBLE, LUO_KHO_ENTRY_NAME,
};
use kho_abi::wire::versions::memblock_v1::{MEMBLOCK_KHO_FDT, MEMBLOCK_KHO_NODE_COMPATIBLE};
use kho_abi::wire::versions::memfd_v2::{
    memfd_luo_folio_ser, memfd_luo_ser, MEMFD_LUO_FH_COMPATIBLE,
};
use kho_abi::wire::versions::reserve_mem_v1::RESERVE_MEM_KHO_NODE_COMPATIBLE;
use kho_abi::wire::versions::vfio_pci_v1::{vfio_pci_core_device_ser, VFIO_PCI_LUO_FH_COMPATIBLE};
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::fs::File;
use std::os::unix::fs::FileExt;
use zerocopy::{FromZeros as _, IntoBytes};

/// Memory that state is written into.
pub trait Store {
    /// Writes bytes at a physical address.
    fn write(&mut self, pa: u64, bytes: &[u8]);
}

/// Memory that a test holds: the pages that were written to.
#[derive(Clone, Debug)]
pub struct Ram {
    /// Size of a page, in bytes.
    pub page_size: usize,
    /// The address after the last one.
    pub end: u64,
    /// The pages that were written to, by their addresses.
    pub pages: BTreeMap<u64, Vec<u8>>,
}

impl Ram {
    /// Empty memory from address 0 on.
    #[must_use]
    pub fn new(page_size: usize, end: u64) -> Self {
        Self { page_size, end, pages: BTreeMap::new() }
    }

    /// Reads bytes; what was never written is zero.
    #[must_use]
    pub fn read(&self, pa: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let at = pa + index as u64;
            let page = at / self.page_size as u64 * self.page_size as u64;
            let within = usize::try_from(at - page).unwrap_or(0);
            *byte = self.pages.get(&page).map_or(0, |page| page[within]);
        }
        bytes
    }

    /// Reads a number.
    #[must_use]
    pub fn number(&self, pa: u64) -> u64 {
        self.read(pa, 8).try_into().map_or(0, u64::from_ne_bytes)
    }

    /// Writes a number.
    pub fn set_number(&mut self, pa: u64, value: u64) {
        self.write(pa, &value.to_ne_bytes());
    }
}

impl Store for Ram {
    fn write(&mut self, pa: u64, bytes: &[u8]) {
        let size = self.page_size as u64;
        let mut at = pa;
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let page = at / size * size;
            let within = usize::try_from(at - page).unwrap_or(0);
            let (now, later) = bytes.split_at(bytes.len().min(self.page_size - within));
            let page = self.pages.entry(page).or_insert_with(|| vec![0; self.page_size]);
            page[within..within + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            bytes = later;
        }
    }
}

/// A file is raw memory. Only benchmarks use this, and a full file system may end them.
impl Store for File {
    fn write(&mut self, pa: u64, bytes: &[u8]) {
        self.write_all_at(bytes, pa).expect("the file has room");
    }
}

/// The order of a memfd's folios in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// In ascending order.
    Ascending,
    /// In descending order.
    Descending,
    /// In no order.
    Scattered,
}

/// A memfd to write.
#[derive(Clone, Debug)]
pub struct MemfdSpec {
    /// Size of the file, in bytes.
    pub size: u64,
    /// Position.
    pub pos: u64,
    /// Seals.
    pub seals: u32,
    /// Order of each folio.
    pub order: u32,
    /// The order of the folios in memory.
    pub lie: Lie,
    /// The order of the list's pages in memory.
    pub list: Lie,
    /// Whether to fill the folios; otherwise they are left as they are.
    pub filled: bool,
}

impl Default for MemfdSpec {
    fn default() -> Self {
        Self {
            size: 64 << 10,
            pos: 0,
            seals: 0,
            order: 0,
            lie: Lie::Ascending,
            list: Lie::Ascending,
            filled: true,
        }
    }
}

/// Where the parts of a memfd are.
#[derive(Clone, Debug, Default)]
pub struct MemfdPlaces {
    /// Its struct.
    pub ser: u64,
    /// The chunks of its list.
    pub chunks: Vec<u64>,
    /// The pages of its list.
    pub list: Vec<u64>,
    /// Its folios, by their place in the file; the first thousand.
    pub folios: Vec<u64>,
}

/// Where everything is.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// KHO's device tree.
    pub fdt: u64,
    /// The nodes of the tree of preserved pages; the root is the first.
    pub radix: Vec<u64>,
    /// LUO's root.
    pub luo: u64,
    /// The blocks of sessions.
    pub session_blocks: Vec<u64>,
    /// The blocks of files, of each session.
    pub file_blocks: Vec<Vec<u64>>,
    /// The array of FLBs.
    pub flbs: u64,
    /// Devices' structs.
    pub devices: Vec<u64>,
    /// memfds.
    pub memfds: Vec<MemfdPlaces>,
    /// memblock's device tree.
    pub memblock: u64,
    /// The kernel's metadata.
    pub metadata: u64,
    /// Everything that is preserved.
    pub preserved: Vec<Blocks>,
}

/// Consecutive preserved blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Address of the first.
    pub pa: u64,
    /// Order of each.
    pub order: u32,
    /// Number of them.
    pub count: u64,
}

struct FileSpec {
    compatible: String,
    data: u64,
    token: u64,
}

struct SessionSpec {
    name: String,
    files: Vec<FileSpec>,
}

/// A session, by number.
#[derive(Clone, Copy, Debug)]
pub struct SessionId(usize);

/// Writes state, piece by piece.
pub struct Synth<S> {
    store: S,
    page_size: usize,
    next: u64,
    sessions: Vec<SessionSpec>,
    flbs: Vec<(String, u64, u64)>,
    reservations: Vec<(String, u64, u64)>,
    entries: Vec<(String, u64, u64)>,
    places: Places,
    /// Numbers of live updates.
    pub liveupdate_num: u64,
    /// Whether to write sessions, as during the reboot.
    pub serialised: bool,
    /// Whether to write LUO's state in its present version; another version is an ordinary entry.
    pub luo: bool,
    /// The compatible string in the root of KHO's device tree.
    pub compatible: &'static str,
}

/// The first address to allocate.
const START: u64 = 1 << 20;

/// Copies a name into a field, and truncates it if it is too long.
fn set_name(field: &mut [c_char], name: &str) {
    let bytes = field.as_mut_bytes();
    let len = name.len().min(bytes.len());
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
}

impl<S: Store> Synth<S> {
    /// Starts writing, with pages of that many bytes.
    pub fn new(store: S, page_size: usize) -> Self {
        Self {
            store,
            page_size,
            next: START,
            sessions: Vec::new(),
            flbs: Vec::new(),
            reservations: Vec::new(),
            entries: Vec::new(),
            places: Places::default(),
            liveupdate_num: 1,
            serialised: true,
            luo: true,
            compatible: KHO_FDT_COMPATIBLE,
        }
    }

    fn page(&self) -> u64 {
        self.page_size as u64
    }

    /// Allocates memory from an address on, before anything is allocated.
    pub fn start_at(&mut self, pa: u64) {
        self.next = pa;
    }

    /// Allocates a block of memory, and preserves it.
    pub fn allocate(&mut self, order: u32) -> u64 {
        let size = self.page() << order;
        let pa = self.next.next_multiple_of(size);
        self.next = pa + size;
        self.places.preserved.push(Blocks { pa, order, count: 1 });
        pa
    }

    /// Writes bytes into allocated memory.
    pub fn write(&mut self, pa: u64, bytes: &[u8]) {
        self.store.write(pa, bytes);
    }

    /// Allocates memory that is not preserved.
    pub fn skip(&mut self, bytes: u64) -> u64 {
        let pa = self.next.next_multiple_of(self.page());
        self.next = (pa + bytes).next_multiple_of(self.page());
        pa
    }

    /// The address after all allocated memory.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// Adds a session.
    pub fn session(&mut self, name: &str) -> SessionId {
        self.sessions.push(SessionSpec { name: name.into(), files: Vec::new() });
        SessionId(self.sessions.len() - 1)
    }

    /// Adds a file of any handler.
    pub fn file(&mut self, session: SessionId, token: u64, compatible: &str, data: u64) {
        let file = FileSpec { compatible: compatible.into(), data, token };
        self.sessions[session.0].files.push(file);
    }

    /// Adds a device of vfio-pci.
    ///
    /// # Panics
    ///
    /// If the address is invalid.
    pub fn device(&mut self, session: SessionId, token: u64, address: &str) -> u64 {
        let ser: vfio_pci_core_device_ser = address.parse().expect("it is a PCI address");
        let pa = self.allocate(0);
        self.store.write(pa, ser.as_bytes());
        self.places.devices.push(pa);
        self.file(session, token, VFIO_PCI_LUO_FH_COMPATIBLE, pa);
        pa
    }

    /// Adds a memfd.
    pub fn memfd(&mut self, session: SessionId, token: u64, spec: &MemfdSpec) -> u64 {
        let pa = self.allocate(0);
        self.places.memfds.push(MemfdPlaces { ser: pa, ..MemfdPlaces::default() });
        let mut ser = memfd_luo_ser::new_zeroed();
        (ser.pos, ser.size, ser.seals) = (spec.pos, spec.size, spec.seals);
        if spec.size > 0 {
            let folios = spec.size.div_ceil(self.page() << spec.order);
            ser.nr_folios = folios;
            ser.folios = self.folio_list(spec, folios);
        }
        self.store.write(pa, ser.as_bytes());
        self.file(session, token, MEMFD_LUO_FH_COMPATIBLE, pa);
        pa
    }

    /// Writes folios and their list.
    fn folio_list(&mut self, spec: &MemfdSpec, folios: u64) -> kho_vmalloc {
        let size = self.page() << spec.order;
        let first = self.next.next_multiple_of(size);
        self.next = first + size * folios;
        let order = Order::new(spec.lie, folios);
        let place = |number: u64| first + size * order.place(number);
        let per_page = self.page() / size_of::<memfd_luo_folio_ser>() as u64;
        let pages = folios.div_ceil(per_page);
        let list_first = self.next;
        self.next += pages * self.page();
        let page_size = self.page();
        let list_order = Order::new(spec.list, pages);
        let list_place = |number: u64| list_first + page_size * list_order.place(number);
        self.places.preserved.push(Blocks { pa: first, order: spec.order, count: folios });
        self.places.preserved.push(Blocks { pa: list_first, order: 0, count: pages });

        for number in 0..if spec.filled { folios } else { folios.min(1000) } {
            if number < 1000 {
                self.places.memfds.last_mut().expect("there is one").folios.push(place(number));
            }
            if spec.filled {
                let left = (spec.size - number * size).min(size);
                self.store.write(place(number), &content(number * size, left));
            }
        }
        let mut page = Vec::with_capacity(self.page_size);
        for number in 0..pages {
            let pa = list_place(number);
            self.places.memfds.last_mut().expect("there is one").list.push(pa);
            page.clear();
            for folio in number * per_page..((number + 1) * per_page).min(folios) {
                let mut entry = memfd_luo_folio_ser::new_zeroed();
                entry.set_pfn(place(folio) / self.page()).expect("it is in memory");
                entry.set_flags(3).expect("it fits");
                entry.index = folio << spec.order;
                page.extend_from_slice(entry.as_bytes());
            }
            self.store.write(pa, &page);
        }
        let pages: Vec<u64> = (0..pages).map(list_place).collect();
        let first = self.chunks(&pages);
        kho_vmalloc {
            first: KhoserPtr::new(PhysAddr::new(first)),
            total_pages: u32::try_from(pages.len()).expect("there are not so many"),
            flags: 1,
            order: 0,
        }
    }

    /// Writes the chunks of a list of pages.
    fn chunks(&mut self, pages: &[u64]) -> u64 {
        let room = self.page_size / 8 - 1;
        // If a list fills its chunks exactly, an empty chunk follows.
        let count = pages.len() / room + 1;
        let chunks: Vec<u64> = (0..count).map(|_| self.allocate(0)).collect();
        for (index, chunk) in chunks.iter().enumerate() {
            let next = chunks.get(index + 1).copied().unwrap_or(0);
            let part = pages.chunks(room).nth(index).unwrap_or_default();
            let words: Vec<u64> = std::iter::once(next).chain(part.iter().copied()).collect();
            self.store.write(*chunk, words.as_bytes());
        }
        let places = self.places.memfds.last_mut().expect("there is one");
        places.chunks = chunks;
        places.chunks[0]
    }

    /// Adds a memfd with the given content.
    ///
    /// # Panics
    ///
    /// If the content is longer than a thousand pages.
    pub fn memfd_of(&mut self, session: SessionId, token: u64, content: &[u8]) -> u64 {
        let size = content.len() as u64;
        let pa =
            self.memfd(session, token, &MemfdSpec { size, filled: false, ..MemfdSpec::default() });
        let folios = self.places.memfds.last().expect("there is one").folios.clone();
        for (page, bytes) in content.chunks(self.page_size).enumerate() {
            self.store.write(folios[page], bytes);
        }
        pa
    }

    /// Adds an FLB.
    pub fn flb(&mut self, name: &str, data: u64, count: u64) {
        self.flbs.push((name.into(), data, count));
    }

    /// Reserves memory by name.
    pub fn reserve(&mut self, name: &str, order: u32) -> u64 {
        let pa = self.allocate(order);
        self.reservations.push((name.into(), pa, self.page() << order));
        pa
    }

    /// Adds an entry of KHO.
    pub fn entry(&mut self, name: &str, data: u64, size: u64) {
        self.entries.push((name.into(), data, size));
    }

    /// Writes which kernel handed over.
    pub fn metadata(&mut self, release: &str, kexec_count: u32) {
        let mut ser = kho_kexec_metadata::new_zeroed();
        ser.version = KHO_KEXEC_METADATA_VERSION;
        ser.kexec_count = kexec_count;
        let mut name = ser.previous_release;
        set_name(&mut name, release);
        ser.previous_release = name;
        let pa = self.allocate(0);
        self.store.write(pa, ser.as_bytes());
        self.places.metadata = pa;
        self.entry(KHO_METADATA_NODE_NAME, pa, size_of::<kho_kexec_metadata>() as u64);
    }

    /// Writes a list of blocks, and returns their addresses.
    fn blocks(&mut self, entries: &[u8], entry_size: usize) -> Vec<u64> {
        let capacity = kho_block_header_ser::capacity(self.page_size, entry_size).unwrap_or(1);
        let parts: Vec<&[u8]> = entries.chunks(capacity * entry_size).collect();
        let blocks: Vec<u64> = parts.iter().map(|_| self.allocate(0)).collect();
        for (index, (block, part)) in blocks.iter().zip(parts).enumerate() {
            let next = PhysAddr::new(blocks.get(index + 1).copied().unwrap_or(0));
            let header = kho_block_header_ser { next, count: (part.len() / entry_size) as u64 };
            self.store.write(*block, &[header.as_bytes(), part].concat());
        }
        blocks
    }

    fn write_luo(&mut self) {
        let root = self.allocate(0);
        let mut ser = luo_ser::new_zeroed();
        let mut compatible = ser.compatible;
        set_name(&mut compatible, LUO_ABI_COMPATIBLE);
        ser.compatible = compatible;
        ser.liveupdate_num = self.liveupdate_num;
        if self.serialised {
            let mut sessions = Vec::new();
            for session in std::mem::take(&mut self.sessions) {
                let mut files = Vec::new();
                for file in &session.files {
                    let mut entry = luo_file_ser::new_zeroed();
                    let mut compatible = entry.compatible;
                    set_name(&mut compatible, &file.compatible);
                    entry.compatible = compatible;
                    (entry.data, entry.token) = (file.data, file.token);
                    files.extend_from_slice(entry.as_bytes());
                }
                let blocks = self.blocks(&files, size_of::<luo_file_ser>());
                let mut entry = luo_session_ser::new_zeroed();
                let mut name = entry.name;
                set_name(&mut name, &session.name);
                entry.name = name;
                entry.file_set_ser = luo_file_set_ser {
                    files: PhysAddr::new(blocks.first().copied().unwrap_or(0)),
                    count: session.files.len() as u64,
                };
                self.places.file_blocks.push(blocks);
                sessions.extend_from_slice(entry.as_bytes());
            }
            let blocks = self.blocks(&sessions, size_of::<luo_session_ser>());
            ser.sessions_pa = PhysAddr::new(blocks.first().copied().unwrap_or(0));
            self.places.session_blocks = blocks;
        }
        let flbs = self.allocate(0);
        let header = luo_flb_header_ser { pgcnt: 1, count: self.flbs.len() as u64 };
        let mut bytes = header.as_bytes().to_vec();
        for (name, data, count) in &self.flbs {
            let mut entry = luo_flb_ser::new_zeroed();
            let mut field = entry.name;
            set_name(&mut field, name);
            entry.name = field;
            (entry.data, entry.count) = (*data, *count);
            bytes.extend_from_slice(entry.as_bytes());
        }
        self.store.write(flbs, &bytes);
        ser.flbs_pa = PhysAddr::new(flbs);
        self.store.write(root, ser.as_bytes());
        self.places.luo = root;
        self.places.flbs = flbs;
        self.entry(LUO_KHO_ENTRY_NAME, root, size_of::<luo_ser>() as u64);
    }

    fn write_memblock(&mut self) {
        if self.reservations.is_empty() {
            return;
        }
        let mut tree = Tree::new(MEMBLOCK_KHO_NODE_COMPATIBLE);
        for (name, start, size) in &self.reservations {
            tree.begin(name);
            tree.string("compatible", RESERVE_MEM_KHO_NODE_COMPATIBLE);
            tree.number("start", *start);
            tree.number("size", *size);
            tree.end();
        }
        let bytes = tree.finish();
        let pa = self.allocate(0);
        self.store.write(pa, &bytes);
        self.places.memblock = pa;
        self.entry(MEMBLOCK_KHO_FDT, pa, bytes.len() as u64);
    }

    /// Writes the tree of what is preserved, and returns its nodes, the root first.
    ///
    /// The tree does not contain its own pages.
    pub fn radix(&mut self) -> Vec<u64> {
        let shape = Shape::of(self.page_size);
        let shift = self.page_size.trailing_zeros();
        let mut keys: Vec<(u64, u64)> = self
            .places
            .preserved
            .iter()
            .map(|blocks| (shape.key(blocks.pa >> shift, blocks.order), blocks.count))
            .collect();
        keys.sort_unstable();
        // Each leaf's share of the pages.
        let per_leaf = 1 << shape.leaf_bits;
        let keys = keys.into_iter().flat_map(|(first, count)| {
            let end = first + count;
            let next = move |key: u64| (key / per_leaf + 1) * per_leaf;
            std::iter::successors(Some(first), move |key| Some(next(*key)).filter(|key| *key < end))
                .map(move |key| (key, end.min(next(key)) - key))
        });
        let root = self.skip(self.page());
        let mut nodes = vec![root];
        // The nodes on the path to the last key, by level, with the prefix of the key that led
        // there.
        let mut way: Vec<(u64, u64)> = Vec::new();
        let mut leaf = vec![0_u8; self.page_size];
        let mut leaf_pa = None;
        for (key, count) in keys {
            let prefix = key >> shape.leaf_bits;
            if way.last().map(|(prefix, _)| *prefix) != Some(prefix) {
                if let Some(pa) = leaf_pa {
                    self.store.write(pa, &leaf);
                }
                leaf.fill(0);
                let mut parent = root;
                let below_root = shape.levels as usize - 1;
                let old = std::mem::take(&mut way);
                for depth in 0..below_root {
                    let rest = u32::try_from(below_root - depth - 1).unwrap_or(0);
                    let part = prefix >> (rest * shape.table_bits);
                    let pa = match old.get(depth) {
                        Some((known, pa)) if *known == part => *pa,
                        _ => {
                            let pa = self.skip(self.page());
                            nodes.push(pa);
                            let index = part & ((1 << shape.table_bits) - 1);
                            self.store.write(parent + index * 8, &pa.to_ne_bytes());
                            pa
                        }
                    };
                    way.push((part, pa));
                    parent = pa;
                }
                leaf_pa = Some(parent);
            }
            let bit = usize::try_from(key & ((1 << shape.leaf_bits) - 1)).unwrap_or(0);
            for bit in bit..bit + usize::try_from(count).unwrap_or(0) {
                leaf[bit / 8] |= 1 << (bit % 8);
            }
        }
        if let Some(pa) = leaf_pa {
            self.store.write(pa, &leaf);
        }
        nodes
    }

    /// Writes what leads to everything, and returns where it all is.
    pub fn finish(mut self) -> (S, Places) {
        if self.luo {
            self.write_luo();
        }
        self.write_memblock();
        let fdt = self.allocate(0);
        self.places.fdt = fdt;
        let radix = self.radix();
        let mut tree = Tree::new(self.compatible);
        tree.number(KHO_FDT_MEMORY_MAP_PROP_NAME, radix[0]);
        for (name, data, size) in &self.entries {
            tree.begin(name);
            tree.number(KHO_SUB_TREE_PROP_NAME, *data);
            tree.number(KHO_SUB_TREE_SIZE_PROP_NAME, *size);
            tree.end();
        }
        self.places.radix = radix;
        self.store.write(fdt, &tree.finish());
        (self.store, self.places)
    }
}

/// The order of items.
struct Order {
    lie: Lie,
    of: u64,
    step: u64,
}

impl Order {
    fn new(lie: Lie, of: u64) -> Self {
        // Any factor that is coprime to the number visits all of them.
        let mut step = of / 2 + of / 9 + 1;
        while gcd(step, of) != 1 {
            step += 1;
        }
        Self { lie, of, step }
    }

    fn place(&self, number: u64) -> u64 {
        match self.lie {
            Lie::Ascending => number,
            Lie::Descending => self.of - 1 - number,
            Lie::Scattered => {
                let place = u128::from(number) * u128::from(self.step) % u128::from(self.of);
                u64::try_from(place).unwrap_or(0)
            }
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

/// The content of a memfd from an offset on: no two pages are equal, and some are zero.
#[must_use]
pub fn content(offset: u64, len: u64) -> Vec<u8> {
    (offset..offset + len)
        .map(|at| {
            let page = at >> 12;
            if page % 5 == 4 {
                0
            } else {
                u8::try_from((page.wrapping_mul(31) ^ at.wrapping_mul(7)) & 0xff).unwrap_or(0) | 1
            }
        })
        .collect()
}

/// A state with one item of each kind, in memory of 64 MiB.
#[must_use]
pub fn sample(page_size: usize) -> (Ram, Places) {
    sample_at(page_size, 0)
}

/// The same state in memory that begins at an address.
#[must_use]
pub fn sample_at(page_size: usize, base: u64) -> (Ram, Places) {
    let mut synth = Synth::new(Ram::new(page_size, base + (64 << 20)), page_size);
    synth.start_at(base + START);
    let vm = synth.session("vm0");
    synth.device(vm, 1, "0000:01:00.0");
    synth.memfd(vm, 2, &MemfdSpec { seals: 0xf, pos: 7, ..MemfdSpec::default() });
    let lie = Lie::Descending;
    synth.memfd(vm, 3, &MemfdSpec { size: 100_001, lie, list: lie, ..MemfdSpec::default() });
    let other = synth.session("vm1");
    synth.device(other, 1, "0001:02:03.4");
    let lie = Lie::Scattered;
    synth.memfd(other, 2, &MemfdSpec { size: 2 << 20, lie, ..MemfdSpec::default() });
    synth.memfd(other, 3, &MemfdSpec { size: 6 << 20, order: 2, ..MemfdSpec::default() });
    synth.memfd(other, 4, &MemfdSpec { size: 0, ..MemfdSpec::default() });
    synth.session("empty");
    synth.reserve("trace", 4);
    synth.metadata("7.3.4", 2);
    synth.finish()
}
