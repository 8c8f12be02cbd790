// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Entries of a folio list: runs must have the content of the entries, one by one.
#![no_main]

use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::memfd_v2::memfd_luo_folio_ser;
use kho_abi_inspect::folios::each_batch;
use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;
use zerocopy::{FromBytes as _, IntoBytes as _};

fuzz_target!(|data: &[u8]| {
    // A byte makes an entry that continues in some way, or a new one.
    let mut entries: Vec<memfd_luo_folio_ser> = Vec::new();
    let (mut page, mut index) = (1_u64, 0_u64);
    for bytes in data.chunks(2) {
        let (kind, many) = (bytes[0], bytes.get(1).copied().unwrap_or(1));
        let (page_step, index_step) = match kind % 8 {
            0 => (1, 1),
            1 => (u64::MAX, 1),
            2 => (512, 512),
            3 => (0, 0),
            4 => (1, u64::MAX),
            5 => (u64::from(kind) << 44, 1),
            6 => (0_u64.wrapping_sub(page), 1),
            _ => (u64::from(many) * 7, 3),
        };
        for _ in 0..u16::from(many) * 2 {
            entries.push(memfd_luo_folio_ser { pfn_and_flags: page, index });
            page = page.wrapping_add(page_step);
            index = index.wrapping_add(index_step);
        }
        if entries.len() > 1 << 12 {
            break;
        }
    }
    let bytes = entries.as_bytes().to_vec();
    let len = bytes.len() as u64;
    // A file that begins like another format is not raw memory.
    let mut file = vec![0; 4096];
    file.extend_from_slice(&bytes);
    let image = Image::from_bytes(file).expect("it is raw");
    let mut at = 0;
    let read = each_batch(
        &image,
        std::iter::once(PhysAddr::new(4096)),
        len.max(16),
        len / 16,
        1,
        |batch| {
            for run in &batch.runs {
                for number in 0..run.count {
                    let entry = memfd_luo_folio_ser::ref_from_bytes(&bytes[at..at + 16])
                        .expect("it is one");
                    let index = entry.index;
                    assert_eq!(run.index_of(number), index);
                    assert_eq!(run.page_of(number), entry.pfn());
                    assert_eq!(u64::from(run.flags), entry.flags());
                    at += 16;
                }
            }
        },
    );
    assert_eq!((at as u64, read), (len, len / 16));
});
