// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! memfd Live Update ABI of Linux 6.19 and 7.0
//!
//! Its successor adds the seals and flags of a file, in front of the number of folios.
//!
//! A memfd that user space preserves through the Live Update Orchestrator (LUO) leaves a
//! [`memfd_luo_ser`] in a preserved page, and the memory that holds its content where it is. The
//! kernel that runs before the update writes the struct when the file is preserved, and completes it
//! when it is about to leave; the kernel that runs after it reads it when the file is retrieved.
//!
//! The file's entry in the LUO session carries [`MEMFD_LUO_FH_COMPATIBLE`], and the physical address
//! of the struct in its data. The struct leads to an array of [`memfd_luo_folio_ser`], one for each
//! folio, in any order and with gaps where the file has holes.

use super::super::bits;
use super::super::kexec_handover::kho_vmalloc;
use super::super::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The folio was written to since it was allocated.
///
/// One that was not is there because somebody allocated it, as `fallocate()` does.
pub const MEMFD_LUO_FOLIO_DIRTY: u64 = 1 << 0;

/// The folio's content is valid.
///
/// One without this flag has yet to be filled with zeroes before anybody may see it.
pub const MEMFD_LUO_FOLIO_UPTODATE: u64 = 1 << 1;

/// A folio of a memfd.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct memfd_luo_folio_ser {
    /// Where `pfn` and `flags` lie; C has them as bit-fields.
    pub pfn_and_flags: u64,
    /// The folio's place in the file, in pages.
    pub index: u64,
}

bits::bit_fields! {
    memfd_luo_folio_ser.pfn_and_flags: u64 {
        /// Page frame number of the folio; 0 where there is none.
        0..52 => pfn, set_pfn;
        /// `MEMFD_LUO_FOLIO_DIRTY` and `MEMFD_LUO_FOLIO_UPTODATE`, or neither.
        52..64 => flags, set_flags;
    }
}

layout::wire_layout! {
    struct memfd_luo_folio_ser of MEMFD_LUO_FH_COMPATIBLE, size 16, align 1 {
        0 => pfn_and_flags: u64,
        8 => index: u64,
    }
}

/// A memfd.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct memfd_luo_ser {
    /// Position of the file, in bytes.
    pub pos: u64,
    /// Size of the file, in bytes.
    pub size: u64,
    /// Number of entries in the array of folios.
    pub nr_folios: u64,
    /// The array of [`memfd_luo_folio_ser`]; not set where the file's size is 0.
    pub folios: kho_vmalloc,
}

layout::wire_layout! {
    struct memfd_luo_ser of MEMFD_LUO_FH_COMPATIBLE, size 40, align 1 {
        0 => pos: u64,
        8 => size: u64,
        16 => nr_folios: u64,
        24 => folios: kho_vmalloc,
    }
}

/// Compatible string of the LUO file handler for memfds.
pub const MEMFD_LUO_FH_COMPATIBLE: &str = "memfd-v1";

/// The header `linux/kho/abi/memfd.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "memfd",
    file: "earlier/memfd_v1.rs",
    source: include_str!("memfd_v1.rs"),
    guard: "_LINUX_KHO_ABI_MEMFD_H",
    includes: &[
        "linux/bits.h",
        "linux/compiler.h",
        "linux/kho/abi/kexec_handover.h",
        "linux/types.h",
    ],
    structs: &[memfd_luo_folio_ser::STRUCT_LAYOUT, memfd_luo_ser::STRUCT_LAYOUT],
    constants: &[
        layout::named_int!(MEMFD_LUO_FOLIO_DIRTY, "BIT(0)"),
        layout::named_int!(MEMFD_LUO_FOLIO_UPTODATE, "BIT(1)"),
    ],
    bit_fields: &[memfd_luo_folio_ser::BIT_FIELDS],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(MEMFD_LUO_FH_COMPATIBLE),
        roots: &[memfd_luo_ser::STRUCT_LAYOUT, memfd_luo_folio_ser::STRUCT_LAYOUT],
        constants: &["MEMFD_LUO_FOLIO_DIRTY", "MEMFD_LUO_FOLIO_UPTODATE"],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};

impl memfd_luo_folio_ser {
    /// Whether the folio was written to since it was allocated.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.flags() & MEMFD_LUO_FOLIO_DIRTY != 0
    }

    /// Whether the folio's content is valid.
    #[must_use]
    pub const fn is_uptodate(&self) -> bool {
        self.flags() & MEMFD_LUO_FOLIO_UPTODATE != 0
    }
}
