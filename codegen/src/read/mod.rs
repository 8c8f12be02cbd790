// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Readers: each makes a model of one kind of source.

pub mod btf;
pub mod bytes;
pub mod dwarf;
pub mod elf;
pub mod frozen;
pub mod git;
pub mod headers;
pub mod ikconfig;
pub mod image;
pub mod image_strings;
pub mod listed_versions;
pub mod lower;
pub mod payload;
mod process;
pub mod snapshots;
pub mod truth;
