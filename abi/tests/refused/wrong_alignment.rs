// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: case_ser does not have its declared alignment

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a: u16,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 2, align 2 {
        0 => a: u16,
    }
}
