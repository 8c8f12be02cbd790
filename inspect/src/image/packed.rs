// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Files that are compressed as a whole: unpacked into a temporary file, as far as possible.

use super::bytes::Bytes;
use super::counted::Counted;
use super::spool::Spool;
use kho_abi_show::{Progress, Unit};
use std::io::{self, BufReader, Read, Write as _};
use std::sync::Arc;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Gzip,
    Zlib,
    Bzip2,
    Lzma,
    Xz,
    Lz4,
    Zstd,
}

/// First bytes, and the method that they belong to.
const METHODS: &[(&[u8], Method)] = &[
    (&[0x1f, 0x8b], Method::Gzip),
    (b"BZh", Method::Bzip2),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0x00], Method::Xz),
    (&[0x04, 0x22, 0x4d, 0x18], Method::Lz4),
    (&[0x02, 0x21, 0x4c, 0x18], Method::Lz4),
    (&[0x28, 0xb5, 0x2f, 0xfd], Method::Zstd),
];
/// A frame of zstd without content; others follow it. The low four bits are arbitrary.
const ZSTD_SKIPPABLE: u32 = 0x184d_2a50;
/// The limit on the memory for unpacking, in KiB.
const WINDOW_KIB: u32 = 256 << 10;
const AT_ONCE: usize = 256 << 10;
/// How often a decompressor may ask for more past the end: more often than it can have blocks
/// buffered.
const ENDS: u32 = 1 << 20;

/// Methods that no dependency supports, with the command that unpacks them.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (&[0x1f, 0x9d], "compress(1) data", "uncompress -c FILE > OUT"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop-compressed data", "lzop -dc FILE > OUT"),
    (b"LZIP\x01", "lzip-compressed data", "lzip -dc FILE > OUT"),
    (b"LRZI", "lrzip-compressed data", "lrzip -d -o OUT FILE"),
    (b"\xff\x06\0\0sNaPpY", "snappy-compressed data", "snzip -dc FILE > OUT"),
];

impl Method {
    /// How a file is compressed, by its first bytes.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let known = METHODS.iter().find(|(magic, _)| head.starts_with(magic));
        let word = head.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        let skippable = word & !0xf == ZSTD_SKIPPABLE;
        known.map(|(_, method)| *method).or(skippable.then_some(Self::Zstd))
    }

    /// How a file may be compressed: the signature is short, and memory may begin with it, too.
    pub(super) fn perhaps(head: &[u8]) -> Option<Self> {
        match head {
            [0x78, flags, ..] if (0x7800 | u16::from(*flags)) % 31 == 0 => Some(Self::Zlib),
            // The usual properties byte, a window size that packers use, a plausible length, and
            // the zero byte that begins every stream.
            [0x5d, a, b, c, d, size @ ..] if size.len() > 8 && size[8] == 0 => {
                let window = u32::from_le_bytes([*a, *b, *c, *d]);
                let length = size.first_chunk().map_or(0, |size| u64::from_le_bytes(*size));
                let chosen = window >= 4096 && window.count_ones() <= 2;
                (chosen && (length == u64::MAX || length < 1 << 46)).then_some(Self::Lzma)
            }
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The command that unpacks it.
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Gzip => "gzip -dc FILE > OUT",
            Self::Zlib => "zlib-flate -uncompress < FILE > OUT",
            Self::Bzip2 => "bzip2 -dc FILE > OUT",
            Self::Lzma => "xz --format=lzma -dc FILE > OUT",
            Self::Xz => "xz -dc FILE > OUT",
            Self::Lz4 => "lz4 -dc FILE > OUT",
            Self::Zstd => "zstd -dc FILE > OUT",
        }
    }
}

/// The method of a file that cannot be unpacked here, and the command that can.
pub(super) fn other(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let known = OTHERS.iter().find(|(magic, _, _)| head.starts_with(magic));
    known.map(|(_, what, command)| (*what, *command))
}

/// The result of unpacking a file.
pub(super) struct Unpacked {
    pub(super) bytes: Arc<dyn Bytes>,
    /// Why it is incomplete, if it is.
    pub(super) broken: Option<String>,
}

/// Reads the bytes of a file in their order.
struct InOrder {
    bytes: Arc<dyn Bytes>,
    at: u64,
    end: u64,
    /// How often the end was reached.
    ended: u32,
}

impl InOrder {
    fn new(bytes: &Arc<dyn Bytes>, at: u64, end: u64) -> Self {
        Self { bytes: bytes.clone(), at, end, ended: 0 }
    }
}

impl Read for InOrder {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let len = left.min(into.len());
        if len == 0 && !into.is_empty() {
            // A decompressor that keeps asking for more never ends. It may ask once for each of the
            // many small blocks that it has buffered.
            self.ended += 1;
            if self.ended > ENDS {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.bytes.read_exact_at(&mut into[..len], self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// Unpacks a file; a truncated or damaged file is unpacked as far as possible.
pub(super) fn unpack(
    bytes: &Arc<dyn Bytes>,
    method: Method,
    progress: &Progress,
) -> io::Result<Unpacked> {
    progress.begin("unpacking the image", Unit::Bytes, Some(bytes.len()));
    let mut spool = Spool::new()?;
    let result = run(bytes, method, &mut spool, progress);
    let broken = match result {
        Ok(()) => None,
        // The error is this machine's, not the file's.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge) =>
        {
            return Err(error);
        }
        Err(error) => Some(broken(&error, spool.len())),
    };
    Ok(Unpacked { bytes: spool.finish()?, broken })
}

/// What is wrong, in words of the file: the decompressors' own are for their developers.
fn broken(error: &io::Error, unpacked: u64) -> String {
    let after = format!("after {}", crate::text::count(unpacked, "unpacked byte"));
    let said = error.to_string().to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return format!("is cut off {after}");
    }
    if has(&["checksum", "crc", "mismatch"]) {
        return format!("has a wrong checksum: its {unpacked} unpacked bytes may be wrong");
    }
    if unpacked > 0 && has(&["header", "magic", "after stream"]) {
        return format!("is followed by other data, {after}");
    }
    format!("is damaged {after}")
}

/// Unpacks the first few bytes, to check whether a file is compressed at all.
pub(super) fn taste(bytes: &Arc<dyn Bytes>, method: Method, at_most: usize) -> Vec<u8> {
    let source = BufReader::new(InOrder::new(bytes, 0, bytes.len()));
    let mut reader: Box<dyn Read> = match method {
        Method::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(source)),
        Method::Lzma => match lzma_rust2::LzmaReader::new_mem_limit(source, WINDOW_KIB, None) {
            Ok(reader) => Box::new(reader),
            Err(_) => return Vec::new(),
        },
        _ => return Vec::new(),
    };
    let mut out = vec![0; at_most];
    let mut len = 0;
    while len < out.len() {
        match reader.read(&mut out[len..]) {
            Ok(0) | Err(_) => break,
            Ok(more) => len += more,
        }
    }
    out.truncate(len);
    out
}

fn run(
    bytes: &Arc<dyn Bytes>,
    method: Method,
    spool: &mut Spool,
    progress: &Progress,
) -> io::Result<()> {
    let end = bytes.len();
    let counted = || Counted::new(InOrder::new(bytes, 0, end), progress);
    let source = || BufReader::with_capacity(AT_ONCE, counted());
    match method {
        Method::Gzip => spool.fill(&mut flate2::bufread::MultiGzDecoder::new(source())),
        Method::Zlib => spool.fill(&mut flate2::bufread::ZlibDecoder::new(source())),
        Method::Lzma => {
            let reader = lzma_rust2::LzmaReader::new_mem_limit(source(), WINDOW_KIB, None);
            spool.fill(&mut reader?)
        }
        Method::Xz => {
            let mut reader = lzma_rust2::XzReader::new_mem_limit(source(), true, WINDOW_KIB);
            spool.fill(&mut reader)
        }
        Method::Zstd => zstd(source(), spool),
        Method::Lz4 => lz4(source(), spool),
        // Parallel compressors write several streams in a row.
        Method::Bzip2 => spool.fill(&mut bzip2::bufread::MultiBzDecoder::new(source())),
    }
}

/// Frames of lz4, one after the other.
fn lz4(source: impl io::BufRead, spool: &mut Spool) -> io::Result<()> {
    let mut decoder = lz4_flex::frame::FrameDecoder::new(source);
    loop {
        spool.fill(&mut decoder)?;
        if decoder.get_mut().fill_buf()?.is_empty() {
            return Ok(());
        }
    }
}

/// Frames of zstd, one after the other; a checksum is optional.
fn zstd(mut source: impl io::BufRead, spool: &mut Spool) -> io::Result<()> {
    use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
    use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
    use std::hash::Hasher as _;
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(u64::from(WINDOW_KIB) << 10);
    while !source.fill_buf()?.is_empty() {
        match decoder.reset(&mut source) {
            Ok(()) => {}
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let skipped = io::copy(&mut (&mut source).take(length.into()), &mut io::sink())?;
                if skipped < u64::from(length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            }
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
        let mut sum = twox_hash::XxHash64::with_seed(0);
        let mut part = Vec::new();
        while !decoder.is_finished() || decoder.can_collect() > 0 {
            decoder
                .decode_blocks(&mut source, BlockDecodingStrategy::UptoBytes(AT_ONCE))
                .map_err(|error| io::Error::other(error.to_string()))?;
            part.clear();
            decoder.collect_to_writer(&mut part)?;
            sum.write(&part);
            spool.write_all(&part)?;
        }
        #[allow(clippy::cast_possible_truncation)] // The format keeps the low half.
        let computed = sum.finish() as u32;
        if decoder.get_checksum_from_data().is_some_and(|said| said != computed) {
            return Err(io::Error::other("the checksum of a frame is wrong"));
        }
    }
    Ok(())
}
