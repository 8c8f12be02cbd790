// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Counts the bytes that are read, for those who look at the progress, and for the reader itself.

use kho_abi_show::Progress;
use std::io::{self, Read};

/// A reader that counts.
pub(super) struct Counted<'p, R> {
    reader: R,
    progress: &'p Progress,
    count: u64,
}

impl<'p, R> Counted<'p, R> {
    pub(super) fn new(reader: R, progress: &'p Progress) -> Self {
        Self { reader, progress, count: 0 }
    }

    /// How many bytes were read.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.read(into)?;
        self.count += len as u64;
        self.progress.advance(len as u64);
        Ok(len)
    }
}
