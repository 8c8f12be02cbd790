// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Earlier versions of the wire types: no kernel header here writes them any more, but they stay
//! readable.
//!
//! A memory dump or a rollback may contain the state of an older kernel. Each version that a bump
//! replaces moves here as `<header>_v<N>`, with its compatible string and its frozen layout
//! unchanged. `kho-abi bump` adds the files and the lines. Versions that Linux itself replaced
//! before this repository began are here, too, as far as their bytes are known for a fact.
//! [`reused`] has the sources, and the strings that mean more than one format.

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
