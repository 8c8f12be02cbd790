// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads DWARF, the debugging information that compilers write.
//!
//! DWARF does not contain macros, alignment, or whether a struct is declared as packed. It contains
//! the types that the image's code uses.
//!
//! A kernel's `.debug_info` has a thousand units, and few of them contain a wanted struct. Such a
//! unit contains the offset of the struct's name among the strings, or the name itself. Units with
//! neither are skipped unparsed. Only one unit is in memory at a time.

mod places;
mod unit;

use super::bytes::{Bytes, MAX_AT_ONCE};
use super::elf::{Elf, ElfError, Section};
use super::lower::{Lowered, HANDLERS};
use std::collections::BTreeSet;
use unit::Unit;

/// An ELF file with this section has DWARF.
pub const SECTION: &str = ".debug_info";

/// A part of a section.
type Slice<'a> = gimli::EndianSlice<'a, gimli::LittleEndian>;

/// The sections that are read as a whole.
struct Strings {
    /// `.debug_str`.
    plain: Vec<u8>,
    /// `.debug_line_str`: names of files.
    line: Vec<u8>,
    /// `.debug_str_offsets`: strings by number, if units refer to them by number.
    offsets: Vec<u8>,
    /// `.debug_abbrev`.
    abbreviations: Vec<u8>,
}

/// A section that is read in parts if its bytes in the file are its content, and as a whole
/// otherwise.
enum Parts<'a> {
    File(&'a Elf<'a>, &'a Section),
    Memory(Vec<u8>),
}

impl<'a> Parts<'a> {
    fn of(elf: &'a Elf<'a>, section: &'a Section) -> Result<Self, ElfError> {
        if elf.is_plain(section) {
            Ok(Self::File(elf, section))
        } else {
            Ok(Self::Memory(elf.content(section)?))
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::File(_, section) => section.size,
            Self::Memory(bytes) => bytes.size(),
        }
    }

    fn part(&self, offset: u64, size: u64) -> Result<Vec<u8>, ElfError> {
        match self {
            Self::File(elf, section) => elf.part(section, offset, size),
            Self::Memory(bytes) => {
                bytes.take(offset, size).map_err(|error| ElfError::malformed(SECTION, error))
            }
        }
    }
}

/// The types of these names, and the layouts of structs that hold a compatible string.
///
/// `None` if the file has no DWARF.
///
/// # Errors
///
/// [`ElfError`] for sections that are truncated, or contradict themselves.
pub fn read(elf: &Elf<'_>, wanted: &BTreeSet<&str>) -> Result<Option<Lowered>, ElfError> {
    let Some(info) = elf.section(SECTION) else { return Ok(None) };
    let whole = |name: &str| match elf.section(name) {
        Some(section) => elf.content(section),
        None => Ok(Vec::new()),
    };
    let strings = Strings {
        plain: whole(".debug_str")?,
        line: whole(".debug_line_str")?,
        offsets: whole(".debug_str_offsets")?,
        abbreviations: whole(".debug_abbrev")?,
    };
    let info = Parts::of(elf, info)?;
    let lines = elf.section(".debug_line").map(|section| Parts::of(elf, section)).transpose()?;
    let names: BTreeSet<_> = wanted.iter().chain(HANDLERS).copied().collect();
    let filter = Filter::new(&names, &strings);
    let mut lowered = Lowered::default();
    let mut offset = 0;
    while offset < info.size() {
        let (bytes, next) = next_unit(&info, offset)?;
        let by_offset = filter.is_named_in(&bytes);
        if by_offset || filter.by_number {
            let at = |why| ElfError::malformed(SECTION, format!("unit at {offset:#x}: {why}"));
            let unit = Unit::parse(&bytes, offset, &strings, lines.as_ref()).map_err(at)?;
            // A unit that refers to strings by number does not contain their offsets.
            if let Some(unit) = unit.filter(|unit| by_offset || unit.names_by_number()) {
                unit.find(wanted, &mut lowered).map_err(at)?;
            }
        }
        offset = next;
    }
    Ok(Some(lowered))
}

/// The unit at an offset, with its header, and the offset of the next one.
fn next_unit(info: &Parts<'_>, offset: u64) -> Result<(Vec<u8>, u64), ElfError> {
    const LONG: u32 = 0xffff_ffff;
    let cut_off = || ElfError::malformed(SECTION, "it is cut off");
    let left = info.size() - offset;
    let head = info.part(offset, left.min(12))?;
    let length = head.first_chunk().copied().map(u32::from_le_bytes).ok_or_else(cut_off)?;
    let size = if length == LONG {
        let length = head.get(4..).and_then(|rest| rest.first_chunk().copied());
        u64::from_le_bytes(length.ok_or_else(cut_off)?).checked_add(12)
    } else {
        Some(u64::from(length) + 4)
    };
    let size = size.filter(|size| *size <= left && *size <= MAX_AT_ONCE).ok_or_else(cut_off)?;
    Ok((info.part(offset, size)?, offset + size))
}

/// Separates units that cannot contain a name from those that may, by four bytes that a unit with
/// the name contains: the offset of the name among the strings, or the first bytes of the name.
struct Filter {
    /// The four bytes, as numbers, sorted.
    words: Vec<u32>,
    /// For each value of a word's lower half, whether a word has it.
    halves: Vec<bool>,
    /// Whether some units may refer to strings by number, which is not among these words.
    by_number: bool,
}

impl Filter {
    fn new(names: &BTreeSet<&str>, strings: &Strings) -> Self {
        let mut words = BTreeSet::new();
        for name in names {
            let ended = [name.as_bytes(), b"\0"].concat();
            // Every name of a wire type has at least four.
            debug_assert!(ended.len() >= 4, "{name}");
            words.extend(ended.first_chunk().copied().map(u32::from_le_bytes));
            // A name may be the end of a longer one: linkers merge those, too.
            for at in memchr::memmem::find_iter(&strings.plain, &ended) {
                // If the offset has eight bytes, these are the first four.
                words.extend(at.to_le_bytes().first_chunk().copied().map(u32::from_le_bytes));
            }
        }
        let mut halves = vec![false; 1 << 16];
        for word in &words {
            halves[*word as usize & 0xffff] = true;
        }
        let words = words.into_iter().collect();
        Self { words, halves, by_number: !strings.offsets.is_empty() }
    }

    fn is_named_in(&self, unit: &[u8]) -> bool {
        unit.windows(4).any(|bytes| {
            let half = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
            let word = || u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            self.halves[half] && self.words.binary_search(&word()).is_ok()
        })
    }
}
