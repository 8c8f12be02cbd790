// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What people are shown of files and of work, in every part of kho-abi alike.

pub mod names;
mod progress;

pub use progress::{Now, Progress, Unit};
