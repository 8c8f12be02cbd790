// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: case_ser does not have its declared size; a layout released as "case-v1" never changes

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
    struct case_ser of CASE_COMPATIBLE, size 5, align 1 {
        0 => a: u16,
        2 => b: u16,
    }
}
