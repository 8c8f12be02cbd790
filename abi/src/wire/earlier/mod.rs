// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Earlier versions of the wire types: no longer written by any kernel header here, still readable.
//!
//! A memory dump, or a rollback, meets the state of an older kernel. Each version that a bump leaves
//! behind moves here as `<header>_v<N>`, with its compatible string and its frozen layout unchanged.
//! `kho-abi bump` adds the files and the lines.

use super::layout;

/// Every earlier version, oldest first within a header.
pub const EARLIER: &[&layout::Header] = &[];
