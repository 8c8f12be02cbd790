// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: none

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a: u32,
    pub b: [u8; 3],
    pub c: i64,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 15, align 1 {
        0 => a: u32,
        4 => b: [u8; 3],
        7 => c: i64,
    }
}
