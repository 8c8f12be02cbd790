// SPDX-License-Identifier: GPL-2.0
//! Taking images of a stopped machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use clap::ValueEnum;
use serde_json::json;

use super::memory::PAGE_BYTES;
use crate::qmp::Qmp;

/// The shapes in which an image can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A sparse copy of QEMU's backing file: the offset is the physical address.
    Raw,
    /// An ELF core as makedumpfile and drgn read it.
    Elf,
    /// A compressed kdump, in the flattened form that QEMU writes.
    Kdump,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Elf => "elf",
            Format::Kdump => "kdump",
        }
    }
}

/// Writes the memory of a stopped machine to `output`.
pub fn take(qmp: &mut Qmp, backing_file: &Path, format: Format, output: &Path) -> Result<()> {
    match format {
        Format::Raw => copy_sparse(backing_file, output),
        Format::Elf => dump(qmp, "elf", output),
        Format::Kdump => dump(qmp, "kdump-zlib", output),
    }
    .with_context(|| format!("cannot write {}", output.display()))
}

fn dump(qmp: &mut Qmp, format: &str, output: &Path) -> Result<()> {
    // If a dump fails, a leftover file must not be mistaken for it.
    match fs::remove_file(output) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let protocol = format!("file:{}", absolute(output)?.display());
    qmp.execute(
        "dump-guest-memory",
        json!({ "paging": false, "protocol": protocol, "format": format }),
    )?;
    Ok(())
}

/// Makes QEMU write one page as it sees physical memory, and reads that.
pub fn page_through_qemu(qmp: &mut Qmp, pa: u64, scratch: &Path) -> Result<Vec<u8>> {
    qmp.execute(
        "pmemsave",
        json!({ "val": pa, "size": PAGE_BYTES, "filename": absolute(scratch)?.to_string_lossy() }),
    )?;
    let bytes = fs::read(scratch)?;
    if bytes.len() as u64 != PAGE_BYTES {
        bail!("pmemsave wrote {} bytes", bytes.len());
    }
    Ok(bytes)
}

/// QEMU has another working directory.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// Copies a file, with holes for zeroes.
fn copy_sparse(from: &Path, to: &Path) -> Result<()> {
    const CHUNK_BYTES: usize = 64 << 10;
    let source = File::open(from)?;
    let size = source.metadata()?.len();
    let target = File::create(to)?;
    target.set_len(size)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < size {
        let length = usize::try_from((size - offset).min(CHUNK_BYTES as u64))?;
        let chunk = &mut chunk[..length];
        source.read_exact_at(chunk, offset)?;
        for (index, page) in chunk.chunks(PAGE_BYTES as usize).enumerate() {
            if page.iter().any(|byte| *byte != 0) {
                target.write_all_at(page, offset + index as u64 * PAGE_BYTES)?;
            }
        }
        offset += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::copy_sparse;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_sparse_copy_is_the_same_file_with_fewer_blocks() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        let mut bytes = vec![0; 1 << 20];
        bytes[300_000] = 1;
        bytes[(1 << 20) - 1] = 2;
        std::fs::write(&from, &bytes).unwrap();
        copy_sparse(&from, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), bytes);
        assert!(to.metadata().unwrap().blocks() < from.metadata().unwrap().blocks());
    }
}
