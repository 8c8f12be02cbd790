// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The machine that a layout is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The properties of a machine that affect layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Target {
    /// Width of a pointer and of `unsigned long`, in bits.
    pub pointer_bits: u32,
    /// Order of the bytes in an integer.
    pub endian: Endian,
    /// Size of a page, in bytes; `None` if the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u64>,
}

/// Order of the bytes in an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Target {
    /// 64-bit x86.
    pub const X86_64: Self =
        Self { pointer_bits: 64, endian: Endian::Little, page_size: Some(4096) };

    /// The machine that this code was compiled for, whose layouts rustc computed, with the smallest
    /// page size.
    pub const HOST: Self = Self {
        pointer_bits: usize::BITS,
        endian: if cfg!(target_endian = "big") { Endian::Big } else { Endian::Little },
        page_size: Some(4096),
    };
}
