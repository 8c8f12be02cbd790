// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bytes that count how they are read: tests hold work to a bound by it, which a clock cannot do.

use crate::image::bytes::Bytes;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Bytes, and how often and how many of them were read.
pub struct Counted {
    bytes: Arc<dyn Bytes>,
    calls: AtomicU64,
    read: AtomicU64,
}

impl Counted {
    /// Counts from now on.
    #[must_use]
    pub fn new(bytes: Arc<dyn Bytes>) -> Arc<Self> {
        Arc::new(Self { bytes, calls: AtomicU64::default(), read: AtomicU64::default() })
    }

    /// How often something was asked for since the last time that this was, and how many bytes were read.
    pub fn take(&self) -> (u64, u64) {
        (self.calls.swap(0, Ordering::Relaxed), self.read.swap(0, Ordering::Relaxed))
    }
}

impl Bytes for Counted {
    fn len(&self) -> u64 {
        self.bytes.len()
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.read.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.bytes.read_exact_at(into, offset)
    }

    fn next_written(&self, offset: u64) -> Option<Range<u64>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.bytes.next_written(offset)
    }
}
