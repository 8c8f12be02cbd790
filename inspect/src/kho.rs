// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! KHO's own state: the device tree, its entries, and what each of them leads to.

use crate::fdt::{number, string, Event, Fdt};
use crate::finding::{address, AddressText};
use crate::luo::{self, Luo};
use crate::memblock::{self, Reservation};
use crate::metadata::{self, Metadata};
use crate::radix::Preserved;
use crate::raw::Raw;
use crate::rules;
use crate::scratch::Area;
use crate::text;
use crate::typed::{self, Read, Typed};
use crate::walk::Walker;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::kexec_metadata_v1::KHO_METADATA_NODE_NAME;
use kho_abi::wire::versions::kho_v3;
use kho_abi::wire::versions::kho_v4::{
    page_16k, page_4k, page_64k, KHO_FDT_COMPATIBLE, KHO_FDT_MEMORY_MAP_PROP_NAME,
    KHO_SUB_TREE_PROP_NAME, KHO_SUB_TREE_SIZE_PROP_NAME,
};
use kho_abi::wire::versions::luo_v5::LUO_KHO_ENTRY_NAME;
use kho_abi::wire::versions::memblock_v1::MEMBLOCK_KHO_FDT;
use kho_abi::wire::walk::Memory as _;
use schemars::JsonSchema;
use serde::Serialize;

/// Everything that KHO hands over.
#[derive(Clone, Debug)]
pub struct Kho {
    /// Address of the device tree.
    pub at: u64,
    /// Its size, in bytes, as it states itself.
    pub size: u64,
    /// Its compatible string.
    pub compatible: String,
    /// Address of the root of the tree of preserved pages; 0 if there is none.
    pub map_pa: u64,
    /// The entries, in their order.
    pub entries: Vec<Entry>,
    /// What is preserved, if the version is known and the tree exists.
    pub preserved: Option<Preserved>,
    /// LUO's state.
    pub luo: Option<Luo>,
    /// Memory reserved by name.
    pub reservations: Vec<Reservation>,
    /// What the kernel says about itself.
    pub metadata: Option<Metadata>,
    /// The areas in which the next kernel starts, if known.
    pub scratch: Vec<Area>,
    /// The raw device tree, if its version is unknown.
    pub raw: Option<Raw>,
}

/// An entry: the state that a subsystem preserved.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Address of that state; 0 if the entry does not say.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub data: u64,
    /// Size of that state, in bytes; 0 if the entry does not say.
    pub size: u64,
    /// The bytes there, if their types are unknown.
    pub raw: Option<Raw>,
    /// The state there, decoded by given types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed: Option<Typed>,
}

/// The decoder for one version of KHO's device tree.
struct Decoder {
    compatible: &'static str,
    read: fn(&mut Walker<'_>, &Fdt<'_>, &mut Kho),
}

/// Every version that has a decoder. To add a version, add a line here.
///
/// `kho-v1` has none: kernels used it for two sizes of its bitmaps, and memory does not show which.
const DECODERS: &[Decoder] = &[
    // The tree of preserved pages is the same; the later version adds blocks.
    Decoder { compatible: kho_v3::KHO_FDT_COMPATIBLE, read: read_current },
    Decoder { compatible: KHO_FDT_COMPATIBLE, read: read_current },
];

/// The versions that have a decoder.
pub fn known() -> impl Iterator<Item = &'static str> {
    DECODERS.iter().map(|decoder| decoder.compatible)
}

// The decoder above assumes that the properties kept their names.
const _: () = {
    use kho_v3 as v3;
    assert!(same(KHO_FDT_MEMORY_MAP_PROP_NAME, v3::KHO_FDT_MEMORY_MAP_PROP_NAME));
    assert!(same(KHO_SUB_TREE_PROP_NAME, v3::KHO_SUB_TREE_PROP_NAME));
    assert!(same(KHO_SUB_TREE_SIZE_PROP_NAME, v3::KHO_SUB_TREE_SIZE_PROP_NAME));
    assert!(page_4k::KHO_TREE_MAX_DEPTH == v3::page_4k::KHO_TREE_MAX_DEPTH);
    assert!(page_16k::KHO_TREE_MAX_DEPTH == v3::page_16k::KHO_TREE_MAX_DEPTH);
    assert!(page_64k::KHO_TREE_MAX_DEPTH == v3::page_64k::KHO_TREE_MAX_DEPTH);
};

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// Who reads an entry, by its name.
struct Subsystem {
    name: &'static str,
    /// Whether its state is at an address, in that many bytes, whatever the entry's name is.
    is_here: fn(&Walker<'_>, u64, u64) -> bool,
    read: fn(&mut Walker<'_>, &mut Kho, &Entry),
    /// Reads what belongs to the entry itself, if the version of KHO is unknown.
    read_alone: fn(&mut Walker<'_>, &mut Kho, &Entry),
}

/// Every entry that has a reader; others are only listed.
const SUBSYSTEMS: &[Subsystem] = &[
    Subsystem {
        name: LUO_KHO_ENTRY_NAME,
        is_here: |walker, at, size| {
            let mut field = [0; 8];
            let is_read = walker.memory.read(PhysAddr::new(at), &mut field).is_ok();
            let begins = field.starts_with(b"luo-v") && field[5].is_ascii_digit();
            is_read && begins && field[7] == 0 || is_tree(walker, at, size, "luo-v")
        },
        read: |walker, kho, entry| kho.luo = Some(luo::read(walker, entry.data, entry.size)),
        read_alone: |walker, kho, entry| {
            kho.luo = Some(luo::read_root(walker, entry.data, entry.size));
        },
    },
    Subsystem {
        name: MEMBLOCK_KHO_FDT,
        is_here: |walker, at, size| is_tree(walker, at, size, "memblock-v"),
        read: |walker, kho, entry| {
            kho.reservations.extend(memblock::read(walker, entry.data, entry.size));
        },
        read_alone: |walker, kho, entry| {
            kho.reservations.extend(memblock::read(walker, entry.data, entry.size));
        },
    },
    Subsystem {
        name: KHO_METADATA_NODE_NAME,
        is_here: |walker, at, size| metadata::is_here(&walker.memory, at, size),
        read: |walker, kho, entry| kho.metadata = metadata::read(walker, entry.data, entry.size),
        read_alone: |walker, kho, entry| {
            kho.metadata = metadata::read(walker, entry.data, entry.size);
        },
    },
];

/// Reads the device tree at an address, and all that it leads to.
pub(crate) fn read(walker: &mut Walker<'_>, at: u64) -> Option<Kho> {
    walker.within("KHO's device tree", Some(at), |walker| {
        let page = walker.page_size();
        // A tree in a file of its own may be shorter than a page.
        let there =
            walker.memory.image().ranges().iter().find(|range| range.start <= at && at < range.end);
        let there = there.map_or(page, |range| range.end - at);
        let bytes = walker.bytes(at, there.min(page), "KHO's device tree")?;
        let fdt = match Fdt::new(&bytes) {
            Ok(fdt) => fdt,
            Err(error) => {
                walker.find(&rules::FDT_MALFORMED, at, || error.to_string());
                return None;
            }
        };
        let compatible = fdt.root_property("compatible").unwrap_or_default();
        let mut kho = Kho {
            at,
            size: fdt.total_size() as u64,
            compatible: text::readable(string(compatible)),
            map_pa: 0,
            entries: Vec::new(),
            preserved: None,
            luo: None,
            reservations: Vec::new(),
            metadata: None,
            scratch: Vec::new(),
            raw: None,
        };
        if fdt.total_size() > bytes.len() {
            walker.find(&rules::FDT_MALFORMED, at, || {
                format!("the tree claims {} bytes, but has {}", fdt.total_size(), bytes.len())
            });
        }
        let known = DECODERS.iter().find(|known| known.compatible.as_bytes() == string(compatible));
        if let Some(decoder) = known {
            (decoder.read)(walker, &fdt, &mut kho);
        } else {
            walker.find(&rules::COMPATIBLE_UNKNOWN, at, || {
                let known = known_list();
                format!(
                    "unknown version of the tree's root: \"{}\" (known: {known})",
                    kho.compatible
                )
            });
            read_unknown(walker, &fdt, &bytes, &mut kho);
        }
        Some(kho)
    })
}

fn known_list() -> String {
    known().collect::<Vec<_>>().join(", ")
}

fn read_current(walker: &mut Walker<'_>, fdt: &Fdt<'_>, kho: &mut Kho) {
    read_tree(walker, fdt, kho, true);
    if walker.memory.image().is_blob() {
        walker
            .notes
            .push("the image is only a device tree: what it leads to was not checked".into());
        return;
    }
    let owner = walker.claims.owner("KHO's device tree".into());
    if kho.map_pa != 0 {
        let map = walker.within("tree of preserved pages", Some(kho.map_pa), |walker| {
            let chain = walker.chain.clone();
            Preserved::read(&walker.memory, kho.map_pa, &chain, &mut walker.findings)
        });
        check_ranges(walker, &map);
        walker.preserved = Some(map);
    }
    walker.allocation(kho.at, 1, "KHO's device tree", owner);
    let mut names = std::collections::HashSet::new();
    for (index, entry) in kho.entries.clone().into_iter().enumerate() {
        // If two entries have one name, the kernel finds the first.
        if !names.insert(entry.name.clone()) || entry.data == 0 {
            continue;
        }
        let known = SUBSYSTEMS.iter().find(|known| known.name == entry.name);
        let known = known.or_else(|| misnamed(walker, kho, &entry));
        let link = format!("entry \"{}\"", entry.name);
        walker.within(link, Some(entry.data), |walker| match known {
            Some(subsystem) => (subsystem.read)(walker, kho, &entry),
            None => undecoded(walker, &mut kho.entries[index]),
        });
    }
    kho.preserved = walker.preserved.take();
    check_orders(walker, kho);
}

/// Finds an entry whose state is that of another name, which no entry has.
fn misnamed(walker: &mut Walker<'_>, kho: &Kho, entry: &Entry) -> Option<&'static Subsystem> {
    let known = SUBSYSTEMS.iter().find(|known| (known.is_here)(walker, entry.data, entry.size))?;
    if kho.entries.iter().any(|entry| entry.name == known.name) {
        return None;
    }
    walker.find(&rules::KHO_SUBTREE_MISNAMED, kho.at, || {
        format!(
            "the entry \"{}\" at {:#x} has the state of \"{}\", but no entry has that name",
            entry.name, entry.data, known.name
        )
    });
    Some(known)
}

/// Whether a device tree is there, whose root has a string that begins so.
fn is_tree(walker: &Walker<'_>, at: u64, size: u64, begins: &str) -> bool {
    let len = usize::try_from(size).unwrap_or(usize::MAX).min(walker.memory.page_size_usize());
    let mut bytes = vec![0; len];
    walker.memory.read(PhysAddr::new(at), &mut bytes).is_ok()
        && Fdt::new(&bytes).is_ok_and(|fdt| {
            let compatible = fdt.root_property("compatible").map(string);
            compatible.is_some_and(|compatible| compatible.starts_with(begins.as_bytes()))
        })
}

/// Shows an entry without a built-in decoder, which is not damage. It owns its pages.
fn undecoded(walker: &mut Walker<'_>, entry: &mut Entry) {
    match typed::entry(walker, &entry.name, entry.data, entry.size) {
        Read::Typed(typed) => {
            entry.typed = Some(typed);
            return;
        }
        Read::Unreadable => {
            entry.raw = Some(Raw::read(walker, entry.data, entry.size));
            own(walker, entry);
            return;
        }
        Read::Nothing(why) => walker.not_decoded_by(format!("entry \"{}\"", entry.name), why),
    }
    own(walker, entry);
    let page_size = walker.page_size();
    let there = entry.size.min(page_size - entry.data % page_size);
    let mut bytes = vec![0; usize::try_from(there).unwrap_or(0)];
    entry.raw = Some(match walker.memory.read(PhysAddr::new(entry.data), &mut bytes) {
        Ok(()) => Raw::of(walker, entry.data, bytes),
        Err(error) => {
            walker.unreadable(entry.data, "the entry", error);
            Raw { at: entry.data, ..Raw::default() }
        }
    });
}

/// Claims the pages of an entry's state, which must be preserved whoever decodes it.
fn own(walker: &mut Walker<'_>, entry: &Entry) {
    if walker.preserved.is_some() {
        let what = format!("the state of entry \"{}\"", entry.name);
        if walker.memory.image().has(entry.data, entry.size.max(1)) {
            let owner = walker.claims.owner(format!("entry \"{}\"", entry.name));
            walker.within_blocks(entry.data, entry.size, &what, owner);
        } else {
            walker.find(&rules::ADDRESS_OUTSIDE_IMAGE, entry.data, || {
                format!(
                    "{what}, {} at {:#x}, is not fully in the image",
                    text::count(entry.size, "byte"),
                    entry.data
                )
            });
        }
    }
}

/// Lists a tree of an unknown version, and reads those of its entries that have a version of their
/// own.
fn read_unknown(walker: &mut Walker<'_>, fdt: &Fdt<'_>, bytes: &[u8], kho: &mut Kho) {
    read_tree(walker, fdt, kho, false);
    kho.raw = Some(Raw::of(walker, kho.at, bytes.to_vec()));
    walker.notes.push(format!(
        "not checked: preserved pages and lists of blocks, since \"{}\" is an unknown version",
        kho.compatible
    ));
    if walker.memory.image().is_blob() {
        return;
    }
    let mut names = std::collections::HashSet::new();
    for (index, entry) in kho.entries.clone().into_iter().enumerate() {
        if !names.insert(entry.name.clone()) || entry.data == 0 {
            continue;
        }
        let known = SUBSYSTEMS.iter().find(|known| known.name == entry.name);
        let link = format!("entry \"{}\"", entry.name);
        walker.within(link, Some(entry.data), |walker| match known {
            Some(subsystem) => (subsystem.read_alone)(walker, kho, &entry),
            None => undecoded(walker, &mut kho.entries[index]),
        });
    }
}

/// The first kernels that handle the size of blocks of 2 GiB and more.
const LARGE_BLOCKS_SINCE: (u32, u32) = (7, 3);

/// Finds blocks whose size kernels computed in 32 bits.
fn check_orders(walker: &mut Walker<'_>, kho: &Kho) {
    let Some(preserved) = kho.preserved.as_ref() else { return };
    let shift = walker.page_size().trailing_zeros();
    let releases = walker.memory.image().release().into_iter();
    let releases: Vec<&str> =
        releases.chain(kho.metadata.as_ref().map(|said| said.previous_release.as_str())).collect();
    let all_know = !releases.is_empty()
        && releases.iter().all(|release| {
            let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
            match (parts.next(), parts.next()) {
                (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= LARGE_BLOCKS_SINCE,
                _ => false,
            }
        });
    for total in preserved.totals().iter().filter(|total| total.order + shift >= 31) {
        let order = total.order;
        let run = preserved.runs().and_then(|runs| runs.iter().find(|run| run.order == order));
        let at = run.map_or(kho.map_pa, |run| run.start.saturating_mul(1 << shift));
        let what = || {
            format!(
                "{} of order {order} preserved, the first at {at:#x}: each has 2 GiB or more",
                match total.blocks {
                    1 => "1 block is".into(),
                    blocks => format!("{blocks} blocks are"),
                }
            )
        };
        if all_know {
            walker.notes.push(format!("{}; kernels before 7.3 do not support that", what()));
        } else {
            walker.find(&rules::PRESERVED_ORDER_LARGE, at, what);
        }
    }
}

/// An entry's node, as it is in the tree.
#[derive(Default)]
struct Node<'t> {
    name: &'t [u8],
    data: Option<&'t [u8]>,
    size: Option<&'t [u8]>,
}

/// Reads the properties of the root and of its children.
///
/// Their values are checked only if the version is known.
fn read_tree(walker: &mut Walker<'_>, fdt: &Fdt<'_>, kho: &mut Kho, known: bool) {
    let at = kho.at;
    let mut depth = 0_u32;
    let mut map: Option<&[u8]> = None;
    let mut entries: Vec<Node<'_>> = Vec::new();
    for event in fdt.events() {
        match event {
            Ok(Event::Begin { name, .. }) => {
                depth += 1;
                if depth == 2 {
                    entries.push(Node { name, ..Node::default() });
                }
            }
            Ok(Event::End) => depth = depth.saturating_sub(1),
            Ok(Event::Property { name, value }) => match (depth, entries.last_mut()) {
                (1, _) if name == KHO_FDT_MEMORY_MAP_PROP_NAME.as_bytes() => map = Some(value),
                (2, Some(entry)) if name == KHO_SUB_TREE_PROP_NAME.as_bytes() => {
                    entry.data = Some(value);
                }
                (2, Some(entry)) if name == KHO_SUB_TREE_SIZE_PROP_NAME.as_bytes() => {
                    entry.size = Some(value);
                }
                _ => {}
            },
            Err(error) => walker.find(&rules::FDT_MALFORMED, at, || error.to_string()),
        }
    }
    kho.map_pa = map.and_then(number).unwrap_or(0);
    if known && kho.map_pa == 0 {
        walker.find(&rules::KHO_MAP_MISSING, at, || match map {
            None => format!("the property {KHO_FDT_MEMORY_MAP_PROP_NAME} is missing"),
            Some(value) if value.len() != 8 => {
                format!("{KHO_FDT_MEMORY_MAP_PROP_NAME} has {} bytes, not 8", value.len())
            }
            Some(_) => format!("{KHO_FDT_MEMORY_MAP_PROP_NAME} is 0"),
        });
    }
    for Node { name, data, size } in entries {
        let name = text::readable(name);
        if known && kho.entries.iter().any(|entry| entry.name == name) {
            walker.find(&rules::KHO_SUBTREE_TWICE, at, || {
                format!("an earlier entry is also named \"{name}\"")
            });
        }
        for (property, value) in
            [(KHO_SUB_TREE_PROP_NAME, data), (KHO_SUB_TREE_SIZE_PROP_NAME, size)]
        {
            if known && value.and_then(number).is_none() {
                walker.find(&rules::KHO_SUBTREE_INVALID, at, || match value {
                    None => format!("the entry \"{name}\" has no {property}"),
                    Some(value) => {
                        format!(
                            "{property} of the entry \"{name}\" has {} bytes, not 8",
                            value.len()
                        )
                    }
                });
            }
        }
        let number = |value: Option<&[u8]>| value.and_then(number).unwrap_or(0);
        kho.entries.push(Entry {
            name,
            data: number(data),
            size: number(size),
            raw: None,
            typed: None,
        });
    }
}

/// Checks whether preserved pages are where the image has memory.
fn check_ranges(walker: &mut Walker<'_>, preserved: &Preserved) {
    let shift = walker.page_size().trailing_zeros();
    let image = walker.memory.image();
    for run in preserved.runs().unwrap_or_default() {
        // An address that overflows is in no image.
        let at = run.start.saturating_mul(1 << shift);
        let len = (run.end - run.start).saturating_mul(1 << shift);
        if !image.has(at, len) {
            let order = run.order;
            walker.find(&rules::PRESERVED_OUTSIDE_IMAGE, at, || {
                format!(
                    "{} of order {order} from {at:#x} are preserved, but the image does not have \
                     them all",
                    text::count((run.end - run.start) >> order, "block")
                )
            });
        }
    }
}
