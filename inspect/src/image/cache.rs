// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Caches a few pages of an image, for readers of many small values in the same pages.

use super::{Image, ReadError};
use kho_abi::wire::layout::WireType;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Memory;
use std::cell::RefCell;

const SLOTS: usize = 64;

struct Slot {
    page: u64,
    bytes: Vec<u8>,
}

/// An image with a cache of a fixed size, for one thread.
pub struct Cached<'i> {
    image: &'i Image,
    page_size: usize,
    slots: RefCell<Vec<Slot>>,
}

impl<'i> Cached<'i> {
    /// Reads an image whose kernel has pages of that many bytes, one of [`super::PAGE_SIZES`].
    #[must_use]
    pub fn new(image: &'i Image, page_size: usize) -> Self {
        let slots = (0..SLOTS).map(|_| Slot { page: u64::MAX, bytes: Vec::new() }).collect();
        Self { image, page_size, slots: RefCell::new(slots) }
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &'i Image {
        self.image
    }

    /// Size of a page of the kernel that wrote the memory, in bytes.
    #[must_use]
    pub fn page_size_usize(&self) -> usize {
        self.page_size
    }

    /// Reads a value at any address.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if some of it does not exist.
    pub fn value<T: WireType>(&self, pa: u64) -> Result<T, ReadError> {
        let mut value = T::new_zeroed();
        self.read(PhysAddr::new(pa), value.as_mut_bytes())?;
        Ok(value)
    }

    fn read_in_page(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let size = self.page_size as u64;
        let page = pa / size * size;
        let within = usize::try_from(pa % size).unwrap_or(0);
        let number = usize::try_from(pa / size % SLOTS as u64).unwrap_or(0);
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[number];
        if slot.page != page {
            slot.page = u64::MAX;
            slot.bytes.resize(self.page_size, 0);
            if self.image.read(page, &mut slot.bytes).is_err() {
                // A part of the page may still exist.
                return self.image.read(pa, into);
            }
            slot.page = page;
        }
        into.copy_from_slice(&slot.bytes[within..within + into.len()]);
        Ok(())
    }
}

impl Memory for Cached<'_> {
    type Error = ReadError;

    fn page_size(&self) -> usize {
        self.page_size
    }

    fn read(&self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let mut pa = at.get();
        if pa.checked_add(into.len() as u64).is_none() {
            return Err(ReadError::Outside { at: u64::MAX });
        }
        if into.len() > self.page_size {
            return self.image.read(pa, into);
        }
        let mut into = into;
        while !into.is_empty() {
            let within = usize::try_from(pa % self.page_size as u64).unwrap_or(0);
            let len = into.len().min(self.page_size - within);
            let (now, later) = into.split_at_mut(len);
            self.read_in_page(pa, now)?;
            pa += len as u64;
            into = later;
        }
        Ok(())
    }
}
