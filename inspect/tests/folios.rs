// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Runs of folio entries have the content of the entries one by one, with any number of threads.

use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::memfd_v2::memfd_luo_folio_ser;
use kho_abi_inspect::folios::each_batch;
use kho_abi_inspect::image::bytes::FileBytes;
use kho_abi_inspect::image::{Image, ReadError};
use kho_abi_inspect::synth::counted::Counted;
use std::sync::Arc;
use zerocopy::IntoBytes as _;

const PAGE: u64 = 4096;

/// Entries that continue in every possible way, and stop at every place in a page.
fn entries(count: usize) -> Vec<memfd_luo_folio_ser> {
    let mut entries = Vec::with_capacity(count);
    let (mut page, mut index) = (1_u64 << 20, 0_u64);
    let steps = [
        (1, 1),
        (1, 1),
        (u64::MAX, 1),
        (512, 512),
        (0, 0),
        (0, 1),
        (3, 1),
        (1, u64::MAX),
        (1 << 51, 1 << 51),
        (7, 7),
    ];
    let mut number = 0x1234_5678_u64;
    while entries.len() < count {
        number =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (page_step, index_step) = steps[usize::try_from(number >> 60).unwrap() % steps.len()];
        let many = [1, 2, 3, 255, 256, 257, 700, 5000][usize::try_from(number >> 40 & 7).unwrap()];
        match number >> 32 & 7 {
            0 => page = 0,
            1 => page = number >> 20 & 0xff_ffff | (number & 7) << 52,
            2 => index = index.wrapping_add(1),
            _ => {}
        }
        for _ in 0..many.min(count - entries.len()) {
            entries.push(memfd_luo_folio_ser { pfn_and_flags: page, index });
            page = page.wrapping_add(page_step);
            index = index.wrapping_add(index_step);
        }
    }
    entries
}

/// An image with the entries from its second page on, and the addresses of their pages.
fn image(entries: &[memfd_luo_folio_ser]) -> (Image, Vec<PhysAddr>) {
    let mut bytes = vec![0; 4096];
    bytes.extend_from_slice(entries.as_bytes());
    let end = bytes.len() as u64;
    let pages = (PAGE..end).step_by(4096).map(PhysAddr::new).collect();
    (Image::from_bytes(bytes).unwrap(), pages)
}

#[test]
fn runs_are_the_entries() {
    let entries = entries(300_000);
    let (image, pages) = image(&entries);
    let mut before = 0;
    for threads in [1, 2, 3] {
        let mut read = Vec::with_capacity(entries.len());
        let mut runs = 0;
        let count = each_batch(&image, pages.iter().copied(), PAGE, 300_000, threads, |batch| {
            assert!(batch.unreadable.is_empty());
            runs += batch.runs.len();
            for run in &batch.runs {
                assert_eq!(run.at, PAGE + read.len() as u64 * 16);
                for number in 0..run.count {
                    let packed = run.page_of(number) | u64::from(run.flags) << 52;
                    read.push(memfd_luo_folio_ser {
                        pfn_and_flags: packed,
                        index: run.index_of(number),
                    });
                }
            }
        });
        assert_eq!(count, 300_000);
        assert!(read == entries, "with {threads} threads, runs say something else");
        // If steps are those of folios, entries continue.
        assert!(runs < entries.len() / 2, "{runs} runs");
        before = before.max(runs);
    }
    assert!(before > 100);
}

#[test]
fn a_list_ends_with_its_entries_or_its_pages() {
    let entries = entries(1000);
    let (image, pages) = image(&entries);
    let count = |told: u64, pages: &[PhysAddr]| {
        let mut read = 0;
        let count = each_batch(&image, pages.iter().copied(), PAGE, told, 1, |batch| {
            read += batch.runs.iter().map(|run| run.count).sum::<u64>();
        });
        assert_eq!(count, read);
        count
    };
    assert_eq!(count(1000, &pages), 1000);
    assert_eq!(count(257, &pages), 257);
    assert_eq!(count(1, &pages), 1);
    assert_eq!(count(u64::MAX, &pages[..3]), 768);
    assert_eq!(count(1000, &[]), 0);
}

#[test]
fn pages_that_cannot_be_read_are_counted_and_passed_over() {
    let entries = entries(512);
    let (image, mut pages) = image(&entries);
    pages.insert(1, PhysAddr::new(1 << 40));
    let (mut read, mut lost) = (0, Vec::new());
    each_batch(&image, pages.into_iter(), PAGE, 768, 1, |batch| {
        read += batch.runs.iter().map(|run| run.count).sum::<u64>();
        lost.extend(batch.unreadable);
    });
    assert_eq!(read, 512);
    assert_eq!(lost, [(1 << 40, 256, ReadError::Outside { at: 1 << 40 })]);
}

#[test]
fn a_list_in_a_hole_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(64 << 30).unwrap();
    // One entry is at the end of a hole of 64 GiB.
    let last = memfd_luo_folio_ser { pfn_and_flags: 3 << 52 | 5, index: 7 };
    std::os::unix::fs::FileExt::write_all_at(file.as_file(), last.as_bytes(), (64 << 30) - 16)
        .unwrap();
    let counted = Counted::new(Arc::new(FileBytes::new(file.reopen().unwrap()).unwrap()));
    let image = Image::recognise(counted.clone()).unwrap();
    counted.take();
    let entries = (64 << 30) / 16;
    let page = 1 << 30;
    let pages = (0..64).map(|number| PhysAddr::new(number << 30));
    let (mut missing, mut found) = (0, Vec::new());
    let count = each_batch(&image, pages, page, entries, 2, |batch| {
        for run in batch.runs {
            match run.page {
                0 => missing += run.count,
                _ => found.push(run),
            }
        }
    });
    assert_eq!((count, missing, found.len()), (entries, entries - 1, 1));
    assert_eq!((found[0].page, found[0].index, found[0].at), (5, 7, (64 << 30) - 16));
    // Pages that are holes are passed over, nearly all of the 64.
    let (_, read) = counted.take();
    assert!(read < 3 << 30, "{read} bytes");
}
