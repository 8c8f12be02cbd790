// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Chunks of addresses that lead anywhere, compared with the walk of the types' own crate.
#![no_main]

use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::phys::{KhoserPtr, PhysAddr};
use kho_abi::wire::walk::VmallocPages;
use kho_abi_inspect::image::cache::Cached;
use kho_abi_inspect::image::Image;
use kho_abi_inspect::vmalloc::{Step, Steps};
use libfuzzer_sys::fuzz_target;

#[path = "../memory.rs"]
mod memory;

fuzz_target!(|data: &[u8]| {
    let [first, pages, flags, order, rest @ ..] = data else { return };
    let image = Image::from_bytes(memory::of(rest)).expect("it is raw");
    let memory = Cached::new(&image, 4096);
    let vmalloc = kho_vmalloc {
        first: KhoserPtr::new(PhysAddr::new(memory::value(*first))),
        total_pages: u32::from(*pages),
        flags: u16::from(*flags),
        order: u16::from(*order),
    };
    let mut steps = Steps::new(&memory, &vmalloc);
    let ours: Vec<_> = steps.by_ref().collect();
    let failed = ours.last().is_some_and(Result::is_err);
    let ours: Vec<_> = ours
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|step| match step {
            Step::Block(at) => Some(at),
            Step::Chunk(_) => None,
        })
        .collect();
    let theirs: Vec<_> = VmallocPages::new(&memory, &vmalloc).collect();
    assert_eq!(failed, theirs.last().is_some_and(Result::is_err));
    if !failed {
        assert!(ours.into_iter().eq(theirs.into_iter().filter_map(Result::ok)));
    }
});
