// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A file that is mapped into memory, for those who ask for it.
//!
//! Reading at positions is the rule: a mapping is faster only where reads are small and scattered, and
//! a file that is cut off while it is mapped ends the program with a signal. This crate is apart from
//! the others so that those can forbid what it needs.

use std::fs::File;
use std::io;

/// A file that is mapped.
#[derive(Debug)]
pub struct Mapping(memmap2::Mmap);

impl Mapping {
    /// Maps a file.
    ///
    /// Nobody may write to the file or cut it off as long as the mapping is there: what was cut off
    /// ends the program with `SIGBUS` when it is read. Nothing but that can come of it here, since
    /// bytes are only ever copied out, and none of them is taken for anything but a byte.
    ///
    /// # Errors
    ///
    /// Those of the system; a file that has no length, such as one under `/proc`, cannot be mapped.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: The mapping is private to this type and read-only. A file that changes makes bytes
        // change: they are handed out as copies alone, so no reference sees that, but for the one
        // that a copy is made from. The caller has been told not to let that happen.
        let map = unsafe { memmap2::Mmap::map(file) }?;
        Ok(Self(map))
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Copies all of the bytes from a position on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] where some of them are not there.
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
