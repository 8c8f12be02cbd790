// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Readers: each makes a model of one kind of source.

pub mod frozen;
pub mod git;
pub mod headers;
pub mod outline;
mod process;
pub mod truth;
