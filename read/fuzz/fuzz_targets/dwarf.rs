// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! DWARF that says anything: files of compilers with bytes of their own changed, so that what is behind
//! the first wrong one is read as well.
#![no_main]

use kho_abi_read::dwarf;
use kho_abi_read::elf::Elf;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

/// Of several versions of DWARF, of two compilers, relocated, linked and compressed.
const FILES: [&[u8]; 5] = [
    include_bytes!("../seeds/elf/dwarf4.o"),
    include_bytes!("../seeds/elf/dwarf5.o"),
    include_bytes!("../seeds/elf/clang.o"),
    include_bytes!("../seeds/elf/linked"),
    include_bytes!("../seeds/elf/zlib.o"),
];

fuzz_target!(|data: &[u8]| {
    let [which, changes @ ..] = data else { return };
    let mut file = FILES[usize::from(*which) % FILES.len()].to_vec();
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
        file[at] = change[2];
    }
    let wanted = BTreeSet::from(["luo_ser", "kho_vmalloc", "kho_radix_consts", "port_ser", "a"]);
    let Ok(elf) = Elf::parse(&file) else { return };
    let Ok(Some(lowered)) = dwarf::read(&elf, &wanted) else { return };
    for record in lowered.records.values() {
        assert!(record.fields.len() <= file.len(), "{} fields", record.fields.len());
    }
});
