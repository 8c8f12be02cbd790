// SPDX-License-Identifier: GPL-2.0-only OR MIT
// first error: case_ser.b is at byte 2, but wire_layout! says byte 1; a layout released as "case-v1" never changes: undo the change, run `kho-abi bump case-v1`

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a: u16,
    pub b: u16,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 4, align 1 {
        0 => a: u16,
        1 => b: u16,
    }
}
