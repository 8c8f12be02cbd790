// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Images of physical memory: one file per format, recognised by content.
//!
//! An image is never loaded whole. It is read at positions, and everything in it is a claim of
//! whoever made it, checked when it is used: no number in a file sets how much is allocated.

mod blob;
pub mod bytes;
pub mod cache;
mod elf;
mod error;
mod flattened;
mod kdump;
mod raw;
mod segments;
mod unpack;

pub use error::{OpenError, ReadError};
pub use raw::{number, RawFile, RawFileError};

use bytes::{Bytes, FileBytes};
use segments::Segments;
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Physical addresses, from one to another that is behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The first address.
    pub start: u64,
    /// The address behind the last one.
    pub end: u64,
}

impl Range {
    /// Number of bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

/// Joins ranges that follow one another; they come in the order of their addresses.
pub(crate) fn joined(ranges: impl Iterator<Item = Range>) -> Vec<Range> {
    let mut joined: Vec<Range> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// The index of the range that an address is in.
pub(crate) fn find_range(ranges: &[Range], pa: u64) -> Option<usize> {
    let index = ranges.partition_point(|range| range.end <= pa);
    ranges.get(index).filter(|range| range.start <= pa).map(|_| index)
}

/// What a file is recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Physical memory, byte by byte.
    Raw,
    /// An ELF core: a vmcore, what QEMU dumps, `/proc/vmcore`, `/proc/kcore`.
    Elf,
    /// What makedumpfile and QEMU write compressed.
    Kdump,
    /// The same, as it goes through a pipe.
    KdumpFlattened,
    /// A device tree alone.
    Fdt,
    /// The root of LUO's state alone.
    Luo,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw memory",
            Self::Elf => "ELF core",
            Self::Kdump => "compressed kdump",
            Self::KdumpFlattened => "flattened compressed kdump",
            Self::Fdt => "device tree alone",
            Self::Luo => "LUO state alone",
        })
    }
}

/// The machine that an image is of, where its format tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Machine {
    /// x86 with 64 bits.
    X86_64,
    /// arm64.
    Arm64,
    /// Another one.
    Other,
}

/// What an image's format says about the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) machine: Option<Machine>,
    pub(crate) page_size: Option<usize>,
    /// Release of the kernel that crashed or was dumped, from VMCOREINFO.
    pub(crate) release: Option<String>,
    /// What is odd about the file, in sentences.
    pub(crate) notes: Vec<String>,
}

enum Backing {
    Segments(Segments),
    Kdump(Box<kdump::Kdump>),
}

/// An image of physical memory.
pub struct Image {
    backing: Backing,
    format: Format,
    facts: Facts,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("format", &self.format)
            .field("ranges", &self.ranges())
            .finish_non_exhaustive()
    }
}

/// The page sizes that kernels with KHO have, in bytes.
pub const PAGE_SIZES: [usize; 3] = [4 << 10, 16 << 10, 64 << 10];

impl Image {
    /// Opens a file, and recognises its format by what it contains.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: the file cannot be read, contradicts itself, or is of a kind that is not read.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use kho_abi_inspect::image::Image;
    ///
    /// let image = Image::open("vmcore".as_ref())?;
    /// println!("{}", image.format());
    /// # Ok::<(), kho_abi_inspect::image::OpenError>(())
    /// ```
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::recognise(open_file(path)?).map_err(|error| name(error, path))
    }

    /// Opens a file by mapping it, and recognises its format by what it contains.
    ///
    /// Nobody may cut the file off meanwhile: see [`bytes::MappedBytes`].
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and where the file cannot be mapped.
    #[cfg(feature = "mapping")]
    pub fn open_mapped(path: &Path) -> Result<Self, OpenError> {
        let bytes = File::open(path).and_then(bytes::MappedBytes::new);
        let bytes = bytes.map_err(|source| OpenError::Io { path: path.into(), source })?;
        Self::recognise(Arc::new(bytes)).map_err(|error| name(error, path))
    }

    /// Opens a file as raw memory, whatever it contains.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`].
    pub fn open_raw(path: &Path) -> Result<Self, OpenError> {
        Ok(raw::open(open_file(path)?))
    }

    /// Opens raw files that are one machine's memory together.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`], and [`OpenError::Several`] where files overlap.
    pub fn open_files(files: &[RawFile]) -> Result<Self, OpenError> {
        raw::open_files(files)
    }

    /// Takes bytes for a file.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, OpenError> {
        Self::recognise(Arc::new(bytes))
    }

    /// Recognises what a source of bytes is, and opens it.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn recognise(bytes: Arc<dyn Bytes>) -> Result<Self, OpenError> {
        let head = bytes::head(&*bytes, 4096)
            .map_err(|source| OpenError::Io { path: "the image".into(), source })?;
        if head.starts_with(elf::MAGIC) {
            return elf::open(bytes);
        }
        if kdump::is_kdump(&head) {
            return kdump::open(bytes, Format::Kdump);
        }
        if head.starts_with(flattened::SIGNATURE) {
            let flattened = flattened::Flattened::new(bytes)?;
            return kdump::open(Arc::new(flattened), Format::KdumpFlattened);
        }
        if let Some(image) = blob::open(&head, &bytes) {
            return Ok(image);
        }
        Ok(raw::open(bytes))
    }

    fn from_segments(segments: Segments, format: Format, facts: Facts) -> Self {
        Self { backing: Backing::Segments(segments), format, facts }
    }

    /// What the file was recognised as.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether the image is a piece of preserved memory alone, at an address that nobody knows.
    #[must_use]
    pub fn is_blob(&self) -> bool {
        matches!(self.format, Format::Fdt | Format::Luo)
    }

    /// The machine, where the format tells.
    #[must_use]
    pub fn machine(&self) -> Option<Machine> {
        self.facts.machine
    }

    /// The size of the kernel's pages, where the format tells.
    #[must_use]
    pub fn page_size(&self) -> Option<usize> {
        self.facts.page_size
    }

    /// The kernel's release, where the format tells.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.facts.release.as_deref()
    }

    /// What is odd about the file, in sentences.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.facts.notes
    }

    /// The memory that the image has, in the order of its addresses, with nothing left out.
    ///
    /// Pages that were left out of a kdump are within.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        match &self.backing {
            Backing::Segments(segments) => segments.ranges(),
            Backing::Kdump(kdump) => kdump.ranges(),
        }
    }

    /// Whether the image has all of these addresses, as far as it tells without reading them.
    #[must_use]
    pub fn has(&self, pa: u64, len: u64) -> bool {
        let ranges = self.ranges();
        pa.checked_add(len)
            .is_some_and(|end| find_range(ranges, pa).is_some_and(|index| end <= ranges[index].end))
    }

    /// Reads memory, all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`ReadError`], which names the first address that is not there.
    pub fn read(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        if pa.checked_add(into.len() as u64).is_none() {
            return Err(ReadError::Outside { at: u64::MAX });
        }
        match &self.backing {
            Backing::Segments(segments) => segments.read(pa, into),
            Backing::Kdump(kdump) => kdump.read(pa, into),
        }
    }

    /// The addresses from this one on that were ever written, as far as the file tells.
    #[must_use]
    pub fn next_written(&self, pa: u64) -> Option<Range> {
        match &self.backing {
            Backing::Segments(segments) => segments.next_written(pa),
            Backing::Kdump(kdump) => kdump.next_written(pa),
        }
    }

    /// Number of bytes that the image has, left-out pages included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges().iter().fold(0, |sum, range| sum.saturating_add(range.len()))
    }
}

fn open_file(path: &Path) -> Result<Arc<dyn Bytes>, OpenError> {
    let bytes = File::open(path).and_then(FileBytes::new);
    let bytes = bytes.map_err(|source| OpenError::Io { path: path.into(), source })?;
    Ok(Arc::new(bytes))
}

/// Says which file could not be read, where that is not known below.
fn name(error: OpenError, path: &Path) -> OpenError {
    match error {
        OpenError::Io { source, .. } => OpenError::Io { path: path.into(), source },
        other => other,
    }
}
