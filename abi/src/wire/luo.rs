// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Live Update Orchestrator ABI
//!
//! The Live Update Orchestrator (LUO) keeps what user space wants to have after an update: sessions,
//! the files in them, and state that files share. Its root is one [`luo_ser`], a KHO entry under the
//! name [`LUO_KHO_ENTRY_NAME`]. From there on everything is found by physical address:
//!
//! - `sessions_pa` begins a list of blocks (`kho_block_header_ser`) of [`luo_session_ser`], and each
//!   session's file set begins one of [`luo_file_ser`];
//! - `flbs_pa` is the address of a [`luo_flb_header_ser`], with [`luo_flb_ser`] entries right behind it.
//!
//! FLB stands for state that is bound to the life cycle of files: it is preserved with the first file
//! that needs it, and finished with the last.
//!
//! The root is written when the kernel starts, and the lists when it is about to leave; until then
//! `sessions_pa` is 0. The next kernel reads all of it once.

use core::ffi::c_char;

use super::layout::{self, WireType};
use super::name::{self, NameError};
use super::phys::PhysAddr;
use super::uapi::LIVEUPDATE_SESSION_NAME_LENGTH;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Name of the KHO entry that holds the root.
pub const LUO_KHO_ENTRY_NAME: &str = "LUO";

/// Compatible string of LUO's own state.
pub const LUO_ABI_COMPATIBLE: &str = "luo-v5";

/// Size of the field for the compatible string, in bytes.
///
/// The string with its NUL, rounded up so that the fields behind it stay on multiples of eight bytes.
pub const LUO_ABI_COMPAT_LEN: usize = (LUO_ABI_COMPATIBLE.len() + 1).next_multiple_of(8);

/// Root of LUO's state.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_ser {
    /// [`LUO_ABI_COMPATIBLE`]: a kernel that finds another string reads no further.
    pub compatible: [c_char; LUO_ABI_COMPAT_LEN],
    /// Number of live updates since the machine was started cold, this one included.
    pub liveupdate_num: u64,
    /// Physical address of the first block (`kho_block_header_ser`) of [`luo_session_ser`], 0 where there
    /// are none.
    pub sessions_pa: PhysAddr,
    /// Physical address of the [`luo_flb_header_ser`].
    pub flbs_pa: PhysAddr,
}

layout::wire_layout! {
    struct luo_ser of LUO_ABI_COMPATIBLE, size 32, align 1 {
        0 => compatible: [c_char; LUO_ABI_COMPAT_LEN],
        8 => liveupdate_num: u64,
        16 => sessions_pa: PhysAddr,
        24 => flbs_pa: PhysAddr,
    }
}

/// Size of the field for a file handler's compatible string, in bytes, with its NUL.
pub const LIVEUPDATE_HNDL_COMPAT_LENGTH: usize = 48;

/// A preserved file.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_file_ser {
    /// Compatible string of the file handler that preserved the file, and can retrieve it.
    pub compatible: [c_char; LIVEUPDATE_HNDL_COMPAT_LENGTH],
    /// What the handler wants back; for most, a physical address.
    pub data: u64,
    /// What user space knows the file by within its session.
    pub token: u64,
}

layout::wire_layout! {
    struct luo_file_ser of LUO_ABI_COMPATIBLE, size 64, align 1 {
        0 => compatible: [c_char; LIVEUPDATE_HNDL_COMPAT_LENGTH],
        48 => data: u64,
        56 => token: u64,
    }
}

/// The files of a session.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_file_set_ser {
    /// Physical address of the first block (`kho_block_header_ser`) of [`luo_file_ser`], 0 where there are
    /// none.
    pub files: PhysAddr,
    /// Number of files in all blocks together.
    pub count: u64,
}

layout::wire_layout! {
    struct luo_file_set_ser of LUO_ABI_COMPATIBLE, size 16, align 1 {
        0 => files: PhysAddr,
        8 => count: u64,
    }
}

/// A session.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_session_ser {
    /// Name that user space gave the session; no two sessions have the same.
    pub name: [c_char; LIVEUPDATE_SESSION_NAME_LENGTH],
    /// Its files.
    pub file_set_ser: luo_file_set_ser,
}

layout::wire_layout! {
    struct luo_session_ser of LUO_ABI_COMPATIBLE, size 80, align 1 {
        0 => name: [c_char; LIVEUPDATE_SESSION_NAME_LENGTH],
        64 => file_set_ser: luo_file_set_ser,
    }
}

/// Size of the field for an FLB's compatible string, in bytes, with its NUL.
pub const LIVEUPDATE_FLB_COMPAT_LENGTH: usize = 48;

/// Start of the array of FLBs.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_flb_header_ser {
    /// Number of pages that header and array take together.
    pub pgcnt: u64,
    /// Number of [`luo_flb_ser`] entries behind this header.
    pub count: u64,
}

layout::wire_layout! {
    struct luo_flb_header_ser of LUO_ABI_COMPATIBLE, size 16, align 1 {
        0 => pgcnt: u64,
        8 => count: u64,
    }
}

/// State that preserved files share.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_flb_ser {
    /// Compatible string of whoever preserved the state, and can retrieve it.
    pub name: [c_char; LIVEUPDATE_FLB_COMPAT_LENGTH],
    /// What it wants back; for most, a physical address.
    pub data: u64,
    /// Number of preserved files that need the state.
    pub count: u64,
}

layout::wire_layout! {
    struct luo_flb_ser of LUO_ABI_COMPATIBLE, size 64, align 1 {
        0 => name: [c_char; LIVEUPDATE_FLB_COMPAT_LENGTH],
        48 => data: u64,
        56 => count: u64,
    }
}

/// Compatible string of one of the FLBs that the kernel's own test of live updates preserves.
///
/// `i` is the number of the FLB, as a literal. No other kernel is to understand it.
pub const LIVEUPDATE_TEST_FLB_COMPATIBLE: layout::CMacro = layout::CMacro {
    arguments: "i",
    body: "\"liveupdate-test-flb-v\" #i",
    option: "CONFIG_LIVEUPDATE_TEST",
};

/// The header `linux/kho/abi/luo.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "luo",
    file: "luo.rs",
    source: include_str!("luo.rs"),
    guard: "_LINUX_KHO_ABI_LUO_H",
    includes: &[
        "linux/align.h",
        "linux/compiler.h",
        "linux/kho/abi/block.h",
        "linux/types.h",
        "uapi/linux/liveupdate.h",
    ],
    structs: &[
        luo_ser::STRUCT_LAYOUT,
        luo_file_ser::STRUCT_LAYOUT,
        luo_file_set_ser::STRUCT_LAYOUT,
        luo_session_ser::STRUCT_LAYOUT,
        luo_flb_header_ser::STRUCT_LAYOUT,
        luo_flb_ser::STRUCT_LAYOUT,
    ],
    constants: &[layout::named_int!(LUO_ABI_COMPAT_LEN, "ALIGN(sizeof(LUO_ABI_COMPATIBLE), 8)")],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(LUO_ABI_COMPATIBLE),
        roots: &[
            luo_ser::STRUCT_LAYOUT,
            luo_file_ser::STRUCT_LAYOUT,
            luo_session_ser::STRUCT_LAYOUT,
            luo_flb_header_ser::STRUCT_LAYOUT,
            luo_flb_ser::STRUCT_LAYOUT,
        ],
        constants: &[
            "LUO_KHO_ENTRY_NAME",
            "LUO_ABI_COMPAT_LEN",
            "LIVEUPDATE_HNDL_COMPAT_LENGTH",
            "LIVEUPDATE_FLB_COMPAT_LENGTH",
        ],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};

impl luo_ser {
    /// The compatible string that the state was written with.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the field does not contain a string.
    pub fn compatible(&self) -> Result<&str, NameError> {
        name::read(&self.compatible)
    }
}

impl luo_file_ser {
    /// The compatible string of the file's handler.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the field does not contain a string.
    pub fn compatible(&self) -> Result<&str, NameError> {
        name::read(&self.compatible)
    }
}

impl luo_session_ser {
    /// The session's name.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the field does not contain a string.
    pub fn name(&self) -> Result<&str, NameError> {
        name::read(&self.name)
    }
}

impl luo_flb_ser {
    /// The FLB's compatible string.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the field does not contain a string.
    pub fn name(&self) -> Result<&str, NameError> {
        name::read(&self.name)
    }
}
