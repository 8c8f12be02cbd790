// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Readers: each makes a model of one kind of source.

pub mod c_header;
pub mod frozen;
pub mod headers;
pub mod outline;
pub mod truth;
