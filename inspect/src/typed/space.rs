// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bytes that belong together: at one address, or in scattered pages.

use crate::image::ReadError;
use crate::walk::Walker;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Memory as _;

/// Bytes that belong together.
pub(super) enum Space {
    /// Contiguous, from an address on.
    At(u64),
    /// In blocks of pages, each of `size` bytes.
    Pages { pages: Vec<u64>, size: u64 },
    /// In blocks of KHO: after the header of each, that many bytes of entries.
    Blocks(Vec<(u64, u64)>),
}

impl Space {
    /// The address of a byte, and how many bytes follow it contiguously.
    fn place(&self, offset: u64) -> Option<(u64, u64)> {
        match self {
            Self::At(at) => Some((at.checked_add(offset)?, u64::MAX)),
            Self::Pages { pages, size } => {
                let index = usize::try_from(offset.checked_div(*size)?).ok()?;
                let within = offset % size;
                Some((pages.get(index)?.checked_add(within)?, size - within))
            }
            Self::Blocks(blocks) => {
                let mut offset = offset;
                for (at, bytes) in blocks {
                    if offset < *bytes {
                        return Some((at.checked_add(offset)?, bytes - offset));
                    }
                    offset -= bytes;
                }
                None
            }
        }
    }

    /// The address of a byte; 0 if there is none.
    pub(super) fn address(&self, offset: u64) -> u64 {
        self.place(offset).map_or(0, |(at, _)| at)
    }

    /// Reads bytes, which may be in several places.
    pub(super) fn read(
        &self,
        walker: &Walker<'_>,
        offset: u64,
        into: &mut [u8],
    ) -> Result<(), (u64, ReadError)> {
        let (mut offset, mut into) = (offset, into);
        while !into.is_empty() {
            let (at, there) = self.place(offset).ok_or((0, ReadError::Outside { at: 0 }))?;
            let len = into.len().min(usize::try_from(there).unwrap_or(usize::MAX));
            let (now, later) = into.split_at_mut(len);
            walker.memory.read(PhysAddr::new(at), now).map_err(|error| (at, error))?;
            offset += len as u64;
            into = later;
        }
        Ok(())
    }
}
