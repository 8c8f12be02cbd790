// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: FromBytes` is not satisfied

use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a: bool,
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 1, align 1 {
        0 => a: bool,
    }
}
