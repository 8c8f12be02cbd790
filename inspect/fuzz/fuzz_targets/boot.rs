// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Lists of setup_data and device trees that lead anywhere.
#![no_main]

use kho_abi_inspect::find::{boot, scan};
use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;

fuzz_target!(|data: &[u8]| {
    let mut bytes = memory::of(&data[..data.len() / 2]);
    let tree = &data[data.len() / 2..];
    let len = tree.len().min(4096);
    bytes[0xf000..0xf000 + len].copy_from_slice(&tree[..len]);
    let image = Image::from_bytes(bytes).expect("it is raw");
    let _ = boot::setup_data(&image, 0x1000 - 0x250);
    let _ = boot::chosen(&image, 0xf000);
    assert!(scan::trees(&image, 1, &Default::default()).trees.len() <= memory::PAGES);
});
