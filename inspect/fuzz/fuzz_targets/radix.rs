// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Trees of preserved pages that lead anywhere.
#![no_main]

use kho_abi_inspect::image::Image;
use kho_abi_inspect::synth::Tree;
use kho_abi_inspect::{inspect, Options};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;

fuzz_target!(|data: &[u8]| {
    let [map, rest @ ..] = data else { return };
    let mut bytes = memory::of(rest);
    let mut tree = Tree::new("kho-v4");
    tree.number("preserved-memory-map", memory::value(*map));
    let tree = tree.finish();
    bytes[0xf000..0xf000 + tree.len()].copy_from_slice(&tree);
    let image = Image::from_bytes(bytes).expect("it is raw");
    let options =
        Options { fdt: Some(0xf000), page_size: Some(4096), threads: 1, ..Options::default() };
    let state = inspect(&image, &options);
    if let Some(preserved) = state.preserved() {
        assert!(preserved.nodes() <= memory::PAGES as u64);
    }
});
