// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares the content of two memfds, wherever their folios are in memory.

use crate::claims::Contested;
use crate::extract::{places, Ground, Known, Lookup, Place};
use crate::handlers::memfd::Memfd;
use crate::image::Image;
use crate::radix::Preserved;
use kho_abi_show::Progress;

/// How much to read at once, in bytes.
const AT_ONCE: u64 = 1 << 20;
/// The unit in which differences are counted.
const PIECE: usize = 4096;

/// The result of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Number of pieces of 4 KiB that differ.
    pub(crate) pieces: u64,
    /// The first offset that differs.
    pub(crate) first: Option<u64>,
    /// Bytes that one of the sides lacks, or has only doubtfully.
    pub(crate) unknown: u64,
}

/// One side: a memfd, and the image that it is in.
#[derive(Clone, Copy)]
pub(crate) struct Side<'s> {
    pub(crate) image: &'s Image,
    pub(crate) page_size: usize,
    pub(crate) preserved: Option<&'s Preserved>,
    pub(crate) contested: &'s Contested,
    pub(crate) memfd: &'s Memfd,
}

/// The content at an offset.
#[derive(Clone, Copy)]
enum There {
    Zero,
    Memory(u64),
    Lost,
}

struct Reader<'s> {
    image: &'s Image,
    places: Vec<Place>,
    next: usize,
    lookup: Lookup,
}

impl Reader<'_> {
    /// The content at an offset, and its length in bytes; offsets must be requested in order.
    fn at(&mut self, offset: u64) -> (There, u64) {
        while self.places.get(self.next).is_some_and(|place| place.end <= offset) {
            self.next += 1;
        }
        let Some(place) = self.places.get(self.next) else { return (There::Lost, u64::MAX) };
        if offset < place.start {
            return (There::Lost, place.start - offset);
        }
        let left = place.end - offset;
        let Some(pa) = place.pa else { return (There::Zero, left) };
        let pa = pa + (offset - place.start);
        let (known, len) = self.lookup.look(self.image, pa);
        let there = match known {
            Known::Zero => There::Zero,
            Known::Written => There::Memory(pa),
            Known::Absent(_) => There::Lost,
        };
        (there, left.min(len))
    }

    /// Fills a buffer, unless some of it cannot be read.
    fn fill(&self, there: There, buffer: &mut [u8]) -> bool {
        match there {
            There::Zero => {
                buffer.fill(0);
                true
            }
            There::Memory(pa) => self.image.read(pa, buffer).is_ok(),
            There::Lost => false,
        }
    }
}

/// Compares two memfds, up to the end of the shorter one.
pub(crate) fn compare(before: Side<'_>, after: Side<'_>, progress: &Progress) -> Compared {
    let size = before.memfd.size.min(after.memfd.size);
    let mut compared = Compared::default();
    let open = |side: Side<'_>| {
        let Side { image, page_size, preserved, contested, memfd } = side;
        let contested = Some(contested);
        // What is doubtful as a whole is a finding of its side.
        let addresses_doubtful = false;
        places(Ground { image, page_size, preserved, contested, addresses_doubtful }, memfd)
    };
    let ((before_places, before_said), (after_places, after_said)) = (open(before), open(after));
    let reader = |image, places| Reader { image, places, next: 0, lookup: Lookup::default() };
    let mut a = reader(before.image, before_places);
    let mut b = reader(after.image, after_places);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut offset = 0;
    while offset < size {
        let ((in_a, len_a), (in_b, len_b)) = (a.at(offset), b.at(offset));
        let mut len = len_a.min(len_b).min(size - offset).max(1);
        match (in_a, in_b) {
            (There::Lost, _) | (_, There::Lost) => compared.unknown += len,
            (There::Zero, There::Zero) => {}
            _ => {
                len = len.min(AT_ONCE);
                let bytes = usize::try_from(len).unwrap_or(0);
                one.resize(bytes, 0);
                other.resize(bytes, 0);
                if a.fill(in_a, &mut one) && b.fill(in_b, &mut other) {
                    compared.take(offset, &one, &other);
                } else if bytes > PIECE {
                    // A part of it may be readable.
                    len = PIECE as u64 - offset % PIECE as u64;
                    let bytes = usize::try_from(len).unwrap_or(0);
                    if a.fill(in_a, &mut one[..bytes]) && b.fill(in_b, &mut other[..bytes]) {
                        compared.take(offset, &one[..bytes], &other[..bytes]);
                    } else {
                        compared.unknown += len;
                    }
                } else {
                    compared.unknown += len;
                }
            }
        }
        offset += len;
        progress.advance(len);
    }
    // If two folios claim a place, or two owners a page, its content is uncertain, whichever was read.
    let twice = before_said.doubtful.bytes.max(after_said.doubtful.bytes);
    compared.unknown = compared.unknown.max(twice).min(size);
    compared
}

impl Compared {
    fn take(&mut self, offset: u64, one: &[u8], other: &[u8]) {
        if one == other {
            return;
        }
        let starts = (offset..).step_by(PIECE);
        for ((one, other), start) in one.chunks(PIECE).zip(other.chunks(PIECE)).zip(starts) {
            let differs = one.iter().zip(other).position(|(one, other)| one != other);
            if let Some(at) = differs {
                self.pieces += 1;
                self.first.get_or_insert(start + at as u64);
            }
        }
    }
}
