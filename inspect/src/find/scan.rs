// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Looks at the beginning of every page for a device tree.

use crate::fdt::MAGIC;
use crate::image::Image;
use std::thread;

/// The smallest page: a tree is aligned to its kernel's pages, which are no smaller.
const STEP: u64 = 4096;
/// What a thread takes at once, in pages.
const AT_ONCE: u64 = 1 << 16;
/// More trees than any memory has; a file that is made of them is not searched any further.
const LIMIT: usize = 1 << 12;

/// The addresses of all pages that begin like a device tree, and whether there were too many.
#[must_use]
pub fn trees(image: &Image, threads: usize) -> (Vec<u64>, bool) {
    let mut found = Vec::new();
    for range in image.ranges() {
        let mut at = range.start.next_multiple_of(STEP);
        while at < range.end && found.len() <= LIMIT {
            // What nobody ever wrote has no tree.
            let Some(written) = image.next_written(at) else { break };
            let start = (written.start / STEP * STEP).max(at);
            let end = written.end.min(range.end);
            if start >= end {
                if written.start >= range.end {
                    break;
                }
                at = at.saturating_add(STEP);
                continue;
            }
            found.append(&mut in_range(image, start, end, threads));
            at = end.checked_next_multiple_of(STEP).unwrap_or(u64::MAX);
        }
    }
    let too_many = found.len() > LIMIT;
    found.truncate(LIMIT);
    (found, too_many)
}

fn in_range(image: &Image, start: u64, end: u64, threads: usize) -> Vec<u64> {
    let pages = (end - start).div_ceil(STEP);
    let threads = if pages < AT_ONCE { 1 } else { threads.max(1) as u64 };
    let share = pages.div_ceil(threads) * STEP;
    thread::scope(|scope| {
        let parts: Vec<_> = (1..threads)
            .map(|part| {
                let from = start.saturating_add(part * share).min(end);
                let to = from.saturating_add(share).min(end);
                scope.spawn(move || look(image, from, to))
            })
            .collect();
        let mut found = look(image, start, start.saturating_add(share).min(end));
        for part in parts {
            found.append(&mut part.join().unwrap_or_default());
        }
        found
    })
}

fn look(image: &Image, start: u64, end: u64) -> Vec<u64> {
    let mut found = Vec::new();
    let mut at = start;
    let mut word = [0; 4];
    while at < end && found.len() <= LIMIT {
        if image.read(at, &mut word).is_ok() && u32::from_be_bytes(word) == MAGIC {
            found.push(at);
        }
        let Some(next) = at.checked_add(STEP) else { break };
        at = next;
    }
    found
}
