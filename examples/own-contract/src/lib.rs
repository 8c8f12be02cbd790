// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A made-up contract: what a log ring hands to the next kernel.
#![no_std]

use kho_abi::wire::layout::Header;

#[allow(non_camel_case_types)] // A wire type carries its C name.
pub mod log_ring;

/// Every header of this crate.
pub const HEADERS: &[&Header] = &[&log_ring::HEADER];
