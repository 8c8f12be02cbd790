// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds strings in an image's data: compatible strings by their form, and the position of its
//! configuration.

use super::bytes::Bytes;
use super::elf::{Elf, ElfError, Section};
use kho_abi_model::version;
use std::collections::{BTreeMap, BTreeSet};

/// How much to read in one piece.
const PIECE: usize = 256 * 1024;
/// The longest string to look for. Pieces overlap by four times as much, so that the surroundings
/// of a string are in the same piece.
const LONGEST: usize = 64;
/// The overlap of pieces.
const OVERLAP: usize = 4 * LONGEST;

/// The marker before the configuration in an image.
const CONFIG_BEGIN: &[u8] = b"IKCFG_ST";
/// Every kernel contains this.
const BANNER: &[u8] = b"Linux version ";

/// What was found in the data of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Compatible strings of the wanted names, each with its first position.
    pub compatibles: BTreeMap<String, String>,
    /// The position of the configuration: a section by its number, and the offset in it.
    pub config: Option<(usize, u64)>,
    /// Whether it claims to be a Linux kernel.
    pub is_kernel: bool,
    /// The release that it reports, as `7.3.4-amd64`.
    pub release: Option<String>,
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Searches the data sections of an ELF file for compatible strings of these names.
///
/// A string counts if it is alone, between two zero bytes, or at the start of a section. It also
/// counts if it is in the array of a file handler of that layout, followed by zeroes.
///
/// # Errors
///
/// [`ElfError`] for a section that the file does not have in full.
pub fn find(
    elf: &Elf<'_>,
    names: &BTreeSet<&str>,
    layouts: &[HandlerLayout],
) -> Result<Found, ElfError> {
    let wanted = Wanted { names, layouts };
    let mut found = Found::default();
    for (index, section) in elf.sections().iter().enumerate() {
        if section.is_data() && !is_table(section) {
            let read = |offset: u64, size: usize| elf.part(section, offset, size as u64);
            found.look(index, &section.name, section.size, &wanted, read)?;
        }
    }
    Ok(found)
}

/// As [`find`], for an image without sections.
///
/// # Errors
///
/// [`ElfError`] if the bytes cannot be read.
pub fn find_flat(
    bytes: &dyn Bytes,
    names: &BTreeSet<&str>,
    layouts: &[HandlerLayout],
) -> Result<Found, ElfError> {
    let wanted = Wanted { names, layouts };
    let mut found = Found::default();
    let read = |offset: u64, size: usize| {
        bytes.take(offset, size as u64).map_err(|error| ElfError::malformed("image", error))
    };
    found.look(0, "image", bytes.size(), &wanted, read)?;
    Ok(found)
}

/// Finds BTF in an image that has no sections; `None` if there is none.
///
/// # Errors
///
/// [`ElfError`] if the bytes cannot be read.
pub fn find_btf(bytes: &dyn Bytes, limit: u64) -> Result<Option<Vec<u8>>, ElfError> {
    // Magic number, version, flags, size of the header.
    const HEAD: &[u8] = &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    let read = |offset: u64, size: u64| {
        bytes.take_up_to(offset, size).map_err(|error| ElfError::malformed("image", error))
    };
    let mut start = 0;
    while start < bytes.size() {
        let piece = read(start, PIECE as u64)?;
        for at in memchr::memmem::find_iter(&piece, HEAD) {
            let begin = start + at as u64;
            let header = read(begin, 24)?;
            let word = |at: usize| {
                header.get(at..)?.first_chunk().copied().map(u32::from_le_bytes).map(u64::from)
            };
            let end = |at: usize| Some(24 + word(at)? + word(at + 4)?);
            let size = end(8).zip(end(16)).map(|(types, strings)| types.max(strings));
            if let Some(size) = size.filter(|size| *size <= limit && begin + size <= bytes.size()) {
                return read(begin, size).map(Some);
            }
        }
        start += (PIECE - LONGEST) as u64;
    }
    Ok(None)
}

/// Large sections that contain no C strings.
fn is_table(section: &Section) -> bool {
    section.name.starts_with(".BTF") || section.name.starts_with(".orc_unwind")
}

impl Found {
    fn look(
        &mut self,
        index: usize,
        section: &str,
        size: u64,
        wanted: &Wanted<'_>,
        read: impl Fn(u64, usize) -> Result<Vec<u8>, ElfError>,
    ) -> Result<(), ElfError> {
        let mut start = 0_u64;
        while start < size {
            let length = usize::try_from(size - start).unwrap_or(usize::MAX).min(PIECE);
            let piece = read(start, length)?;
            let marks = version::MARKS.iter();
            for at in marks.flat_map(|mark| memchr::memmem::find_iter(&piece, mark.as_bytes())) {
                // A string that begins before this piece was found in the previous one.
                let Some(string) = wanted.string_around(&piece, at, start) else { continue };
                if !self.compatibles.contains_key(string) {
                    self.compatibles.insert(string.into(), section.into());
                }
            }
            // A name without a version only counts as a handler's: "pci" is everywhere.
            let names = if wanted.layouts.contains(&USUAL_LAYOUT) { NAMES } else { &[] };
            for name in names {
                let mut found = memchr::memmem::find_iter(&piece, name.as_bytes());
                if found.any(|at| wanted.is_handlers(&piece, at, start, name)) {
                    self.compatibles.entry((*name).into()).or_insert_with(|| section.into());
                }
            }
            if self.config.is_none() {
                self.config = memchr::memmem::find(&piece, CONFIG_BEGIN)
                    .map(|at| (index, start + (at + CONFIG_BEGIN.len()) as u64));
            }
            for at in memchr::memmem::find_iter(&piece, BANNER) {
                self.is_kernel = true;
                self.release = self.release.take().or_else(|| release(&piece[at + BANNER.len()..]));
            }
            if length < PIECE {
                break;
            }
            start += (PIECE - OVERLAP) as u64;
        }
        Ok(())
    }
}

/// The release after a banner.
fn release(text: &[u8]) -> Option<String> {
    let length = text.iter().take(LONGEST).take_while(|byte| byte.is_ascii_graphic()).count();
    let text = std::str::from_utf8(&text[..length]).ok()?;
    text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.into())
}

/// Names of handlers without a version, for images without types: if types show which objects are
/// handlers, each name counts.
const NAMES: &[&str] = &["pci", "memfd", "iommu-liveupdate", "hwpoison", "iommufd", "vfio-pci"];

/// How Linux 7.3 begins a handler, for images without types: an array after a pointer. The total
/// size depends on the configuration.
pub const USUAL_LAYOUT: HandlerLayout = HandlerLayout { size: 0, offset: 8, length: 48 };

/// What to look for.
struct Wanted<'a> {
    names: &'a BTreeSet<&'a str>,
    layouts: &'a [HandlerLayout],
}

impl Wanted<'_> {
    /// Whether the array of a handler contains exactly that name.
    fn is_handlers(&self, piece: &[u8], at: usize, start: u64, name: &str) -> bool {
        piece.get(at + name.len()) == Some(&0)
            && self.layouts.iter().any(|layout| layout.fits(piece, at, start))
    }

    /// The compatible string that covers that position, if it counts; the piece begins at `start`.
    fn string_around<'p>(&self, piece: &'p [u8], at: usize, start: u64) -> Option<&'p str> {
        let named = |byte: &&u8| in_name(**byte);
        let before = piece[..at].iter().rev().take(LONGEST).take_while(named).count();
        let length = piece[at..].iter().take(LONGEST).position(|byte| *byte == 0)?;
        let all = std::str::from_utf8(&piece[at - before..at + length]).ok()?;
        let is_wanted =
            |text: &str| version::split(text).is_some_and(|(n, _)| self.names.contains(n));
        let alone = match (at - before).checked_sub(1) {
            Some(previous) => piece[previous] == 0,
            None => start == 0,
        };
        if alone && is_wanted(all) {
            return Some(all);
        }
        // A pointer precedes the array, and its last byte may look like a letter.
        let begins = |begin: usize| {
            let text = &all[begin - (at - before)..];
            self.layouts.iter().any(|layout| layout.fits(piece, begin, start)) && is_wanted(text)
        };
        let begin = (at - before..at).find(|begin| begins(*begin))?;
        Some(&all[begin - (at - before)..])
    }
}

/// Where a file handler keeps its compatible string, according to the image's own types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerLayout {
    /// Size of the struct, in bytes.
    pub size: u64,
    /// Offset of the string in it.
    pub offset: u64,
    /// Size of the string's array, in bytes.
    pub length: u64,
}

impl HandlerLayout {
    /// Whether that position of a piece can be the array in such a struct: the struct would be
    /// aligned like a pointer, a pointer precedes the array, and the array ends with zeroes.
    fn fits(&self, piece: &[u8], array: usize, start: u64) -> bool {
        let (Ok(offset), Ok(length)) = (usize::try_from(self.offset), usize::try_from(self.length))
        else {
            return false;
        };
        let Some(begin) = array.checked_sub(offset).filter(|_| offset >= 8) else { return false };
        let aligned = (start + begin as u64).is_multiple_of(8);
        let array = array.checked_add(length).and_then(|end| piece.get(array..end));
        let Some(array) = array else { return false };
        let text = array.iter().take_while(|byte| **byte != 0).count();
        let pointer = piece.get(begin..begin + 8).is_some_and(|p| p.iter().any(|byte| *byte != 0));
        aligned && pointer && text < length && array[text..].iter().all(|byte| *byte == 0)
    }
}

/// The compatible strings of the objects that look like a file handler: of its size, with a
/// character array at its offset that holds one string of the right form, followed by zeroes.
///
/// # Errors
///
/// [`ElfError`] for a symbol table or a section that the file does not have in full.
pub fn handlers(elf: &Elf<'_>, layout: HandlerLayout) -> Result<BTreeSet<String>, ElfError> {
    let mut found = BTreeSet::new();
    let fits = layout.offset.checked_add(layout.length).is_some_and(|end| end <= layout.size);
    if !fits || layout.length > LONGEST as u64 * 4 {
        return Ok(found);
    }
    for object in elf.objects(layout.size)? {
        let section = &elf.sections()[object.section];
        let array = elf.part(section, object.offset + layout.offset, layout.length)?;
        let Some(end) = array.iter().position(|byte| *byte == 0) else { continue };
        let Ok(string) = std::str::from_utf8(&array[..end]) else { continue };
        if array[end..].iter().all(|byte| *byte == 0) && is_name(string) {
            found.insert(string.into());
        }
    }
    Ok(found)
}

/// Whether a handler may have that name, with a version or without.
fn is_name(text: &str) -> bool {
    text.len() >= 3
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(in_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_version_counts_in_the_array_of_a_handler_alone() {
        let found = |bytes: &[u8]| {
            let found = find_flat(&bytes.to_vec(), &BTreeSet::new(), &[USUAL_LAYOUT]);
            found.expect("memory can be read").compatibles.into_keys().collect::<Vec<_>>()
        };
        let mut struct_ = b"\x10\0\0\0\0\0\0\xffpci".to_vec();
        struct_.resize(88, 0);
        assert_eq!(found(&struct_), ["pci"]);
        assert_eq!(found(b"\0pci\0memfd\0"), Vec::<String>::new());
        struct_[12] = b'x';
        assert_eq!(found(&struct_), Vec::<String>::new());
    }

    #[test]
    fn a_kernel_says_which_release_it_is() {
        let of = |bytes: &[u8]| {
            find_flat(&bytes.to_vec(), &BTreeSet::new(), &[]).expect("memory can be read").release
        };
        assert_eq!(of(b"Linux version 7.3.4-amd64 (x@y)\0").as_deref(), Some("7.3.4-amd64"));
        assert_eq!(of(b"Linux version %s\0Linux version 7.1-rc2 (").as_deref(), Some("7.1-rc2"));
        assert_eq!(of(b"Linux version "), None);
    }

    fn look(bytes: &[u8]) -> Vec<String> {
        let names = BTreeSet::from(["luo", "reserve-mem"]);
        let found = find_flat(&bytes.to_vec(), &names, &[]).expect("memory can be read");
        found.compatibles.into_keys().collect()
    }

    #[test]
    fn strings_count_where_they_stand_alone() {
        assert_eq!(look(b"luo-v5\0"), ["luo-v5"]);
        assert_eq!(look(b"x\0luo-v5\0reserve-mem-v12\0"), ["luo-v5", "reserve-mem-v12"]);
        assert_eq!(look(b"xluo-v5\0"), Vec::<String>::new());
        assert_eq!(look(b"\0luo-v5"), Vec::<String>::new());
        assert_eq!(look(b"\0luo-v5 or so\0"), Vec::<String>::new());
        assert_eq!(look(b" luo-v5\0"), Vec::<String>::new());
        assert_eq!(look(b"\0kho-v4\0"), Vec::<String>::new());
    }

    #[test]
    fn an_array_behind_a_pointer_counts_where_handlers_have_theirs() {
        let layouts = [HandlerLayout { size: 88, offset: 8, length: 48 }];
        let names = BTreeSet::from(["luo"]);
        let look = |bytes: &[u8]| {
            let found = find_flat(&bytes.to_vec(), &names, &layouts);
            found.expect("memory can be read").compatibles.into_keys().collect::<Vec<_>>()
        };
        // The pointer's last byte is a letter, which may happen in a file that is not linked.
        let mut struct_ = b"\x10\0\0\0\0\0\0xluo-v5".to_vec();
        struct_.resize(88, 0);
        assert_eq!(look(&struct_), ["luo-v5"]);
        assert_eq!(look(&[&[0; 4][..], &struct_].concat()), Vec::<String>::new());
        struct_[40] = 1;
        assert_eq!(look(&struct_), Vec::<String>::new());
    }

    #[test]
    fn strings_are_found_across_the_borders_of_pieces() {
        for shift in 0..OVERLAP + LONGEST {
            let mut bytes = vec![b'.'; PIECE - OVERLAP - 32 + shift];
            bytes.extend(b"\0luo-v5\0IKCFG_STLinux version 7");
            bytes.resize(3 * PIECE, b'.');
            assert_eq!(look(&bytes), ["luo-v5"], "{shift}");
            let found = find_flat(&bytes, &BTreeSet::new(), &[]).expect("memory can be read");
            let at = PIECE - OVERLAP - 32 + shift + 16;
            assert_eq!(found.config, Some((0, at as u64)), "{shift}");
            assert!(found.is_kernel);
        }
    }
}
