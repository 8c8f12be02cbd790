// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bytes that can be read at any position: a file, or memory instead of one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A source that several threads can read at any position.
pub trait Bytes: Send + Sync {
    /// Number of bytes, as far as known.
    fn len(&self) -> u64;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills a buffer from a position on.
    ///
    /// # Errors
    ///
    /// Some of the bytes do not exist, or the system cannot read them.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;

    /// The next bytes that may have been written, from a position up to the next hole; `None` if
    /// the system cannot tell, and if nothing more was written.
    fn next_written(&self, offset: u64) -> Option<std::ops::Range<u64>> {
        (offset < self.len()).then(|| offset..self.len())
    }
}

/// A file, which is never loaded whole.
#[derive(Debug)]
pub struct FileBytes {
    file: File,
    len: u64,
}

impl FileBytes {
    /// Takes an open file.
    ///
    /// # Errors
    ///
    /// The system cannot determine its length.
    pub fn new(mut file: File) -> io::Result<Self> {
        use std::io::Seek;
        let metadata = file.metadata()?;
        // The length of a block device is the position of its end. Files under /proc have
        // unreliable lengths, which their content corrects.
        let len = match metadata.len() {
            0 => file.seek(io::SeekFrom::End(0)).unwrap_or(0),
            len => len,
        };
        Ok(Self { file, len })
    }
}

impl Bytes for FileBytes {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    fn next_written(&self, offset: u64) -> Option<std::ops::Range<u64>> {
        use rustix::fs::{seek, SeekFrom};
        if offset >= self.len {
            return None;
        }
        match seek(&self.file, SeekFrom::Data(offset)) {
            Ok(start) => {
                let end = seek(&self.file, SeekFrom::Hole(start)).unwrap_or(self.len);
                Some(start..end.clamp(start, self.len))
            }
            // Nothing was written from here on.
            Err(rustix::io::Errno::NXIO) => None,
            // The file system does not know: everything may have been written.
            Err(_) => Some(offset..self.len),
        }
    }
}

/// A file that is mapped into memory.
///
/// See [`kho_abi_mapping::Mapping::new`] for the conditions.
#[cfg(feature = "mapping")]
#[derive(Debug)]
pub struct MappedBytes {
    mapping: kho_abi_mapping::Mapping,
    /// Knows where nothing was ever written.
    file: FileBytes,
}

#[cfg(feature = "mapping")]
impl MappedBytes {
    /// Maps an open file.
    ///
    /// # Errors
    ///
    /// The system cannot map it.
    pub fn new(file: File) -> io::Result<Self> {
        let mapping = kho_abi_mapping::Mapping::new(&file)?;
        Ok(Self { mapping, file: FileBytes::new(file)? })
    }
}

#[cfg(feature = "mapping")]
impl Bytes for MappedBytes {
    fn len(&self) -> u64 {
        self.mapping.len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.mapping.read_exact_at(into, offset)
    }

    fn next_written(&self, offset: u64) -> Option<std::ops::Range<u64>> {
        let written = self.file.next_written(offset)?;
        let end = written.end.min(Bytes::len(self));
        (written.start < end).then_some(written.start..end)
    }
}

impl Bytes for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start
            .and_then(|start| Some(start..start.checked_add(into.len())?))
            .and_then(|range| self.get(range))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(part);
        Ok(())
    }
}

/// Reads an array, which the caller knows to be small.
pub(crate) fn array<const N: usize>(bytes: &dyn Bytes, offset: u64) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    bytes.read_exact_at(&mut array, offset)?;
    Ok(array)
}

/// The bytes at the beginning, up to a limit.
pub(crate) fn head(bytes: &dyn Bytes, at_most: usize) -> io::Result<Vec<u8>> {
    let len = usize::try_from(bytes.len()).unwrap_or(usize::MAX).min(at_most);
    let mut head = vec![0; len];
    bytes.read_exact_at(&mut head, 0)?;
    Ok(head)
}
