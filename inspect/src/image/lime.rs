// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The format of LiME and AVML: pieces of memory, each after a header with its addresses.
//!
//! A piece from LiME is plain. A piece from AVML is a stream of snappy frames, followed by its
//! length, and goes to a temporary file.

use super::bytes::{self, Bytes};
use super::counted::Counted;
use super::segments::{Segment, Segments};
use super::spool::Spool;
use super::{Facts, Format, Image, OpenError};
use kho_abi_show::{Progress, Unit};
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use zerocopy::little_endian::{U32, U64};
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

const LIME: &[u8; 4] = b"EMiL";
const AVML: &[u8; 4] = b"AVML";
const LIME_VERSION: u32 = 1;
const AVML_VERSION: u32 = 2;
/// More pieces than any machine's memory has.
const LIMIT: usize = 1 << 20;

#[derive(FromBytes, KnownLayout, Immutable, Unaligned, Clone, Copy)]
#[repr(C)]
struct Header {
    magic: [u8; 4],
    version: U32,
    start: U64,
    /// The last address, inclusive.
    last: U64,
    reserved: U64,
}

pub(super) fn is_lime(head: &[u8]) -> bool {
    head.starts_with(LIME) || head.starts_with(AVML)
}

pub(super) fn open(bytes: Arc<dyn Bytes>, progress: &Progress) -> Result<Image, OpenError> {
    let mut facts = Facts::default();
    let mut segments = Vec::new();
    let mut spool: Option<Spool> = None;
    let mut format = Format::Lime;
    // Whether the file continues with something that is not memory.
    let mut wrong = false;
    let mut at = 0;
    while at < bytes.len() {
        let header = match piece(&*bytes, at) {
            Ok(header) => header,
            // The first header identifies the file.
            Err(Wrong { why, .. }) if at == 0 => return Err(OpenError::Malformed { format, why }),
            Err(Wrong { why, cut_off }) => {
                wrong |= !cut_off;
                facts.notes.push(why);
                break;
            }
        };
        let (pa, last) = (header.start.get(), header.last.get());
        let Some(len) = last.checked_sub(pa).and_then(|len| len.checked_add(1)) else {
            facts.notes.push(format!("the piece at {at:#x} ends at {last:#x}, before its start"));
            wrong = true;
            break;
        };
        if segments.len() >= LIMIT {
            facts.notes.push(format!("it has more than {LIMIT} pieces of memory"));
            break;
        }
        let content = at + size_of::<Header>() as u64;
        if header.magic == *AVML {
            format = Format::Avml;
            let spool = match &mut spool {
                Some(spool) => spool,
                none => {
                    progress.begin("unpacking the image", Unit::Bytes, Some(bytes.len()));
                    none.insert(Spool::new().map_err(io_error)?)
                }
            };
            let offset = spool.len();
            let (end, broken) = unpack(&bytes, content, len, spool, progress)?;
            let len = spool.len() - offset;
            segments.push(Segment { pa, len, file: 1, offset });
            if let Some(why) = broken {
                wrong |= len == 0;
                facts.notes.push(format!("the piece of memory at {pa:#x}: {why}"));
                break;
            }
            at = end;
        } else {
            segments.push(Segment { pa, len, file: 0, offset: content });
            let Some(end) = content.checked_add(len) else { break };
            at = end;
        }
    }
    if wrong {
        let what = format!("a damaged {format} file: {}", facts.notes.join("; "));
        let help = "make the dump again, or give the whole pieces as FILE@ADDRESS,offset=N,size=N";
        facts.looks_like = Some((what, help.into()));
    }
    let mut files = vec![bytes];
    if let Some(spool) = spool {
        files.push(spool.finish().map_err(io_error)?);
    }
    let segments = Segments::new(files, segments, Vec::new(), &mut facts.notes);
    Ok(Image::from_segments(segments, format, facts))
}

fn io_error(source: io::Error) -> OpenError {
    OpenError::Io { path: "the image".into(), source }
}

/// Why there is no header.
struct Wrong {
    why: String,
    cut_off: bool,
}

/// Reads the header of a piece.
fn piece(bytes: &dyn Bytes, at: u64) -> Result<Header, Wrong> {
    let lost = || Wrong { why: format!("the file is cut off at {at:#x}"), cut_off: true };
    let header: [u8; 32] = bytes::array(bytes, at).map_err(|_| lost())?;
    let header = Header::read_from_bytes(&header).map_err(|_| lost())?;
    let wrong = |why| Err(Wrong { why, cut_off: false });
    match (&header.magic, header.version.get()) {
        (LIME, LIME_VERSION) | (AVML, AVML_VERSION) => Ok(header),
        (LIME | AVML, version) => wrong(format!("version {version} at {at:#x} is unknown")),
        _ => wrong(format!("no piece of memory begins at {at:#x}, although one should")),
    }
}

/// The bytes of a file from a position on.
struct From {
    bytes: Arc<dyn Bytes>,
    at: u64,
}

impl Read for From {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.len().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = left.min(into.len());
        self.bytes.read_exact_at(&mut into[..len], self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// Unpacks a piece, and returns where the next one begins, or why it is incomplete.
fn unpack(
    bytes: &Arc<dyn Bytes>,
    at: u64,
    len: u64,
    spool: &mut Spool,
    progress: &Progress,
) -> Result<(u64, Option<String>), OpenError> {
    let source = BufReader::with_capacity(256 << 10, From { bytes: bytes.clone(), at });
    let mut source = Counted::new(source, progress);
    let before = spool.len();
    let result = spool.fill(&mut snap::read::FrameDecoder::new(&mut source).take(len));
    let unpacked = spool.len() - before;
    match result {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge) =>
        {
            return Err(io_error(error));
        }
        Err(error) => {
            let why = format!("only {unpacked:#x} of {len:#x} bytes can be unpacked: {error}");
            return Ok((at, Some(why)));
        }
        Ok(()) if unpacked < len => {
            return Ok((at, Some(format!("only {unpacked:#x} of {len:#x} bytes exist"))));
        }
        Ok(()) => {}
    }
    let end = at.saturating_add(source.count());
    let said = bytes::array::<8>(&**bytes, end).map(u64::from_le_bytes);
    Ok(match said {
        Ok(said) if said == source.count() => (end + 8, None),
        Ok(said) => {
            (end, Some(format!("{} packed bytes, but the file claims {said}", source.count())))
        }
        Err(_) => (end, Some("the file is cut off after it".into())),
    })
}
