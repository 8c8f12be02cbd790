// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! KHO block list ABI
//!
//! A subsystem that hands over a list of which it does not know how long it gets keeps it in blocks:
//! preserved pages, each with a [`kho_block_header_ser`] at its start and an array of entries behind
//! that. The kernel before the update fills the blocks, the kernel after it walks them. How large an
//! entry is, and what it says, is agreed on by the subsystem's own contract.
//!
//! A block is a page: kernels with pages of different sizes do not update one into the other.

use super::kexec_handover::KHO_FDT_COMPATIBLE;
use super::layout::{self, WireType};
use super::phys::PhysAddr;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

layout::per_page_size! {
    /// Size of a block with its header, in bytes.
    pub const KHO_BLOCK_SIZE: usize = PAGE_SIZE;

    /// What is different for other page sizes.
    pub const LAYOUTS: layout::PageLayouts = layout::PageLayouts {
        page_size: PAGE_SIZE,
        structs: &[],
        constants: &[layout::named_int!(KHO_BLOCK_SIZE, "PAGE_SIZE")],
    };
}

/// Start of a block.
///
/// The entries follow it without a gap. A reader believes neither field: a block holds at least one
/// entry and at most as many as its size allows, and a list that is damaged may run in a circle.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct kho_block_header_ser {
    /// Physical address of the next block, 0 in the last one.
    pub next: PhysAddr,
    /// Number of entries in this block.
    pub count: u64,
}

layout::wire_layout! {
    struct kho_block_header_ser of KHO_FDT_COMPATIBLE, size 16, align 1 {
        0 => next: PhysAddr,
        8 => count: u64,
    }
}

/// The header `linux/kho/abi/block.h`.
///
/// It declares no contract: blocks are a part of what `KHO_FDT_COMPATIBLE` promises.
pub const HEADER: layout::Header = layout::Header {
    name: "block",
    file: "block.rs",
    source: include_str!("block.rs"),
    guard: "_LINUX_KHO_ABI_BLOCK_H",
    includes: &["asm/page.h", "linux/compiler.h", "linux/types.h"],
    structs: &[kho_block_header_ser::STRUCT_LAYOUT],
    pages: &[page_4k::LAYOUTS, page_16k::LAYOUTS, page_64k::LAYOUTS],
    ..layout::Header::EMPTY
};

impl kho_block_header_ser {
    /// Number of entries that fit a block, for entries and pages of that many bytes.
    ///
    /// `None` for entries of size 0, of which any number would fit.
    #[must_use]
    pub const fn capacity(page_size: usize, entry_size: usize) -> Option<usize> {
        page_size.saturating_sub(size_of::<Self>()).checked_div(entry_size)
    }
}
