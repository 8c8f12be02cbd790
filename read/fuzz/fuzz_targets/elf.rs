// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! ELF files that say anything: sections, symbols, relocations, DWARF, BTF, strings; from the file to
//! what is said about it.
#![no_main]

use kho_abi_read::image;
use kho_abi_read::source::Options;
use kho_abi_review::verify::{verify, Truth};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::OnceLock;

/// The truth without earlier versions: they are read where they are needed, and kept here.
static TRUTH: OnceLock<kho_abi_model::Model> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    // Packed files are another target's.
    if !data.starts_with(b"\x7fELF") {
        return;
    }
    let bytes = data.to_vec();
    for prefer_btf in [false, true] {
        let options = Options { prefer_btf, ..Options::default() };
        let Ok(image) = image::read(Path::new("fuzz"), &bytes, &options) else { continue };
        let truth =
            TRUTH.get_or_init(|| kho_abi_read::truth::current().expect("the truth is whole"));
        // Comparing is a hundred times slower than reading: some of what was found is enough.
        if data.len() % 64 == 0 && image.reading.model.records().next().is_some() {
            let truth = Truth::of(truth.clone(), Vec::new());
            verify(&truth, &image.reading).expect("the truth is whole");
        }
    }
});
