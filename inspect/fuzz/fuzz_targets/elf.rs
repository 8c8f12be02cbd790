// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! ELF cores: arbitrary bytes after the few that identify one.
#![no_main]

use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0".to_vec();
    file.extend_from_slice(data);
    // The size of a program header has only one valid value.
    if let Some(size) = file.get_mut(54..56) {
        size.copy_from_slice(&56_u16.to_le_bytes());
    }
    let Ok(image) = Image::from_bytes(file) else { return };
    assert!(image.ranges().windows(2).all(|pair| pair[0].end < pair[1].start));
    let mut bytes = [0; 32];
    for range in image.ranges().iter().take(16) {
        assert!(image.read(range.start, &mut bytes[..1]).is_ok());
        assert!(image.read(range.end - 1, &mut bytes[..1]).is_ok());
        assert!(image.read(range.end, &mut bytes[..1]).is_err());
        let _ = image.read(range.end - 1, &mut bytes);
        let _ = image.next_written(range.start);
    }
});
