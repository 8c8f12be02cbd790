// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The flattened form of a file: a sequence of records of what was written where, which can go
//! through a pipe.

use super::bytes::{self, Bytes};
use super::{elf, kdump, Format, Image, OpenError};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What the flattened form begins with.
pub(super) const SIGNATURE: &[u8] = b"makedumpfile\0\0\0\0";
/// Size of the header, in bytes.
const HEADER: u64 = 4096;
/// The form and its version, as the header has them after the signature.
const KIND: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
/// The value of both numbers in the last record.
const END: u64 = u64::MAX;
/// More pieces than a dump of terabytes has.
const PIECES_LIMIT: usize = 1 << 22;

/// A piece of the file, by the position after its last byte.
#[derive(Clone, Copy)]
struct Piece {
    start: u64,
    /// The position of its first byte in the flattened file.
    source: u64,
}

/// A file that is read through its flattened form.
pub(super) struct Flattened {
    bytes: Arc<dyn Bytes>,
    /// Pieces that do not overlap, by their ends.
    pieces: BTreeMap<u64, Piece>,
}

fn malformed(why: String) -> OpenError {
    OpenError::Malformed { format: Format::KdumpFlattened, why }
}

/// Opens a flattened file, as far as its records go.
pub(super) fn open(bytes: Arc<dyn Bytes>) -> Result<Image, OpenError> {
    let (flattened, broken) = Flattened::new(bytes)?;
    let head = bytes::head(&flattened, 8).unwrap_or_default();
    let flattened = Arc::new(flattened);
    let mut image = if head.starts_with(elf::MAGIC) {
        elf::open(flattened, Format::ElfFlattened)?
    } else {
        kdump::open(flattened, Format::KdumpFlattened)?
    };
    image.facts.notes.extend(broken);
    Ok(image)
}

impl Flattened {
    /// Reads the position of each piece. Later records overwrite earlier ones. If the records end
    /// too early, it returns why, and everything before is still readable.
    fn new(bytes: Arc<dyn Bytes>) -> Result<(Self, Option<String>), OpenError> {
        let kind: [u8; 16] = bytes::array(&*bytes, SIGNATURE.len() as u64)
            .map_err(|_| malformed("the header is cut off".into()))?;
        if kind != KIND {
            let why = "unsupported version of the flattened format".into();
            return Err(OpenError::Unsupported { format: Format::KdumpFlattened, why });
        }
        let mut flattened = Self { bytes, pieces: BTreeMap::new() };
        let broken = flattened.read_records()?;
        Ok((flattened, broken))
    }

    fn read_records(&mut self) -> Result<Option<String>, OpenError> {
        let mut at = HEADER;
        loop {
            let Ok(record) = bytes::array::<16>(&*self.bytes, at) else {
                return Ok(Some(format!(
                    "the flattened file is cut off at {at:#x}, before its end"
                )));
            };
            let (offset, len) = record.split_at(8);
            let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
            let (offset, len) = (number(offset), number(len));
            if offset == END && len == END {
                return Ok(None);
            }
            let source = at + 16;
            let next = source.saturating_add(len);
            // An incomplete last record still contains a part of the dump.
            let len = len.min(self.bytes.len().saturating_sub(source));
            let Some(end) = offset.checked_add(len) else {
                return Ok(Some(format!("the record at {at:#x} has an invalid file offset")));
            };
            if len > 0 {
                self.write(offset, end, source);
            }
            if next > self.bytes.len() {
                return Ok(Some(format!("the record at {at:#x} is longer than the file")));
            }
            if next == source {
                return Ok(Some(format!("the record at {at:#x} is empty")));
            }
            if self.pieces.len() > PIECES_LIMIT {
                return Err(malformed(format!("it has more than {PIECES_LIMIT} pieces")));
            }
            at = next;
        }
    }

    /// Records where bytes are, and replaces earlier records of them.
    fn write(&mut self, start: u64, end: u64, source: u64) {
        let overlapping: Vec<(u64, Piece)> = self
            .pieces
            .range(start.saturating_add(1)..)
            .take_while(|(_, piece)| piece.start < end)
            .map(|(end, piece)| (*end, *piece))
            .collect();
        for (old_end, old) in overlapping {
            self.pieces.remove(&old_end);
            if old.start < start {
                self.pieces.insert(start, old);
            }
            if old_end > end {
                let source = old.source + (end - old.start);
                self.pieces.insert(old_end, Piece { start: end, source });
            }
        }
        // Consecutive small writes are adjacent in the file, but not in the flattened one, where a
        // header separates them.
        self.pieces.insert(end, Piece { start, source });
    }
}

impl Bytes for Flattened {
    fn len(&self) -> u64 {
        self.pieces.last_key_value().map_or(0, |(end, _)| *end)
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(into.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // What was never written is a hole.
        into.fill(0);
        for (piece_end, piece) in self.pieces.range(offset.saturating_add(1)..) {
            if piece.start >= end {
                break;
            }
            let (from, to) = (piece.start.max(offset), end.min(*piece_end));
            let place = |at: u64| usize::try_from(at - offset).unwrap_or(usize::MAX);
            let part = into.get_mut(place(from)..place(to)).ok_or(io::ErrorKind::UnexpectedEof)?;
            self.bytes.read_exact_at(part, piece.source + (from - piece.start))?;
        }
        Ok(())
    }

    fn next_written(&self, offset: u64) -> Option<std::ops::Range<u64>> {
        let (end, piece) = self.pieces.range(offset.saturating_add(1)..).next()?;
        Some(piece.start.max(offset)..*end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(records: &[(u64, &[u8])]) -> Vec<u8> {
        let mut bytes = [SIGNATURE, &KIND].concat();
        bytes.resize(4096, 0);
        for (offset, content) in records {
            bytes.extend(offset.to_be_bytes());
            bytes.extend((content.len() as u64).to_be_bytes());
            bytes.extend(*content);
        }
        bytes.extend([0xff; 16]);
        bytes
    }

    #[test]
    fn later_records_overwrite_earlier_ones() {
        let records: [(u64, &[u8]); 4] = [(0, b"aaaaaaaa"), (2, b"bb"), (10, b"cc"), (7, b"dddd")];
        let flattened = Flattened::new(Arc::new(flat(&records))).unwrap().0;
        let mut bytes = [9; 12];
        flattened.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"aabbaaaddddc");
        assert!(flattened.read_exact_at(&mut bytes, 1).is_err());
        assert_eq!(flattened.next_written(3), Some(3..4));
    }

    #[test]
    fn what_is_between_records_is_zero() {
        let flattened = Flattened::new(Arc::new(flat(&[(0, b"a"), (4, b"b")]))).unwrap().0;
        let mut bytes = [9; 5];
        flattened.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"a\0\0\0b");
    }

    #[test]
    fn records_are_read_up_to_the_damage() {
        let read = |bytes: Vec<u8>| {
            let (flattened, broken) = Flattened::new(Arc::new(bytes)).unwrap();
            (flattened.len(), broken.unwrap())
        };
        let whole = flat(&[(0, b"abc")]);
        let (len, why) = read(whole[..whole.len() - 1].to_vec());
        assert!(len == 3 && why.contains("cut off at 0x1013"), "{why}");
        let (len, why) = read(whole[..whole.len() - 17].to_vec());
        assert!(len == 2 && why.contains("longer than"), "{why}");
        assert!(read(flat(&[(0, b"")])).1.contains("empty"));
        assert!(read(flat(&[(u64::MAX - 1, b"abc")])).1.contains("invalid file offset"));
        let mut other = whole;
        other[31] = 2;
        let error = Flattened::new(Arc::new(other)).err().unwrap().to_string();
        assert!(error.contains("unsupported version"));
    }
}
