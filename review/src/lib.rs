// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges changes of the handover ABI.
//!
//! ```text
//!   diff     two readings side by side: facts
//!     │
//!   policy   what they mean: rules, levels, a verdict for each contract
//!     │
//!   report   one file per format
//! ```
//!
//! [`lint`] judges one side alone. `review`, `history` and `preflight` judge patches, a git
//! history, and two kernels. Each reports a [`document`]. `verify` compares a source with the
//! truth. [`rules`] lists everything that can be found wrong.

pub mod diff;
pub mod document;
pub mod history;
pub mod lint;
pub mod nearest;
pub mod patch;
pub mod policy;
pub mod preflight;
pub mod project;
pub mod report;
pub mod review;
pub mod rules;
pub mod verify;
