// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The layout model of the handover ABI, and what is made from it.
//!
//! ```text
//!   read::truth     the Rust types of kho-abi ──┐
//!   read::headers   C headers, by clang       ──┤      ┌── write::c_header  the kernel's headers
//!   read::frozen    snapshots/*.layout        ──┼─ model ── write::frozen  snapshots/*.layout
//!                                               │      ├── write::text      like pahole's
//!                                               │      └── write::json
//!                                            compare
//!                                               │
//!                   generate, freeze, bump, check: what a developer asks for
//! ```
//!
//! `diff` compares two readings, `policy` judges what changed, and `write::report` tells it; `review`,
//! `history` and `preflight` ask for that of patches, of a git history, and of two kernels.
//!
//! Readers do not know writers, and the model knows neither. [`rules`] lists everything that can be
//! found wrong; a [`finding::Finding`] is one thing found.

pub mod bump;
pub mod check;
pub mod checkout;
pub mod compare;
pub mod contracts;
pub mod diff;
pub mod finding;
pub mod freeze;
pub mod generate;
pub mod git;
pub mod history;
pub mod model;
pub mod patch;
pub mod policy;
pub mod preflight;
pub mod read;
pub mod review;
pub mod rules;
pub mod source;
pub mod verify;
pub mod version;
pub mod write;
