// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A file that is mapped into memory, on request.
//!
//! Positioned reads are the default: a mapping is only faster for small, scattered reads, and
//! truncating a mapped file ends the program with a signal. This is a separate crate, so that the
//! others can forbid the `unsafe` code that it needs.

use std::fs::File;
use std::io;

/// A mapped file.
#[derive(Debug)]
pub struct Mapping(memmap2::Mmap);

impl Mapping {
    /// Maps a file.
    ///
    /// The file must not be written or truncated as long as the mapping exists: reading a truncated
    /// part ends the program with `SIGBUS`. There is no other risk here, since bytes are only
    /// copied out, and are only used as bytes.
    ///
    /// # Errors
    ///
    /// Errors of the system; a file without a length, such as one under `/proc`, cannot be mapped.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: The mapping is private to this type and read-only. If the file changes, the bytes
        // change. Only copies are handed out, so no reference observes that, except for the one
        // that a copy is made from. The caller must prevent that.
        let map = unsafe { memmap2::Mmap::map(file) }?;
        Ok(Self(map))
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies all of the bytes from a position on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if some of them do not exist.
    pub fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start
            .and_then(|start| Some(start..start.checked_add(into.len())?))
            .and_then(|range| self.0.get(range))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Mapping;
    use std::io::Write as _;

    #[test]
    fn bytes_are_copied_from_within() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mapping = Mapping::new(&file).unwrap();
        let mut bytes = [0; 4];
        mapping.read_exact_at(&mut bytes, 6).unwrap();
        assert_eq!(&bytes, b"6789");
        assert!(mapping.read_exact_at(&mut bytes, 7).is_err());
        assert!(mapping.read_exact_at(&mut bytes, u64::MAX).is_err());
        assert_eq!((mapping.len(), mapping.is_empty()), (10, false));
    }
}
