// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Puts memory into image formats.

use super::Ram;
use std::io::Write as _;

/// Raw memory.
#[must_use]
pub fn raw(ram: &Ram) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(ram.end).unwrap_or(0)];
    for (pa, page) in &ram.pages {
        let at = usize::try_from(*pa).unwrap_or(usize::MAX);
        let Some(place) = bytes.get_mut(at..at + page.len()) else { continue };
        place.copy_from_slice(page);
    }
    bytes
}

fn note(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [name.len() + 1, content.len(), 0] {
        bytes.extend(u32::try_from(word).unwrap_or(u32::MAX).to_le_bytes());
    }
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An ELF core, with memory in two segments that begin at odd places of the file.
#[must_use]
pub fn elf(ram: &Ram) -> Vec<u8> {
    let vmcoreinfo = format!("OSRELEASE=7.3.4\nPAGESIZE={}\n", ram.page_size);
    let notes = note("VMCOREINFO", vmcoreinfo.as_bytes());
    let memory = raw(ram);
    let split = (memory.len() / 3).next_multiple_of(ram.page_size);
    let headers = 64 + 3 * 56;
    let first = (headers + notes.len()) as u64 + 3;
    let mut bytes = Vec::new();
    bytes.extend(b"\x7fELF\x02\x01\x01");
    bytes.resize(16, 0);
    bytes.extend(4_u16.to_le_bytes());
    bytes.extend(62_u16.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    for word in [0, 64, 0] {
        bytes.extend(u64::to_le_bytes(word));
    }
    bytes.extend(0_u32.to_le_bytes());
    for half in [64, 56, 3, 0, 0, 0] {
        bytes.extend(u16::to_le_bytes(half));
    }
    let mut header = |kind: u32, offset: u64, pa: u64, len: u64| {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        for word in [offset, 0, pa, len, len, 0] {
            bytes.extend(word.to_le_bytes());
        }
    };
    header(4, headers as u64, 0, notes.len() as u64);
    header(1, first + split as u64, split as u64, (memory.len() - split) as u64);
    header(1, first, 0, split as u64);
    bytes.extend(notes);
    bytes.extend([0; 3]);
    bytes.extend(memory);
    bytes
}

/// How pages of a kdump are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// zlib.
    Zlib,
    /// snappy.
    Snappy,
    /// zstd.
    Zstd,
}

fn pack(packing: Packing, page: &[u8]) -> (u32, Vec<u8>) {
    let (flag, packed) = match packing {
        Packing::Plain => (0, page.to_vec()),
        Packing::Zlib => {
            let level = flate2::Compression::fast();
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            let written = encoder.write_all(page).and_then(|()| encoder.finish());
            (1, written.unwrap_or_default())
        }
        Packing::Snappy => (4, snap::raw::Encoder::new().compress_vec(page).unwrap_or_default()),
        Packing::Zstd => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            (0x20, ruzstd::encoding::compress_to_vec(page, level))
        }
    };
    if packed.len() >= page.len() {
        (0, page.to_vec())
    } else {
        (flag, packed)
    }
}

/// A compressed kdump. Pages that were never written are one page of zeroes, but for those in
/// `excluded`, by their addresses, which are left out.
#[must_use]
pub fn kdump(ram: &Ram, packing: Packing, excluded: &[u64]) -> Vec<u8> {
    let block = ram.page_size;
    let pages = usize::try_from(ram.end).unwrap_or(0) / block;
    let bitmap_blocks = pages.div_ceil(8).div_ceil(block);
    let mut bytes = vec![0; block * (2 + 2 * bitmap_blocks)];
    bytes[..8].copy_from_slice(b"KDUMP   ");
    bytes[8..12].copy_from_slice(&6_u32.to_le_bytes());
    bytes[142..147].copy_from_slice(b"7.3.4");
    bytes[272..278].copy_from_slice(b"x86_64");
    let word = |word: usize| u32::try_from(word).unwrap_or(u32::MAX).to_le_bytes();
    bytes[428..432].copy_from_slice(&word(block));
    bytes[432..436].copy_from_slice(&word(1));
    bytes[436..440].copy_from_slice(&word(2 * bitmap_blocks));
    bytes[440..444].copy_from_slice(&word(pages));
    bytes[block + 96..block + 104].copy_from_slice(&(pages as u64).to_le_bytes());
    let kept: Vec<usize> =
        (0..pages).filter(|page| !excluded.contains(&((page * block) as u64))).collect();
    let first = 2 * block;
    let second = first + bitmap_blocks * block;
    for page in 0..pages {
        bytes[first + page / 8] |= 1 << (page % 8);
    }
    for page in &kept {
        bytes[second + page / 8] |= 1 << (page % 8);
    }
    let mut descriptors = Vec::new();
    let mut data = Vec::new();
    let start = bytes.len() + kept.len() * 24;
    let zero = vec![0; block];
    let mut zeroes = None;
    for page in kept {
        let content = ram.pages.get(&((page * block) as u64));
        let place = match (content, zeroes) {
            (None, Some(place)) => place,
            (content, _) => {
                let (flag, packed) = pack(packing, content.map_or(&zero, |content| content));
                let place = ((start + data.len()) as u64, packed.len(), flag);
                data.extend(packed);
                if content.is_none() {
                    zeroes = Some(place);
                }
                place
            }
        };
        let (offset, size, flag) = place;
        descriptors.extend(offset.to_le_bytes());
        descriptors.extend(word(size));
        descriptors.extend(flag.to_le_bytes());
        descriptors.extend([0; 8]);
    }
    bytes.extend(descriptors);
    bytes.extend(data);
    bytes
}

/// The flattened form of a file, in records of an odd size, the first of them last.
#[must_use]
pub fn flattened(file: &[u8]) -> Vec<u8> {
    let mut bytes = b"makedumpfile\0\0\0\0".to_vec();
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.resize(4096, 0);
    let mut records: Vec<(usize, &[u8])> = Vec::new();
    for (index, part) in file.chunks(100_003).enumerate() {
        records.push((index * 100_003, part));
    }
    records.rotate_left(1);
    for (offset, part) in records {
        bytes.extend((offset as u64).to_be_bytes());
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    bytes.extend([0xff; 16]);
    bytes
}
