// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Readers of the handover ABI: each makes a model of one kind of source.
//!
//! ```text
//!   truth                         the Rust types of kho-abi
//!   headers                       C headers, by clang; outline: what their text shows
//!   image ── btf, dwarf ── lower  kernels that were built: types
//!         └─ image_strings        and strings
//!   frozen, snapshots             frozen layouts
//!   git                           headers of a revision, and of a history
//!          │
//!        source                   from a word of the user to a reading
//! ```
//!
//! Readers depend neither on writers nor on judgements.

pub mod btf;
pub mod bytes;
pub mod catalogue;
pub mod checkout;
pub mod contracts;
pub mod dwarf;
pub mod elf;
mod error;
pub mod frozen;
pub mod git;
pub mod headers;
pub mod ikconfig;
pub mod image;
pub mod image_strings;
pub mod listed_versions;
pub mod lower;
pub mod names;
mod options;
pub mod outline;
pub mod owners;
pub mod payload;
pub mod process;
pub mod snapshots;
pub mod source;
pub mod truth;
mod uki;
