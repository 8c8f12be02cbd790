// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: bit-fields leave a gap or overlap

use super::wire::bits;
use super::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
pub struct case_ser {
    pub a_and_b: u64,
}

bits::bit_fields! {
    case_ser.a_and_b: u64 {
        /// The first.
        0..51 => a, set_a;
        /// The second.
        52..64 => b, set_b;
    }
}

layout::wire_layout! {
    struct case_ser of CASE_COMPATIBLE, size 8, align 1 {
        0 => a_and_b: u64,
    }
}
