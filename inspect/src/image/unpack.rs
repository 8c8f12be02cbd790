// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The compression methods of a kdump's pages, each page by itself.

use super::bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use std::io;

/// How a page is compressed, by the flag in its descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Zlib,
    Lzo,
    Snappy,
    Zstd,
}

impl Packing {
    /// Each flag and its meaning; no flag means a plain page.
    const FLAGS: [(u32, Self); 4] =
        [(0x1, Self::Zlib), (0x2, Self::Lzo), (0x4, Self::Snappy), (0x20, Self::Zstd)];
    /// Flags that are unrelated to compression.
    const OTHER_FLAGS: u32 = 0x8 | 0x10;

    /// The meaning of flags, unless they contradict each other or are unknown.
    pub(super) fn of(flags: u32) -> Option<Self> {
        match flags & !Self::OTHER_FLAGS {
            0 => Some(Self::Plain),
            flag => Self::FLAGS.iter().find(|(known, _)| *known == flag).map(|(_, p)| *p),
        }
    }
}

/// A part of a file that was read ahead.
#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    at: u64,
    /// Where the last read ended: a read that begins there is sequential.
    end: u64,
}

impl Window {
    /// Reads bytes through the window; `size` is how much to read at once if reads are sequential.
    pub(super) fn read(
        &mut self,
        file: &dyn Bytes,
        into: &mut [u8],
        offset: u64,
        size: usize,
    ) -> io::Result<()> {
        let within = offset.checked_sub(self.at).and_then(|within| usize::try_from(within).ok());
        let goes_on = offset == self.end;
        self.end = offset.saturating_add(into.len() as u64);
        let part =
            within.and_then(|within| self.bytes.get(within..within.checked_add(into.len())?));
        if let Some(part) = part {
            into.copy_from_slice(part);
            return Ok(());
        }
        let there = file.len().saturating_sub(offset);
        if !goes_on || into.len() > size || there < size as u64 {
            return file.read_exact_at(into, offset);
        }
        self.bytes.resize(size, 0);
        if let Err(error) = file.read_exact_at(&mut self.bytes, offset) {
            self.bytes.clear();
            return Err(error);
        }
        self.at = offset;
        into.copy_from_slice(&self.bytes[..into.len()]);
        Ok(())
    }
}

/// The largest window that a page may require, in bytes.
const WINDOW: u64 = 1 << 20;

/// Decompresses pages, one after the other, with reusable buffers.
pub(super) struct Unpacker {
    zlib: Decompress,
    snappy: snap::raw::Decoder,
    zstd: Option<ruzstd::decoding::FrameDecoder>,
    /// What was read from the file.
    pub(super) packed: Vec<u8>,
    /// Descriptors that were read ahead.
    pub(super) descriptors: Window,
    /// Packed pages that were read ahead.
    pub(super) ahead: Window,
    /// A whole page, for readers of a part of it.
    pub(super) page: Vec<u8>,
    /// The number of that page in the file, if it was unpacked completely.
    pub(super) page_number: Option<u64>,
}

impl Unpacker {
    pub(super) fn new() -> Self {
        Self {
            zlib: Decompress::new(true),
            snappy: snap::raw::Decoder::new(),
            zstd: None,
            packed: Vec::new(),
            descriptors: Window::default(),
            ahead: Window::default(),
            page: Vec::new(),
            page_number: None,
        }
    }

    /// Decompresses the input into a page, which it must fill exactly.
    pub(super) fn unpack(&mut self, packing: Packing, page: &mut [u8]) -> Result<(), &'static str> {
        let packed = self.packed.as_slice();
        match packing {
            Packing::Plain => {
                if packed.len() != page.len() {
                    return Err("an uncompressed page has the wrong size");
                }
                page.copy_from_slice(packed);
            }
            Packing::Zlib => {
                self.zlib.reset(true);
                let status = self.zlib.decompress(packed, page, FlushDecompress::Finish);
                // Left-over bytes mean that the descriptor's size is wrong.
                let whole = self.zlib.total_out() == page.len() as u64
                    && self.zlib.total_in() == packed.len() as u64;
                if !whole || !matches!(status, Ok(Status::StreamEnd)) {
                    return Err("zlib does not unpack it to a page");
                }
            }
            Packing::Lzo => {
                if lzo::decompress_into(packed, page) != Ok(page.len()) {
                    return Err("lzo does not unpack it to a page");
                }
            }
            Packing::Snappy => {
                // The first bytes contain the size: if it is not the page size, do not try.
                let whole = snap::raw::decompress_len(packed) == Ok(page.len())
                    && self.snappy.decompress(packed, page) == Ok(page.len());
                if !whole {
                    return Err("snappy does not unpack it to a page");
                }
            }
            Packing::Zstd => {
                let zstd = self.zstd.get_or_insert_with(|| {
                    let mut decoder = ruzstd::decoding::FrameDecoder::new();
                    decoder.set_max_window_size(WINDOW);
                    decoder
                });
                if !matches!(zstd.decode_all(packed, page), Ok(len) if len == page.len()) {
                    return Err("zstd does not unpack it to a page");
                }
            }
        }
        Ok(())
    }

    /// Decompresses the beginning of a page, if that is cheaper than the whole page.
    pub(super) fn unpack_head(&mut self, packing: Packing, head: &mut [u8]) -> Option<()> {
        if packing != Packing::Zlib {
            return None;
        }
        self.zlib.reset(true);
        self.zlib.decompress(&self.packed, head, FlushDecompress::None).ok()?;
        (self.zlib.total_out() == head.len() as u64).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn page() -> Vec<u8> {
        (0..4096_u32).map(|i| u8::try_from(i / 37 % 251).unwrap()).collect()
    }

    fn packed(packing: Packing) -> Vec<u8> {
        let page = page();
        match packing {
            Packing::Plain => page,
            Packing::Zlib => {
                let mut encoder =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&page).unwrap();
                encoder.finish().unwrap()
            }
            // "hello, lzo world!" by liblzo2's lzo1x_1.
            Packing::Lzo => [&[34][..], b"hello, lzo world!", &[17, 0, 0]].concat(),
            Packing::Snappy => snap::raw::Encoder::new().compress_vec(&page).unwrap(),
            Packing::Zstd => ruzstd::encoding::compress_to_vec(
                &page[..],
                ruzstd::encoding::CompressionLevel::Fastest,
            ),
        }
    }

    #[test]
    fn every_packing_is_undone() {
        for packing in [Packing::Plain, Packing::Zlib, Packing::Lzo, Packing::Snappy, Packing::Zstd]
        {
            let expected =
                if packing == Packing::Lzo { b"hello, lzo world!".to_vec() } else { page() };
            let mut unpacker = Unpacker::new();
            unpacker.packed = packed(packing);
            // Twice: the state after one page must not affect the next.
            for _ in 0..2 {
                let mut page = vec![0xff; expected.len()];
                unpacker.unpack(packing, &mut page).unwrap();
                assert_eq!(page, expected, "{packing:?}");
            }
            for wrong in [expected.len() - 1, expected.len() + 1] {
                let mut page = vec![0; wrong];
                assert!(unpacker.unpack(packing, &mut page).is_err(), "{packing:?} to {wrong}");
            }
            unpacker.packed.pop();
            let mut page = vec![0; expected.len()];
            assert!(unpacker.unpack(packing, &mut page).is_err(), "{packing:?} cut off");
        }
    }

    #[test]
    fn the_beginning_of_a_page_is_had_alone() {
        let mut unpacker = Unpacker::new();
        unpacker.packed = packed(Packing::Zlib);
        let mut head = [0; 16];
        unpacker.unpack_head(Packing::Zlib, &mut head).unwrap();
        assert_eq!(head, page()[..16]);
        assert_eq!(unpacker.unpack_head(Packing::Lzo, &mut head), None);
    }

    #[test]
    fn flags_that_contradict_each_other_are_no_packing() {
        assert_eq!(Packing::of(0), Some(Packing::Plain));
        assert_eq!(Packing::of(0x9), Some(Packing::Zlib));
        for unknown in [0x3, 0x21, 0x40, u32::MAX] {
            assert_eq!(Packing::of(unknown), None);
        }
    }
}
