// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Addresses of preserved memory, independent of the structs that carry them.

use core::{fmt, marker::PhantomData};

use super::layout::WireField;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A physical address: a C `u64`, in the byte order of the CPU.
///
/// Not validated: zero means "none", and other values need not be backed by memory or aligned.
/// Check an address before following it.
#[repr(transparent)]
#[derive(
    FromBytes,
    IntoBytes,
    KnownLayout,
    Immutable,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
)]
pub struct PhysAddr(u64);

impl WireField for PhysAddr {}

impl PhysAddr {
    /// The value that means "none".
    pub const NULL: Self = Self(0);

    /// Makes an address from a number.
    #[must_use]
    pub const fn new(address: u64) -> Self {
        Self(address)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether it means "none".
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address, or `None` if it is zero.
    #[must_use]
    pub const fn non_null(self) -> Option<Self> {
        if self.is_null() {
            None
        } else {
            Some(self)
        }
    }

    /// Whether it is a multiple of `align`; false if `align` is zero.
    #[must_use]
    pub const fn is_aligned(self, align: u64) -> bool {
        align != 0 && self.0 % align == 0
    }

    /// The address that many bytes further on, unless that is past the end of the address space.
    #[must_use]
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }
}

impl fmt::Display for PhysAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The physical address of a `T`: in C a union of the address and a pointer, which the kernel
/// declares with `DECLARE_KHOSER_PTR()`.
///
/// The pointer member means nothing to another kernel, so Rust only has the address.
#[repr(transparent)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct KhoserPtr<T> {
    phys: PhysAddr,
    to: PhantomData<fn() -> T>,
}

impl<T> WireField for KhoserPtr<T> {}

impl<T> KhoserPtr<T> {
    /// Makes it from an address.
    #[must_use]
    pub const fn new(phys: PhysAddr) -> Self {
        Self { phys, to: PhantomData }
    }

    /// The address, or `None` if it is zero.
    #[must_use]
    pub const fn phys(self) -> Option<PhysAddr> {
        self.phys.non_null()
    }
}

impl<T> Clone for KhoserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for KhoserPtr<T> {}

impl<T> PartialEq for KhoserPtr<T> {
    fn eq(&self, other: &Self) -> bool {
        self.phys == other.phys
    }
}

impl<T> Eq for KhoserPtr<T> {}

impl<T> fmt::Debug for KhoserPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KhoserPtr").field(&self.phys).finish()
    }
}
