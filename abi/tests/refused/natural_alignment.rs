// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: Unaligned` is not satisfied

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy)]
pub struct case_ser {
    pub a: u32,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 4, align 4 {
        0 => a: u32,
    }
}
