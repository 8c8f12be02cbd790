// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads ELF files of 64-bit little-endian machines: their sections, one at a time.
//!
//! The `object` crate knows the format. This module decides how much to read, so that a kernel of
//! hundreds of megabytes only costs the sections that are used.

use super::bytes::{Bytes, MAX_AT_ONCE};
use object::elf::{
    CompressionHeader64, FileHeader64, Machine, Rela64, SectionFlags, SectionHeader64, SectionType,
    Sym64, ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD, EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_S390,
    EM_X86_64, ET_CORE, ET_DYN, ET_EXEC, ET_REL, R_AARCH64_ABS32, R_AARCH64_ABS64, R_RISCV_32,
    R_RISCV_64, R_X86_64_32, R_X86_64_32S, R_X86_64_64, SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR,
    SHF_WRITE, SHN_XINDEX, SHT_NOBITS, SHT_NULL, SHT_RELA, SHT_SYMTAB, STT_OBJECT,
};
use object::{pod, LittleEndian as LE};
use std::io::{self, Read};

/// Why an ELF file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// For a machine that does not support the handover.
    #[error("{0}")]
    Foreign(String),
    /// Neither a kernel nor a module.
    #[error("{0}")]
    NotKernel(String),
    /// It contradicts itself, or is truncated.
    #[error("{part}: {why}")]
    Malformed {
        /// The part of the file.
        part: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ElfError {
    #[allow(clippy::needless_pass_by_value)] // Takes errors and text alike.
    pub(super) fn malformed(part: &str, why: impl ToString) -> Self {
        Self::Malformed { part: part.into(), why: why.to_string() }
    }
}

/// The first bytes of every ELF file.
pub const MAGIC: &[u8; 4] = b"\x7fELF";

/// More sections than any kernel or module has.
const MAX_SECTIONS: u64 = 1 << 20;

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    kind: SectionType,
    flags: SectionFlags,
    /// The address that it is loaded at; 0 in a file that is not linked yet.
    pub address: u64,
    offset: u64,
    /// Its size in the file, in bytes.
    pub size: u64,
    link: u32,
    info: u32,
}

impl Section {
    /// Whether it is loaded and holds data of its own, and not code.
    ///
    /// Kernels may mark data as code, too; a writable section is data.
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.has(SHF_ALLOC)
            && (self.has(SHF_WRITE) || !self.has(SHF_EXECINSTR))
            && !self.has(SHF_COMPRESSED)
            && self.kind != SHT_NOBITS
    }

    fn has(&self, flag: SectionFlags) -> bool {
        self.flags.0 & flag.0 != 0
    }
}

/// A data object of the file, from the symbol table.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// The section that holds it, by its number.
    pub section: usize,
    /// Its distance from the start of that section, in bytes.
    pub offset: u64,
}

/// An ELF file of a 64-bit little-endian machine.
pub struct Elf<'a> {
    bytes: &'a dyn Bytes,
    machine: Machine,
    relocatable: bool,
    sections: Vec<Section>,
}

impl<'a> Elf<'a> {
    /// Reads the header and the list of sections.
    ///
    /// # Errors
    ///
    /// [`ElfError`] for another machine, and for a file that contradicts itself.
    pub fn parse(bytes: &'a dyn Bytes) -> Result<Self, ElfError> {
        let malformed = |why: &str| ElfError::malformed("ELF header", why);
        let ident = bytes.take(0, 20).map_err(|_| malformed("it is cut off"))?;
        if !ident.starts_with(MAGIC) {
            return Err(malformed("not an ELF file: bad magic number"));
        }
        let machine = Machine(match ident[5] {
            2 => u16::from_be_bytes([ident[18], ident[19]]),
            _ => u16::from_le_bytes([ident[18], ident[19]]),
        });
        match (ident[4], ident[5]) {
            (2, 1) => {}
            (1, 1 | 2) => {
                return Err(ElfError::Foreign(format!(
                    "it is for a 32-bit machine ({})",
                    machine_name(machine.0)
                )))
            }
            (2, 2) => {
                return Err(ElfError::Foreign(format!(
                    "it is for a big-endian machine ({})",
                    machine_name(machine.0)
                )))
            }
            _ => return Err(malformed("unknown class or byte order")),
        }
        let header = bytes.take(0, size_of::<FileHeader64<LE>>() as u64);
        let header = header.map_err(|_| malformed("it is cut off"))?;
        let (header, _) = pod::from_bytes::<FileHeader64<LE>>(&header)
            .map_err(|()| malformed("it is cut off"))?;
        let kind = header.e_type.get(LE);
        if ![ET_REL, ET_EXEC, ET_DYN].contains(&kind) {
            let what =
                if kind == ET_CORE { "a core dump" } else { "an ELF file of an unknown type" };
            return Err(ElfError::NotKernel(format!("it is {what}, not a kernel or a module")));
        }
        let relocatable = kind == ET_REL;
        let sections = read_sections(bytes, header)?;
        let beyond = |section: &&Section| {
            let end = section.offset.checked_add(section.size);
            let is_there = end.is_some_and(|end| end <= bytes.size());
            ![SHT_NOBITS, SHT_NULL].contains(&section.kind) && !is_there
        };
        if let Some(section) = sections.iter().find(beyond) {
            let why = format!(
                "it ends past the end of the file, which has {} bytes: the file is cut off",
                bytes.size()
            );
            return Err(ElfError::malformed(&section.name, why));
        }
        Ok(Self { bytes, machine, relocatable, sections })
    }

    /// The machine, by its number in the ELF specification.
    #[must_use]
    pub fn machine(&self) -> u16 {
        self.machine.0
    }

    /// Whether it is not linked yet, as a module is.
    #[must_use]
    pub fn is_relocatable(&self) -> bool {
        self.relocatable
    }

    /// Whether all sections can be read correctly. This fails for a file that is not linked yet, if
    /// the relocations of its machine are unknown here.
    #[must_use]
    pub fn is_told(&self) -> bool {
        !self.relocatable || [EM_X86_64, EM_AARCH64, EM_RISCV].contains(&self.machine)
    }

    /// The sections, in the order of the file.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section of that name that has bytes in the file.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name && s.kind != SHT_NOBITS)
    }

    /// A part of a section, as stored in the file.
    ///
    /// # Errors
    ///
    /// [`ElfError`] for bytes that the file does not have.
    pub fn part(&self, section: &Section, offset: u64, size: u64) -> Result<Vec<u8>, ElfError> {
        let fits = offset.checked_add(size).is_some_and(|end| end <= section.size);
        let at = section.offset.checked_add(offset).filter(|_| fits);
        let at = at.ok_or_else(|| ElfError::malformed(&section.name, "it is too short"))?;
        self.bytes.take(at, size).map_err(|error| ElfError::malformed(&section.name, error))
    }

    /// Whether the section's bytes in the file are its content: not compressed, and without
    /// relocations.
    #[must_use]
    pub fn is_plain(&self, section: &Section) -> bool {
        !self.relocatable && !section.has(SHF_COMPRESSED)
    }

    /// The content of a section: decompressed and, in a file that is not linked yet, with the
    /// numbers that the linker would write.
    ///
    /// # Errors
    ///
    /// [`ElfError`] for bytes that the file does not have, or that cannot be decompressed.
    pub fn content(&self, section: &Section) -> Result<Vec<u8>, ElfError> {
        let mut content = self.part(section, 0, section.size)?;
        if section.has(SHF_COMPRESSED) {
            content =
                decompress(&content).map_err(|why| ElfError::malformed(&section.name, why))?;
        }
        if self.relocatable {
            self.relocate(section, &mut content)?;
        }
        Ok(content)
    }

    /// Applies the relocations of a section, for numbers of debugging information and pointers to
    /// data. Unknown relocations are skipped.
    fn relocate(&self, section: &Section, content: &mut [u8]) -> Result<(), ElfError> {
        let index = self.sections.iter().position(|s| std::ptr::eq(s, section));
        let of_it = |s: &&Section| s.kind == SHT_RELA && index == usize::try_from(s.info).ok();
        for relocations in self.sections.iter().filter(of_it) {
            let symbols = usize::try_from(relocations.link).ok();
            let Some(symbols) = symbols.and_then(|index| self.sections.get(index)) else {
                return Err(ElfError::malformed(&relocations.name, "it has no symbols"));
            };
            let symbols = self.part(symbols, 0, symbols.size)?;
            let symbols = table::<Sym64<LE>>(&symbols);
            let entries = self.part(relocations, 0, relocations.size)?;
            for entry in table::<Rela64<LE>>(&entries) {
                let width = match (self.machine, entry.r_type(LE, false)) {
                    (EM_X86_64, R_X86_64_64)
                    | (EM_AARCH64, R_AARCH64_ABS64)
                    | (EM_RISCV, R_RISCV_64) => 8,
                    (EM_X86_64, R_X86_64_32 | R_X86_64_32S)
                    | (EM_AARCH64, R_AARCH64_ABS32)
                    | (EM_RISCV, R_RISCV_32) => 4,
                    _ => continue,
                };
                let symbol = usize::try_from(entry.r_sym(LE, false)).ok();
                let Some(symbol) = symbol.and_then(|index| symbols.get(index)) else {
                    return Err(ElfError::malformed(&relocations.name, "a symbol is missing"));
                };
                let value = symbol.st_value.get(LE).wrapping_add_signed(entry.r_addend.get(LE));
                let at = usize::try_from(entry.r_offset.get(LE)).ok();
                let place = at.and_then(|at| content.get_mut(at..at.checked_add(width)?));
                let Some(place) = place else {
                    return Err(ElfError::malformed(&relocations.name, "an offset is too large"));
                };
                place.copy_from_slice(&value.to_le_bytes()[..width]);
            }
        }
        Ok(())
    }

    /// The objects of that size in the symbol table, in its order.
    ///
    /// # Errors
    ///
    /// [`ElfError`] for a truncated table.
    pub fn objects(&self, size: u64) -> Result<Vec<Object>, ElfError> {
        let mut found = Vec::new();
        for symbols in self.sections.iter().filter(|section| section.kind == SHT_SYMTAB) {
            let content = self.part(symbols, 0, symbols.size)?;
            for symbol in table::<Sym64<LE>>(&content) {
                if symbol.st_info.st_type() != STT_OBJECT || symbol.st_size.get(LE) != size {
                    continue;
                }
                let index = usize::from(symbol.st_shndx.get(LE).0);
                let Some(section) = self.sections.get(index) else { continue };
                // Addresses in a linked file, offsets in one that is not linked yet.
                let base = if self.relocatable { 0 } else { section.address };
                let Some(offset) = symbol.st_value.get(LE).checked_sub(base) else { continue };
                let fits = offset.checked_add(size).is_some_and(|end| end <= section.size);
                if section.is_data() && fits {
                    found.push(Object { section: index, offset });
                }
            }
        }
        Ok(found)
    }
}

/// What a machine is called, by its number in the ELF specification.
#[must_use]
pub fn machine_name(machine: u16) -> String {
    match Machine(machine) {
        EM_X86_64 => "x86_64".into(),
        EM_AARCH64 => "arm64".into(),
        EM_RISCV => "riscv".into(),
        EM_386 => "i386".into(),
        EM_ARM => "arm".into(),
        EM_S390 => "s390".into(),
        other => format!("ELF machine {}", other.0),
    }
}

/// As many complete entries as there are.
fn table<T: pod::Pod>(bytes: &[u8]) -> &[T] {
    let count = bytes.len() / size_of::<T>();
    pod::slice_from_bytes(bytes, count).map_or(&[], |(entries, _)| entries)
}

fn read_sections(bytes: &dyn Bytes, header: &FileHeader64<LE>) -> Result<Vec<Section>, ElfError> {
    let malformed = |why: &str| ElfError::malformed("list of sections", why);
    let start = header.e_shoff.get(LE);
    if start == 0 {
        return Ok(Vec::new());
    }
    let entry = size_of::<SectionHeader64<LE>>() as u64;
    if u64::from(header.e_shentsize.get(LE)) != entry {
        return Err(malformed("its entries have an invalid size"));
    }
    let cut_off = |_| malformed("the file is cut off before it");
    let first = bytes.take(start, entry).map_err(cut_off)?;
    let first = table::<SectionHeader64<LE>>(&first);
    let first = first.first().ok_or_else(|| malformed("it is empty"))?;
    // Files with many sections store these numbers in the first section.
    let count = match header.e_shnum.get(LE) {
        0 => first.sh_size.get(LE),
        count => count.into(),
    };
    let names = match header.e_shstrndx.get(LE) {
        SHN_XINDEX => first.sh_link.get(LE),
        index => u32::from(index.0),
    };
    if count > MAX_SECTIONS {
        return Err(malformed("it has more sections than any kernel"));
    }
    let headers = bytes.take(start, count * entry).map_err(cut_off)?;
    let headers = table::<SectionHeader64<LE>>(&headers);
    let names = usize::try_from(names).ok().and_then(|index| headers.get(index));
    let names = names.ok_or_else(|| malformed("the section with the names is missing"))?;
    if names.sh_size.get(LE) > MAX_AT_ONCE / 16 {
        return Err(malformed("the names of the sections are too long"));
    }
    let names = bytes.take(names.sh_offset.get(LE), names.sh_size.get(LE));
    let names = names.map_err(|_| malformed("the file is cut off before the names"))?;
    let section = |header: &SectionHeader64<LE>| {
        let name = names.get(header.sh_name.get(LE) as usize..).unwrap_or_default();
        // No wanted name is nearly as long, and many sections may share one name.
        let name = &name[..name.len().min(256)];
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Section {
            name: String::from_utf8_lossy(name).into_owned(),
            kind: header.sh_type.get(LE),
            flags: header.sh_flags.get(LE),
            address: header.sh_addr.get(LE),
            offset: header.sh_offset.get(LE),
            size: header.sh_size.get(LE),
            link: header.sh_link.get(LE),
            info: header.sh_info.get(LE),
        }
    };
    Ok(headers.iter().map(section).collect())
}

/// The content of a section that the linker compressed.
fn decompress(content: &[u8]) -> Result<Vec<u8>, String> {
    let (header, data) = pod::from_bytes::<CompressionHeader64<LE>>(content)
        .map_err(|()| "it is cut off".to_string())?;
    let size = header.ch_size.get(LE);
    if size > MAX_AT_ONCE {
        return Err(format!("a section of {size} bytes exceeds the limit"));
    }
    let mut out = Vec::new();
    let read = match header.ch_type.get(LE) {
        ELFCOMPRESS_ZLIB => flate2::read::ZlibDecoder::new(data).take(size).read_to_end(&mut out),
        ELFCOMPRESS_ZSTD => ruzstd::decoding::StreamingDecoder::new(data)
            .map_err(io::Error::other)
            .and_then(|decoder| decoder.take(size).read_to_end(&mut out)),
        other => return Err(format!("its compression is unknown ({})", other.0)),
    };
    read.map_err(|error| format!("it cannot be decompressed: {error}"))?;
    if out.len() as u64 != size {
        return Err("decompressed, it is shorter than claimed".into());
    }
    Ok(out)
}
