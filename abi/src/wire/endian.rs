// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Integers of a fixed byte order: `__le32` of C and its like.
//!
//! Most of what is handed over is in the byte order of the CPU, as both kernels run on one machine. These
//! are for what comes from elsewhere, such as a device or a disk. Each is aligned as its C type is.

use super::layout::WireField;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! ordered {
    ($($name:ident: $int:ident, $c:literal, $order:literal, $to:ident, $from:ident;)+) => { $(
        #[doc = concat!("A `", $c, "` of C: ", $order, " first.")]
        #[repr(transparent)]
        #[derive(
            FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, Default, PartialEq, Eq, Hash,
        )]
        pub struct $name($int);

        impl WireField for $name {}

        impl $name {
            /// Stores a number.
            #[must_use]
            pub const fn new(value: $int) -> Self {
                Self(value.$to())
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> $int {
                $int::$from(self.0)
            }
        }
    )+ };
}

ordered! {
    Le16: u16, "__le16", "the least significant byte", to_le, from_le;
    Le32: u32, "__le32", "the least significant byte", to_le, from_le;
    Le64: u64, "__le64", "the least significant byte", to_le, from_le;
    Be16: u16, "__be16", "the most significant byte", to_be, from_be;
    Be32: u32, "__be32", "the most significant byte", to_be, from_be;
    Be64: u64, "__be64", "the most significant byte", to_be, from_be;
}
