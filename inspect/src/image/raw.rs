// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Raw memory: a file whose offsets are physical addresses, or files with an address for each.

use super::bytes::Bytes;
use super::segments::{Segment, Segments};
use super::{Facts, Format, Image, OpenError};
use kho_abi_show::names;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// A file, or a part of one, and the physical address that it begins at.
///
/// Written as `FILE@ADDRESS`, or, for a part of a file, `FILE@ADDRESS,offset=N,size=N`. Numbers are
/// decimal, or hexadecimal after `0x`. The name is as `kho_abi_show::names` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFile {
    /// The file.
    pub path: PathBuf,
    /// Its first physical address.
    pub pa: u64,
    /// The offset of that address in the file.
    pub offset: u64,
    /// How many bytes belong to it; by default up to the file's end.
    pub size: Option<u64>,
}

/// Why a text does not name a file with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawFileError {
    /// It is not of that form.
    #[error("'{0}' is not FILE@ADDRESS[,offset=N][,size=N]")]
    Form(String),
    /// No memory begins at such an address.
    #[error("'{word}': {pa:#x} is not a multiple of a page's {PAGE:#x} bytes{meant}")]
    Unaligned {
        /// The text.
        word: String,
        /// The address.
        pa: u64,
        /// What may have been meant.
        meant: String,
    },
}

/// The smallest page: memory begins with one.
const PAGE: u64 = 4096;

impl FromStr for RawFile {
    type Err = RawFileError;

    fn from_str(text: &str) -> Result<Self, RawFileError> {
        let error = || RawFileError::Form(text.into());
        let (path, rest) = text.rsplit_once('@').ok_or_else(error)?;
        let mut parts = rest.split(',');
        let word = parts.next().unwrap_or_default();
        let pa = number(word).ok_or_else(error)?;
        if !pa.is_multiple_of(PAGE) {
            let hex = u64::from_str_radix(word, 16).ok().filter(|pa| pa.is_multiple_of(PAGE));
            let meant = hex.map_or(String::new(), |_| format!("; did you mean 0x{word}?"));
            return Err(RawFileError::Unaligned { word: text.into(), pa, meant });
        }
        let mut file = Self { path: names::path(path), pa, offset: 0, size: None };
        for part in parts {
            match part.split_once('=') {
                Some(("offset", value)) => file.offset = number(value).ok_or_else(error)?,
                Some(("size", value)) => file.size = Some(number(value).ok_or_else(error)?),
                _ => return Err(error()),
            }
        }
        Ok(file)
    }
}

/// Parses a number as people write addresses: hexadecimal after `0x`, decimal otherwise.
#[must_use]
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.starts_with('+') => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// Opens a whole file as the memory from address 0 on.
pub(super) fn open(bytes: Arc<dyn Bytes>) -> Image {
    let segment = Segment { pa: 0, len: bytes.len(), file: 0, offset: 0 };
    let mut facts = Facts { by_offset: true, ..Facts::default() };
    let segments = Segments::new(vec![bytes], vec![segment], Vec::new(), &mut facts.notes);
    Image::from_segments(segments, Format::Raw, facts)
}

/// Memory that may have been compressed.
pub(super) struct UnpackedMemory {
    pub(super) bytes: Arc<dyn Bytes>,
    /// How it was unpacked.
    pub(super) remarks: Vec<String>,
    /// Why it is not whole.
    pub(super) broken: Vec<String>,
}

/// Opens files that together are one machine's memory, each by the given function.
pub(super) fn open_files(
    files: &[RawFile],
    open: impl Fn(&Path) -> Result<UnpackedMemory, OpenError>,
) -> Result<Image, OpenError> {
    let mut bytes = Vec::new();
    let mut segments = Vec::new();
    let (mut remarks, mut broken) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        let unpacked = open(&file.path)?;
        remarks.extend(unpacked.remarks);
        broken.extend(unpacked.broken);
        let opened = unpacked.bytes;
        let there = opened.len().saturating_sub(file.offset);
        let len = file.size.unwrap_or(there);
        if len > there {
            return Err(OpenError::Several(format!(
                "{} has only {there:#x} bytes from offset {:#x}, not {len:#x}",
                names::shown(&file.path),
                file.offset
            )));
        }
        segments.push(Segment { pa: file.pa, len, file: index, offset: file.offset });
        bytes.push(opened);
    }
    // A dump may contain memory twice, as /proc/vmcore does. If the user names two files for one
    // address, it is a mistake.
    let mut by_address: Vec<_> =
        segments.iter().map(|s| (s.pa, s.pa.saturating_add(s.len))).collect();
    by_address.sort_unstable();
    if let Some(pair) = by_address.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        let from = pair[1].0;
        return Err(OpenError::Several(format!("memory from {from:#x} is given twice")));
    }
    let mut facts = Facts::default();
    let segments = Segments::new(bytes, segments, Vec::new(), &mut facts.notes);
    // Problems in an image are findings; problems in a command line are errors.
    if let Some(note) = facts.notes.pop() {
        return Err(OpenError::Several(note));
    }
    facts.remarks = remarks;
    facts.is_placed = files.len() == 1;
    facts.notes = broken;
    Ok(Image::from_segments(segments, Format::Raw, facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_with_addresses() {
        let file: RawFile = "a@b/high.raw@0x100000000,offset=0x80000000,size=4096".parse().unwrap();
        assert_eq!(file.path, PathBuf::from("a@b/high.raw"));
        assert_eq!((file.pa, file.offset, file.size), (1 << 32, 1 << 31, Some(4096)));
        let whole: RawFile = "low@0".parse().unwrap();
        assert_eq!((whole.pa, whole.offset, whole.size), (0, 0, None));
        for bad in ["low", "low@", "low@zz", "low@0,size", "low@0,what=1", "low@0x+1", "low@+1"] {
            let error = bad.parse::<RawFile>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("'{bad}' is not FILE@ADDRESS[,offset=N][,size=N]")
            );
        }
        for (bad, why) in [
            ("low@0x44000001", "0x44000001 is not a multiple of a page's 0x1000 bytes"),
            ("low@40000000", "bytes; did you mean 0x40000000?"),
        ] {
            let error = bad.parse::<RawFile>().unwrap_err().to_string();
            assert!(error.ends_with(why), "{error}");
        }
    }

    #[test]
    fn files_with_addresses_are_one_memory() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("low"), [1; 8192]).unwrap();
        std::fs::write(path("high"), [2; 8192]).unwrap();
        let file = |name: &str, pa, offset, size| RawFile { path: path(name), pa, offset, size };
        let image = Image::open_files(&[
            file("high", 0x2000, 4096, None),
            file("low", 0x1000, 0, Some(4096)),
        ])
        .unwrap();
        let mut bytes = [0; 4];
        image.read(0x1ffe, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 1, 2, 2]);
        assert_eq!(image.ranges().len(), 1);
        assert!(image.has(0x1000, 0x2000) && !image.has(0x1000, 0x2001) && !image.has(0, 1));
        assert!(image.read(0x2ffe, &mut bytes).is_err());
        assert!(image.read(u64::MAX - 1, &mut bytes).is_err());
        let overlapping = [file("low", 0, 0, None), file("high", 0x1fff, 0, None)];
        let error = Image::open_files(&overlapping).unwrap_err();
        assert!(error.to_string().contains("twice"), "{error}");
        let error = Image::open_files(&[file("low", 0, 0, Some(8193))]).unwrap_err();
        assert!(
            error.to_string().contains("only 0x2000 bytes from offset 0x0, not 0x2001"),
            "{error}"
        );
    }
}
