// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Memory whose pieces are in files, each with its physical address.

use super::bytes::Bytes;
use super::{Range, ReadError};
use std::io;
use std::sync::Arc;

/// A piece of memory that is contiguous in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its first physical address.
    pub(crate) pa: u64,
    /// Its size, in bytes.
    pub(crate) len: u64,
    /// The number of the file.
    pub(crate) file: usize,
    /// Its offset in the file.
    pub(crate) offset: u64,
}

impl Segment {
    fn end(&self) -> u64 {
        self.pa + self.len
    }
}

/// Pieces of memory, sorted by address.
pub(crate) struct Segments {
    files: Vec<Arc<dyn Bytes>>,
    pieces: Vec<Segment>,
    ranges: Vec<Range>,
    /// Addresses that the file lists but lacks.
    excluded: Vec<Range>,
}

impl Segments {
    /// Sorts pieces, and describes the invalid ones: each piece must be inside its file, and no
    /// address may be in two. Invalid parts are cut off.
    pub(crate) fn new(
        files: Vec<Arc<dyn Bytes>>,
        segments: Vec<Segment>,
        excluded: Vec<Range>,
        notes: &mut Vec<String>,
    ) -> Self {
        Self::build(files, segments, excluded, notes, false)
    }

    /// The same for a core, which may have a segment inside another one if both are the same
    /// memory.
    pub(crate) fn of_core(
        files: Vec<Arc<dyn Bytes>>,
        segments: Vec<Segment>,
        excluded: Vec<Range>,
        notes: &mut Vec<String>,
    ) -> Self {
        Self::build(files, segments, excluded, notes, true)
    }

    fn build(
        files: Vec<Arc<dyn Bytes>>,
        mut segments: Vec<Segment>,
        mut excluded: Vec<Range>,
        notes: &mut Vec<String>,
        repeats: bool,
    ) -> Self {
        segments.retain_mut(|segment| {
            let Some(file) = files.get(segment.file) else { return false };
            let there = file.len().saturating_sub(segment.offset);
            // The address of the last byte must be valid.
            let fits = (u64::MAX - segment.pa).min(there);
            if segment.len > fits {
                let Segment { pa, len, .. } = segment;
                notes.push(format!(
                    "the file is cut off: it has {fits:#x} of the {len:#x} bytes from {pa:#x}"
                ));
                segment.len = fits;
            }
            segment.len > 0
        });
        segments.sort_by_key(|segment| (segment.pa, std::cmp::Reverse(segment.len)));
        if repeats {
            drop_repeated(&files, &mut segments);
        }
        let mut kept: Vec<Segment> = Vec::with_capacity(segments.len());
        for mut segment in segments {
            let end = kept.last().map_or(0, Segment::end);
            if segment.pa < end {
                let cut = (end - segment.pa).min(segment.len);
                notes.push(format!(
                    "{cut:#x} bytes from {:#x} are in the file twice: the first piece is used",
                    segment.pa
                ));
                segment.pa += cut;
                segment.offset += cut;
                segment.len -= cut;
            }
            if segment.len > 0 {
                kept.push(segment);
            }
        }
        let ranges = super::joined(kept.iter().map(|s| Range { start: s.pa, end: s.end() }));
        excluded.sort_by_key(|range| range.start);
        Self { files, pieces: kept, ranges, excluded }
    }

    pub(crate) fn first_file(&self) -> Option<&Arc<dyn Bytes>> {
        self.files.first()
    }

    pub(crate) fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    pub(crate) fn read(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        let mut pa = pa;
        let mut into = into;
        while !into.is_empty() {
            let segment = self.segment(pa).ok_or_else(|| self.missing(pa))?;
            let skipped = pa - segment.pa;
            let there = usize::try_from(segment.len - skipped).unwrap_or(usize::MAX);
            let (now, later) = into.split_at_mut(there.min(into.len()));
            self.files[segment.file]
                .read_exact_at(now, segment.offset + skipped)
                .map_err(|error| failed(pa, &error))?;
            pa += now.len() as u64;
            into = later;
        }
        Ok(())
    }

    fn segment(&self, pa: u64) -> Option<&Segment> {
        let index = self.pieces.partition_point(|segment| segment.end() <= pa);
        self.pieces.get(index).filter(|segment| segment.pa <= pa)
    }

    fn missing(&self, at: u64) -> ReadError {
        let before = self.excluded.partition_point(|range| range.start <= at);
        let excluded = self.excluded[..before].iter().rev().take(2).any(|range| at < range.end);
        if excluded {
            ReadError::Excluded { at }
        } else {
            ReadError::Outside { at }
        }
    }

    /// The next addresses from this one on that were ever written, as far as the files show.
    pub(crate) fn next_written(&self, pa: u64) -> Option<Range> {
        let first = self.pieces.partition_point(|segment| segment.end() <= pa);
        self.pieces[first..].iter().find_map(|segment| {
            let from = segment.offset + pa.saturating_sub(segment.pa);
            let end = segment.offset + segment.len;
            let written = self.files[segment.file].next_written(from)?;
            let (start, end) = (written.start.max(from), written.end.min(end));
            (start < end).then(|| Range {
                start: segment.pa + (start - segment.offset),
                end: segment.pa + (end - segment.offset),
            })
        })
    }
}

/// Drops segments that are inside another one and are the same memory: /proc/vmcore has the
/// kernel's text as a segment of its own, and inside RAM. Segments must be sorted by address.
fn drop_repeated(files: &[Arc<dyn Bytes>], segments: &mut Vec<Segment>) {
    // The previous segment that reaches farthest.
    let mut around: Option<Segment> = None;
    segments.retain(|segment| {
        let within = around.filter(|around| segment.end() <= around.end());
        if around.is_none_or(|around| segment.end() > around.end()) {
            around = Some(*segment);
        }
        within.is_none_or(|around| !is_same(files, segment, &around))
    });
}

/// Whether a segment equals the part of another one around it, judged by some of its pages, evenly
/// spread.
fn is_same(files: &[Arc<dyn Bytes>], inner: &Segment, around: &Segment) -> bool {
    const SAMPLES: u64 = 64;
    const PAGE: usize = 4096;
    const SIZE: u64 = PAGE as u64;
    let (Some(one), Some(other)) = (files.get(inner.file), files.get(around.file)) else {
        return false;
    };
    let place = around.offset + (inner.pa - around.pa);
    let step = (inner.len / SAMPLES).next_multiple_of(SIZE).max(SIZE);
    let mut at = 0;
    let (mut left, mut right) = ([0; PAGE], [0; PAGE]);
    while at < inner.len {
        let len = usize::try_from((inner.len - at).min(SIZE)).unwrap_or(0);
        let same = one.read_exact_at(&mut left[..len], inner.offset + at).is_ok()
            && other.read_exact_at(&mut right[..len], place + at).is_ok()
            && left[..len] == right[..len];
        if !same {
            return false;
        }
        at += step;
    }
    true
}

/// If a file ends earlier than when it was opened, it has shrunk.
fn failed(at: u64, error: &io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            ReadError::Damaged { at, why: "the file ends before this data" }
        }
        kind => ReadError::Io { at, kind },
    }
}
