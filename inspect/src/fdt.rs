// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads flattened device trees as far as possible: a truncated tree is read up to the cut.
//!
//! KHO's trees are small, and this tool exists for damaged ones. So each step is checked, nothing
//! is allocated, nothing recurses, and the first error ends the walk with its offset.

use std::fmt;

/// The magic number of every tree, big-endian like the rest of its structure.
pub const MAGIC: u32 = 0xd00d_feed;
/// Size of the header, in bytes.
pub(crate) const HEADER: usize = 40;
/// Deeper than any tree that a kernel hands over.
const DEPTH_LIMIT: u32 = 16;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOTHING: u32 = 4;
const END: u32 = 9;
/// The oldest version whose readers can read a present tree.
const COMPATIBLE_VERSION: u32 = 17;
/// The first version that has the sizes of the structure and of the strings.
const SIZED_VERSION: u32 = 17;

/// What is wrong with a tree, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdtError {
    /// Offset from the tree's beginning, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for FdtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {:#x} of the tree", self.what, self.offset)
    }
}

impl std::error::Error for FdtError {}

/// A part of a tree, in the order of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'t> {
    /// A node begins.
    Begin {
        /// Its name, empty for the root.
        name: &'t [u8],
        /// Number of nodes around it.
        depth: u32,
    },
    /// A property of the current node.
    Property {
        /// Its name.
        name: &'t [u8],
        /// Its value.
        value: &'t [u8],
    },
    /// A node ends.
    End,
}

/// A tree, and the position of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Fdt<'t> {
    bytes: &'t [u8],
    structure: usize,
    strings: usize,
    total: usize,
    /// Where the structure and the strings end, if the tree's version says so.
    ends: Option<(usize, usize)>,
    /// What the kernel refuses in the header, although the tree can be read.
    flaw: Option<FdtError>,
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..offset.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}

impl<'t> Fdt<'t> {
    /// Reads the header.
    ///
    /// The tree may claim to be longer than the bytes: that is an error only if the missing part is
    /// needed.
    ///
    /// # Errors
    ///
    /// [`FdtError`] if the bytes are not the beginning of a tree.
    pub fn new(bytes: &'t [u8]) -> Result<Self, FdtError> {
        let error = |offset, what| FdtError { offset, what };
        let field = |offset| word(bytes, offset).ok_or(error(offset, "the header is cut off"));
        if field(0)? != MAGIC {
            return Err(error(0, "not a device tree: bad magic number"));
        }
        let size = |offset| field(offset).map(|word| usize::try_from(word).unwrap_or(usize::MAX));
        let (total, structure, strings) = (size(4)?, size(8)?, size(12)?);
        if total < HEADER {
            return Err(error(4, "the total size is smaller than a header"));
        }
        if field(24)? > COMPATIBLE_VERSION || field(20)? < 16 {
            return Err(error(20, "unknown version"));
        }
        for (offset, place) in [(8, structure), (12, strings)] {
            if place < HEADER || place > total {
                return Err(error(offset, "a part of the tree lies outside it"));
            }
        }
        if structure % 4 != 0 {
            return Err(error(8, "the structure is not aligned"));
        }
        let mut flaw = None;
        let map = size(16)?;
        if map < HEADER || map > total {
            flaw = Some(error(16, "the memory reservations lie outside the tree"));
        } else if map % 8 != 0 {
            flaw = Some(error(16, "the memory reservations are not aligned"));
        }
        let ends = if field(20)? < SIZED_VERSION {
            None
        } else {
            let ends = (structure.saturating_add(size(36)?), strings.saturating_add(size(32)?));
            for (offset, end) in [(36, ends.0), (32, ends.1)] {
                if end > total {
                    flaw = Some(error(offset, "a part of the tree ends outside it"));
                }
            }
            Some(ends)
        };
        let bytes = &bytes[..total.min(bytes.len())];
        Ok(Self { bytes, structure, strings, total, ends, flaw })
    }

    /// The size that the tree claims, in bytes.
    #[must_use]
    pub fn total_size(&self) -> usize {
        self.total
    }

    /// Walks through nodes and properties in their order.
    #[must_use]
    pub fn events(&self) -> Events<'t> {
        Events { tree: *self, at: self.structure, depth: 0, done: false }
    }

    /// A property of the root.
    #[must_use]
    pub fn root_property(&self, wanted: &str) -> Option<&'t [u8]> {
        let mut depth = 0;
        for event in self.events() {
            match event {
                Ok(Event::Begin { .. }) => depth += 1,
                Ok(Event::End) => depth -= 1,
                Ok(Event::Property { name, value }) if depth == 1 && name == wanted.as_bytes() => {
                    return Some(value);
                }
                Ok(Event::Property { .. }) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// The string at an offset, up to its NUL.
    fn string(&self, offset: usize, what: &'static str) -> Result<&'t [u8], FdtError> {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == 0);
        len.map(|len| &rest[..len]).ok_or(FdtError { offset, what })
    }
}

/// The walk through a tree; ends with the first error.
#[derive(Clone, Debug)]
pub struct Events<'t> {
    tree: Fdt<'t>,
    at: usize,
    depth: u32,
    done: bool,
}

impl<'t> Events<'t> {
    fn advance(&mut self) -> Result<Option<Event<'t>>, FdtError> {
        loop {
            let at = self.at;
            let error = |what| FdtError { offset: at, what };
            let token = word(self.tree.bytes, at).ok_or(error("the tree is cut off"))?;
            self.at += 4;
            if self.tree.ends.is_some_and(|(end, _)| self.at > end) {
                return Err(error("the tree goes on behind the end of its structure"));
            }
            match token {
                NOTHING => {}
                BEGIN_NODE => {
                    if self.depth == DEPTH_LIMIT {
                        return Err(error("nodes are nested too deeply"));
                    }
                    let name = self.tree.string(self.at, "a node's name has no end")?;
                    self.at = (self.at + name.len() + 1).next_multiple_of(4);
                    self.depth += 1;
                    return Ok(Some(Event::Begin { name, depth: self.depth - 1 }));
                }
                END_NODE => {
                    self.depth =
                        self.depth.checked_sub(1).ok_or(error("a node ends that did not begin"))?;
                    return Ok(Some(Event::End));
                }
                PROPERTY => return self.property(at).map(Some),
                // All of it was read, but the kernel does not read any of it.
                END if self.depth == 0 => return self.tree.flaw.map_or(Ok(None), Err),
                END => return Err(error("the tree ends inside a node")),
                _ => return Err(error("unknown token")),
            }
        }
    }

    fn property(&mut self, at: usize) -> Result<Event<'t>, FdtError> {
        let error = |what| FdtError { offset: at, what };
        let cut_off = error("a property is cut off");
        let field = |offset| word(self.tree.bytes, offset).ok_or(cut_off);
        let size = |word| usize::try_from(word).unwrap_or(usize::MAX);
        let (len, name) = (size(field(at + 4)?), size(field(at + 8)?));
        if self.depth == 0 {
            return Err(error("a property is outside every node"));
        }
        let start = at + 12;
        let end = start.checked_add(len).ok_or(cut_off)?;
        let value = self.tree.bytes.get(start..end).ok_or(cut_off)?;
        let begin = self.tree.strings.checked_add(name).ok_or(cut_off)?;
        let name = self.tree.string(begin, "a property's name has no end")?;
        if self.tree.ends.is_some_and(|(_, strings)| begin + name.len() >= strings) {
            return Err(error("a property's name lies behind the end of the strings"));
        }
        self.at = end.next_multiple_of(4);
        Ok(Event::Property { name, value })
    }
}

impl<'t> Iterator for Events<'t> {
    type Item = Result<Event<'t>, FdtError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let event = self.advance();
        self.done = !matches!(event, Ok(Some(_)));
        event.transpose()
    }
}

/// A string property as text, without its NUL.
pub(crate) fn string(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\0").unwrap_or(value)
}

/// A number in a device tree of KHO: in the byte order of the CPU, unlike in other trees.
pub(crate) fn number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(u64::from_ne_bytes)
}
