// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes an image of the reference state, as raw memory, an ELF core or a kdump; or a guest whose list
//! of folios has some gigabytes.

use kho_abi_inspect::synth::{container, sample, MemfdSpec, Synth};
use std::fs::File;
use std::io;

const USAGE: &str = "\
usage: synth raw|elf|kdump|flattened FILE
       synth guest FILE GIB   and prints where the device tree and the list are, and the list's size";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let written = match arguments.as_slice() {
        ["guest", path, gib] => guest(path, gib.parse().unwrap_or(1)),
        [format, path] => {
            let (ram, _) = sample(4096);
            let kdump = || container::kdump(&ram, container::Packing::Zlib, &[]);
            let bytes = match *format {
                "elf" => container::elf(&ram),
                "kdump" => kdump(),
                "flattened" => container::flattened(&kdump()),
                _ => container::raw(&ram),
            };
            std::fs::write(path, bytes)
        }
        _ => Err(io::Error::other(USAGE)),
    };
    if let Err(error) = written {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

/// Writes a sparse image of a guest, whose list of folios has so many gibibytes.
fn guest(path: &str, gib: u64) -> io::Result<()> {
    let list = gib << 30;
    let mut synth = Synth::new(File::create(path)?, 4096);
    let session = synth.session("vm0");
    let spec = MemfdSpec { size: list / 16 * 4096, filled: false, ..MemfdSpec::default() };
    synth.memfd(session, 1, &spec);
    let (file, places) = synth.finish();
    let end = places.radix.iter().max().map_or(0, |node| node + 4096);
    file.set_len(end)?;
    println!("{} {} {list}", places.fdt, places.memfds[0].list[0]);
    Ok(())
}
