// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes memory in image formats.

use super::Ram;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

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

/// Parts of memory, each an address, an offset and a length, at their places in a file; the rest of
/// the file is zero.
#[must_use]
pub fn placed(ram: &Ram, pieces: &[(u64, u64, u64)]) -> Vec<u8> {
    let end = pieces.iter().map(|(_, offset, len)| offset + len).max().unwrap_or(0);
    let mut bytes = vec![0; usize::try_from(end).unwrap_or(0)];
    each_page(ram, pieces, |offset, page| {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(place) = bytes.get_mut(at..at + page.len()) {
            place.copy_from_slice(page);
        }
    });
    bytes
}

/// Raw memory, in a file with holes where nothing was written.
///
/// # Errors
///
/// The file cannot be written.
pub fn raw_in(path: &Path, ram: &Ram) -> io::Result<()> {
    placed_in(&File::create(path)?, ram, &[(0, 0, ram.end)])
}

/// As [`placed`], in a file with holes where nothing was written.
///
/// # Errors
///
/// The file cannot be written.
pub fn placed_in(file: &File, ram: &Ram, pieces: &[(u64, u64, u64)]) -> io::Result<()> {
    let end = pieces.iter().map(|(_, offset, len)| offset + len).max().unwrap_or(0);
    file.set_len(end)?;
    let mut result = Ok(());
    each_page(ram, pieces, |offset, page| {
        if result.is_ok() {
            result = file.write_all_at(page, offset);
        }
    });
    result
}

fn each_page(ram: &Ram, pieces: &[(u64, u64, u64)], mut each: impl FnMut(u64, &[u8])) {
    for (pa, page) in &ram.pages {
        for (start, offset, len) in pieces {
            let within = pa.checked_sub(*start).filter(|within| within + page.len() as u64 <= *len);
            if let Some(within) = within {
                each(offset + within, page);
            }
        }
    }
}

/// The format of `LiME`: each part of memory, an address and a length, after a header.
#[must_use]
pub fn lime(ram: &Ram, parts: &[(u64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (pa, len) in parts {
        lime_header(&mut bytes, *b"EMiL", 1, *pa, *len);
        bytes.extend(placed(ram, &[(*pa, 0, *len)]));
    }
    bytes
}

/// The format of AVML: the same, packed.
#[must_use]
pub fn avml(ram: &Ram, parts: &[(u64, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (pa, len) in parts {
        lime_header(&mut bytes, *b"AVML", 2, *pa, *len);
        let begin = bytes.len();
        let mut encoder = snap::write::FrameEncoder::new(&mut bytes);
        let written = encoder.write_all(&placed(ram, &[(*pa, 0, *len)]));
        drop(written.and_then(|()| encoder.flush()));
        drop(encoder);
        let len = (bytes.len() - begin) as u64;
        bytes.extend(len.to_le_bytes());
    }
    bytes
}

fn lime_header(bytes: &mut Vec<u8>, magic: [u8; 4], version: u32, pa: u64, len: u64) {
    bytes.extend(magic);
    bytes.extend(version.to_le_bytes());
    for word in [pa, pa + len - 1, 0] {
        bytes.extend(word.to_le_bytes());
    }
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

/// An ELF core, with memory in two segments that begin at unaligned places in the file.
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

/// An ELF core like `/proc/vmcore`: the kernel's text, from an address on, as a segment of its own
/// before all of memory.
#[must_use]
pub fn vmcore(ram: &Ram, text: (u64, u64)) -> Vec<u8> {
    let memory = raw(ram);
    let (pa, len) = text;
    let place = usize::try_from(pa).unwrap_or(0);
    let copy = memory[place..place + usize::try_from(len).unwrap_or(0)].to_vec();
    let mut bytes = elf(ram);
    // The first segment becomes the text, and the second all of memory.
    let end = bytes.len() as u64;
    for (header, offset, pa, len) in
        [(64 + 56, end, pa, len), (64 + 2 * 56, end + len, 0, memory.len() as u64)]
    {
        for (at, word) in [(8, offset), (24, pa), (32, len), (40, len)] {
            bytes[header + at..header + at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
    bytes.extend(copy);
    bytes.extend(memory);
    bytes
}

/// An ELF core with 32-bit headers, as kexec can write them if memory ends below 4 GiB.
#[must_use]
pub fn elf32(ram: &Ram) -> Vec<u8> {
    let memory = raw(ram);
    let mut bytes = b"\x7fELF\x01\x01\x01".to_vec();
    bytes.resize(16, 0);
    bytes.extend(4_u16.to_le_bytes());
    bytes.extend(62_u16.to_le_bytes());
    bytes.extend([1_u32, 0, 52, 0, 0].map(u32::to_le_bytes).concat());
    bytes.extend([52_u16, 32, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    let len = u32::try_from(memory.len()).unwrap_or(u32::MAX);
    bytes.extend([1, 84, 0, 0, len, len, 7, 0].map(u32::to_le_bytes).concat());
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

/// A compressed kdump as QEMU writes it for arm64: in blocks of 64 KiB, whatever the page size of
/// the guest.
#[must_use]
pub fn kdump_in_blocks(ram: &Ram, packing: Packing) -> Vec<u8> {
    let block = 64 << 10;
    let mut blocks = Ram::new(block, ram.end.next_multiple_of(block as u64));
    for (pa, page) in &ram.pages {
        super::Store::write(&mut blocks, *pa, page);
    }
    let mut bytes = kdump(&blocks, packing, &[]);
    bytes[272..280].copy_from_slice(b"aarch64\0");
    bytes
}

/// Appends VMCOREINFO with the page size to a kdump.
pub fn add_vmcoreinfo(kdump: &mut Vec<u8>, page_size: usize) {
    let text = format!("OSRELEASE=7.3.4\nPAGESIZE={page_size}\n");
    let block = kdump[428..432].try_into().map_or(0, u32::from_le_bytes) as usize;
    let place = kdump.len() as u64;
    for (at, word) in [(24 + 8, place), (24 + 16, text.len() as u64)] {
        kdump[block + at..block + at + 8].copy_from_slice(&word.to_le_bytes());
    }
    kdump.extend(text.as_bytes());
}

/// A compressed kdump. All pages that were never written share one page of zeroes, except for those
/// in `excluded`, given by address, which are left out.
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
