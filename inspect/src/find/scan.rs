// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Checks the beginning of every page for a device tree, and counts what cannot be read.

use super::near::{self, Near};
use crate::fdt::{HEADER, MAGIC};
use crate::image::{Image, Range, ReadError};
use crate::threads;
use kho_abi_show::{Progress, Unit};
use std::sync::{Mutex, PoisonError};

/// The smallest page: a tree is aligned to its kernel's pages, which are at least this large.
const STEP: u64 = 4096;
/// The work unit of a thread, in bytes.
const AT_ONCE: u64 = 64 << 20;
/// How many pages that are almost a device tree to report.
const SHOWN: usize = 8;
/// More trees than any memory has; if a file consists of trees, the search stops here.
const LIMIT: usize = 1 << 12;

/// What could not be read, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Left out when the image was made.
    pub left_out: u64,
    /// Present, but damaged.
    pub damaged: u64,
    /// The first damaged address, and what is wrong there.
    pub first: Option<(u64, ReadError)>,
}

impl Unread {
    fn add(&mut self, at: u64, error: ReadError, len: u64) {
        match error {
            ReadError::Excluded { .. } => self.left_out += len,
            ReadError::Outside { .. } => {}
            ReadError::Damaged { .. } | ReadError::Io { .. } => {
                self.damaged += len;
                if self.first.is_none_or(|(first, _)| at < first) {
                    self.first = Some((at, error));
                }
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.left_out += other.left_out;
        self.damaged += other.damaged;
        self.first = match (self.first, other.first) {
            (Some(one), Some(other)) => Some(if other.0 < one.0 { other } else { one }),
            (one, other) => one.or(other),
        };
    }
}

/// The result of the search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// The addresses of all pages that begin like a device tree.
    pub trees: Vec<u64>,
    /// Whether the search stopped because there are too many.
    pub too_many: bool,
    /// A few of the pages that almost begin KHO's device tree, or do.
    pub(crate) near: Vec<Near>,
    /// What could not be read.
    pub unread: Unread,
}

/// Searches everything that was ever written for device trees.
#[must_use]
pub fn trees(image: &Image, threads: usize, progress: &Progress) -> Searched {
    progress.begin("searching the image", Unit::Bytes, Some(image.bytes()));
    let mut searched = each_part(image, threads, progress, look);
    searched.trees.sort_unstable();
    searched.too_many = searched.trees.len() > LIMIT;
    searched.trees.truncate(LIMIT);
    searched.near.sort_unstable_by_key(|near| near.at);
    searched.near.truncate(SHOWN);
    searched
}

/// Reads every page to its end. The beginning of a compressed page may be readable although the
/// rest is not.
#[must_use]
pub fn verify(image: &Image, threads: usize, progress: &Progress) -> Unread {
    progress.begin("reading every page", Unit::Bytes, Some(image.bytes()));
    each_part(image, threads, progress, read_all).unread
}

/// The parts of an image that were ever written, in order, none larger than a work unit.
struct Parts<'i> {
    image: &'i Image,
    ranges: std::slice::Iter<'i, Range>,
    /// The rest of the present range.
    range: Range,
    /// The part of it that is known to be written.
    written: Range,
    /// Where the present range begins, and the bytes of those before it.
    begin: u64,
    before: u64,
}

impl Parts<'_> {
    /// How many of the image's bytes were taken or passed over.
    fn passed(&self) -> u64 {
        let at = if self.written.start < self.written.end {
            self.written.start
        } else {
            self.range.start.min(self.range.end)
        };
        self.before.saturating_add(at.saturating_sub(self.begin))
    }
}

impl Iterator for Parts<'_> {
    type Item = Range;

    fn next(&mut self) -> Option<Range> {
        loop {
            if self.written.start < self.written.end {
                let start = self.written.start;
                let end = start.saturating_add(AT_ONCE).min(self.written.end);
                self.written.start = end;
                return Some(Range { start, end });
            }
            if self.range.start >= self.range.end {
                self.before = self.passed();
                self.begin = 0;
                self.range = Range { start: 0, end: 0 };
                let range = self.ranges.next()?;
                self.begin = range.start;
                let start = range.start.checked_next_multiple_of(STEP).unwrap_or(u64::MAX);
                self.range = Range { start, end: range.end };
                continue;
            }
            // Memory that was never written has no tree.
            let written = self.image.next_written(self.range.start);
            let written = written.filter(|written| written.start < self.range.end);
            let Some(written) = written else {
                self.range.start = self.range.end;
                continue;
            };
            let start = (written.start / STEP * STEP).max(self.range.start);
            let end = written.end.min(self.range.end).max(start);
            self.written = Range { start, end };
            let next = end.checked_next_multiple_of(STEP).unwrap_or(u64::MAX);
            // This always makes progress.
            self.range.start = next.max(self.range.start.saturating_add(STEP));
        }
    }
}

/// Lets threads process the parts of an image; each takes the next free one.
fn each_part(
    image: &Image,
    threads: usize,
    progress: &Progress,
    work: impl Fn(&Image, Range, &mut Searched) + Sync,
) -> Searched {
    let none = Range { start: 0, end: 0 };
    let ranges = image.ranges().iter();
    let parts = Parts { image, ranges, range: none, written: none, begin: 0, before: 0 };
    // Small parts, such as a kdump's, go to a thread by the dozen.
    let parts = Mutex::new(parts);
    let take = || {
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        let before = parts.passed();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while bytes < AT_ONCE && taken.len() < 1024 {
            let Some(part) = parts.next() else { break };
            bytes += part.len();
            taken.push(part);
        }
        (taken, parts.passed() - before)
    };
    let run = || {
        let mut searched = Searched::default();
        loop {
            let (taken, passed) = take();
            if taken.is_empty() || searched.trees.len() > LIMIT {
                return searched;
            }
            for part in taken {
                work(image, part, &mut searched);
            }
            progress.advance(passed);
        }
    };
    let threads = if image.bytes() <= AT_ONCE { 1 } else { threads.max(1) };
    threads::joined(threads, run, |searched: &mut Searched, other| {
        searched.trees.extend(other.trees);
        searched.near.extend(other.near);
        searched.unread.join(&other.unread);
    })
}

fn look(image: &Image, part: Range, searched: &mut Searched) {
    let mut at = part.start;
    let mut head = [0; HEADER];
    while at < part.end && searched.trees.len() <= LIMIT {
        // Reading the whole header costs as much as reading its first word.
        let whole = image.peek(at, &mut head).is_ok();
        let read = if whole { Ok(()) } else { image.peek(at, &mut head[..4]) };
        match read {
            Ok(()) if head.starts_with(&MAGIC.to_be_bytes()) => searched.trees.push(at),
            Ok(()) => {}
            Err(error) => searched.unread.add(at, error, STEP),
        }
        // A thread takes its parts in order, so its first few include the first few of all.
        if whole && searched.near.len() < SHOWN {
            searched.near.extend(near::look(image, at, &head));
        }
        let Some(next) = at.checked_add(STEP) else { break };
        at = next;
    }
}

fn read_all(image: &Image, part: Range, searched: &mut Searched) {
    let mut page = vec![0; 4096];
    let mut at = part.start;
    while at < part.end {
        let len = usize::try_from(part.end - at).unwrap_or(page.len()).min(page.len());
        if let Err(error) = image.read(at, &mut page[..len]) {
            searched.unread.add(at, error, len as u64);
        }
        let Some(next) = at.checked_add(STEP) else { break };
        at = next;
    }
}
