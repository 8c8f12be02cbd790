// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Kexec HandOver ABI of Linux 6.16 to 7.0
//!
//! The preserved pages are found through a list, and not a tree: the root of the device tree leads to
//! the first [`khoser_mem_chunk`](page_4k::khoser_mem_chunk), and each chunk to the next. All of a
//! chunk's entries are of one order; each leads to a bitmap, in which a bit stands for a block of
//! `1 << order` pages from the entry's address on. What subsystems preserve is device trees, too.
//!
//! Two sizes of these bitmaps are out under this one string: see
//! [`REUSED`](super::reused::REUSED). The types here are the later ones. Memory of `vmalloc()` is
//! preserved since Linux 6.18.

use core::ffi::{c_uint, c_ushort};

use super::super::layout::{self, WireType};
use super::super::phys::{KhoserPtr, PhysAddr};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Compatible string of the device tree's root.
pub const KHO_FDT_COMPATIBLE: &str = "kho-v1";

/// Property of the root: the physical address of the first chunk.
pub const KHO_FDT_MEMORY_MAP_PROP_NAME: &str = "preserved-memory-map";

/// Property of an entry: the physical address of the device tree that was preserved.
pub const KHO_FDT_SUB_TREE_PROP_NAME: &str = "fdt";

/// Declares a member that holds the physical address of what `type` points to.
///
/// The pointer is there for its type: only the address is handed over.
pub const DECLARE_KHOSER_PTR: layout::CMacro = layout::CMacro {
    arguments: "name, type",
    body: "union {\n\tu64 phys;\n\ttype ptr;\n} name",
    option: "",
};

/// A chunk of the list of bitmaps, of a page size that is not known.
pub enum khoser_mem_chunk {}

/// A bitmap of a page size that is not known.
pub enum kho_mem_phys_bits {}

/// A bitmap, and where it begins.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
pub struct khoser_mem_bitmap_ptr {
    /// Physical address of the block that the first bit stands for.
    pub phys_start: PhysAddr,
    /// The bitmap.
    pub bitmap: KhoserPtr<kho_mem_phys_bits>,
}

layout::wire_layout! {
    natural struct khoser_mem_bitmap_ptr of KHO_FDT_COMPATIBLE, size 16, align 8 {
        0 => phys_start: PhysAddr,
        8 => bitmap: KhoserPtr<kho_mem_phys_bits>,
    }
}

/// Start of a chunk.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
pub struct khoser_mem_chunk_hdr {
    /// The next chunk, at address 0 behind the last one.
    pub next: KhoserPtr<khoser_mem_chunk>,
    /// Order of the blocks that this chunk's bitmaps are about.
    pub order: c_uint,
    /// Number of bitmaps.
    pub num_elms: c_uint,
}

layout::wire_layout! {
    natural struct khoser_mem_chunk_hdr of KHO_FDT_COMPATIBLE, size 16, align 8 {
        0 => next: KhoserPtr<khoser_mem_chunk>,
        8 => order: c_uint,
        12 => num_elms: c_uint,
    }
}

/// A chunk of a page size that is not known, for addresses to point to.
///
/// The chunks themselves are [`page_4k::kho_vmalloc_chunk`] and its like.
pub enum kho_vmalloc_chunk {}

/// Start of a chunk.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
pub struct kho_vmalloc_hdr {
    /// The next chunk, at address 0 behind the last one.
    pub next: KhoserPtr<kho_vmalloc_chunk>,
}

layout::wire_layout! {
    natural struct kho_vmalloc_hdr of KHO_FDT_COMPATIBLE, size 8, align 8 {
        0 => next: KhoserPtr<kho_vmalloc_chunk>,
    }
}

/// Memory that was allocated with `vmalloc()`.
#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
pub struct kho_vmalloc {
    /// The first chunk of the list of its pages.
    pub first: KhoserPtr<kho_vmalloc_chunk>,
    /// Number of pages, of the kernel's page size, in all blocks together.
    pub total_pages: c_uint,
    /// How it was allocated: bits that KHO has of its own, not those of `vmalloc()`.
    pub flags: c_ushort,
    /// Order of the blocks: each is `1 << order` pages.
    pub order: c_ushort,
}

layout::wire_layout! {
    natural struct kho_vmalloc of KHO_FDT_COMPATIBLE, size 16, align 8 {
        0 => first: KhoserPtr<kho_vmalloc_chunk>,
        8 => total_pages: c_uint,
        12 => flags: c_ushort,
        14 => order: c_ushort,
    }
}

layout::per_page_size! {
    /// Number of bits in a bitmap.
    pub const PRESERVE_BITS: usize = PAGE_SIZE * 8;

    /// A bitmap.
    #[repr(C)]
    #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
    pub struct kho_mem_phys_bits {
        /// One bit for each block, set where it is preserved.
        pub preserve: [u64; bits_to_longs(PRESERVE_BITS)],
    }

    layout::wire_layout! {
        natural struct kho_mem_phys_bits of KHO_FDT_COMPATIBLE, size PAGE_SIZE, align 8 {
            0 => preserve: [u64; bits_to_longs(PRESERVE_BITS)],
        }
    }

    /// Number of bitmaps that a chunk has room for.
    pub const KHOSER_BITMAP_SIZE: usize =
        (PAGE_SIZE - size_of::<khoser_mem_chunk_hdr>()) / size_of::<khoser_mem_bitmap_ptr>();

    /// One page of the list of bitmaps.
    #[repr(C)]
    #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
    pub struct khoser_mem_chunk {
        /// Leads to the next chunk.
        pub hdr: khoser_mem_chunk_hdr,
        /// The bitmaps; the rest has no meaning.
        pub bitmaps: [khoser_mem_bitmap_ptr; KHOSER_BITMAP_SIZE],
    }

    layout::wire_layout! {
        natural struct khoser_mem_chunk of KHO_FDT_COMPATIBLE, size PAGE_SIZE, align 8 {
            0 => hdr: khoser_mem_chunk_hdr,
            16 => bitmaps: [khoser_mem_bitmap_ptr; KHOSER_BITMAP_SIZE],
        }
    }

    /// Number of addresses in a chunk.
    pub const KHO_VMALLOC_SIZE: usize =
        (PAGE_SIZE - size_of::<kho_vmalloc_hdr>()) / size_of::<u64>();

    /// One page of the list of addresses.
    ///
    /// An address of 0 ends the chunk. A list whose addresses fill its chunks exactly has an empty
    /// chunk at its end.
    #[repr(C)]
    #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
    pub struct kho_vmalloc_chunk {
        /// Leads to the next chunk.
        pub hdr: kho_vmalloc_hdr,
        /// Physical addresses of blocks of pages, each of the order that [`kho_vmalloc`] tells.
        pub phys: [PhysAddr; KHO_VMALLOC_SIZE],
    }

    layout::wire_layout! {
        natural struct kho_vmalloc_chunk of KHO_FDT_COMPATIBLE, size PAGE_SIZE, align 8 {
            0 => hdr: kho_vmalloc_hdr,
            8 => phys: [PhysAddr; KHO_VMALLOC_SIZE],
        }
    }

    /// What is different for other page sizes.
    pub const LAYOUTS: layout::PageLayouts = layout::PageLayouts {
        page_size: PAGE_SIZE,
        structs: &[
            kho_mem_phys_bits::STRUCT_LAYOUT,
            khoser_mem_chunk::STRUCT_LAYOUT,
            kho_vmalloc_chunk::STRUCT_LAYOUT,
        ],
        constants: &[
            layout::named_int!(PRESERVE_BITS, "(PAGE_SIZE * 8)"),
            layout::named_int!(
                KHOSER_BITMAP_SIZE,
                "((PAGE_SIZE - sizeof(struct khoser_mem_chunk_hdr)) / \
                 sizeof(struct khoser_mem_bitmap_ptr))"
            ),
            layout::named_int!(
                KHO_VMALLOC_SIZE,
                "((PAGE_SIZE - sizeof(struct kho_vmalloc_hdr)) / sizeof(u64))"
            ),
        ],
    };
}

/// Number of `unsigned long` in a bitmap of so many bits, as `DECLARE_BITMAP()` has it on a 64-bit
/// machine.
const fn bits_to_longs(bits: usize) -> usize {
    bits.div_ceil(u64::BITS as usize)
}

/// The header `linux/kho/abi/kexec_handover.h`.
///
/// Linux 7.0 has it for the first time; before, and for the list of bitmaps then too, the source of
/// Kexec HandOver had these types for itself.
pub const HEADER: layout::Header = layout::Header {
    name: "kexec_handover",
    file: "earlier/kexec_handover_v1.rs",
    source: include_str!("kexec_handover_v1.rs"),
    guard: "_LINUX_KHO_ABI_KEXEC_HANDOVER_H",
    includes: &["asm/page.h", "linux/types.h"],
    structs: &[
        khoser_mem_bitmap_ptr::STRUCT_LAYOUT,
        khoser_mem_chunk_hdr::STRUCT_LAYOUT,
        kho_vmalloc_hdr::STRUCT_LAYOUT,
        kho_vmalloc::STRUCT_LAYOUT,
    ],
    pages: &[page_4k::LAYOUTS, page_16k::LAYOUTS, page_64k::LAYOUTS],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(KHO_FDT_COMPATIBLE),
        roots: &[kho_vmalloc::STRUCT_LAYOUT],
        page_roots: &["khoser_mem_chunk", "kho_mem_phys_bits", "kho_vmalloc_chunk"],
        constants: &[
            "KHO_FDT_MEMORY_MAP_PROP_NAME",
            "KHO_FDT_SUB_TREE_PROP_NAME",
            "PRESERVE_BITS",
            "KHOSER_BITMAP_SIZE",
            "KHO_VMALLOC_SIZE",
        ],
        nodes: &[
            layout::FdtNode {
                path: "/",
                properties: &[
                    layout::FdtProperty {
                        name: "compatible",
                        size: None,
                        doc: "`KHO_FDT_COMPATIBLE`.",
                    },
                    layout::FdtProperty {
                        name: KHO_FDT_MEMORY_MAP_PROP_NAME,
                        size: Some(8),
                        doc: "Physical address of the first chunk.",
                    },
                ],
            },
            layout::FdtNode {
                path: "/<name>",
                properties: &[layout::FdtProperty {
                    name: KHO_FDT_SUB_TREE_PROP_NAME,
                    size: Some(8),
                    doc: "Physical address of the device tree that was preserved.",
                }],
            },
        ],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};
