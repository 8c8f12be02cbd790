// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compressed kdumps: arbitrary second header, bitmaps, descriptors and pages.
#![no_main]

use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (numbers, rest) = data.split_at(data.len().min(8));
    let mut file = vec![0; 4096];
    file[..8].copy_from_slice(b"KDUMP   ");
    file[8] = 6;
    file[428..432].copy_from_slice(&4096_u32.to_le_bytes());
    file[432] = 1;
    file[436] = 2;
    for (place, number) in [8, 432, 436, 440, 441, 442, 443, 272].into_iter().zip(numbers) {
        file[place] = *number;
    }
    // The parts take turns, each at the beginning of its block.
    for part in rest.chunks(rest.len().div_ceil(4).max(1)) {
        file.extend_from_slice(part);
        file.resize(file.len().next_multiple_of(4096), 0);
    }
    let Ok(image) = Image::from_bytes(file) else { return };
    let mut page = [0; 4096];
    for range in image.ranges().iter().take(8) {
        let _ = image.read(range.start, &mut page);
        let _ = image.read(range.start, &mut page[..8]);
        let _ = image.read(range.start + 100, &mut page);
        assert!(image.read(range.end, &mut page[..1]).is_err());
        let _ = image.next_written(range.start);
    }
});
