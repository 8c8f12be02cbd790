// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A single piece of preserved memory: a device tree as debugfs shows it, or a page with LUO's
//! root.

use super::bytes::Bytes;
use super::segments::{Segment, Segments};
use super::{Facts, Format, Image};
use std::sync::Arc;

/// The largest page, and so the largest piece that is handed over as one.
const LIMIT: u64 = 64 << 10;
const FDT_MAGIC: &[u8] = &0xd00d_feed_u32.to_be_bytes();

/// Opens a small file that begins like one of these pieces. It gets address 0, since its real
/// address is unknown.
pub(super) fn open(head: &[u8], bytes: &Arc<dyn Bytes>) -> Option<Image> {
    if bytes.len() > LIMIT {
        return None;
    }
    let format = if head.starts_with(FDT_MAGIC) {
        Format::Fdt
    } else if head.starts_with(b"luo-v") {
        Format::Luo
    } else {
        return None;
    };
    let segment = Segment { pa: 0, len: bytes.len(), file: 0, offset: 0 };
    let mut facts = Facts::default();
    let segments = Segments::new(vec![bytes.clone()], vec![segment], Vec::new(), &mut facts.notes);
    Some(Image::from_segments(segments, format, facts))
}
