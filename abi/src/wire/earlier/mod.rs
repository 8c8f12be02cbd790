// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Earlier versions of the wire types: no longer written by any kernel header here, still readable.
//!
//! A memory dump, or a rollback, meets the state of an older kernel. Each version that a bump leaves
//! behind moves here as `<header>_v<N>`, with its compatible string and its frozen layout unchanged.
//! `kho-abi bump` adds the files and the lines. Those that Linux itself left behind before this
//! repository began are here, too, as far as their bytes are known for a fact: [`reused`] says from
//! where, and which strings stand for more than one thing.

#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod kexec_handover_v1;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod kexec_handover_v3;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod luo_v1;
#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod memfd_v1;
pub mod reused;

use super::layout;

/// Every earlier version, oldest first within a header.
pub const EARLIER: &[&layout::Header] =
    &[&kexec_handover_v1::HEADER, &kexec_handover_v3::HEADER, &luo_v1::HEADER, &memfd_v1::HEADER];
