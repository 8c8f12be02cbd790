// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Lists of blocks that lead anywhere, like the list of sessions.
#![no_main]

use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::Blocks;
use kho_abi_inspect::image::cache::Cached;
use kho_abi_inspect::image::Image;
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;

fuzz_target!(|data: &[u8]| {
    let [first, size, rest @ ..] = data else { return };
    let image = Image::from_bytes(memory::of(rest)).expect("it is raw");
    let memory = Cached::new(&image, 4096);
    let first = PhysAddr::new(memory::value(*first));
    let blocks = Blocks::new(&memory, first, usize::from(*size)).count();
    assert!(blocks <= 64, "{blocks} blocks of {} pages", memory::PAGES);
});
