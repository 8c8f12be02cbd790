// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bytes that are read on demand: a file, or memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The most bytes to read at once. The largest section of a kernel with debugging information is
/// smaller, so a larger section is an error.
pub const MAX_AT_ONCE: u64 = 1 << 30;

/// Bytes that can be read by position.
pub trait Bytes {
    /// The number of bytes.
    fn size(&self) -> u64;

    /// Fills the buffer, from that position on.
    ///
    /// # Errors
    ///
    /// The system's error; [`io::ErrorKind::UnexpectedEof`] past the end.
    fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Reads exactly that many bytes, from that position on. Checks that they exist before it
    /// allocates.
    ///
    /// # Errors
    ///
    /// As [`Bytes::fill`], and for more than [`MAX_AT_ONCE`].
    fn take(&self, offset: u64, size: u64) -> io::Result<Vec<u8>> {
        let end = offset.checked_add(size).ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if size > MAX_AT_ONCE {
            return Err(io::Error::other(format!("a section of {size} bytes exceeds the limit")));
        }
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let mut buffer = vec![0; size];
        self.fill(offset, &mut buffer)?;
        Ok(buffer)
    }

    /// Reads up to that many bytes, from that position on.
    ///
    /// # Errors
    ///
    /// The system's error.
    fn take_up_to(&self, offset: u64, size: u64) -> io::Result<Vec<u8>> {
        self.take(offset, size.min(self.size().saturating_sub(offset)))
    }
}

impl Bytes for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|start| self.get(start..));
        let from = from.and_then(|from| from.get(..buffer.len()));
        buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl Bytes for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size()
    }

    fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.as_slice().fill(offset, buffer)
    }
}

/// A file, read by position.
#[derive(Debug)]
pub struct FileBytes {
    file: File,
    size: u64,
}

impl FileBytes {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl Bytes for FileBytes {
    fn size(&self) -> u64 {
        self.size
    }

    fn fill(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}
