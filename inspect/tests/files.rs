// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Files that contradict themselves are refused, or read as far as possible with a finding.

use kho_abi_inspect::image::bytes::Bytes;
use kho_abi_inspect::image::{Format, Image, OpenError, ReadError};
use kho_abi_inspect::synth::container::{elf, flattened, kdump, raw, Packing};
use kho_abi_inspect::synth::{sample, Ram, Store as _};
use kho_abi_inspect::{inspect, Options};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

fn small() -> Ram {
    let mut ram = Ram::new(4096, 16 * 4096);
    for page in 0..16_u64 {
        ram.write(page * 4096, &kho_abi_inspect::synth::content(page << 12, 4096));
    }
    ram
}

fn put(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

fn refused(bytes: Vec<u8>) -> String {
    match Image::from_bytes(bytes) {
        Err(
            error @ (OpenError::Malformed { .. }
            | OpenError::Unsupported { .. }
            | OpenError::NotMemory { .. }),
        ) => {
            assert!(!error.help().is_empty());
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

fn notes(bytes: Vec<u8>) -> (Image, String) {
    let image = Image::from_bytes(bytes).unwrap();
    let said = image.notes().join("\n");
    let state = inspect(&image, &Options::default());
    assert_eq!(state.findings.list()[0].rule.id, "image_malformed");
    (image, said)
}

/// The offsets of the program headers of `container::elf`, and of their fields.
const SECOND: usize = 64 + 56;
const OFFSET: usize = 8;
const ADDRESS: usize = 24;
const SIZE: usize = 32;
const SIZE_IN_MEMORY: usize = 40;

#[test]
fn an_elf_core_that_is_no_core_of_such_a_machine_is_refused() {
    let good = elf(&small());
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        refused(bytes)
    };
    assert!(with(4, 3).contains("class 3"));
    assert!(with(4, 1).contains("program headers of"));
    assert!(with(5, 2).contains("big-endian"));
    assert!(with(16, 2).contains("not a core"));
    assert!(with(54, 32).contains("of 32 bytes"));
    assert!(refused(good[..100].to_vec()).contains("room for 0"));
    assert!(refused(good[..63].to_vec()).contains("cut off"));
    let mut many = good.clone();
    many[56..58].copy_from_slice(&[0xff; 2]);
    assert!(refused(many.clone()).contains("number of program headers"));
    // A number that is too large for its field is in the first section header.
    put(&mut many, 40, 64 + 3 * 56 - 44);
    put(&mut many, 64 + 3 * 56, u64::from(u32::MAX));
    assert!(refused(many).contains("4294967295 program headers"));
}

#[test]
fn segments_that_cannot_be_are_cut_and_said() {
    let good = elf(&small());
    let mut overlapping = good.clone();
    put(&mut overlapping, SECOND + ADDRESS, 0x1000);
    let (image, said) = notes(overlapping);
    assert!(said.contains("in the file twice"), "{said}");
    assert_eq!(image.ranges().len(), 1);

    let mut long = good.clone();
    put(&mut long, SECOND + SIZE, u64::MAX);
    let (_, said) = notes(long);
    assert!(said.contains("cut off") && said.contains("goes past the last address"), "{said}");

    let mut far = good.clone();
    put(&mut far, SECOND + OFFSET, u64::MAX - 5);
    let (image, said) = notes(far);
    assert!(said.contains("has 0x0 of"), "{said}");
    assert!(image.read(0x8000, &mut [0]).is_err());

    // A part of a segment that is larger in memory than in the file was left out.
    let mut partial = good;
    put(&mut partial, SECOND + SIZE, 0x1000);
    let size = u64::from_le_bytes(partial[SECOND + SIZE_IN_MEMORY..][..8].try_into().unwrap());
    let start = u64::from_le_bytes(partial[SECOND + ADDRESS..][..8].try_into().unwrap());
    let image = Image::from_bytes(partial).unwrap();
    let at = start + 0x1000;
    assert_eq!(image.read(at, &mut [0]), Err(ReadError::Excluded { at }));
    let at = start + size;
    assert_eq!(image.read(at, &mut [0]), Err(ReadError::Outside { at }));
}

#[test]
fn live_memory_has_segments_without_an_address_and_its_text_twice() {
    // As in /proc/kcore: p_paddr is -1 if memory is not in the kernel's own mapping.
    let mut live = elf(&small());
    let third = SECOND + 56;
    let place = u64::from_le_bytes(live[SECOND + OFFSET..][..8].try_into().unwrap());
    // A copy of the second header replaces that of the notes, and begins one page into the same
    // memory.
    let copy = live[SECOND..third].to_vec();
    live[64..SECOND].copy_from_slice(&copy);
    put(&mut live, 64 + ADDRESS, 0x7000);
    put(&mut live, 64 + OFFSET, place + 0x1000);
    put(&mut live, 64 + SIZE, 0x1000);
    put(&mut live, third + ADDRESS, u64::MAX);
    let image = Image::from_bytes(live).unwrap();
    assert!(image.notes().is_empty(), "{:?}", image.notes());
    let mut page = vec![0; 4096];
    image.read(0x7000, &mut page).unwrap();
    assert_eq!(page, small().pages[&0x7000]);
    assert_eq!(image.read(0, &mut page), Err(ReadError::Outside { at: 0 }));
}

#[test]
fn a_kdump_whose_header_cannot_be_is_refused() {
    let good = kdump(&small(), Packing::Zlib, &[]);
    let with = |at: usize, number: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        refused(bytes)
    };
    assert!(with(428, 512).contains("512 bytes"));
    assert!(with(428, 0).contains("0 bytes"));
    assert!(with(436, u32::MAX).contains("bitmaps end at"));
    assert!(with(432, u32::MAX).contains("bitmaps end at"));
    assert!(with(4096 + 12, 1).contains("split"));
    assert!(refused(good[..400].to_vec()).contains("cut off"));
    let inner = flattened(b"no kdump at all, but long enough to hold a header of one");
    assert!(refused(inner).contains("not in the flattened file"));
}

#[test]
fn pages_of_a_kdump_that_cannot_be_are_damaged() {
    let ram = small();
    let good = kdump(&ram, Packing::Zlib, &[]);
    let descriptors = 4 * 4096;
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let image = Image::from_bytes(bytes).unwrap();
        let mut page = [0; 4096];
        // The pages around it are unchanged.
        assert!(image.read(0x1000, &mut page).is_ok());
        match image.read(0x2000, &mut page) {
            Err(ReadError::Damaged { at: 0x2000, why }) => why,
            other => panic!("{other:?}"),
        }
    };
    let third = descriptors + 2 * 24;
    assert!(damaged(&|bytes| put(bytes, third, u64::MAX - 10)).contains("ends before"));
    assert!(
        damaged(&|bytes| bytes[third + 8..third + 12].fill(0xff)).contains("larger than a page")
    );
    assert!(damaged(&|bytes| bytes[third + 12] = 0x40).contains("unsupported compression"));
    assert!(damaged(&|bytes| bytes[third + 12] = 2).contains("lzo"));
    assert!(damaged(&|bytes| bytes[third + 12] = 4).contains("snappy"));
    assert!(damaged(&|bytes| bytes[third + 12] = 0x20).contains("zstd"));
    assert!(damaged(&|bytes| bytes[third + 12] = 0).contains("uncompressed page"));
    assert!(damaged(&|bytes| bytes[third + 8] ^= 7).contains("zlib"));

    // A few bytes of a damaged page are not believed either.
    let mut cut = good.clone();
    cut[third + 8] ^= 7;
    let image = Image::from_bytes(cut).unwrap();
    assert!(matches!(image.read(0x2000, &mut [0; 16]), Err(ReadError::Damaged { at: 0x2000, .. })));

    // The decompressor's state after one page must not affect the next.
    let image = Image::from_bytes(good.clone()).unwrap();
    let mut page = vec![0; 4096];
    for number in (0..16).rev() {
        image.read(number * 4096, &mut page).unwrap();
        assert_eq!(page, ram.pages[&(number * 4096)]);
    }
    let mut across = [0; 8192];
    image.read(0x1800, &mut across).unwrap();
    assert_eq!(across.to_vec(), ram.read(0x1800, 8192));

    let (_, said) = notes(good[..descriptors + 24].to_vec());
    assert!(said.contains("at most 1 descriptors"), "{said}");
}

#[test]
fn a_page_that_only_the_second_bitmap_has_is_outside() {
    let mut bytes = kdump(&small(), Packing::Zlib, &[]);
    bytes[2 * 4096] &= !4;
    let image = Image::from_bytes(bytes).unwrap();
    assert_eq!(image.ranges().len(), 2);
    assert_eq!(image.read(0x2000, &mut [0]), Err(ReadError::Outside { at: 0x2000 }));
    assert!(image.read(0x3000, &mut [0]).is_ok());
}

#[test]
fn a_bitmap_may_be_alone() {
    // Old dumps have one, as long as two: 33,000 pages do not fit half of two blocks.
    let ram = Ram { end: 33_000 * 4096, ..small() };
    let mut bytes = kdump(&ram, Packing::Plain, &[]);
    let image = Image::from_bytes(bytes.clone()).unwrap();
    assert_eq!(image.ranges()[0].end, ram.end);
    // With half of the blocks, the descriptors are in the place of the second bitmap.
    bytes[436..440].copy_from_slice(&2_u32.to_le_bytes());
    let image = Image::from_bytes(bytes).unwrap();
    assert_eq!(image.format(), Format::Kdump);
    assert_eq!(image.ranges()[0].end, ram.end);
}

/// A file that is truncated while it is read.
struct Shrinking {
    bytes: Vec<u8>,
    shrunk: AtomicBool,
}

impl Bytes for Shrinking {
    fn len(&self) -> u64 {
        self.bytes.as_slice().len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        if self.shrunk.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.bytes.read_exact_at(into, offset)
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_damaged() {
    let (ram, places) = sample(4096);
    let bytes = Arc::new(Shrinking { bytes: raw(&ram), shrunk: AtomicBool::new(false) });
    let image = Image::recognise(bytes.clone()).unwrap();
    assert!(inspect(&image, &Options::default()).findings.is_empty());
    bytes.shrunk.store(true, Ordering::Relaxed);
    let state = inspect(&image, &Options { fdt: Some(places.fdt), ..Options::default() });
    let finding = &state.findings.list()[0];
    assert_eq!((finding.rule.id, finding.at), ("image_malformed", places.fdt));
    assert!(finding.what.contains("the file ends before this data"), "{}", finding.what);
}
