// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Flattened files: arbitrary records.
#![no_main]

use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = b"makedumpfile\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01".to_vec();
    file.resize(4096, 0);
    // One byte each for the start of a piece and its length; then the piece.
    let mut data = data;
    while let [offset, len, rest @ ..] = data {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        file.extend((u64::from(*offset) * 16).to_be_bytes());
        file.extend((piece.len() as u64).to_be_bytes());
        file.extend_from_slice(piece);
        data = rest;
    }
    file.extend([0xff; 16]);
    if let Ok(image) = Image::from_bytes(file) {
        let mut bytes = [0; 64];
        for range in image.ranges().iter().take(4) {
            let _ = image.read(range.start, &mut bytes);
        }
    }
});
