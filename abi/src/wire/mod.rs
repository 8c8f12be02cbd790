// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The wire types: what one kernel leaves in preserved memory for the next one.
//!
//! One file per kernel header under `include/linux/kho/abi/`, and what they share in [`layout`],
//! [`bits`], [`phys`], [`endian`], [`flexible`], [`name`], [`uapi`] and [`pci_address`]; [`walk`]
//! follows lists from one to the next. This directory is compiled twice, by cargo and, mounted with
//! `#[path]`, inside a kernel build; so it names its siblings with `super::`, and only depends on
//! zerocopy.
//!
//! Byte order: a field of more than one byte is in the byte order of the machine that runs both
//! kernels, as the C struct is.

pub mod bits;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod block;
pub mod earlier;
pub mod endian;
pub mod flexible;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod kexec_handover;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod kexec_metadata;
pub mod layout;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod luo;
pub mod memblock;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod memfd;
pub mod name;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod pci;
pub mod pci_address;
pub mod phys;
pub mod uapi;
#[allow(unused_imports)] // Who mounts this directory names some of them, or none.
pub mod versions;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod vfio_pci;
pub mod walk;

/// Every header of the truth, sorted by file name. To add a wire file, add a line here.
pub const HEADERS: &[&layout::Header] = &[
    &block::HEADER,
    &kexec_handover::HEADER,
    &kexec_metadata::HEADER,
    &luo::HEADER,
    &memblock::HEADER,
    &memfd::HEADER,
    &pci::HEADER,
    &vfio_pci::HEADER,
];

/// Contracts that no released kernel has: their bytes may still change under the same version
/// without danger to any kernel. The frozen layout of each is a draft.
pub const DRAFTS: &[&str] = &["pci@2"];
