// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! memfd Live Update ABI
//!
//! A memfd that user space preserves through the Live Update Orchestrator (LUO) leaves a
//! [`memfd_luo_ser`] in a preserved page, and the memory that holds its content where it is. The
//! kernel that runs before the update writes the struct when the file is preserved, and completes it
//! when it is about to leave; the kernel that runs after it reads it when the file is retrieved.
//!
//! The file's entry in the LUO session carries [`MEMFD_LUO_FH_COMPATIBLE`], and the physical address
//! of the struct in its data. The struct leads to an array of [`memfd_luo_folio_ser`], one for each
//! folio, in any order and with gaps where the file has holes.

use super::bits;
use super::kexec_handover::kho_vmalloc;
use super::layout::{self, WireType};
use super::uapi::{
    F_SEAL_EXEC, F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE,
};
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

/// The seals that are preserved.
///
/// A file with another seal is not preserved, and one that names another seal is not retrieved: a
/// further seal needs a new version of the contract.
pub const MEMFD_LUO_ALL_SEALS: u32 =
    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;

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
    /// Its seals, as `fcntl()` has them.
    pub seals: u32,
    /// Flags of the file; no bit has a meaning yet, and all are 0.
    pub flags: u32,
    /// Number of entries in the array of folios.
    pub nr_folios: u64,
    /// The array of [`memfd_luo_folio_ser`]; not set where the file's size is 0.
    pub folios: kho_vmalloc,
}

layout::wire_layout! {
    struct memfd_luo_ser of MEMFD_LUO_FH_COMPATIBLE, size 48, align 1 {
        0 => pos: u64,
        8 => size: u64,
        16 => seals: u32,
        20 => flags: u32,
        24 => nr_folios: u64,
        32 => folios: kho_vmalloc,
    }
}

/// Compatible string of the LUO file handler for memfds.
pub const MEMFD_LUO_FH_COMPATIBLE: &str = "memfd-v2";

/// The header `linux/kho/abi/memfd.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "memfd",
    file: "memfd.rs",
    source: include_str!("memfd.rs"),
    guard: "_LINUX_KHO_ABI_MEMFD_H",
    includes: &[
        "linux/bits.h",
        "linux/compiler.h",
        "linux/kho/abi/kexec_handover.h",
        "linux/types.h",
        "uapi/linux/fcntl.h",
    ],
    structs: &[memfd_luo_folio_ser::STRUCT_LAYOUT, memfd_luo_ser::STRUCT_LAYOUT],
    constants: &[
        layout::named_int!(MEMFD_LUO_FOLIO_DIRTY, "BIT(0)"),
        layout::named_int!(MEMFD_LUO_FOLIO_UPTODATE, "BIT(1)"),
        layout::named_int!(
            MEMFD_LUO_ALL_SEALS,
            "(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | \
             F_SEAL_EXEC)"
        ),
    ],
    bit_fields: &[memfd_luo_folio_ser::BIT_FIELDS],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(MEMFD_LUO_FH_COMPATIBLE),
        roots: &[memfd_luo_ser::STRUCT_LAYOUT, memfd_luo_folio_ser::STRUCT_LAYOUT],
        constants: &["MEMFD_LUO_FOLIO_DIRTY", "MEMFD_LUO_FOLIO_UPTODATE", "MEMFD_LUO_ALL_SEALS"],
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
