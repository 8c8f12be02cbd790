// SPDX-License-Identifier: GPL-2.0

//! Records in pages that Kexec HandOver (KHO) carries from one kernel to the next.
//!
//! C header: `include/linux/kexec_handover.h`.

use crate::wire::layout::WireType;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use kernel::{bindings, error::from_err_ptr, page::PAGE_SIZE, prelude::*};

/// A record at the start of a zeroed page that KHO preserves, in the kernel that writes it.
///
/// Dropping it frees the page, and the next kernel never sees it.
///
/// # Invariants
///
/// The pointer is from `kho_alloc_preserve()`, for a `T`, and only `self` has it.
pub(crate) struct OutgoingRecord<T: WireType> {
    record: NonNull<T>,
}

impl<T: WireType> OutgoingRecord<T> {
    /// Allocates a page, all zeroes, and has KHO preserve it.
    pub(crate) fn new() -> Result<Self> {
        // The reader expects one page, see `IncomingPage::restore`.
        const { assert!(size_of::<T>() <= PAGE_SIZE && align_of::<T>() <= PAGE_SIZE) };

        // SAFETY: `kho_alloc_preserve` takes any size.
        let page = from_err_ptr(unsafe { bindings::kho_alloc_preserve(size_of::<T>()) })?;

        Ok(Self {
            // INVARIANT: The page comes from there, and is new.
            record: NonNull::new(page.cast()).ok_or(ENOMEM)?,
        })
    }

    /// Leaves the page to KHO, and returns the physical address that identifies it.
    pub(crate) fn into_phys(self) -> u64 {
        let this = ManuallyDrop::new(self);

        // SAFETY: By the type invariant the pointer is to a page from the page allocator, which is
        // in the direct mapping.
        unsafe { bindings::virt_to_phys(this.record.as_ptr().cast()) }
    }

    /// Takes the page back.
    ///
    /// # Safety
    ///
    /// `phys` is from [`Self::into_phys`], for the same `T`, in this kernel, and the page was not
    /// taken back before.
    pub(crate) unsafe fn from_phys(phys: u64) -> Self {
        // SAFETY: The caller guarantees that `phys` is of a page in the direct mapping.
        let page = unsafe { bindings::phys_to_virt(phys) };

        Self {
            // SAFETY: The page was at a `NonNull` before it was made into `phys`. INVARIANT: It was
            // an `OutgoingRecord<T>`, and was not taken back before.
            record: unsafe { NonNull::new_unchecked(page.cast()) },
        }
    }
}

impl<T: WireType> Deref for OutgoingRecord<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the pointer is to a page, which is aligned for and as large
        // as a `T` by the assertion in `new`, and which `self` owns. It was zeroed, or written
        // through `deref_mut`: either way it is a `T`, as any bytes are (`WireType: FromBytes`).
        unsafe { self.record.as_ref() }
    }
}

impl<T: WireType> DerefMut for OutgoingRecord<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As in `deref`; and `self` is borrowed mutably, so there is no other reference.
        unsafe { self.record.as_mut() }
    }
}

impl<T: WireType> Drop for OutgoingRecord<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the page is from `kho_alloc_preserve()` and only `self` has
        // it, so it is freed only here.
        unsafe { bindings::kho_unpreserve_free(self.record.as_ptr().cast()) };
    }
}

/// A page that the previous kernel preserved, in the kernel that reads it.
///
/// Dropping it gives the page to the page allocator.
///
/// # Invariants
///
/// The pointer is to a folio of one page, on which `self` owns a reference and to which no one else
/// writes.
pub(crate) struct IncomingPage {
    folio: NonNull<bindings::folio>,
    _owned: PhantomData<bindings::folio>,
}

impl IncomingPage {
    /// Takes the page over from KHO.
    ///
    /// Checks everything about `phys` that can be checked. `EINVAL`: it is not the address of a
    /// page. `ENODATA`: KHO preserved no page there, or it was taken over before. `EBADMSG`: KHO
    /// preserved more than one page there.
    ///
    /// # Safety
    ///
    /// If the previous kernel preserved a page at `phys`, it did so for the caller's use.
    pub(crate) unsafe fn restore(phys: u64) -> Result<Self> {
        // KHO only looks at the page frame, and would accept an address inside it.
        if phys == 0 || phys % PAGE_SIZE as u64 != 0 {
            return Err(EINVAL);
        }

        // SAFETY: `kho_restore_folio` refuses addresses outside of this kernel's memory, and pages
        // that KHO did not preserve or gave out before. The caller guarantees that the page is
        // meant for it.
        let folio = unsafe { bindings::kho_restore_folio(phys) };
        let page = Self {
            // INVARIANT: KHO passed the folio's only reference on. Its size is checked below,
            // before it is used.
            folio: NonNull::new(folio).ok_or(ENODATA)?,
            _owned: PhantomData,
        };

        // SAFETY: The folio is valid, as `page` has a reference on it.
        if unsafe { bindings::folio_size(page.folio.as_ptr()) } != PAGE_SIZE {
            return Err(EBADMSG);
        }
        Ok(page)
    }

    /// The content of the page.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariant the folio is valid.
        let start = unsafe { bindings::folio_address(self.folio.as_ptr()) };

        // SAFETY:
        // - By the type invariant the folio is of one page and, being what KHO restores, not in
        //   high memory: its address is that of `PAGE_SIZE` bytes in the direct mapping.
        // - They are initialised: the previous kernel zeroed the page.
        // - By the type invariant, no one writes to them while `self` is borrowed.
        unsafe { core::slice::from_raw_parts(start.cast(), PAGE_SIZE) }
    }
}

impl Drop for IncomingPage {
    fn drop(&mut self) {
        // SAFETY: By the type invariant `self` owns the reference that is dropped here.
        unsafe { bindings::folio_put(self.folio.as_ptr()) };
    }
}
