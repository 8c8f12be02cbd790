// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Kexec metadata ABI
//!
//! What a kernel tells the next one about itself, beside the state that is handed over: nothing
//! depends on it, and a kernel that does not understand it goes on without. It is a
//! [`kho_kexec_metadata`] in the KHO entry [`KHO_METADATA_NODE_NAME`].
//!
//! There is no compatible string: the version is the struct's first field, and so stays where it is.

use core::ffi::c_char;

use super::layout::{self, WireType};
use super::name::{self, NameError};
use super::uapi::__NEW_UTS_LEN;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Version of [`kho_kexec_metadata`], as its first field has it.
pub const KHO_KEXEC_METADATA_VERSION: u32 = 1;

/// What a kernel tells the next one about itself.
///
/// The length of a release is a part of the interface to user space, and does not change.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct kho_kexec_metadata {
    /// [`KHO_KEXEC_METADATA_VERSION`]: a kernel that finds another number reads no further.
    pub version: u32,
    /// Release of the kernel that did the kexec, as `uname -r` prints it.
    pub previous_release: [c_char; __NEW_UTS_LEN + 1],
    /// Number of kexecs since the machine was started cold, this one included.
    pub kexec_count: u32,
}

layout::wire_layout! {
    struct kho_kexec_metadata of KHO_METADATA_NODE_NAME, size 73, align 1 {
        0 => version: u32,
        4 => previous_release: [c_char; __NEW_UTS_LEN + 1],
        69 => kexec_count: u32,
    }
}

/// Name of the KHO entry that holds the struct.
pub const KHO_METADATA_NODE_NAME: &str = "kexec-metadata";

/// The header `linux/kho/abi/kexec_metadata.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "kexec_metadata",
    file: "kexec_metadata.rs",
    source: include_str!("kexec_metadata.rs"),
    guard: "_LINUX_KHO_ABI_KEXEC_METADATA_H",
    includes: &["linux/compiler.h", "linux/types.h", "linux/utsname.h"],
    structs: &[kho_kexec_metadata::STRUCT_LAYOUT],
    contracts: &[layout::Contract {
        compatible: layout::NamedStr {
            name: "KHO_KEXEC_METADATA_VERSION",
            value: KHO_METADATA_NODE_NAME,
        },
        version: Some(KHO_KEXEC_METADATA_VERSION),
        roots: &[kho_kexec_metadata::STRUCT_LAYOUT],
        constants: &["KHO_METADATA_NODE_NAME"],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};

impl kho_kexec_metadata {
    /// Release of the kernel that did the kexec.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the field does not contain a string.
    pub fn previous_release(&self) -> Result<&str, NameError> {
        name::read(&self.previous_release)
    }
}
