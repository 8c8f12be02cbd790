// SPDX-License-Identifier: GPL-2.0
//! Physical memory as bytes at addresses.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{anyhow, bail, Context, Result};
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::LittleEndian;

/// The only page size of the scenarios' machines.
pub const PAGE_BYTES: u64 = 4096;

/// A source of physical memory.
pub trait Memory {
    /// Reads all of `buffer` from physical address `pa`.
    fn read(&self, pa: u64, buffer: &mut [u8]) -> Result<()>;

    /// One past the highest address that can be read.
    fn end(&self) -> u64;

    /// Reads `N` bytes.
    fn array<const N: usize>(&self, pa: u64) -> Result<[u8; N]>
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.read(pa, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a little-endian number; x86 is the only architecture here.
    fn u64(&self, pa: u64) -> Result<u64>
    where
        Self: Sized,
    {
        self.array(pa).map(u64::from_le_bytes)
    }
}

/// QEMU's backing file, or a copy of it. The offset is the address if all memory is below the
/// 32-bit hole.
pub struct RawMemory {
    file: File,
    size_bytes: u64,
}

impl RawMemory {
    /// Opens a backing file. The machine must be stopped while it is read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let size_bytes = file.metadata()?.len();
        if size_bytes > 2 << 30 {
            bail!("{size_bytes} bytes of memory do not fit below the 32-bit hole");
        }
        Ok(Self { file, size_bytes })
    }
}

impl Memory for RawMemory {
    fn read(&self, pa: u64, buffer: &mut [u8]) -> Result<()> {
        self.file
            .read_exact_at(buffer, pa)
            .with_context(|| format!("{} bytes at {pa:#x} are outside the image", buffer.len()))
    }

    fn end(&self) -> u64 {
        self.size_bytes
    }
}

/// An ELF dump as QEMU writes it: one loadable segment for each block of memory.
pub struct ElfMemory {
    file: File,
    /// Physical address, size and file offset.
    segments: Vec<(u64, u64, u64)>,
}

impl ElfMemory {
    /// Opens a dump and reads its program headers.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        // The headers come first, and QEMU writes only a few.
        let mut head = vec![0; 64 << 10];
        let length = file.read_at(&mut head, 0)?;
        let head = &head[..length];
        let header = FileHeader64::<LittleEndian>::parse(head)?;
        let endian = header.endian()?;
        let segments = header
            .program_headers(endian, head)?
            .iter()
            .filter(|segment| segment.p_type(endian) == PT_LOAD)
            .map(|segment| {
                (segment.p_paddr(endian), segment.p_filesz(endian), segment.p_offset(endian))
            })
            .collect();
        Ok(Self { file, segments })
    }
}

impl Memory for ElfMemory {
    fn read(&self, pa: u64, buffer: &mut [u8]) -> Result<()> {
        let wanted = buffer.len() as u64;
        let (start, _, offset) = self
            .segments
            .iter()
            .find(|(start, size, _)| {
                pa >= *start && pa - start <= *size && wanted <= size - (pa - start)
            })
            .ok_or_else(|| anyhow!("no segment has {wanted} bytes at {pa:#x}"))?;
        self.file.read_exact_at(buffer, offset + (pa - start))?;
        Ok(())
    }

    fn end(&self) -> u64 {
        self.segments.iter().map(|(start, size, _)| start + size).max().unwrap_or(0)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::io::Write;

    /// Memory that a test filled.
    pub struct TestMemory(pub Vec<u8>);

    impl Memory for TestMemory {
        fn read(&self, pa: u64, buffer: &mut [u8]) -> Result<()> {
            let start = usize::try_from(pa)?;
            let bytes = start.checked_add(buffer.len()).and_then(|end| self.0.get(start..end));
            buffer.copy_from_slice(bytes.ok_or_else(|| anyhow!("{pa:#x} is outside"))?);
            Ok(())
        }

        fn end(&self) -> u64 {
            self.0.len() as u64
        }
    }

    #[test]
    fn raw_memory_ends_where_the_file_ends() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[7; 8192]).unwrap();
        let memory = RawMemory::open(file.path()).unwrap();
        assert_eq!(memory.u64(8184).unwrap(), 0x0707_0707_0707_0707);
        assert!(memory.u64(8185).is_err());
        assert!(memory.u64(u64::MAX - 3).is_err());
    }
}
