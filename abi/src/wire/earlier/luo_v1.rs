// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Live Update Orchestrator ABI of Linux 6.19 to 7.1
//!
//! What user space wants to have after an update is found through a flattened device tree, the KHO entry
//! [`LUO_FDT_KHO_ENTRY_NAME`]. Its root carries a string of its own, and so does each of its nodes:
//! [`LUO_FDT_SESSION_NODE_NAME`] leads to the sessions and the files in them,
//! [`LUO_FDT_FLB_NODE_NAME`] to the state that files share, which Linux 6.19 does not have yet.
//!
//! Sessions are an array behind a [`luo_session_header_ser`], the files of a session an array by
//! itself; both are contiguous. Numbers in properties are in the byte order of the CPU.

use core::ffi::c_char;

use super::super::layout::{self, WireType};
use super::super::name::{self, NameError};
use super::super::phys::PhysAddr;
use super::super::uapi::LIVEUPDATE_SESSION_NAME_LENGTH;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Name of the KHO entry that holds the device tree.
pub const LUO_FDT_KHO_ENTRY_NAME: &str = "LUO";

/// Compatible string of the device tree's root.
pub const LUO_FDT_COMPATIBLE: &str = "luo-v1";

/// Property of the root: the number of live updates since the machine was started cold.
pub const LUO_FDT_LIVEUPDATE_NUM: &str = "liveupdate-number";

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
    struct luo_file_ser of LUO_FDT_SESSION_COMPATIBLE, size 64, align 1 {
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
    /// Physical address of the array of [`luo_file_ser`].
    pub files: PhysAddr,
    /// Number of files in the array.
    pub count: u64,
}

layout::wire_layout! {
    struct luo_file_set_ser of LUO_FDT_SESSION_COMPATIBLE, size 16, align 1 {
        0 => files: PhysAddr,
        8 => count: u64,
    }
}

/// Name of the node that leads to the sessions.
pub const LUO_FDT_SESSION_NODE_NAME: &str = "luo-session";

/// Compatible string of the node that leads to the sessions.
pub const LUO_FDT_SESSION_COMPATIBLE: &str = "luo-session-v2";

/// Property of that node: the physical address of the [`luo_session_header_ser`].
pub const LUO_FDT_SESSION_HEADER: &str = "luo-session-header";

/// Start of the array of sessions.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct luo_session_header_ser {
    /// Number of [`luo_session_ser`] entries behind this header.
    pub count: u64,
}

layout::wire_layout! {
    struct luo_session_header_ser of LUO_FDT_SESSION_COMPATIBLE, size 8, align 1 {
        0 => count: u64,
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
    struct luo_session_ser of LUO_FDT_SESSION_COMPATIBLE, size 80, align 1 {
        0 => name: [c_char; LIVEUPDATE_SESSION_NAME_LENGTH],
        64 => file_set_ser: luo_file_set_ser,
    }
}

/// Size of the field for an FLB's compatible string, in bytes, with its NUL.
pub const LIVEUPDATE_FLB_COMPAT_LENGTH: usize = 48;

/// Name of the node that leads to the state that files share.
pub const LUO_FDT_FLB_NODE_NAME: &str = "luo-flb";

/// Compatible string of the node that leads to the state that files share.
pub const LUO_FDT_FLB_COMPATIBLE: &str = "luo-flb-v1";

/// Property of that node: the physical address of the [`luo_flb_header_ser`].
pub const LUO_FDT_FLB_HEADER: &str = "luo-flb-header";

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
    struct luo_flb_header_ser of LUO_FDT_FLB_COMPATIBLE, size 16, align 1 {
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
    struct luo_flb_ser of LUO_FDT_FLB_COMPATIBLE, size 64, align 1 {
        0 => name: [c_char; LIVEUPDATE_FLB_COMPAT_LENGTH],
        48 => data: u64,
        56 => count: u64,
    }
}

/// The header `linux/kho/abi/luo.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "luo",
    file: "earlier/luo_v1.rs",
    source: include_str!("luo_v1.rs"),
    guard: "_LINUX_KHO_ABI_LUO_H",
    includes: &["linux/compiler.h", "linux/types.h", "uapi/linux/liveupdate.h"],
    structs: &[
        luo_file_ser::STRUCT_LAYOUT,
        luo_file_set_ser::STRUCT_LAYOUT,
        luo_session_header_ser::STRUCT_LAYOUT,
        luo_session_ser::STRUCT_LAYOUT,
        luo_flb_header_ser::STRUCT_LAYOUT,
        luo_flb_ser::STRUCT_LAYOUT,
    ],
    contracts: &[
        layout::Contract {
            compatible: layout::named_str!(LUO_FDT_COMPATIBLE),
            constants: &["LUO_FDT_KHO_ENTRY_NAME", "LUO_FDT_LIVEUPDATE_NUM"],
            nodes: &[layout::FdtNode {
                path: "/",
                properties: &[
                    layout::FdtProperty {
                        name: "compatible",
                        size: None,
                        doc: "`LUO_FDT_COMPATIBLE`.",
                    },
                    layout::FdtProperty {
                        name: LUO_FDT_LIVEUPDATE_NUM,
                        size: Some(8),
                        doc: "Number of live updates since the machine was started cold.",
                    },
                ],
            }],
            ..layout::Contract::EMPTY
        },
        layout::Contract {
            compatible: layout::named_str!(LUO_FDT_SESSION_COMPATIBLE),
            roots: &[
                luo_session_header_ser::STRUCT_LAYOUT,
                luo_session_ser::STRUCT_LAYOUT,
                luo_file_ser::STRUCT_LAYOUT,
            ],
            constants: &[
                "LIVEUPDATE_HNDL_COMPAT_LENGTH",
                "LUO_FDT_SESSION_NODE_NAME",
                "LUO_FDT_SESSION_HEADER",
            ],
            nodes: &[layout::FdtNode {
                path: "/luo-session",
                properties: &[
                    layout::FdtProperty {
                        name: "compatible",
                        size: None,
                        doc: "`LUO_FDT_SESSION_COMPATIBLE`.",
                    },
                    layout::FdtProperty {
                        name: LUO_FDT_SESSION_HEADER,
                        size: Some(8),
                        doc: "Physical address of the sessions.",
                    },
                ],
            }],
            ..layout::Contract::EMPTY
        },
        layout::Contract {
            compatible: layout::named_str!(LUO_FDT_FLB_COMPATIBLE),
            roots: &[luo_flb_header_ser::STRUCT_LAYOUT, luo_flb_ser::STRUCT_LAYOUT],
            constants: &[
                "LIVEUPDATE_FLB_COMPAT_LENGTH",
                "LUO_FDT_FLB_NODE_NAME",
                "LUO_FDT_FLB_HEADER",
            ],
            nodes: &[layout::FdtNode {
                path: "/luo-flb",
                properties: &[
                    layout::FdtProperty {
                        name: "compatible",
                        size: None,
                        doc: "`LUO_FDT_FLB_COMPATIBLE`.",
                    },
                    layout::FdtProperty {
                        name: LUO_FDT_FLB_HEADER,
                        size: Some(8),
                        doc: "Physical address of the state that files share.",
                    },
                ],
            }],
            ..layout::Contract::EMPTY
        },
    ],
    ..layout::Header::EMPTY
};

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
