// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: has 3 total byte(s) of padding

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a: u8,
    pub b: u32,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 8, align 4 {
        0 => a: u8,
        4 => b: u32,
    }
}
