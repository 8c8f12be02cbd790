// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Arbitrary ELF files: sections, symbols, relocations, DWARF, BTF, strings; from the file to the
//! report on it.
#![no_main]

use kho_abi_read::image;
use kho_abi_read::source::Options;
use kho_abi_review::verify::{verify, Truth};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::OnceLock;

/// The truth without earlier versions, which are loaded on demand and kept here.
static TRUTH: OnceLock<kho_abi_model::Model> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    // Packed files have their own target.
    if !data.starts_with(b"\x7fELF") {
        return;
    }
    let bytes = data.to_vec();
    for prefer_btf in [false, true] {
        let options = Options { prefer_btf, ..Options::default() };
        let Ok(image) = image::read(Path::new("fuzz"), &bytes, &options) else { continue };
        let truth =
            TRUTH.get_or_init(|| kho_abi_read::truth::current().expect("the truth is whole"));
        // Comparing is a hundred times slower than reading, so compare only some inputs.
        if data.len() % 64 == 0 && image.reading.model.records().next().is_some() {
            let truth = Truth::of(truth.clone(), Vec::new());
            verify(&truth, &image.reading).expect("the truth is whole");
        }
    }
});
