// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! LiME and AVML: arbitrary pieces after headers.
#![no_main]

use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = Vec::new();
    let mut data = data;
    // One byte each for the kind, the start of a piece and its length; then the piece.
    while let [kind, start, len, rest @ ..] = data {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        let start = u64::from(*start) << 4;
        let (magic, version) = if kind & 1 == 0 { (b"EMiL", 1_u32) } else { (b"AVML", 2) };
        file.extend_from_slice(magic);
        file.extend((version ^ u32::from(kind & 0x40)).to_le_bytes());
        let last = start.wrapping_add(u64::from(*len)).wrapping_sub(u64::from(kind >> 7));
        file.extend([start, last, 0].map(u64::to_le_bytes).concat());
        file.extend_from_slice(piece);
        if kind & 2 != 0 {
            file.extend((piece.len() as u64).to_le_bytes());
        }
        data = rest;
    }
    let Ok(image) = Image::from_bytes(file) else { return };
    assert!(image.ranges().windows(2).all(|pair| pair[0].end < pair[1].start));
    let mut bytes = [0; 32];
    for range in image.ranges().iter().take(16) {
        assert!(image.read(range.start, &mut bytes[..1]).is_ok());
        assert!(image.read(range.end, &mut bytes[..1]).is_err());
        let _ = image.next_written(range.start);
    }
});
