// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A memfd's content, put together from its folios.

use crate::handlers::memfd::{FolioList, Memfd};
use crate::image::cache::Cached;
use crate::image::{Image, ReadError};
use crate::radix::Preserved;
use kho_abi::wire::memfd::MEMFD_LUO_FOLIO_UPTODATE;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What is read at once, in bytes.
const AT_ONCE: u64 = 1 << 20;

/// What became of a memfd's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Bytes that were written; the rest of the file is zero, as a hole.
    pub written: u64,
    /// Bytes of folios that could not be read, and are zero in the file.
    pub lost: u64,
    /// The first reason for that.
    pub why: Option<ReadError>,
}

/// Writes a memfd's content to a file, which gets its size; what is zero stays a hole.
///
/// # Errors
///
/// Those of the file. That a folio cannot be read is no error of the file: it is counted.
pub fn memfd(
    image: &Image,
    page_size: usize,
    preserved: Option<&Preserved>,
    memfd: &Memfd,
    file: &File,
) -> io::Result<Extracted> {
    file.set_len(0)?;
    file.set_len(memfd.size)?;
    let mut extracted = Extracted::default();
    let mut result = Ok(());
    let memory = Cached::new(image, page_size);
    let mut buffer = Vec::new();
    let list: FolioList = memfd.list;
    // A file has each of its pages once, and the image each of its own: a list that leads to more
    // is damaged, and is not followed any further.
    let mut budget = memfd.size.min(image.bytes());
    list.each_extent(&memory, preserved, 1, |extent| {
        if result.is_err() {
            return;
        }
        // What was never filled is zero, whatever its page has.
        if u64::from(extent.flags) & MEMFD_LUO_FOLIO_UPTODATE == 0 {
            return;
        }
        let pieces = if extent.descending { extent.folios } else { 1 };
        let pages = extent.pages() / pieces;
        for number in 0..pieces {
            let (page, index) = extent.folio(number);
            let place = index.checked_mul(page_size as u64);
            let pa = page.checked_mul(page_size as u64);
            let (Some(offset), Some(pa)) = (place, pa) else { return };
            let len = pages.saturating_mul(page_size as u64);
            let len = len.min(memfd.size.saturating_sub(offset)).min(budget);
            budget -= len;
            let piece = Piece { pa, offset, len };
            result = copy(image, piece, page_size, file, &mut buffer, &mut extracted);
            if result.is_err() {
                return;
            }
        }
    });
    result.map(|()| extracted)
}

/// Memory, and where in the file it belongs.
#[derive(Clone, Copy)]
struct Piece {
    pa: u64,
    offset: u64,
    len: u64,
}

fn copy(
    image: &Image,
    piece: Piece,
    page_size: usize,
    file: &File,
    buffer: &mut Vec<u8>,
    extracted: &mut Extracted,
) -> io::Result<()> {
    let Piece { pa, offset, len } = piece;
    let mut done = 0;
    while done < len {
        let now = (len - done).min(AT_ONCE);
        buffer.resize(usize::try_from(now).unwrap_or(0), 0);
        if image.read(pa + done, buffer).is_ok() {
            write_pages(buffer, page_size, file, offset + done, extracted)?;
        } else {
            // Some pages of it may be there.
            for start in (0..buffer.len()).step_by(page_size) {
                let end = (start + page_size).min(buffer.len());
                let page = &mut buffer[start..end];
                match image.read(pa + done + start as u64, page) {
                    Ok(()) => {
                        write_pages(
                            page,
                            page_size,
                            file,
                            offset + done + start as u64,
                            extracted,
                        )?;
                    }
                    Err(error) => {
                        extracted.lost += page.len() as u64;
                        extracted.why.get_or_insert(error);
                    }
                }
            }
        }
        done += now;
    }
    Ok(())
}

/// Writes pages, runs of those that are not zero.
fn write_pages(
    bytes: &[u8],
    page_size: usize,
    file: &File,
    offset: u64,
    extracted: &mut Extracted,
) -> io::Result<()> {
    let mut start = None;
    let mut at = 0;
    for page in bytes.chunks(page_size) {
        let zero = page.iter().all(|byte| *byte == 0);
        match (zero, start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                file.write_all_at(&bytes[from..at], offset + from as u64)?;
                extracted.written += (at - from) as u64;
                start = None;
            }
            _ => {}
        }
        at += page.len();
    }
    if let Some(from) = start {
        file.write_all_at(&bytes[from..], offset + from as u64)?;
        extracted.written += (bytes.len() - from) as u64;
    }
    Ok(())
}
