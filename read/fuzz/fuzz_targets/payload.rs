// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Packed kernels with arbitrary claims.
#![no_main]

use kho_abi_read::payload::{unpack, MAX_UNPACKED};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(Some(unpacked)) = unpack(&data.to_vec()) {
        assert!(unpacked.len() as u64 <= MAX_UNPACKED);
    }
});
