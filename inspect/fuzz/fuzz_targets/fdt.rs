// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Device trees of arbitrary bytes.
#![no_main]

use kho_abi_inspect::fdt::Fdt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(fdt) = Fdt::new(data) else { return };
    // Each token takes four bytes.
    assert!(fdt.events().count() <= data.len() / 4 + 1);
    let _ = fdt.root_property("compatible");
});
