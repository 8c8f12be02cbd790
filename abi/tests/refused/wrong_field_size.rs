// SPDX-License-Identifier: GPL-2.0-only OR MIT
// first error: case_ser.a takes 4 bytes, but wire_layout! says `u16`, which takes 2; a layout released as "case-v1" never changes: undo the change, run `kho-abi bump case-v1`

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a: u32,
    pub b: u16,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 6, align 1 {
        0 => a: u16,
        4 => b: u16,
    }
}
