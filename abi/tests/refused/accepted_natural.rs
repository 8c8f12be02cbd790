// SPDX-License-Identifier: GPL-2.0-only OR MIT
// error: none

use super::wire::bits;
use super::wire::layout::{self, WireType};
use super::wire::phys::{KhoserPtr, PhysAddr};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub const CASE_COMPATIBLE: &str = "case-v1";

#[repr(C)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy)]
pub struct case_ser {
    pub a_and_b: u64,
    pub c: PhysAddr,
    pub d: KhoserPtr<case_ser>,
}

bits::bit_fields! {
    case_ser.a_and_b: u64 {
        /// The first.
        0..52 => a, set_a;
        /// The second.
        52..64 => b, set_b;
    }
}

layout::wire_layout! {
    natural struct case_ser of CASE_COMPATIBLE, size 24, align 8 {
        0 => a_and_b: u64,
        8 => c: PhysAddr,
        16 => d: KhoserPtr<case_ser>,
    }
}
