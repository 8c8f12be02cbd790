// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Kexec HandOver ABI of Linux 7.1
//!
//! It differs from its successor in what it does not promise: blocks. Release candidates of Linux 7.1
//! before the sixth have, for pages of 16 KiB, a radix tree of fewer levels under the same string: see
//! [`REUSED`](super::reused::REUSED).
//!
//! Kexec HandOver (KHO) keeps pages of one kernel for the next. It tells the next kernel what it kept
//! with a flattened device tree of one page, whose address the boot protocol carries. The root of the
//! tree leads to a radix tree of all preserved pages; its children, one per KHO entry, lead to what
//! subsystems preserved, and are named by them.
//!
//! Memory that was allocated with `vmalloc()` is preserved as a list of its pages: a [`kho_vmalloc`]
//! leads to the first `kho_vmalloc_chunk`, and each chunk to the next. A subsystem embeds the
//! [`kho_vmalloc`] in what it preserves itself.
//!
//! The radix tree has one page per node. Inner nodes, `kho_radix_node`, are tables of physical
//! addresses, 0 where nothing is below; leaves, `kho_radix_leaf`, are bitmaps. A key tells the address
//! and the order of a block of `1 << order` pages at once: with `shift` standing for the page shift
//! plus the order, it is
//!
//! ```text
//! (1 << (64 - shift)) | (address >> shift)
//! ```
//!
//! so that its highest bit tells the order, and the rest the address. From the lowest bit on, the key
//! is cut into an index into a leaf's bits and an index into a table for each level above, until its
//! bits are used up; the widths of these depend on the page size alone:
//!
//! ```text
//! page size   key   table index   leaf index   levels
//!     4 KiB    53             9           15        6
//!    16 KiB    51            11           17        5
//!    64 KiB    49            13           19        4
//! ```

use core::ffi::{c_uint, c_ushort};

use super::super::layout::{self, WireType};
use super::super::phys::{KhoserPtr, PhysAddr};
use super::super::uapi::BITS_PER_BYTE;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Compatible string of the device tree's root.
pub const KHO_FDT_COMPATIBLE: &str = "kho-v3";

/// Property of the root: the physical address of the radix tree's root.
pub const KHO_FDT_MEMORY_MAP_PROP_NAME: &str = "preserved-memory-map";

/// Property of an entry: the physical address of what was preserved.
pub const KHO_SUB_TREE_PROP_NAME: &str = "preserved-data";

/// Property of an entry: the size of what was preserved, in bytes.
pub const KHO_SUB_TREE_SIZE_PROP_NAME: &str = "blob-size";

/// Declares a member that holds the physical address of what `type` points to.
///
/// The pointer is there for its type: only the address is handed over.
pub const DECLARE_KHOSER_PTR: layout::CMacro = layout::CMacro {
    arguments: "name, type",
    body: "union {\n\tu64 phys;\n\ttype ptr;\n} name",
    option: "",
};

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

    // C has it here, although it does not depend on the page size. A crate that keeps the wire
    // files private has no use for the name.
    #[allow(unused_imports)]
    pub use super::kho_vmalloc;

    /// Shape of the radix tree.
    pub mod kho_radix_consts {
        use super::{BITS_PER_BYTE, PAGE_SHIFT, PAGE_SIZE};

        /// Width of a page frame number of order 0, in bits: a key has one more, which tells the
        /// order.
        pub const KHO_ORDER_0_LOG2: usize = 64 - PAGE_SHIFT;

        /// Width of the index into an inner node, in bits.
        pub const KHO_TABLE_SIZE_LOG2: usize = (PAGE_SIZE / size_of::<u64>()).ilog2() as usize;

        /// Width of the index into a leaf, in bits.
        pub const KHO_BITMAP_SIZE_LOG2: usize = PAGE_SHIFT + BITS_PER_BYTE.ilog2() as usize;

        /// Number of levels, the leaves included.
        pub const KHO_TREE_MAX_DEPTH: usize =
            (KHO_ORDER_0_LOG2 - KHO_BITMAP_SIZE_LOG2 + 1).div_ceil(KHO_TABLE_SIZE_LOG2) + 1;
    }
    pub use kho_radix_consts::*;

    /// An inner node of the radix tree.
    #[repr(C)]
    #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
    pub struct kho_radix_node {
        /// Physical addresses of the nodes below, 0 where there is none.
        pub table: [PhysAddr; 1 << KHO_TABLE_SIZE_LOG2],
    }

    layout::wire_layout! {
        natural struct kho_radix_node of KHO_FDT_COMPATIBLE, size PAGE_SIZE, align 8 {
            0 => table: [PhysAddr; 1 << KHO_TABLE_SIZE_LOG2],
        }
    }

    /// A leaf of the radix tree.
    #[repr(C)]
    #[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
    pub struct kho_radix_leaf {
        /// One bit for each key that ends here, set where its pages are preserved.
        pub bitmap: [u64; bits_to_longs(1 << KHO_BITMAP_SIZE_LOG2)],
    }

    layout::wire_layout! {
        natural struct kho_radix_leaf of KHO_FDT_COMPATIBLE, size PAGE_SIZE, align 8 {
            0 => bitmap: [u64; bits_to_longs(1 << KHO_BITMAP_SIZE_LOG2)],
        }
    }

    /// What is different for other page sizes.
    pub const LAYOUTS: layout::PageLayouts = layout::PageLayouts {
        page_size: PAGE_SIZE,
        structs: &[
            kho_vmalloc_chunk::STRUCT_LAYOUT,
            kho_radix_node::STRUCT_LAYOUT,
            kho_radix_leaf::STRUCT_LAYOUT,
        ],
        constants: &[
            layout::named_int!(
                KHO_VMALLOC_SIZE,
                "((PAGE_SIZE - sizeof(struct kho_vmalloc_hdr)) / sizeof(u64))"
            ),
            layout::named_int!(KHO_ORDER_0_LOG2, "64 - PAGE_SHIFT"),
            layout::named_int!(
                KHO_TABLE_SIZE_LOG2,
                "const_ilog2(PAGE_SIZE / sizeof(phys_addr_t))"
            ),
            layout::named_int!(
                KHO_BITMAP_SIZE_LOG2,
                "PAGE_SHIFT + const_ilog2(BITS_PER_BYTE)"
            ),
            layout::named_int!(
                KHO_TREE_MAX_DEPTH,
                "DIV_ROUND_UP(KHO_ORDER_0_LOG2 - KHO_BITMAP_SIZE_LOG2 + 1, KHO_TABLE_SIZE_LOG2) + 1"
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
pub const HEADER: layout::Header = layout::Header {
    name: "kexec_handover",
    file: "earlier/kexec_handover_v3.rs",
    source: include_str!("kexec_handover_v3.rs"),
    guard: "_LINUX_KHO_ABI_KEXEC_HANDOVER_H",
    includes: &["asm/page.h", "linux/bits.h", "linux/log2.h", "linux/math.h", "linux/types.h"],
    structs: &[kho_vmalloc_hdr::STRUCT_LAYOUT, kho_vmalloc::STRUCT_LAYOUT],
    pages: &[page_4k::LAYOUTS, page_16k::LAYOUTS, page_64k::LAYOUTS],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(KHO_FDT_COMPATIBLE),
        roots: &[kho_vmalloc::STRUCT_LAYOUT],
        page_roots: &["kho_vmalloc_chunk", "kho_radix_node", "kho_radix_leaf"],
        constants: &[
            "KHO_FDT_MEMORY_MAP_PROP_NAME",
            "KHO_SUB_TREE_PROP_NAME",
            "KHO_SUB_TREE_SIZE_PROP_NAME",
            "KHO_VMALLOC_SIZE",
            "KHO_ORDER_0_LOG2",
            "KHO_TABLE_SIZE_LOG2",
            "KHO_BITMAP_SIZE_LOG2",
            "KHO_TREE_MAX_DEPTH",
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
                        doc: "Physical address of the root of the radix tree.",
                    },
                ],
            },
            layout::FdtNode {
                path: "/<name>",
                properties: &[
                    layout::FdtProperty {
                        name: KHO_SUB_TREE_PROP_NAME,
                        size: Some(8),
                        doc: "Physical address of what was preserved.",
                    },
                    layout::FdtProperty {
                        name: KHO_SUB_TREE_SIZE_PROP_NAME,
                        size: Some(8),
                        doc: "Size of what was preserved, in bytes.",
                    },
                ],
            },
        ],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};
