// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Addresses of preserved memory, apart from the structs that carry them.

use core::{fmt, marker::PhantomData};

use super::layout::WireField;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A physical address: a `u64` of C, in the byte order of the CPU.
///
/// Any value is one. Zero stands for the absence of one, and nothing says that memory lies at any
/// other, nor that it is aligned: whoever follows an address checks it.
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
    /// The value that stands for no address.
    pub const NULL: Self = Self(0);

    /// Takes a number for an address.
    #[must_use]
    pub const fn new(address: u64) -> Self {
        Self(address)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether it stands for no address.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address, unless it stands for none.
    #[must_use]
    pub const fn non_null(self) -> Option<Self> {
        if self.is_null() {
            None
        } else {
            Some(self)
        }
    }

    /// Whether it is a multiple of `align`; of zero, nothing is.
    #[must_use]
    pub const fn is_aligned(self, align: u64) -> bool {
        align != 0 && self.0 % align == 0
    }

    /// The address so many bytes on, unless that is past the end of the address space.
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
/// The pointer member means nothing to another kernel, so Rust has the address alone.
#[repr(transparent)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable)]
pub struct KhoserPtr<T> {
    phys: PhysAddr,
    to: PhantomData<fn() -> T>,
}

impl<T> WireField for KhoserPtr<T> {}

impl<T> KhoserPtr<T> {
    /// Takes an address.
    #[must_use]
    pub const fn new(phys: PhysAddr) -> Self {
        Self { phys, to: PhantomData }
    }

    /// The address, unless it stands for none.
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
