// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a sample image, as raw memory, an ELF core or a kdump.

use kho_abi_inspect::synth::{container, sample};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, path] = arguments.as_slice() else {
        eprintln!("usage: synth raw|elf|kdump|flattened FILE");
        std::process::exit(2);
    };
    let (ram, _) = sample(4096);
    let kdump = || container::kdump(&ram, container::Packing::Zlib, &[]);
    let bytes = match format.as_str() {
        "elf" => container::elf(&ram),
        "kdump" => kdump(),
        "flattened" => container::flattened(&kdump()),
        _ => container::raw(&ram),
    };
    if let Err(error) = std::fs::write(path, bytes) {
        eprintln!("cannot write {path}: {error}");
        std::process::exit(2);
    }
}
