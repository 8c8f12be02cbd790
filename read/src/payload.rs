// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Packed kernels: a bzImage, an EFI zboot image, or a file that is compressed as a whole.
//!
//! The output is limited, whatever the file claims: by the size that the packer wrote at its end,
//! and by [`MAX_UNPACKED`].

use super::bytes::Bytes;
use super::uki;
use std::io::{self, Read};

/// The largest unpacked kernel, in bytes.
pub const MAX_UNPACKED: u64 = 512 << 20;
/// The largest packed kernel.
const MAX_PACKED: u64 = 256 << 20;
/// The limit on the memory for unpacking, in KiB.
const MAX_WINDOW_KIB: u32 = 256 << 10;

/// Why a packed kernel cannot be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PayloadError(String);

/// How something is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Gzip,
    Bzip2,
    Lzma,
    Xz,
    Lzo,
    Lz4,
    Zstd,
}

/// First bytes, and the method that they belong to.
const METHODS: &[(&[u8], Method)] = &[
    (&[0x1f, 0x8b], Method::Gzip),
    (b"BZh", Method::Bzip2),
    (&[0x5d, 0x00, 0x00], Method::Lzma),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0x00], Method::Xz),
    (&[0x89, b'L', b'Z', b'O', 0x00, 0x0d, 0x0a, 0x1a, 0x0a], Method::Lzo),
    (&[0x02, 0x21, 0x4c, 0x18], Method::Lz4),
    (&[0x28, 0xb5, 0x2f, 0xfd], Method::Zstd),
];

impl Method {
    fn of(bytes: &[u8]) -> Option<Self> {
        METHODS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, method)| *method)
    }
}

/// The position of the packed kernel in a file, and whether its unpacked size is at its end.
struct Packed {
    offset: u64,
    size: u64,
    sized: bool,
}

/// Whether a file is packed in a known way, by its first bytes.
#[must_use]
pub fn is_packed(head: &[u8]) -> bool {
    head.get(0x202..0x206) == Some(b"HdrS")
        || head.starts_with(b"MZ") && head.get(4..8) == Some(b"zimg")
        || Method::of(head).is_some()
}

/// The size that a packed kernel's own header gives, which no file of it is below; `None` if it has none.
fn stated_size(head: &[u8]) -> Option<u64> {
    // Documentation/arch/x86/boot.rst: sectors of the setup, then paragraphs of 16 bytes.
    if head.get(0x202..0x206) == Some(b"HdrS") {
        let paragraphs = u32::from_le_bytes(*head.get(0x1f4..)?.first_chunk()?);
        return Some((setup_sectors(head) + 1) * 512 + u64::from(paragraphs) * 16);
    }
    uki::size_of_sections(head)
}

/// The number of sectors before the kernel of a bzImage, the first not counted.
fn setup_sectors(head: &[u8]) -> u64 {
    match head.get(0x1f1).copied().unwrap_or_default() {
        0 => 4,
        sectors => u64::from(sectors),
    }
}

/// Refuses a file that is shorter than its header says.
///
/// # Errors
///
/// [`PayloadError`] with both sizes.
pub fn whole(head: &[u8], size: u64) -> Result<(), PayloadError> {
    match stated_size(head) {
        Some(stated) if size < stated => Err(PayloadError(format!(
            "the file is cut off: it has {size} bytes, but its header says {stated}"
        ))),
        _ => Ok(()),
    }
}

/// Unpacks the kernel in a file; `None` if the file is not packed in a known way.
///
/// # Errors
///
/// [`PayloadError`] for a packed kernel that is truncated, damaged, or too large.
pub fn unpack(bytes: &dyn Bytes) -> Result<Option<Vec<u8>>, PayloadError> {
    let head = bytes.take_up_to(0, 4096).map_err(say)?;
    let Some(packed) = locate(&head, bytes.size())? else { return Ok(None) };
    whole(&head, bytes.size())?;
    if packed.size > MAX_PACKED {
        return Err(PayloadError("it is too large for any packed kernel".into()));
    }
    let data = bytes.take(packed.offset, packed.size);
    let data = data.map_err(|_| PayloadError("the file is cut off inside it".into()))?;
    let Some(method) = Method::of(&data) else {
        return Err(PayloadError("its compression is unknown".into()));
    };
    // gzip has the size at its end, too, as part of its own format.
    let size = (packed.sized || method == Method::Gzip).then(|| data.last_chunk()).flatten();
    let size = size.map(|size| u64::from(u32::from_le_bytes(*size)));
    if size.is_some_and(|size| size > MAX_UNPACKED) {
        return Err(PayloadError("it claims to be larger than any kernel".into()));
    }
    let limit = size.unwrap_or(MAX_UNPACKED);
    let data =
        if packed.sized && method != Method::Gzip { &data[..data.len() - 4] } else { &data[..] };
    // One more byte than allowed, to notice that there is more.
    let out = run(method, data, limit + 1).map_err(say)?;
    if out.len() as u64 > limit || size.is_some_and(|size| size != out.len() as u64) {
        return Err(PayloadError("its unpacked size is not the claimed one".into()));
    }
    Ok(Some(out))
}

#[allow(clippy::needless_pass_by_value)] // By value, as map_err() passes it.
fn say(error: io::Error) -> PayloadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => PayloadError("it is cut off".into()),
        _ => PayloadError(format!("its content is damaged ({error})")),
    }
}

fn locate(head: &[u8], size: u64) -> Result<Option<Packed>, PayloadError> {
    let word = |at: usize| {
        let bytes = head.get(at..)?.first_chunk()?;
        Some(u64::from(u32::from_le_bytes(*bytes)))
    };
    // Documentation/arch/x86/boot.rst: the boot header.
    if head.get(0x202..0x206) == Some(b"HdrS") {
        let version = head.get(0x206..).and_then(|rest| rest.first_chunk().copied());
        let old = version.is_none_or(|version| u16::from_le_bytes(version) < 0x208);
        let (Some(offset), Some(length), false) = (word(0x248), word(0x24c), old) else {
            return Err(PayloadError("the boot header is too old to locate it".into()));
        };
        let offset = (setup_sectors(head) + 1) * 512 + offset;
        return Ok(Some(Packed { offset, size: length, sized: true }));
    }
    // drivers/firmware/efi/libstub/zboot-header.S.
    if head.starts_with(b"MZ") && head.get(4..8) == Some(b"zimg") {
        let (Some(offset), Some(length)) = (word(8), word(12)) else { return Ok(None) };
        return Ok(Some(Packed { offset, size: length, sized: true }));
    }
    Ok(Method::of(head).map(|_| Packed { offset: 0, size, sized: false }))
}

/// Unpacks at most that many bytes.
fn run(method: Method, data: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match method {
        Method::Gzip => {
            flate2::bufread::GzDecoder::new(data).take(limit).read_to_end(&mut out)?;
        }
        Method::Bzip2 => {
            bzip2::bufread::BzDecoder::new(data).take(limit).read_to_end(&mut out)?;
        }
        Method::Lzma => {
            let reader = lzma_rust2::LzmaReader::new_mem_limit(data, MAX_WINDOW_KIB, None);
            reader?.take(limit).read_to_end(&mut out)?;
        }
        Method::Xz => {
            let reader = lzma_rust2::XzReader::new_mem_limit(data, false, MAX_WINDOW_KIB);
            reader.take(limit).read_to_end(&mut out)?;
        }
        Method::Zstd => {
            let reader = ruzstd::decoding::StreamingDecoder::new(data).map_err(io::Error::other)?;
            reader.take(limit).read_to_end(&mut out)?;
        }
        Method::Lz4 => lz4(data, limit, &mut out)?,
        Method::Lzo => lzo_blocks(data, limit, &mut out)?,
    }
    Ok(out)
}

fn short() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

fn le32(data: &[u8], at: usize) -> io::Result<usize> {
    let bytes = data.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(short)?;
    Ok(u32::from_le_bytes(*bytes) as usize)
}

fn be32(data: &[u8], at: usize) -> io::Result<usize> {
    let bytes = data.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(short)?;
    Ok(u32::from_be_bytes(*bytes) as usize)
}

/// The legacy frame of LZ4: blocks of at most eight megabytes, each after its packed size.
fn lz4(data: &[u8], limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
    const BLOCK: usize = 8 << 20;
    let mut block = vec![0; BLOCK];
    let mut at = 4;
    while at < data.len() && (out.len() as u64) < limit {
        let size = le32(data, at)?;
        let packed = at.checked_add(4).and_then(|at| data.get(at..at.checked_add(size)?));
        let packed = packed.ok_or_else(short)?;
        let size =
            lz4_flex::block::decompress_into(packed, &mut block).map_err(io::Error::other)?;
        out.extend(&block[..size]);
        at += 4 + packed.len();
    }
    Ok(())
}

/// The file format of lzop: blocks, each after its size and its packed size.
fn lzo_blocks(data: &[u8], limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
    const BLOCK: usize = 8 << 20;
    const HAS_FILTER: usize = 0x800;
    // Checksums precede each block: of its unpacked and of its packed content.
    const CHECKSUMS: [usize; 2] = [0x1 | 0x100, 0x2 | 0x200];
    const LATER: u8 = 0x09;
    let later = data.get(9).is_some_and(|high| *high > LATER)
        || data.get(9) == Some(&LATER) && data.get(10).is_some_and(|low| *low >= 0x40);
    let mut at = 9 + 7 + usize::from(later);
    let flags = be32(data, at)?;
    at += if flags & HAS_FILTER != 0 { 8 } else { 4 };
    at += 8 + if later { 4 } else { 0 };
    at += 1 + usize::from(*data.get(at).ok_or_else(short)?) + 4;
    while (out.len() as u64) < limit {
        let size = be32(data, at)?;
        if size == 0 {
            return Ok(());
        }
        let packed = be32(data, at + 4)?;
        if size > BLOCK || packed > size {
            return Err(io::Error::other("a block is too large"));
        }
        at += 8;
        let sums = CHECKSUMS.map(|flag| if flags & flag != 0 { 4 } else { 0 });
        // A block that could not be packed has only one checksum.
        at += sums[0] + if packed < size { sums[1] } else { 0 };
        let block = data.get(at..at + packed).ok_or_else(short)?;
        if packed == size {
            out.extend(block);
        } else {
            let unpacked = lzo::decompress(block, size).map_err(io::Error::other)?;
            if unpacked.len() != size {
                return Err(io::Error::other("a block is shorter than it claims"));
            }
            out.extend(unpacked);
        }
        at += packed;
    }
    Ok(())
}
