// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! ELF cores: vmcores, QEMU's dumps, `/proc/vmcore` and `/proc/kcore`; memory by the physical
//! addresses of loadable segments.

use super::bytes::{self, Bytes};
use super::segments::{Segment, Segments};
use super::{foreign, Facts, Format, Image, Machine, OpenError, Range};
use std::sync::Arc;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

/// The magic number of every ELF file.
pub(super) const MAGIC: &[u8] = b"\x7fELF";
const CLASS_32: u8 = 1;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const TYPE_CORE: u16 = 4;
const LOADABLE: u32 = 1;
const NOTE: u32 = 4;
/// This number of program headers means that the real number does not fit its field.
const MANY_HEADERS: u16 = 0xffff;
/// The physical address of a segment of `/proc/kcore` that has none.
const NO_ADDRESS: u64 = u64::MAX;
/// More than any machine's registers and VMCOREINFO need.
const NOTES_LIMIT: u64 = 16 << 20;
/// How many program headers to read at once.
const AT_ONCE: u64 = 1024;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Identity {
    magic: [u8; 4],
    class: u8,
    data: u8,
    rest: [u8; 10],
    kind: U16,
    machine: U16,
    version: U32,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FileHeader64 {
    entry: U64,
    program_headers: U64,
    section_headers: U64,
    flags: U32,
    size: U16,
    program_header_size: U16,
    program_header_count: U16,
    rest: [U16; 3],
}

/// kexec writes this for machines whose memory ends below 4 GiB, if it is asked to.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FileHeader32 {
    entry: U32,
    program_headers: U32,
    section_headers: U32,
    flags: U32,
    size: U16,
    program_header_size: U16,
    program_header_count: U16,
    rest: [U16; 3],
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ProgramHeader64 {
    kind: U32,
    flags: U32,
    offset: U64,
    virtual_address: U64,
    physical_address: U64,
    size_in_file: U64,
    size_in_memory: U64,
    align: U64,
}

#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct ProgramHeader32 {
    kind: U32,
    offset: U32,
    virtual_address: U32,
    physical_address: U32,
    size_in_file: U32,
    size_in_memory: U32,
    flags: U32,
    align: U32,
}

/// A program header of either class.
struct ProgramHeader {
    kind: u32,
    offset: u64,
    virtual_address: u64,
    physical_address: u64,
    size_in_file: u64,
    size_in_memory: u64,
}

/// The position of the program headers, from either class of header.
struct Table {
    wide: bool,
    first: u64,
    entry_size: u16,
    count: u16,
    section_headers: u64,
}

/// What is collected from program headers.
#[derive(Default)]
struct Found {
    segments: Vec<Segment>,
    excluded: Vec<Range>,
    /// Whether segments have no physical address, as in `/proc/kcore`.
    live: bool,
    /// Number of segments that only have a virtual address.
    virtual_only: usize,
}

fn malformed(why: impl Into<String>) -> OpenError {
    OpenError::Malformed { format: Format::Elf, why: why.into() }
}

fn unsupported(why: impl Into<String>) -> OpenError {
    OpenError::Unsupported { format: Format::Elf, why: why.into() }
}

fn cut_off(what: &str) -> OpenError {
    malformed(format!("{what} cannot be read: the file is cut off"))
}

fn table(bytes: &dyn Bytes, class: u8) -> Result<Table, OpenError> {
    let at = size_of::<Identity>() as u64;
    let lost = || cut_off("the header");
    if class == CLASS_64 {
        let header: [u8; 40] = bytes::array(bytes, at).map_err(|_| lost())?;
        let header = FileHeader64::ref_from_bytes(&header).map_err(|_| lost())?;
        return Ok(Table {
            wide: true,
            first: header.program_headers.get(),
            entry_size: header.program_header_size.get(),
            count: header.program_header_count.get(),
            section_headers: header.section_headers.get(),
        });
    }
    let header: [u8; 28] = bytes::array(bytes, at).map_err(|_| lost())?;
    let header = FileHeader32::ref_from_bytes(&header).map_err(|_| lost())?;
    Ok(Table {
        wide: false,
        first: header.program_headers.get().into(),
        entry_size: header.program_header_size.get(),
        count: header.program_header_count.get(),
        section_headers: header.section_headers.get().into(),
    })
}

/// Parses a program header of either class.
fn program_header(bytes: &[u8], wide: bool) -> Option<ProgramHeader> {
    if wide {
        let header = ProgramHeader64::ref_from_bytes(bytes).ok()?;
        return Some(ProgramHeader {
            kind: header.kind.get(),
            offset: header.offset.get(),
            virtual_address: header.virtual_address.get(),
            physical_address: header.physical_address.get(),
            size_in_file: header.size_in_file.get(),
            size_in_memory: header.size_in_memory.get(),
        });
    }
    let header = ProgramHeader32::ref_from_bytes(bytes).ok()?;
    Some(ProgramHeader {
        kind: header.kind.get(),
        offset: header.offset.get().into(),
        virtual_address: header.virtual_address.get().into(),
        physical_address: match header.physical_address.get() {
            u32::MAX => NO_ADDRESS,
            address => address.into(),
        },
        size_in_file: header.size_in_file.get().into(),
        size_in_memory: header.size_in_memory.get().into(),
    })
}

pub(super) fn open(bytes: Arc<dyn Bytes>, format: Format) -> Result<Image, OpenError> {
    let identity: [u8; size_of::<Identity>()] =
        bytes::array(&*bytes, 0).map_err(|_| cut_off("the header"))?;
    let identity = Identity::ref_from_bytes(&identity).map_err(|_| cut_off("the header"))?;
    if identity.data != LITTLE_ENDIAN {
        return Err(unsupported("it is from a big-endian machine, which is not supported"));
    }
    if !matches!(identity.class, CLASS_32 | CLASS_64) {
        return Err(malformed(format!("unknown class {}", identity.class)));
    }
    if identity.kind.get() != TYPE_CORE {
        return Err(foreign::KERNEL_ELF.error());
    }
    let machine = match identity.machine.get() {
        62 => Machine::X86_64,
        183 => Machine::Arm64,
        _ => Machine::Other,
    };
    let mut facts = Facts { machine: Some(machine), ..Facts::default() };
    let table = table(&*bytes, identity.class)?;
    let entry_size =
        if table.wide { size_of::<ProgramHeader64>() } else { size_of::<ProgramHeader32>() };
    if usize::from(table.entry_size) != entry_size {
        let size = table.entry_size;
        return Err(malformed(format!("program headers of {size} bytes, not {entry_size}")));
    }
    let count = match table.count {
        MANY_HEADERS => many_headers(&*bytes, &table)?,
        count => count.into(),
    };
    let found = read_table(&*bytes, &table, count, entry_size, &mut facts)?;
    if found.segments.is_empty() && !found.live {
        return Err(foreign::XEN_CORE.error());
    }
    // A process only has memory at virtual addresses.
    if found.virtual_only > 1 && found.virtual_only == found.segments.len() {
        return Err(foreign::PROCESS_CORE.error());
    }
    let mut notes = Vec::new();
    facts.left_out = found.excluded.iter().fold(0, |sum, range| sum.saturating_add(range.len()));
    let segments = Segments::of_core(vec![bytes], found.segments, found.excluded, &mut notes);
    // Notes on segments are useless for /proc/kcore, which has the kernel's text twice, and
    // segments longer than memory.
    if !found.live {
        facts.notes.append(&mut notes);
    }
    Ok(Image::from_segments(segments, format, facts))
}

fn read_table(
    bytes: &dyn Bytes,
    table: &Table,
    count: u64,
    entry_size: usize,
    facts: &mut Facts,
) -> Result<Found, OpenError> {
    let size = entry_size as u64;
    let there = bytes.len().saturating_sub(table.first) / size;
    if count > there {
        return Err(malformed(format!(
            "{count} program headers, but the file has room for {there}"
        )));
    }
    let mut found = Found::default();
    let mut buffer = Vec::new();
    let mut done = 0;
    while done < count {
        let now = (count - done).min(AT_ONCE);
        buffer.resize(usize::try_from(now * size).unwrap_or(0), 0);
        bytes
            .read_exact_at(&mut buffer, table.first + done * size)
            .map_err(|_| cut_off("a program header"))?;
        done += now;
        for header in buffer.chunks_exact(entry_size) {
            let Some(header) = program_header(header, table.wide) else { continue };
            match header.kind {
                NOTE => read_notes(bytes, &header, facts),
                LOADABLE if header.physical_address == NO_ADDRESS => found.live = true,
                LOADABLE => load(&header, &mut found, &mut facts.notes),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// The number of program headers, from the first section header.
fn many_headers(bytes: &dyn Bytes, table: &Table) -> Result<u64, OpenError> {
    let field = if table.wide { 44 } else { 28 };
    let at = table.section_headers.checked_add(field).filter(|_| table.section_headers != 0);
    let info = at.and_then(|at| bytes::array::<4>(bytes, at).ok());
    let info = info.ok_or_else(|| malformed("the number of program headers cannot be read"))?;
    Ok(u32::from_le_bytes(info).into())
}

fn load(header: &ProgramHeader, found: &mut Found, notes: &mut Vec<String>) {
    let pa = header.physical_address;
    let (len, in_memory) = (header.size_in_file, header.size_in_memory);
    found.virtual_only += usize::from(pa == 0 && header.virtual_address != 0);
    if pa.checked_add(len.max(in_memory)).is_none() {
        notes.push(format!(
            "a segment of {:#x} bytes at {pa:#x} goes past the last address",
            len.max(in_memory)
        ));
    }
    found.segments.push(Segment { pa, len, file: 0, offset: header.offset });
    if in_memory > len {
        let range = Range { start: pa.saturating_add(len), end: pa.saturating_add(in_memory) };
        found.excluded.push(range);
    }
}

/// Searches notes for what the kernel says about itself.
fn read_notes(bytes: &dyn Bytes, header: &ProgramHeader, facts: &mut Facts) {
    let (offset, len) = (header.offset, header.size_in_file);
    let there = bytes.len().saturating_sub(offset);
    // Limit the stated length: the file may be shorter.
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

/// Reads a kernel's VMCOREINFO: lines of `NAME=value`.
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
