// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A temporary file for input that can be read only once, in order: pipes, and unpacked data.
//!
//! Pages of zeroes become holes, so that it only takes the space of what was ever written. It has
//! no name, and vanishes with the process.

use super::bytes::{Bytes, FileBytes};
use kho_abi_show::names;
use rustix::fs::fstatvfs;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The unit that becomes a hole if it is zero.
const PIECE: usize = 4096;
/// How much to read at once.
const AT_ONCE: usize = 256 << 10;
/// No machine has more memory.
const LENGTH_LIMIT: u64 = 64 << 40;
/// How much space to leave free in the file system, in bytes.
const RESERVE: u64 = 128 << 20;
/// How much to write before the free space is checked again.
const CHECK_EVERY: u64 = 16 << 20;

/// The directory for temporary files of this size: TMPDIR, or the usual place for large ones.
fn directory() -> PathBuf {
    let large = Path::new("/var/tmp");
    match std::env::var_os("TMPDIR") {
        Some(directory) if !directory.is_empty() => directory.into(),
        _ if large.is_dir() => large.into(),
        _ => std::env::temp_dir(),
    }
}

/// A temporary file that is being written.
pub(super) struct Spool {
    file: File,
    directory: PathBuf,
    at: u64,
    /// Bytes that may be written before the free space is checked.
    unchecked: u64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        let directory = directory();
        let file = tempfile::tempfile_in(&directory).map_err(|error| {
            let place = names::shown(&directory);
            io::Error::new(error.kind(), format!("no temporary file in {place}: {error}"))
        })?;
        Ok(Self { file, directory, at: 0, unchecked: 0 })
    }

    /// Number of bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.at
    }

    /// Checks whether there is space for more bytes.
    fn make_room(&mut self, len: u64) -> io::Result<()> {
        if let Some(left) = self.unchecked.checked_sub(len) {
            self.unchecked = left;
            return Ok(());
        }
        let room = fstatvfs(&self.file)?;
        let room = room.f_bavail.saturating_mul(room.f_frsize);
        if room < RESERVE.saturating_add(CHECK_EVERY) {
            return Err(self.full());
        }
        self.unchecked = CHECK_EVERY.saturating_sub(len);
        Ok(())
    }

    fn full(&self) -> io::Error {
        io::Error::new(
            io::ErrorKind::StorageFull,
            format!(
                "{} is full after {} bytes: set TMPDIR to a directory with more space",
                names::shown(&self.directory),
                self.at
            ),
        )
    }

    /// Takes everything from a reader.
    pub(super) fn fill(&mut self, reader: &mut dyn Read) -> io::Result<()> {
        let mut buffer = vec![0; AT_ONCE];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(len) => self.write_all(&buffer[..len])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends writing.
    pub(super) fn finish(self) -> io::Result<Arc<dyn Bytes>> {
        self.file.set_len(self.at)?;
        Ok(Arc::new(FileBytes::new(self.file)?))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let within = usize::try_from(self.at % PIECE as u64).unwrap_or(0);
        let (piece, whole) = match bytes.len() {
            len if within != 0 || len < PIECE => (&bytes[..len.min(PIECE - within)], false),
            len => (&bytes[..len / PIECE * PIECE], true),
        };
        if self.at.saturating_add(piece.len() as u64) > LENGTH_LIMIT {
            let why = format!("it exceeds the limit of {LENGTH_LIMIT} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        // Handle consecutive pages of one kind, zero or not, together.
        let zero = |piece: &[u8]| piece.iter().all(|byte| *byte == 0);
        let skipped = zero(&piece[..piece.len().min(PIECE)]);
        let len = if whole {
            piece.chunks(PIECE).take_while(|part| zero(part) == skipped).count() * PIECE
        } else {
            piece.len()
        };
        if skipped {
            self.file.seek(SeekFrom::Current(i64::try_from(len).unwrap_or(0)))?;
        } else {
            self.make_room(len as u64)?;
            self.file.write_all(&piece[..len]).map_err(|error| match error.kind() {
                io::ErrorKind::StorageFull => self.full(),
                _ => error,
            })?;
        }
        self.at += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut content = vec![0_u8; 3 * PIECE + 17];
        content[PIECE + 5] = 7;
        content.extend(vec![9; 2 * PIECE]);
        content.extend(vec![0; 5 * PIECE + 1]);
        for step in [1, 100, PIECE, PIECE + 1, content.len()] {
            let mut spool = Spool::new().unwrap();
            for part in content.chunks(step) {
                spool.write_all(part).unwrap();
            }
            assert_eq!(spool.len(), content.len() as u64);
            let bytes = spool.finish().unwrap();
            assert_eq!(bytes.len(), content.len() as u64);
            let mut out = vec![1; content.len()];
            bytes.read_exact_at(&mut out, 0).unwrap();
            assert!(out == content, "in steps of {step}");
        }
    }
}
