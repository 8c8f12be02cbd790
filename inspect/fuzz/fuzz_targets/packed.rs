// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compressed files: arbitrary bytes after a signature, and arbitrary bytes without one.
#![no_main]

use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

const SIGNATURES: [&[u8]; 9] = [
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"\x04\x22\x4d\x18",
    b"\x02\x21\x4c\x18",
    b"\x28\xb5\x2f\xfd",
    b"\x78\x9c",
    b"\x5d\0\0\x80\0",
    b"",
];

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let file = [SIGNATURES[usize::from(*kind) % SIGNATURES.len()], rest].concat();
    if let Ok(image) = Image::from_bytes(file) {
        let mut bytes = [0; 64];
        for range in image.ranges().iter().take(4) {
            let _ = image.read(range.start, &mut bytes);
        }
    }
});
