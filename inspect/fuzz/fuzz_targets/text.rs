// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Names of arbitrary bytes: the output contains no terminal escape.
#![no_main]

use kho_abi_inspect::image::{number, RawFile};
use kho_abi_inspect::text;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let readable = text::readable(data);
    assert!(!readable.chars().any(char::is_control));
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (number(text), text.parse::<RawFile>());
    }
});
