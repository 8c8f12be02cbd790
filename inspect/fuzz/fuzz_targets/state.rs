// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A whole state with some words changed: the walk ends, and so do all reports.
#![no_main]

use kho_abi_inspect::image::Image;
use kho_abi_inspect::report::{html, json, lines, text, Filter, Report};
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::{MemfdSpec, Ram, Synth};
use kho_abi_inspect::{inspect, Options};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// The memory of a small state; the first megabyte is empty, and left out.
fn base() -> &'static (Vec<u8>, u64) {
    static BASE: OnceLock<(Vec<u8>, u64)> = OnceLock::new();
    BASE.get_or_init(|| {
        let mut synth = Synth::new(Ram::new(4096, (1 << 20) + (40 << 12)), 4096);
        let session = synth.session("vm0");
        synth.device(session, 1, "0000:01:00.0");
        synth.memfd(session, 2, &MemfdSpec { size: 5 << 12, ..MemfdSpec::default() });
        synth.flb("iommu-v1", 0, 1);
        synth.reserve("trace", 0);
        synth.metadata("7.3.4", 1);
        let (ram, places) = synth.finish();
        (raw(&ram), places.fdt)
    })
}

fuzz_target!(|data: &[u8]| {
    let (memory, fdt) = base();
    let mut memory = memory.clone();
    for change in data.chunks_exact(5) {
        let place = (usize::from(change[0]) % 40) << 12 | usize::from(change[1]) << 1;
        let place = (1 << 20) + place + usize::from(change[2] & 1);
        match change[2] >> 6 {
            0 => memory[place] = change[3],
            1 => memory[place..place + 8].fill(change[3]),
            2 => memory[place] ^= 1 << (change[3] & 7),
            _ => {
                let page = 256 + u64::from(change[3]) % 42;
                let value = page << 12 | u64::from(change[4] & 3);
                memory[place & !7..][..8].copy_from_slice(&value.to_ne_bytes());
            }
        }
    }
    let image = Image::from_bytes(memory).expect("it is raw");
    let options =
        Options { fdt: Some(*fdt), page_size: Some(4096), threads: 1, ..Options::default() };
    let state = inspect(&image, &options);
    let filter = Filter::default();
    let report = Report { image: &image, name: "image", state: &state, filter: &filter };
    let mut out = std::io::sink();
    text::write(report, &mut out).expect("a sink takes everything");
    if data.len() % 16 == 0 {
        json::write(report, &mut out).expect("a sink takes everything");
        lines::write(report, &mut out).expect("a sink takes everything");
        html::write(report, &mut out).expect("a sink takes everything");
    }
});
