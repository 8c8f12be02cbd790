// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! ELF cores: vmcores, what QEMU dumps, `/proc/vmcore` and `/proc/kcore`; memory by the physical
//! addresses of loadable segments.

use super::bytes::{self, Bytes};
use super::segments::{Segment, Segments};
use super::{Facts, Format, Image, Machine, OpenError, Range};
use std::sync::Arc;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

/// What every ELF file begins with.
pub(super) const MAGIC: &[u8] = b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_CORE: u16 = 4;
const LOADABLE: u32 = 1;
const NOTE: u32 = 4;
/// The number of program headers that stands for one which does not fit its field.
const MANY_HEADERS: u16 = 0xffff;
/// The physical address of a segment of `/proc/kcore` that has none.
const NO_ADDRESS: u64 = u64::MAX;
/// More than any machine's registers and VMCOREINFO take.
const NOTES_LIMIT: u64 = 16 << 20;
/// Number of program headers that are read at once.
const AT_ONCE: u64 = 1024;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FileHeader {
    magic: [u8; 4],
    class: u8,
    data: u8,
    rest: [u8; 10],
    kind: U16,
    machine: U16,
    version: U32,
    entry: U64,
    program_headers: U64,
    section_headers: U64,
    flags: U32,
    size: U16,
    program_header_size: U16,
    program_header_count: U16,
    section_header_size: U16,
    section_header_count: U16,
    names: U16,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ProgramHeader {
    kind: U32,
    flags: U32,
    offset: U64,
    virtual_address: U64,
    physical_address: U64,
    size_in_file: U64,
    size_in_memory: U64,
    align: U64,
}

fn malformed(why: impl Into<String>) -> OpenError {
    OpenError::Malformed { format: Format::Elf, why: why.into() }
}

fn unsupported(why: impl Into<String>) -> OpenError {
    OpenError::Unsupported { format: Format::Elf, why: why.into() }
}

pub(super) fn open(bytes: Arc<dyn Bytes>) -> Result<Image, OpenError> {
    let io = |what: &str| malformed(format!("{what} cannot be read: the file is cut off"));
    let header: [u8; 64] = bytes::array(&*bytes, 0).map_err(|_| io("the header"))?;
    let header = FileHeader::ref_from_bytes(&header).map_err(|_| io("the header"))?;
    if header.class != CLASS_64 {
        return Err(unsupported("it is of a machine with 32 bits, and KHO needs 64"));
    }
    if header.data != LITTLE_ENDIAN {
        return Err(unsupported("it is of a big-endian machine, whose state is not read here"));
    }
    if header.kind.get() != TYPE_CORE {
        return Err(unsupported("it is a program or a library, not a core"));
    }
    let mut facts = Facts {
        machine: Some(match header.machine.get() {
            62 => Machine::X86_64,
            183 => Machine::Arm64,
            _ => Machine::Other,
        }),
        ..Facts::default()
    };
    let entry_size = size_of::<ProgramHeader>() as u64;
    if u64::from(header.program_header_size.get()) != entry_size {
        let size = header.program_header_size.get();
        return Err(malformed(format!("program headers of {size} bytes, not {entry_size}")));
    }
    let count = match header.program_header_count.get() {
        MANY_HEADERS => many_headers(&*bytes, header.section_headers.get())?,
        count => count.into(),
    };
    let first = header.program_headers.get();
    let there = bytes.len().saturating_sub(first) / entry_size;
    if count > there {
        return Err(malformed(format!(
            "{count} program headers, and room for {there} in the file"
        )));
    }

    let mut segments = Vec::new();
    let mut excluded = Vec::new();
    let mut live = false;
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < count {
        let now = (count - done).min(AT_ONCE);
        buffer.resize(usize::try_from(now * entry_size).unwrap_or(0), 0);
        bytes
            .read_exact_at(&mut buffer, first + done * entry_size)
            .map_err(|_| io("a program header"))?;
        done += now;
        let headers = <[ProgramHeader]>::ref_from_bytes(&buffer).map_err(|_| io("a header"))?;
        for header in headers {
            match header.kind.get() {
                NOTE => read_notes(&*bytes, header, &mut facts),
                LOADABLE if header.physical_address.get() == NO_ADDRESS => live = true,
                LOADABLE => load(header, &mut segments, &mut excluded, &mut facts.notes),
                _ => {}
            }
        }
    }
    let mut notes = Vec::new();
    let segments = Segments::new(vec![bytes], segments, excluded, &mut notes);
    // The kernel shows its own text twice in /proc/kcore, and what is longer than memory, too.
    if !live {
        facts.notes.append(&mut notes);
    }
    Ok(Image::from_segments(segments, Format::Elf, facts))
}

/// The number of program headers, from the first section header.
fn many_headers(bytes: &dyn Bytes, section_headers: u64) -> Result<u64, OpenError> {
    const INFO: u64 = 44;
    let at = section_headers.checked_add(INFO).filter(|_| section_headers != 0);
    let info = at.and_then(|at| bytes::array::<4>(bytes, at).ok());
    let info = info.ok_or_else(|| malformed("the number of program headers cannot be read"))?;
    Ok(u32::from_le_bytes(info).into())
}

fn load(
    header: &ProgramHeader,
    segments: &mut Vec<Segment>,
    excluded: &mut Vec<Range>,
    notes: &mut Vec<String>,
) {
    let pa = header.physical_address.get();
    let (len, in_memory) = (header.size_in_file.get(), header.size_in_memory.get());
    if pa.checked_add(len.max(in_memory)).is_none() {
        notes.push(format!("a segment of {:#x} bytes at {pa:#x} has no end", len.max(in_memory)));
    }
    segments.push(Segment { pa, len, file: 0, offset: header.offset.get() });
    if in_memory > len {
        let range = Range { start: pa.saturating_add(len), end: pa.saturating_add(in_memory) };
        excluded.push(range);
    }
}

/// Looks through notes for what the kernel says about itself.
fn read_notes(bytes: &dyn Bytes, header: &ProgramHeader, facts: &mut Facts) {
    let (offset, len) = (header.offset.get(), header.size_in_file.get());
    let there = bytes.len().saturating_sub(offset);
    // /proc/kcore says that its notes are as long as they are, and its file is.
    let Ok(len) = usize::try_from(len.min(there).min(NOTES_LIMIT)) else { return };
    let mut notes = vec![0; len];
    if bytes.read_exact_at(&mut notes, offset).is_err() {
        facts.notes.push(format!("the notes at {offset:#x} of the file cannot be read"));
        return;
    }
    each_note(&notes, |name, text| {
        if name == b"VMCOREINFO" {
            read_vmcoreinfo(text, facts);
        }
    });
}

/// Calls a function for each note with its name and its content.
pub(super) fn each_note(mut notes: &[u8], mut each: impl FnMut(&[u8], &[u8])) {
    let size = |bytes: &[u8]| {
        let array = bytes.try_into().map_or(0, u32::from_le_bytes);
        usize::try_from(array).unwrap_or(usize::MAX)
    };
    while let Some((header, rest)) = notes.split_at_checked(12) {
        let (name_len, content_len) = (size(&header[..4]), size(&header[4..8]));
        let padded = |len: usize| len.checked_next_multiple_of(4).unwrap_or(usize::MAX);
        let Some((name, rest)) = rest.split_at_checked(padded(name_len)) else { return };
        let Some(content) = rest.get(..content_len) else { return };
        let name = &name[..name_len];
        each(name.strip_suffix(b"\0").unwrap_or(name), content);
        // The last note may lack its padding.
        notes = rest.get(padded(content_len)..).unwrap_or_default();
    }
}

/// Reads what a kernel's VMCOREINFO says about it: lines of `NAME=value`.
pub(super) fn read_vmcoreinfo(text: &[u8], facts: &mut Facts) {
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        match line.split_once('=') {
            Some(("PAGESIZE", value)) => {
                facts.page_size =
                    value.parse().ok().filter(|size| super::PAGE_SIZES.contains(size));
            }
            Some(("OSRELEASE", value)) => facts.release = Some(value.chars().take(64).collect()),
            _ => {}
        }
    }
}
