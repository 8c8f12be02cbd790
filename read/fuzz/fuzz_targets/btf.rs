// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Arbitrary BTF, alone and as the continuation of other BTF.
#![no_main]

use kho_abi_read::btf::Btf;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

fuzz_target!(|data: &[u8]| {
    let wanted = BTreeSet::from(["luo_ser", "kho_vmalloc", "kho_radix_consts", "a", ""]);
    let Ok(btf) = Btf::parse(data.to_vec(), None) else { return };
    let read = btf.read(&wanted);
    for record in read.records.values() {
        assert!(record.fields.len() <= 4096, "{} fields", record.fields.len());
    }
    if let Ok(more) = Btf::parse(data.to_vec(), Some(&btf)) {
        let _ = more.read(&wanted);
    }
});
