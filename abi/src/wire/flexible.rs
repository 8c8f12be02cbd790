// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Arrays whose length the struct does not say: flexible array members of C.

use super::layout::WireField;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What follows a struct, as many of it as another field or contract says: `u64 entries[]` in C.
///
/// It has no bytes of its own, and is the last field. `WireType::view_array` of the elements reads what
/// stands behind the struct.
#[repr(transparent)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlexArray<T>([T; 0]);

impl<T: WireField> WireField for FlexArray<T> {}

impl<T> FlexArray<T> {
    /// The array, which has no bytes of its own.
    #[must_use]
    pub const fn new() -> Self {
        Self([])
    }
}

impl<T> Default for FlexArray<T> {
    fn default() -> Self {
        Self::new()
    }
}
