// SPDX-License-Identifier: GPL-2.0
//! Loads the next kernel, with an initramfs of the files that this kernel was given.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use kho_abi_live_plan::initramfs::{
    Archive, BOOT_PARAMETER, EXAMPLE, FACTS, KERNEL, KERNELS, SCENARIO, TESTS,
};
use kho_abi_live_uapi::kexec;
use nix::sys::memfd::{memfd_create, MFdFlags};

use crate::facts::Facts;
use crate::machine::Machine;
use crate::outcome::{failure, Failure, Outcome};

/// Loads the kernel for the next boot of the scenario.
pub fn load(machine: &Machine) -> Outcome {
    let next = machine
        .scenario
        .boots
        .get(machine.boot as usize)
        .ok_or_else(|| failure("the scenario has no next kernel"))?;
    let directory = Path::new("/").join(KERNELS).join(next.flavour.name());
    let kernel = File::open(directory.join(KERNEL))?;
    let initramfs = pack(&machine.bequest)?;
    let command_line = command_line(machine.boot + 1)?;
    kexec::load(&kernel, &initramfs, &command_line)?;
    Ok(format!(
        "{} bytes of initramfs, \"{}\"",
        initramfs.metadata()?.len(),
        command_line.to_string_lossy()
    ))
}

/// This kernel's command line with another boot number.
fn command_line(boot: u32) -> Result<CString, Failure> {
    let current = fs::read_to_string("/proc/cmdline")?;
    let words: Vec<&str> =
        current.split_whitespace().filter(|word| !word.starts_with(BOOT_PARAMETER)).collect();
    CString::new(format!("{} {BOOT_PARAMETER}{boot}", words.join(" ")))
        .map_err(|error| failure(error.to_string()))
}

fn pack(facts: &Facts) -> Result<File, Failure> {
    let file = File::from(memfd_create(c"initramfs", MFdFlags::MFD_CLOEXEC)?);
    let mut archive = Archive::new(io::BufWriter::new(file));
    for name in ["init", SCENARIO, EXAMPLE] {
        let path = Path::new("/").join(name);
        if path.exists() {
            archive = archive.file(name, &fs::read(path)?)?;
        }
    }
    archive = archive.directory(KERNELS)?;
    for flavour in fs::read_dir(Path::new("/").join(KERNELS))? {
        let flavour = flavour?;
        let directory = format!("{KERNELS}/{}", flavour.file_name().to_string_lossy());
        archive = archive.directory(&directory)?;
        for entry in fs::read_dir(flavour.path())? {
            let entry = entry?;
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            archive = archive.file(&name, &fs::read(entry.path())?)?;
        }
    }
    let tests = Path::new("/").join(TESTS);
    if tests.exists() {
        archive = archive.directory(TESTS)?;
        for entry in fs::read_dir(tests)? {
            let entry = entry?;
            let name = format!("{TESTS}/{}", entry.file_name().to_string_lossy());
            archive = archive.file(&name, &fs::read(entry.path())?)?;
        }
    }
    archive = archive.file(FACTS, &serde_json::to_vec(facts)?)?;
    let mut output = archive.finish()?;
    output.flush()?;
    output.into_inner().map_err(|error| failure(error.to_string()))
}
