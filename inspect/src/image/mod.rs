// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Images of physical memory: one file per format, recognised by content.
//!
//! An image is never loaded whole. It is read at positions. All numbers in it are untrusted and
//! checked when they are used: none of them determines the size of an allocation.

mod blob;
pub mod bytes;
pub mod cache;
mod counted;
mod elf;
mod error;
mod flattened;
mod foreign;
mod gdb;
mod kdump;
mod lime;
mod live;
mod opener;
mod packed;
mod qmp;
mod raw;
mod segments;
mod spool;
mod unpack;

pub use error::{OpenError, ReadError};
pub use gdb::Stub;
pub use opener::Opener;
pub use raw::{number, RawFile, RawFileError};

use bytes::Bytes;
use schemars::JsonSchema;
use segments::Segments;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Physical addresses, from one to another that is behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
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

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

/// Joins consecutive ranges; they must be sorted by address.
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

/// The index of the range that contains an address.
pub(crate) fn find_range(ranges: &[Range], pa: u64) -> Option<usize> {
    let index = ranges.partition_point(|range| range.end <= pa);
    ranges.get(index).filter(|range| range.start <= pa).map(|_| index)
}

/// The format of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Physical memory, byte by byte.
    Raw,
    /// An ELF core: a vmcore, a dump by QEMU, `/proc/vmcore`, `/proc/kcore`.
    Elf,
    /// A compressed kdump, as makedumpfile and QEMU write it.
    Kdump,
    /// A compressed kdump in the flattened format, for a pipe.
    KdumpFlattened,
    /// An ELF core in makedumpfile's flattened format, for a pipe.
    ElfFlattened,
    /// A dump by the LiME module.
    Lime,
    /// A dump by AVML.
    Avml,
    /// Memory of a running guest, read through QEMU's gdb stub.
    GdbStub,
    /// Only a device tree.
    Fdt,
    /// Only the root of LUO's state.
    Luo,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw memory",
            Self::Elf => "ELF core",
            Self::Kdump => "compressed kdump",
            Self::KdumpFlattened => "flattened compressed kdump",
            Self::ElfFlattened => "flattened ELF core",
            Self::Lime => "LiME",
            Self::Avml => "AVML",
            Self::GdbStub => "memory through a gdb stub",
            Self::Fdt => "device tree alone",
            Self::Luo => "LUO state alone",
        })
    }
}

/// The machine that an image is from, if its format says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Machine {
    /// 64-bit x86.
    X86_64,
    /// arm64.
    Arm64,
    /// Another machine.
    Other,
}

/// What an image's format says about the machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) machine: Option<Machine>,
    /// The size of the kernel's pages, from the kernel itself.
    pub(crate) page_size: Option<usize>,
    /// The block size of the format: only a hint at the page size, as its writer may not know the
    /// kernel.
    pub(crate) block_size: Option<usize>,
    /// Release of the kernel that crashed or was dumped, from VMCOREINFO.
    pub(crate) release: Option<String>,
    /// What is odd about the file, in sentences.
    pub(crate) notes: Vec<String>,
    /// How the file was read, in sentences. These are not problems.
    pub(crate) remarks: Vec<String>,
    /// Bytes that the file lists but lacks, in addition to those that each read reports.
    pub(crate) left_out: u64,
    /// What else the file may be, and what to do then.
    pub(crate) looks_like: Option<(String, String)>,
    /// Whether it is one file, at an address that was given.
    pub(crate) is_placed: bool,
    /// What was unpacked only in part, if the image is of that.
    pub(crate) packed: Option<Packed>,
    /// Whether addresses are the file's offsets, for lack of better information.
    pub(crate) by_offset: bool,
}

/// A compressed file that was unpacked only in part.
#[derive(Clone)]
pub(crate) struct Packed {
    /// The file.
    pub(crate) bytes: Arc<dyn Bytes>,
    /// What is wrong with it.
    pub(crate) what: String,
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
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
    /// [`OpenError`]: the file cannot be read, contradicts itself, or is of an unsupported kind.
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
        Opener::default().open(path)
    }

    /// Opens a file by mapping it, and recognises its format by its content.
    ///
    /// The file must not be truncated meanwhile: see [`bytes::MappedBytes`].
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and if the file cannot be mapped.
    #[cfg(feature = "mapping")]
    pub fn open_mapped(path: &Path) -> Result<Self, OpenError> {
        Opener::default().open_mapped(path)
    }

    /// Opens a file as raw memory, whatever it contains.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`].
    pub fn open_raw(path: &Path) -> Result<Self, OpenError> {
        Opener::default().open_raw(path)
    }

    /// Takes a dump of a running guest through the monitor (QMP) of its QEMU, which listens on a
    /// socket.
    ///
    /// The guest is paused meanwhile. The dump goes to a temporary file.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and if QEMU refuses, or stalls.
    pub fn open_guest(socket: &Path) -> Result<Self, OpenError> {
        Opener::default().open_guest(socket)
    }

    /// Copies the memory of a running guest through the gdb stub of its QEMU.
    ///
    /// The guest is paused during the copy. The copy goes to a temporary file.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`]: nothing listens there, or the listener is not QEMU or stops answering.
    pub fn open_stub(stub: &Stub) -> Result<Self, OpenError> {
        Opener::default().open_stub(stub)
    }

    /// Opens raw files that together are one machine's memory.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`], [`OpenError::Several`] if files overlap, and [`OpenError::Placed`] if one of
    /// them is a dump that has addresses of its own.
    pub fn open_files(files: &[RawFile]) -> Result<Self, OpenError> {
        Opener::default().open_files(files)
    }

    /// Opens raw files that together are one machine's memory, whatever they contain: nothing is
    /// unpacked, and a dump is memory byte by byte.
    ///
    /// # Errors
    ///
    /// As [`Self::open_files`].
    pub fn open_files_raw(files: &[RawFile]) -> Result<Self, OpenError> {
        Opener::default().open_files_raw(files)
    }

    /// Treats bytes as a file.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, OpenError> {
        Self::recognise(Arc::new(bytes))
    }

    /// Recognises the format of a source of bytes, and opens it.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn recognise(bytes: Arc<dyn Bytes>) -> Result<Self, OpenError> {
        Opener::default().recognise(bytes)
    }

    fn from_segments(segments: Segments, format: Format, facts: Facts) -> Self {
        Self { backing: Backing::Segments(segments), format, facts }
    }

    /// What the file was recognised as.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether the image is a single piece of preserved memory, at an unknown address.
    #[must_use]
    pub fn is_blob(&self) -> bool {
        matches!(self.format, Format::Fdt | Format::Luo)
    }

    /// The machine, if the format shows it.
    #[must_use]
    pub fn machine(&self) -> Option<Machine> {
        self.facts.machine
    }

    /// The size of the kernel's pages, if the format shows it.
    #[must_use]
    pub fn page_size(&self) -> Option<usize> {
        self.facts.page_size
    }

    /// The kernel's release, if the format shows it.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.facts.release.as_deref()
    }

    /// What is odd about the file, in sentences.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.facts.notes
    }

    /// The image's memory, sorted by address.
    ///
    /// Pages that were left out of a kdump are included.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        match &self.backing {
            Backing::Segments(segments) => segments.ranges(),
            Backing::Kdump(kdump) => kdump.ranges(),
        }
    }

    /// Whether the image has all of these addresses, as far as is known without reading them.
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
    /// [`ReadError`], which names the first missing address.
    pub fn read(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        if pa.checked_add(into.len() as u64).is_none() {
            return Err(ReadError::Outside { at: u64::MAX });
        }
        match &self.backing {
            Backing::Segments(segments) => segments.read(pa, into),
            Backing::Kdump(kdump) => kdump.read(pa, into),
        }
    }

    /// Reads the first bytes of a page without looking at the rest of it: whether the page is damaged
    /// further on stays unknown.
    ///
    /// # Errors
    ///
    /// As [`Image::read`].
    pub(crate) fn peek(&self, pa: u64, into: &mut [u8]) -> Result<(), ReadError> {
        match &self.backing {
            Backing::Kdump(kdump) if pa.checked_add(into.len() as u64).is_some() => {
                kdump.peek(pa, into)
            }
            _ => self.read(pa, into),
        }
    }

    /// The next addresses from this one on that were ever written, as far as the file shows.
    #[must_use]
    pub fn next_written(&self, pa: u64) -> Option<Range> {
        match &self.backing {
            Backing::Segments(segments) => segments.next_written(pa),
            Backing::Kdump(kdump) => kdump.next_written(pa),
        }
    }

    /// How the file was read, in sentences. These are not problems.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.facts.remarks
    }

    /// The block size of the format, if it has one: a hint at the kernel's page size.
    pub(crate) fn block_size(&self) -> Option<usize> {
        self.facts.block_size
    }

    /// Number of bytes that the file lists but lacks, in addition to those that each read reports.
    pub(crate) fn left_out(&self) -> u64 {
        self.facts.left_out
    }

    /// The bytes from an address to another one, all of which the image has as far as is known without
    /// reading them, that were left out all the same: their number, and the address of the first.
    pub(crate) fn left_out_within(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        match &self.backing {
            // Segments have no range for what was left out.
            Backing::Segments(_) => None,
            // If that cannot be read, neither can the pages.
            Backing::Kdump(kdump) => {
                kdump.left_out(start, end).unwrap_or(Some((end.saturating_sub(start), start)))
            }
        }
    }

    /// Whether each page is compressed by itself, so that the beginning of one does not show
    /// whether the rest is readable.
    pub(crate) fn is_packed(&self) -> bool {
        matches!(self.backing, Backing::Kdump(_))
    }

    /// The error that the file is something else, for a file without any preserved state.
    pub(crate) fn not_memory(&self) -> Option<OpenError> {
        let (what, help) = self.facts.looks_like.clone()?;
        Some(OpenError::NotMemory { what, help })
    }

    /// The bytes of a compressed file that was unpacked only in part, as memory, and what is wrong.
    pub(crate) fn unpacked_in_part(&self) -> Option<(Self, &str)> {
        let packed = self.facts.packed.as_ref()?;
        Some((raw::open(packed.bytes.clone()), &packed.what))
    }

    /// The bytes of a file whose offsets serve as addresses, for lack of better information.
    pub(crate) fn by_offset(&self) -> Option<&Arc<dyn Bytes>> {
        match &self.backing {
            Backing::Segments(segments) if self.facts.by_offset => segments.first_file(),
            _ => None,
        }
    }

    /// The file that is all of the image, as if its offsets were addresses, if it was given an
    /// address.
    pub(crate) fn without_address(&self) -> Option<Self> {
        match &self.backing {
            Backing::Segments(segments)
                if self.format == Format::Raw && !self.facts.by_offset && self.facts.is_placed =>
            {
                segments.first_file().map(|file| raw::open(file.clone()))
            }
            _ => None,
        }
    }

    /// The same file with its pieces at other addresses: each with its address, offset and size.
    pub(crate) fn moved(&self, pieces: &[Piece]) -> Option<Self> {
        let file = self.by_offset()?.clone();
        let pieces = pieces
            .iter()
            .map(|piece| segments::Segment {
                pa: piece.pa,
                len: piece.len,
                file: 0,
                offset: piece.offset,
            })
            .collect();
        let mut facts = Facts { by_offset: false, ..self.facts.clone() };
        let segments = Segments::new(vec![file], pieces, Vec::new(), &mut facts.notes);
        Some(Self::from_segments(segments, self.format, facts))
    }

    /// Number of bytes that the image has, including pages that were left out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges().iter().fold(0, |sum, range| sum.saturating_add(range.len()))
    }
}

/// A piece of a file, and the address that it belongs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) pa: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}
