// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads BPF Type Format (BTF), the compact types that kernels carry in `.BTF`.
//!
//! BTF does not contain macros, alignment, source locations, or whether a struct is declared as
//! packed. It contains the types that the image's code uses.
//!
//! Types are numbered from 1 in the order of the file. The size of each follows from its kind and
//! counts; 0 is `void`. BTF of a module continues the type numbers and strings of its kernel's BTF.

use super::lower::{
    integer_bits, Lowered, RawEnum, RawMember, RawRecord, Shape, Types, Why, MAX_FIELDS,
};
use kho_abi_model::RecordKind;
use std::collections::BTreeSet;

/// The first bytes of BTF for little-endian machines.
pub const MAGIC: [u8; 2] = [0x9f, 0xeb];
/// The same for big-endian ones.
pub const MAGIC_BIG_ENDIAN: [u8; 2] = [0xeb, 0x9f];

/// Why BTF cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BtfError(String);

/// The error for split BTF without its base.
const NEEDS_BASE: &str = "it continues other BTF, which is missing";

impl BtfError {
    /// Whether it continues other BTF, and could be read with it.
    #[must_use]
    pub fn needs_base(&self) -> bool {
        self.0 == NEEDS_BASE
    }

    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Why a base does not match.
const OTHER_BASE: &str =
    "it does not continue the given BTF: give the BTF of exactly the kernel that the module was \
     built for";

/// How many typedefs and qualifiers may precede a type.
const MAX_ALIASES: usize = 64;

mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FWD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// BTF, indexed.
#[derive(Debug)]
pub struct Btf<'a> {
    data: Vec<u8>,
    /// The range of the strings in `data`.
    strings: std::ops::Range<usize>,
    /// The offset of each type in `data`.
    types: Vec<u32>,
    /// The BTF that this continues.
    base: Option<&'a Btf<'a>>,
}

/// The head of every type.
#[derive(Clone, Copy)]
struct Head {
    name: u32,
    kind: u32,
    flag: bool,
    count: u32,
    /// The size in bytes, or the type that it refers to, depending on the kind.
    size_or_type: u32,
    /// The offset of the data after the head.
    rest: usize,
}

impl<'a> Btf<'a> {
    /// Reads BTF, alone or as the continuation of a base.
    ///
    /// # Errors
    ///
    /// [`BtfError`] for bytes that are not BTF, are truncated, or contradict themselves.
    pub fn parse(data: Vec<u8>, base: Option<&'a Btf<'a>>) -> Result<Self, BtfError> {
        const HEADER: usize = 24;
        if data.starts_with(&MAGIC_BIG_ENDIAN) {
            return Err(BtfError::new("it is for a big-endian machine"));
        }
        if !data.starts_with(&MAGIC) {
            return Err(BtfError::new("not BTF: bad magic number"));
        }
        let short = || BtfError::new("its header is cut off");
        if data.get(2).is_some_and(|version| *version != 1) {
            return Err(BtfError::new("its version is not 1"));
        }
        let header = word(&data, 4).ok_or_else(short)? as usize;
        if header < HEADER || header > data.len() {
            return Err(short());
        }
        let range = |at: usize| -> Result<std::ops::Range<usize>, BtfError> {
            let start = word(&data, at).ok_or_else(short)? as usize;
            let size = word(&data, at + 4).ok_or_else(short)? as usize;
            let start = header.checked_add(start);
            let end = start.and_then(|start| start.checked_add(size));
            match (start, end) {
                (Some(start), Some(end)) if end <= data.len() => Ok(start..end),
                _ => Err(BtfError::new("it is cut off")),
            }
        };
        let (types, strings) = (range(8)?, range(16)?);
        // The optional lengths of kinds that were added to the format later.
        let layout = if header >= HEADER + 8 { range(24)? } else { 0..0 };
        if base.is_none() && data.get(strings.start).is_some_and(|byte| *byte != 0) {
            return Err(BtfError::new(NEEDS_BASE));
        }
        let mut index = Vec::new();
        let mut at = types.start;
        while at < types.end {
            let head = head(&data, at).ok_or_else(|| BtfError::new("its types are cut off"))?;
            let count = head.count as usize;
            let unknown = || {
                let entry = layout.start.checked_add(head.kind as usize * 4)?;
                let entry = data.get(entry..entry + 4).filter(|_| entry + 4 <= layout.end)?;
                count.checked_mul(entry[1].into())?.checked_add(entry[0].into())
            };
            let size = match head.kind {
                kind::INT | kind::VAR | kind::DECL_TAG => Some(4),
                kind::ARRAY => Some(12),
                kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => count.checked_mul(12),
                kind::ENUM | kind::FUNC_PROTO => count.checked_mul(8),
                kind::PTR
                | kind::FWD
                | kind::TYPEDEF
                | kind::VOLATILE
                | kind::CONST
                | kind::RESTRICT
                | kind::FUNC
                | kind::FLOAT
                | kind::TYPE_TAG => Some(0),
                _ => Some(unknown().ok_or_else(|| {
                    BtfError::new(format!("a type is of the unknown kind {}", head.kind))
                })?),
            };
            let end = size.and_then(|size| head.rest.checked_add(size));
            let end = end.filter(|end| *end <= types.end);
            let here = u32::try_from(at).ok();
            let (Some(end), Some(here)) = (end, here) else {
                return Err(BtfError::new("its types are cut off"));
            };
            index.push(here);
            at = end;
        }
        let own = Self { data, strings, types: index, base };
        if own.base.is_some() && !own.names_begin_strings() {
            return Err(BtfError::new(OTHER_BASE));
        }
        if !own.has_its_names() {
            return Err(BtfError::new("it is damaged: a name is not among its strings"));
        }
        Ok(own)
    }

    /// Whether each name, of types, fields and enumerators, is among the strings, and is text. Without its name
    /// a field would be taken for a renamed one.
    fn has_its_names(&self) -> bool {
        let is_there = |name: u32| name == 0 || self.text(name).is_some();
        self.types.iter().all(|at| {
            let Some(head) = head(&self.data, *at as usize) else { return false };
            let size = match head.kind {
                kind::STRUCT | kind::UNION | kind::ENUM64 => 12,
                kind::ENUM | kind::FUNC_PROTO => 8,
                _ => 0,
            };
            let count = if size == 0 { 0 } else { head.count as usize };
            let mut members = (0..count).map(|index| word(&self.data, head.rest + index * size));
            is_there(head.name) && members.all(|name| name.is_some_and(is_there))
        })
    }

    /// Whether each type's name begins where a string begins. With a wrong base, names point into
    /// the middle of strings.
    fn names_begin_strings(&self) -> bool {
        self.types.iter().all(|at| {
            let Some(head) = head(&self.data, *at as usize) else { return false };
            let name = head.name as usize;
            let base = self.base.map_or(0, |base| base.strings.len());
            let (data, strings, at) = match (self.base, name.checked_sub(base)) {
                (Some(base), None) => (&base.data, &base.strings, name),
                (_, at) => (&self.data, &self.strings, at.unwrap_or(name)),
            };
            let strings = data.get(strings.clone()).unwrap_or_default();
            at < strings.len() && (at == 0 || strings[at - 1] == 0)
        })
    }

    /// The first type number of BTF that continues this one.
    fn next_id(&self) -> u32 {
        // There are fewer types than bytes, so the number fits.
        u32::try_from(self.types.len()).unwrap_or(u32::MAX).saturating_add(self.first_id())
    }

    fn first_id(&self) -> u32 {
        self.base.map_or(1, Btf::next_id)
    }

    fn next_string(&self) -> usize {
        self.strings.len().saturating_add(self.base.map_or(0, Btf::next_string))
    }

    /// The BTF that contains a type, and the type's head.
    fn find(&self, id: u32) -> Option<(&Btf<'a>, Head)> {
        let mut btf = self;
        while id < btf.first_id() {
            btf = btf.base?;
        }
        let at = *btf.types.get(usize::try_from(id - btf.first_id()).ok()?)?;
        Some((btf, head(&btf.data, at as usize)?))
    }

    /// A name; empty if it is missing or invalid.
    fn name(&self, offset: u32) -> &str {
        self.text(offset).unwrap_or_default()
    }

    /// A string; `None` if it is missing or invalid.
    fn text(&self, offset: u32) -> Option<&str> {
        let mut btf = self;
        let mut offset = offset as usize;
        loop {
            let before = btf.base.map_or(0, Btf::next_string);
            match (offset.checked_sub(before), btf.base) {
                (Some(within), _) => {
                    offset = within;
                    break;
                }
                (None, Some(base)) => btf = base,
                (None, None) => return None,
            }
        }
        let strings = &btf.data[btf.strings.clone()];
        let name = strings.get(offset..)?;
        std::str::from_utf8(&name[..memchr::memchr(0, name)?]).ok()
    }

    /// The types of these names, in this BTF and its base, and separately those named like the
    /// structs of file handlers.
    #[must_use]
    pub fn read(&self, wanted: &BTreeSet<&str>) -> Lowered {
        let mut lowered = Lowered::default();
        let mut part = Some(self);
        while let Some(btf) = part {
            for (id, at) in (btf.first_id()..).zip(&btf.types) {
                let Some(head) = head(&btf.data, *at as usize) else { continue };
                match head.kind {
                    kind::STRUCT | kind::UNION => {
                        let name = btf.name(head.name);
                        if wanted.contains(name) {
                            lowered.add(self, id);
                        } else if super::lower::HANDLERS.contains(&name) {
                            lowered.add_handler(self, id);
                        }
                    }
                    kind::ENUM | kind::ENUM64 if wanted.contains(btf.name(head.name)) => {
                        match btf.enumeration(head) {
                            Some(raw) => lowered.add_enum(raw),
                            None => lowered.cannot_tell(btf.name(head.name), "it is cut off"),
                        }
                    }
                    _ => {}
                }
            }
            part = btf.base;
        }
        lowered
    }

    fn enumeration(&self, head: Head) -> Option<RawEnum> {
        let mut members = Vec::new();
        for index in 0..head.count as usize {
            let (name, value) = if head.kind == kind::ENUM {
                let at = head.rest.checked_add(index.checked_mul(8)?)?;
                let value = word(&self.data, at + 4)?;
                let signed = i128::from(i32::from_le_bytes(value.to_le_bytes()));
                (word(&self.data, at)?, if head.flag { signed } else { value.into() })
            } else {
                let at = head.rest.checked_add(index.checked_mul(12)?)?;
                let low = u64::from(word(&self.data, at + 4)?);
                let value = u64::from(word(&self.data, at + 8)?) << 32 | low;
                let signed = i128::from(i64::from_le_bytes(value.to_le_bytes()));
                (word(&self.data, at)?, if head.flag { signed } else { value.into() })
            };
            members.push((self.name(name).into(), value));
        }
        Some(RawEnum { name: self.name(head.name).into(), members, place: None })
    }
}

impl Types for Btf<'_> {
    type Id = u32;

    fn shape(&self, id: u32) -> Result<Shape<u32>, Why> {
        let mut id = id;
        for _ in 0..MAX_ALIASES {
            if id == 0 {
                return Ok(Shape::Other("void"));
            }
            let (btf, head) = self.find(id).ok_or_else(|| format!("type {id} is missing"))?;
            let of = head.size_or_type;
            let int = |signed: bool| {
                let bits = integer_bits(of.into());
                let bits = bits.ok_or_else(|| format!("an integer of {of} bytes"))?;
                Ok(Shape::Int { bits, signed })
            };
            if head.kind == kind::TYPEDEF {
                if let Some(shape) = Shape::of_typedef(btf.name(head.name)) {
                    return Ok(shape);
                }
            }
            return match head.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = of;
                    continue;
                }
                kind::INT => {
                    let info = word(&btf.data, head.rest).unwrap_or_default();
                    let (signed, boolean) = (info >> 24 & 1 != 0, info >> 24 & 4 != 0);
                    if btf.name(head.name) == "char" && of == 1 {
                        Ok(Shape::Char)
                    } else {
                        int(signed && !boolean)
                    }
                }
                kind::ENUM | kind::ENUM64 => int(head.flag),
                kind::PTR => Ok(Shape::Pointer((of != 0).then_some(of))),
                kind::ARRAY => {
                    let of = word(&btf.data, head.rest).unwrap_or_default();
                    let length = word(&btf.data, head.rest + 8).unwrap_or_default();
                    Ok(Shape::Array(of, length.into()))
                }
                kind::STRUCT | kind::UNION | kind::FWD => Ok(Shape::Record(id)),
                kind::FLOAT => Ok(Shape::Other("a floating-point number")),
                kind::FUNC | kind::FUNC_PROTO => Ok(Shape::Other("a function")),
                _ => Ok(Shape::Other("not the type of a field")),
            };
        }
        Err("its type is a typedef of itself".into())
    }

    fn record(&self, id: u32) -> Result<RawRecord<u32>, Why> {
        let (btf, head) = self.find(id).ok_or_else(|| format!("type {id} is missing"))?;
        let kind = match head.kind {
            kind::STRUCT => RecordKind::Struct,
            kind::UNION => RecordKind::Union,
            _ => return Err("the BTF does not contain its body".into()),
        };
        if head.count as usize > MAX_FIELDS {
            return Err("it has too many fields".into());
        }
        let mut members = Vec::new();
        for index in 0..head.count as usize {
            let at = head.rest + index * 12;
            let [name, ty, offset] =
                [0, 4, 8].map(|part| word(&btf.data, at + part).unwrap_or_default());
            let (mut offset, mut width) = if head.flag {
                (u64::from(offset & 0x00ff_ffff), u64::from(offset >> 24))
            } else {
                (u64::from(offset), 0)
            };
            if !head.flag {
                // Older kernels encode a bit-field as an integer that fills only a part of its
                // bytes.
                if let Some((skipped, bits)) = self.partial(ty) {
                    (offset, width) = (offset + skipped, bits);
                }
            }
            members.push(RawMember {
                name: btf.name(name).into(),
                ty,
                bit_offset: offset,
                bit_field: (width != 0).then_some(width),
                place: None,
            });
        }
        let name = Some(btf.name(head.name)).filter(|name| !name.is_empty()).map(Into::into);
        Ok(RawRecord { kind, name, size: head.size_or_type.into(), members, place: None })
    }

    fn tag(&self, id: u32) -> Option<String> {
        let (btf, head) = self.find(id)?;
        Some(btf.name(head.name)).filter(|name| !name.is_empty()).map(Into::into)
    }
}

impl Btf<'_> {
    /// The bits that an integer skips and uses, if it does not fill its bytes.
    fn partial(&self, id: u32) -> Option<(u64, u64)> {
        let mut id = id;
        for _ in 0..MAX_ALIASES {
            let (btf, head) = self.find(id)?;
            match head.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = head.size_or_type;
                }
                kind::INT => {
                    let info = word(&btf.data, head.rest)?;
                    let (skipped, bits) = (u64::from(info >> 16 & 0xff), u64::from(info & 0xff));
                    let whole = u64::from(head.size_or_type) * 8;
                    return (skipped != 0 || bits != whole && bits != 0).then_some((skipped, bits));
                }
                _ => return None,
            }
        }
        None
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn head(data: &[u8], at: usize) -> Option<Head> {
    let [name, info, size_or_type] =
        [word(data, at)?, word(data, at.checked_add(4)?)?, word(data, at.checked_add(8)?)?];
    Some(Head {
        name,
        kind: info >> 24 & 0x7f,
        flag: info >> 31 != 0,
        count: info & 0x00ff_ffff,
        size_or_type,
        rest: at.checked_add(12)?,
    })
}

#[cfg(test)]
mod tests;
