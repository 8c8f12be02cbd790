// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes an image of the reference state, as raw memory, an ELF core or a kdump, or a guest with a
//! folio list of some gigabytes.

use kho_abi_inspect::synth::{container, sample, MemfdSpec, Synth};
use std::fs::File;
use std::io;

const USAGE: &str = "\
usage: synth raw|elf|kdump|flattened FILE
       synth many FILE COUNT  with so many files in sessions of ten
       synth guest FILE GIB   and prints where the device tree and the list are, and the list's size";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let written = match arguments.as_slice() {
        ["guest", path, gib] => guest(path, gib.parse().unwrap_or(1)),
        ["many", path, count] => many(path, count.parse().unwrap_or(3000)),
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

/// Writes a sparse image with that many files, alternating devices and small memfds.
fn many(path: &str, count: u64) -> io::Result<()> {
    let mut synth = Synth::new(File::create(path)?, 4096);
    let mut session = synth.session("vm0");
    for number in 0..count {
        if number > 0 && number % 10 == 0 {
            session = synth.session(&format!("vm{}", number / 10));
        }
        let token = number % 10 + 1;
        if number % 2 == 0 {
            let address = format!("{:04x}:{:02x}:00.0", number >> 9, number >> 1 & 0xff);
            synth.device(session, token, &address);
        } else {
            synth.memfd(session, token, &MemfdSpec { size: 5000, ..MemfdSpec::default() });
        }
    }
    synth.metadata("7.3.4", 2);
    let end = synth.end();
    let (file, _) = synth.finish();
    file.set_len(end + (64 << 20))
}

/// Writes a sparse image of a guest, whose folio list has that many gibibytes.
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
