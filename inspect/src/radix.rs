// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The radix tree of preserved pages: walked once, kept as runs, and queried for single pages.
//!
//! The tree is untrusted: each node is visited once, so that shared nodes and cycles end, and a key
//! must be valid for the page size. Memory is bounded: if a tree has too many runs, queries read
//! its leaves.

use crate::finding::{Findings, Link};
use crate::image::cache::Cached;
use crate::image::ReadError;
use crate::rules;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::kho_v4::{page_16k, page_4k, page_64k};
use kho_abi::wire::walk::Memory;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

/// How many runs to keep: 24 MiB of them.
const RUNS_LIMIT: usize = 1 << 20;

/// The shape of a tree for a page size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// log2 of the page size.
    pub page_shift: u32,
    /// Width of a key, in bits.
    pub key_width: u32,
    /// Width of the index into an inner node, in bits.
    pub table_bits: u32,
    /// Width of the index into a leaf, in bits.
    pub leaf_bits: u32,
    /// Number of levels, including the leaves.
    pub levels: u32,
}

macro_rules! shape {
    ($page:ident, $shift:literal) => {
        Shape {
            page_shift: $shift,
            key_width: $page::KHO_RADIX_KEY_WIDTH as u32,
            table_bits: $page::KHO_TABLE_SIZE_LOG2 as u32,
            leaf_bits: $page::KHO_BITMAP_SIZE_LOG2 as u32,
            levels: $page::KHO_TREE_MAX_DEPTH as u32,
        }
    };
}

impl Shape {
    /// The shape for a valid page size; 4 KiB for any other.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // All are below 64.
    pub const fn of(page_size: usize) -> Self {
        match page_size {
            0x1_0000 => shape!(page_64k, 16),
            0x4000 => shape!(page_16k, 14),
            _ => shape!(page_4k, 12),
        }
    }

    /// The highest order that a key can encode.
    #[must_use]
    pub const fn max_order(self) -> u32 {
        63 - self.page_shift
    }

    /// The key of a block.
    #[must_use]
    pub const fn key(self, page: u64, order: u32) -> u64 {
        1 << (self.key_width - 1 - order) | page >> order
    }

    /// The first page and the order of the block that a key encodes, unless the key is invalid.
    #[must_use]
    pub const fn block(self, key: u64) -> Option<(u64, u32)> {
        let Some(top) = key.checked_ilog2() else { return None };
        let Some(order) = (self.key_width - 1).checked_sub(top) else { return None };
        if order > self.max_order() {
            return None;
        }
        Some(((key ^ 1 << top) << order, order))
    }
}

/// Consecutive preserved blocks of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first page's frame number.
    pub start: u64,
    /// The frame number after the last page.
    pub end: u64,
    /// The order of each block.
    pub order: u32,
}

/// Preserved memory of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct OrderTotal {
    /// The order: each block is `1 << order` pages.
    pub order: u32,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of pages in them.
    pub pages: u64,
}

/// Everything that is preserved.
#[derive(Clone, Debug)]
pub struct Preserved {
    shape: Shape,
    runs: Vec<Run>,
    totals: Vec<OrderTotal>,
    /// Leaves by the common part of their keys; filled if there are too many runs.
    leaves: Vec<(u64, u64)>,
    nodes: u64,
    complete: bool,
    /// The first nodes that are all zero, as one is whose pages were all unpreserved, or that was
    /// overwritten.
    empty: Vec<u64>,
}

/// How many empty nodes to keep.
const EMPTY_KEPT: usize = 8;

/// A place in the walk.
struct Place {
    pa: u64,
    /// The key's bits above this node's index.
    prefix: u64,
    /// The next index.
    next: usize,
    bytes: Vec<u8>,
}

impl Preserved {
    /// Walks a tree from the address of its root.
    pub(crate) fn read(
        memory: &Cached<'_>,
        root: u64,
        chain: &[Link],
        findings: &mut Findings,
    ) -> Self {
        let shape = Shape::of(memory.page_size());
        let mut preserved = Self {
            shape,
            runs: Vec::new(),
            totals: Vec::new(),
            leaves: Vec::new(),
            nodes: 0,
            complete: true,
            empty: Vec::new(),
        };
        let mut blocks = [0_u64; 64];
        let mut seen = HashSet::new();
        let mut stack: Vec<Place> = Vec::new();
        let mut enter = Some((root, 0));
        loop {
            if let Some((pa, prefix)) = enter.take() {
                let level = shape.levels - 1 - u32::try_from(stack.len()).unwrap_or(0);
                match preserved.node(memory, pa, &mut seen) {
                    Ok(bytes) if level == 0 => {
                        let keys = prefix << shape.leaf_bits;
                        if preserved.leaf(&bytes, keys, &mut blocks) {
                            findings.add(&rules::RADIX_KEY_INVALID, pa, chain, || {
                                "the leaf has invalid keys for a block of pages".into()
                            });
                        }
                        preserved.leaves.push((prefix, pa));
                    }
                    Ok(bytes) => stack.push(Place { pa, prefix, next: 0, bytes }),
                    Err(Wrong::Unaligned) => {
                        preserved.complete = false;
                        findings.add(&rules::ADDRESS_UNALIGNED, pa, chain, || {
                            format!("a node of the tree of preserved pages is not page-aligned: {pa:#x}")
                        });
                    }
                    Err(Wrong::Seen) => {
                        preserved.complete = false;
                        findings.add(&rules::LIST_CYCLE, pa, chain, || {
                            format!("the tree of preserved pages reaches the node at {pa:#x} twice")
                        });
                    }
                    Err(Wrong::Unreadable(error)) => {
                        preserved.complete = false;
                        let rule = match error {
                            ReadError::Excluded { .. } => &rules::ADDRESS_EXCLUDED,
                            ReadError::Outside { .. } => &rules::ADDRESS_OUTSIDE_IMAGE,
                            _ => &rules::IMAGE_MALFORMED,
                        };
                        findings.add(rule, pa, chain, || {
                            format!("a node of the tree of preserved pages cannot be read: {error}")
                        });
                    }
                }
            }
            let Some(place) = stack.last_mut() else { break };
            let entries = place.bytes.chunks_exact(8).skip(place.next);
            let used = entries.enumerate().find_map(|(skipped, entry)| {
                let child = entry.try_into().map_or(0, u64::from_ne_bytes);
                (child != 0).then_some((place.next + skipped, child))
            });
            let Some((index, child)) = used else {
                stack.pop();
                continue;
            };
            place.next = index + 1;
            let prefix = place.prefix << shape.table_bits | index as u64;
            let pa = place.pa;
            let below = shape.levels - 1 - u32::try_from(stack.len()).unwrap_or(0);
            // The number of bits of a key to the right of this index.
            let right = shape.leaf_bits + below * shape.table_bits;
            if prefix >= 1 << (shape.key_width - right) {
                findings.add(&rules::RADIX_KEY_INVALID, pa, chain, || {
                    format!(
                        "the node has index {index}, which exceeds a key of {} bits",
                        shape.key_width
                    )
                });
                continue;
            }
            enter = Some((child, prefix));
        }
        preserved.finish(&blocks, chain, findings);
        preserved
    }

    fn node(
        &mut self,
        memory: &Cached<'_>,
        pa: u64,
        seen: &mut HashSet<u64>,
    ) -> Result<Vec<u8>, Wrong> {
        let page_size = memory.page_size();
        if !pa.is_multiple_of(page_size as u64) {
            return Err(Wrong::Unaligned);
        }
        if seen.contains(&pa) {
            return Err(Wrong::Seen);
        }
        let mut bytes = vec![0; page_size];
        memory.image().read(pa, &mut bytes).map_err(Wrong::Unreadable)?;
        // Only pages of the image are recorded, so that there are no more than it has.
        seen.insert(pa);
        self.nodes += 1;
        if self.empty.len() < EMPTY_KEPT && bytes.iter().all(|byte| *byte == 0) {
            self.empty.push(pa);
        }
        Ok(bytes)
    }

    /// Takes the content of a leaf, and returns whether it has invalid keys.
    fn leaf(&mut self, bytes: &[u8], keys: u64, blocks: &mut [u64; 64]) -> bool {
        let mut wrong = false;
        for (index, word) in bytes.chunks_exact(8).enumerate() {
            let mut word = word.try_into().map_or(0, u64::from_ne_bytes);
            let first = keys + index as u64 * 64;
            let mut bit = 0;
            while word != 0 {
                let skipped = word.trailing_zeros();
                word >>= skipped;
                bit += skipped;
                // The keys of a word have one order, except for the highest orders.
                let many = if first < 64 { 1 } else { word.trailing_ones() };
                match self.shape.block(first + u64::from(bit)) {
                    Some((page, order)) => {
                        blocks[order as usize] += u64::from(many);
                        self.push(Run {
                            start: page,
                            end: page.saturating_add(u64::from(many) << order),
                            order,
                        });
                    }
                    None => wrong = true,
                }
                word = word.checked_shr(many).unwrap_or(0);
                bit += many;
            }
        }
        wrong
    }

    fn push(&mut self, run: Run) {
        // One more than the limit means that there are too many.
        let full = self.runs.len() > RUNS_LIMIT;
        match self.runs.last_mut() {
            Some(last) if last.order == run.order && last.end == run.start => last.end = run.end,
            _ if full => {}
            _ => self.runs.push(run),
        }
    }

    fn finish(&mut self, blocks: &[u64; 64], chain: &[Link], findings: &mut Findings) {
        self.totals = (0_u32..)
            .zip(blocks)
            .filter(|(_, blocks)| **blocks > 0)
            .map(|(order, blocks)| OrderTotal {
                order,
                blocks: *blocks,
                pages: blocks.saturating_mul(1 << order),
            })
            .collect();
        if self.runs.len() > RUNS_LIMIT {
            self.runs = Vec::new();
            self.leaves.sort_unstable();
            return;
        }
        self.leaves = Vec::new();
        self.runs.sort_unstable_by_key(|run| run.start);
        for pair in self.runs.windows(2) {
            if let [before, after] = pair {
                if after.start < before.end {
                    let pa = after.start << self.shape.page_shift;
                    findings.add(&rules::PRESERVED_TWICE, pa, chain, || {
                        format!(
                            "{pa:#x} is preserved with order {} and with order {}",
                            before.order, after.order
                        )
                    });
                }
            }
        }
    }

    /// The shape of the tree.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of blocks and pages by order, for orders that occur.
    #[must_use]
    pub fn totals(&self) -> &[OrderTotal] {
        &self.totals
    }

    /// The first nodes that are all zero.
    #[must_use]
    pub fn empty(&self) -> &[u64] {
        &self.empty
    }

    /// Number of pages that are preserved.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.totals.iter().fold(0, |sum, total| sum.saturating_add(total.pages))
    }

    /// Number of nodes in the tree, including its leaves.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        self.nodes
    }

    /// Whether the whole tree could be walked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The runs, sorted by address; `None` if there are too many to keep.
    #[must_use]
    pub fn runs(&self) -> Option<&[Run]> {
        self.leaves.is_empty().then_some(&self.runs)
    }

    /// A run that contains a page, possibly only the part that is cheap to find.
    #[must_use]
    pub fn run_at(&self, memory: &Cached<'_>, page: u64) -> Option<Run> {
        if self.leaves.is_empty() {
            let index = self.runs.partition_point(|run| run.start <= page);
            // If runs overlap, which is a finding, the previous one may end later.
            return self.runs[..index].iter().rev().take(2).find(|run| page < run.end).copied();
        }
        let orders = self.totals.iter().map(|total| total.order);
        orders.into_iter().find_map(|order| self.run_in_leaf(memory, page, order))
    }

    /// The next page that may be in a run, after one that is in none.
    #[must_use]
    pub fn next_start(&self, page: u64) -> u64 {
        if !self.leaves.is_empty() {
            return page.saturating_add(1);
        }
        let index = self.runs.partition_point(|run| run.start <= page);
        self.runs.get(index).map_or(u64::MAX, |run| run.start)
    }

    fn run_in_leaf(&self, memory: &Cached<'_>, page: u64, order: u32) -> Option<Run> {
        let shape = self.shape;
        if page >> order >= 1 << (shape.key_width - 1 - order) {
            return None;
        }
        let key = shape.key(page, order);
        let prefix = key >> shape.leaf_bits;
        let index = self.leaves.binary_search_by_key(&prefix, |(prefix, _)| *prefix).ok()?;
        let bit = key & ((1 << shape.leaf_bits) - 1);
        let mut word = [0; 8];
        let at = self.leaves[index].1 + bit / 64 * 8;
        memory.read(PhysAddr::new(at), &mut word).ok()?;
        let set = (u64::from_ne_bytes(word) >> (bit % 64)).trailing_ones();
        let start = page >> order << order;
        (set > 0).then(|| Run { start, end: start + (u64::from(set) << order), order })
    }
}

/// Whether a tree contains the page of an address as a block of its own; any error means no.
pub(crate) fn has(memory: &Cached<'_>, root: u64, pa: u64) -> bool {
    let shape = Shape::of(memory.page_size());
    let key = shape.key(pa >> shape.page_shift, 0);
    let mut node = root;
    let mut word = [0; 8];
    for level in (0..shape.levels - 1).rev() {
        let index = key >> (shape.leaf_bits + level * shape.table_bits);
        let at = node.saturating_add((index & ((1 << shape.table_bits) - 1)) * 8);
        if memory.read(PhysAddr::new(at), &mut word).is_err() {
            return false;
        }
        node = u64::from_ne_bytes(word);
        if node == 0 {
            return false;
        }
    }
    let bit = key & ((1 << shape.leaf_bits) - 1);
    let at = node.saturating_add(bit / 64 * 8);
    memory.read(PhysAddr::new(at), &mut word).is_ok()
        && u64::from_ne_bytes(word) >> (bit % 64) & 1 != 0
}

enum Wrong {
    Unaligned,
    Seen,
    Unreadable(ReadError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_blocks_are_each_other_s_inverse() {
        for page_size in crate::image::PAGE_SIZES {
            let shape = Shape::of(page_size);
            for order in 0..=shape.max_order() {
                let last = (u64::MAX >> shape.page_shift) >> order << order;
                for page in [0, 1 << order, last] {
                    if page > last {
                        continue;
                    }
                    let key = shape.key(page, order);
                    assert_eq!(shape.block(key), Some((page, order)), "{page:#x} {order}");
                    assert!(key < 1 << shape.key_width);
                }
            }
            assert_eq!(shape.block(0), None);
            assert_eq!(shape.block(1), None);
            assert_eq!(shape.block(1 << shape.key_width), None);
        }
    }
}
