// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! State of an invented handler, for which [`crate::typed`] is needed.

use super::{SessionId, Store, Synth};
use crate::typed::{Contract, Field, Kind, Layouts, LeadsTo, Struct};

/// The string of the handler.
pub const COMPATIBLE: &str = "made-up-v1";
/// The header, as the kernel would have it.
pub const HEADER: &str = "\
/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef _LINUX_KHO_ABI_MADE_UP_H
#define _LINUX_KHO_ABI_MADE_UP_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/kho/abi/kexec_handover.h>

/* Compatible string of the file handler. */
#define MADE_UP_LUO_FH_COMPATIBLE \"made-up-v1\"

struct made_up_ring_ser {
	u64 base;
	s16 weight;
	u16 mode:4;
	u16 depth:12;
} __packed;

struct made_up_entry_ser {
	u64 key;
	u32 value;
} __packed;

struct made_up_page_ser {
	u32 number;
	u8 uuid[16];
	DECLARE_KHOSER_PTR(next, struct made_up_page_ser *);
} __packed;

/**
 * struct made_up_ser - Where everything of a made-up file begins.
 * @name: Text.
 * @rings: Two of them.
 * @nr_entries: Number of @entries.
 * @entries: Memory with an array of &struct made_up_entry_ser.
 * @page: The first page.
 * @nr_slots: Number of @slots.
 * @slots: Numbers.
 */
struct made_up_ser {
	char name[16];
	struct made_up_ring_ser rings[2];
	u64 nr_entries;
	struct kho_vmalloc entries;
	DECLARE_KHOSER_PTR(page, struct made_up_page_ser *);
	u32 nr_slots;
	u16 slots[];
} __packed;

#endif /* _LINUX_KHO_ABI_MADE_UP_H */
";

/// Number of entries: more than fit into a page, and one of them crosses into the next page.
pub const ENTRIES: u64 = 700;
/// Number of slots.
pub const SLOTS: u32 = 5;
/// Bytes of an entry.
pub const ENTRY: u64 = 12;

/// The offsets of the root's fields that a test damages.
pub mod at {
    /// `nr_entries`.
    pub const NR_ENTRIES: u64 = 40;
    /// `entries.first`.
    pub const FIRST: u64 = 48;
    /// `entries.total_pages`, followed by the flags and the order.
    pub const TOTAL_PAGES: u64 = 56;
    /// `page`.
    pub const PAGE: u64 = 64;
    /// `nr_slots`.
    pub const NR_SLOTS: u64 = 72;
    /// `next` in a page.
    pub const NEXT: u64 = 20;
}

/// Where the parts of the state are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The root.
    pub ser: u64,
    /// The chunk of the list.
    pub chunk: u64,
    /// The pages of entries.
    pub entries: Vec<u64>,
    /// The pages that lead to each other.
    pub pages: Vec<u64>,
}

impl<S: Store> Synth<S> {
    /// Adds a file of the handler.
    pub fn made_up(&mut self, session: SessionId, token: u64) -> Places {
        let places = self.made_up_state();
        self.file(session, token, COMPATIBLE, places.ser);
        places
    }

    /// Writes only the state.
    ///
    /// # Panics
    ///
    /// If pages are smaller than the kernel's.
    pub fn made_up_state(&mut self) -> Places {
        let ser = self.allocate(0);
        let chunk = self.allocate(0);
        let page_size = self.page();
        let count = (ENTRIES * ENTRY).div_ceil(page_size);
        // Their order in memory differs from that of the list.
        let mut entries: Vec<u64> = (0..count).map(|_| self.allocate(0)).collect();
        entries.reverse();
        let pages: Vec<u64> = (0..2).map(|_| self.allocate(0)).collect();

        let mut bytes = Vec::new();
        for number in 0..ENTRIES {
            let value = u32::try_from(number).expect("it is small") * 3;
            bytes.extend((number + 0x1_0000_0000).to_ne_bytes());
            bytes.extend(value.to_ne_bytes());
        }
        let size = usize::try_from(page_size).expect("a page is small");
        for (page, part) in entries.iter().zip(bytes.chunks(size)) {
            self.write(*page, part);
        }
        let words: Vec<u8> =
            std::iter::once(&0).chain(&entries).flat_map(|word| word.to_ne_bytes()).collect();
        self.write(chunk, &words);

        for (index, page) in pages.iter().enumerate() {
            let mut bytes = (u32::try_from(index).expect("it is small") + 7).to_ne_bytes().to_vec();
            bytes.extend(0_u8..16);
            bytes.extend(pages.get(index + 1).copied().unwrap_or(0).to_ne_bytes());
            self.write(*page, &bytes);
        }

        let mut root = b"ring zero\0\0\0\0\0\0\0".to_vec();
        for (base, weight) in [(0x1000_u64, -3_i16), (0x2000, 12)] {
            root.extend(base.to_ne_bytes());
            root.extend(weight.to_ne_bytes());
            let (mode, depth) = (5_u16, 0x123_u16);
            let bits =
                if cfg!(target_endian = "big") { mode << 12 | depth } else { depth << 4 | mode };
            root.extend(bits.to_ne_bytes());
        }
        root.extend(ENTRIES.to_ne_bytes());
        root.extend(chunk.to_ne_bytes());
        root.extend(u32::try_from(count).expect("it is small").to_ne_bytes());
        root.extend(1_u16.to_ne_bytes());
        root.extend(0_u16.to_ne_bytes());
        root.extend(pages[0].to_ne_bytes());
        root.extend(SLOTS.to_ne_bytes());
        root.extend(
            (0..SLOTS).flat_map(|slot| u16::try_from(slot * 1000).unwrap_or(0).to_ne_bytes()),
        );
        self.write(ser, &root);
        Places { ser, chunk, entries, pages }
    }
}

/// The layouts of the header, as a compiler has them.
#[must_use]
pub fn layouts() -> Layouts {
    Layouts::new("made-up.h", structs(), contracts())
}

/// The contract of the header.
#[must_use]
pub fn contracts() -> Vec<Contract> {
    let roots = ["made_up_entry_ser", "made_up_page_ser", "made_up_ser"].map(String::from).into();
    vec![Contract {
        name: COMPATIBLE.into(),
        string: COMPATIBLE.into(),
        roots,
        ..Contract::default()
    }]
}

/// The structs of the header, with KHO's own structs that they embed.
#[must_use]
pub fn structs() -> Vec<Struct> {
    let field = |name: &str, offset: u64, size: u64, kind: Kind, dimensions: &[u64]| Field {
        name: name.into(),
        bit_offset: offset * 8,
        bit_size: size * 8,
        bit_field: false,
        kind,
        dimensions: dimensions.to_vec(),
        leads_to: None,
    };
    let int = |bits| Kind::Int { bits, signed: false };
    let address = |to: &str| Kind::Address { to: to.into() };
    let inner = |name: &str| Kind::Struct { name: name.into() };
    let bits = |name: &str, bit_offset: u64, bit_size: u64| Field {
        bit_offset,
        bit_size,
        bit_field: true,
        ..field(name, 0, 0, int(16), &[])
    };
    let list = LeadsTo::Struct("made_up_entry_ser".into());
    let make = |name: &str, size: u64, fields: Vec<Field>| Struct {
        name: name.into(),
        size,
        fields,
        ..Struct::default()
    };
    vec![
        make(
            "made_up_ring_ser",
            12,
            vec![
                field("base", 0, 8, int(64), &[]),
                field("weight", 8, 2, Kind::Int { bits: 16, signed: true }, &[]),
                bits("mode", 80, 4),
                bits("depth", 84, 12),
            ],
        ),
        make(
            "made_up_entry_ser",
            12,
            vec![field("key", 0, 8, int(64), &[]), field("value", 8, 4, int(32), &[])],
        ),
        make(
            "made_up_page_ser",
            28,
            vec![
                field("number", 0, 4, int(32), &[]),
                field("uuid", 4, 16, int(8), &[16]),
                field("next", 20, 8, address("made_up_page_ser"), &[]),
            ],
        ),
        make(
            "kho_vmalloc",
            16,
            vec![
                field("first", 0, 8, address("kho_vmalloc_chunk"), &[]),
                field("total_pages", 8, 4, int(32), &[]),
                field("flags", 12, 2, int(16), &[]),
                field("order", 14, 2, int(16), &[]),
            ],
        ),
        make(
            "made_up_ser",
            76,
            vec![
                field("name", 0, 16, Kind::Char, &[16]),
                field("rings", 16, 24, inner("made_up_ring_ser"), &[2]),
                field("nr_entries", 40, 8, int(64), &[]),
                Field {
                    leads_to: Some(list),
                    ..field("entries", 48, 16, inner("kho_vmalloc"), &[])
                },
                field("page", 64, 8, address("made_up_page_ser"), &[]),
                field("nr_slots", 72, 4, int(32), &[]),
                field("slots", 76, 0, int(16), &[0]),
            ],
        ),
    ]
}
