// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! One unit of DWARF: the types that a C file uses.

use super::places::Files;
use super::{Parts, Slice, Strings};
use crate::lower::{
    integer_bits, Lowered, RawEnum, RawMember, RawRecord, Shape, Types, Why, HANDLERS, MAX_FIELDS,
};
use gimli::constants as c;
use gimli::{AttributeValue, DebugInfo, EndianSlice, LittleEndian, UnitOffset};
use kho_abi_model::{Place, RecordKind};
use std::cell::{Cell, OnceCell};
use std::collections::BTreeSet;

type Die<'u, 'a> = gimli::DebuggingInformationEntry<'u, 'u, Slice<'a>, usize>;

/// How many entries to visit inside the types of one unit.
const MAX_STEPS: u32 = 1 << 22;
/// How many typedefs and qualifiers may precede a type.
const MAX_ALIASES: usize = 64;

/// A unit.
pub(super) struct Unit<'a> {
    header: gimli::UnitHeader<Slice<'a>>,
    abbreviations: gimli::Abbreviations,
    /// Where the unit begins in `.debug_info`.
    start: u64,
    strings: &'a Strings,
    /// The offset of the unit's table of string numbers.
    offsets_base: gimli::DebugStrOffsetsBase<usize>,
    /// Whether the unit refers to strings by number.
    by_number: bool,
    lines: Option<&'a Parts<'a>>,
    /// The offset of the unit's list of files.
    line_program: Option<u64>,
    directory: String,
    files: OnceCell<Files>,
    /// How many entries were visited.
    steps: Cell<u32>,
}

impl<'a> Unit<'a> {
    /// Reads the header of a unit; `None` if it is not of a C file.
    pub(super) fn parse(
        bytes: &'a [u8],
        start: u64,
        strings: &'a Strings,
        lines: Option<&'a Parts<'a>>,
    ) -> Result<Option<Self>, Why> {
        let info = DebugInfo::new(bytes, LittleEndian);
        let header = info.units().next().map_err(say)?.ok_or("it is empty")?;
        let abbreviations = header
            .abbreviations(&gimli::DebugAbbrev::new(&strings.abbreviations, LittleEndian))
            .map_err(say)?;
        let mut unit = Self {
            offsets_base: gimli::DebugStrOffsetsBase::default_for_encoding_and_file(
                header.encoding(),
                gimli::DwarfFileType::Main,
            ),
            header,
            abbreviations,
            start,
            strings,
            by_number: false,
            lines,
            line_program: None,
            directory: String::new(),
            files: OnceCell::new(),
            steps: Cell::new(0),
        };
        let mut entries = unit.header.entries(&unit.abbreviations);
        let Some((_, root)) = entries.next_dfs().map_err(say)? else { return Ok(None) };
        let language = match root.attr_value(c::DW_AT_language).map_err(say)? {
            Some(AttributeValue::Language(language)) => Some(language),
            _ => None,
        };
        // Other languages may have types of the same name, which are not the C types.
        let c_languages = [
            c::DW_LANG_C,
            c::DW_LANG_C89,
            c::DW_LANG_C99,
            c::DW_LANG_C11,
            c::DW_LANG_C17,
            c::DwLang(C23),
        ];
        if !language.is_some_and(|language| c_languages.contains(&language)) {
            return Ok(None);
        }
        let base = match root.attr_value(c::DW_AT_str_offsets_base).map_err(say)? {
            Some(AttributeValue::DebugStrOffsetsBase(base)) => Some(base),
            _ => None,
        };
        // A compiler names the file in the same way as everything else.
        let mut by_number = false;
        for attribute in [c::DW_AT_name, c::DW_AT_producer, c::DW_AT_comp_dir] {
            let value = root.attr_value(attribute).map_err(say)?;
            by_number |= matches!(value, Some(AttributeValue::DebugStrOffsetsIndex(_)));
        }
        let line_program = match root.attr_value(c::DW_AT_stmt_list).map_err(say)? {
            Some(AttributeValue::DebugLineRef(offset)) => Some(offset.0 as u64),
            _ => None,
        };
        let directory = root.attr_value(c::DW_AT_comp_dir).map_err(say)?;
        unit.by_number = base.is_some() || by_number;
        if let Some(base) = base {
            unit.offsets_base = base;
        }
        unit.line_program = line_program;
        unit.directory = directory.and_then(|value| unit.string(&value)).unwrap_or_default();
        Ok(Some(unit))
    }

    /// Whether the unit refers to strings by number in a table, rather than by offset.
    pub(super) fn names_by_number(&self) -> bool {
        self.by_number
    }

    /// Adds the wanted types that the unit defines completely.
    pub(super) fn find(&self, wanted: &BTreeSet<&str>, lowered: &mut Lowered) -> Result<(), Why> {
        let mut entries = self.header.entries(&self.abbreviations);
        entries.next_dfs().map_err(say)?;
        let Some((1, _)) = entries.next_dfs().map_err(say)? else { return Ok(()) };
        // C types are direct children of the unit.
        while let Some(entry) = entries.current() {
            let tag = entry.tag();
            let is_record = tag == c::DW_TAG_structure_type || tag == c::DW_TAG_union_type;
            if is_record || tag == c::DW_TAG_enumeration_type {
                let name = entry.attr_value(c::DW_AT_name).map_err(say)?;
                let name = name.and_then(|value| self.raw_string(&value));
                let name = name.and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
                let declared = entry.attr_value(c::DW_AT_declaration).map_err(say)?.is_some();
                let id = (entry.offset(), 0);
                match (wanted.contains(name), declared) {
                    (_, true) => {}
                    (true, _) if is_record => lowered.add(self, id),
                    (true, _) => match self.enumeration(entry) {
                        Ok(raw) => lowered.add_enum(raw),
                        Err(why) => lowered.cannot_tell(name, why),
                    },
                    (false, _) if is_record && HANDLERS.contains(&name) => {
                        lowered.add_handler(self, id);
                    }
                    (false, _) => {}
                }
            }
            entries.next_sibling().map_err(say)?;
        }
        Ok(())
    }

    fn enumeration(&self, entry: &Die<'_, 'a>) -> Result<RawEnum, Why> {
        let mut members = Vec::new();
        self.children(entry.offset(), |child| {
            if child.tag() != c::DW_TAG_enumerator {
                return Ok(());
            }
            let value = child.attr_value(c::DW_AT_const_value).map_err(say)?;
            let value = match value {
                Some(AttributeValue::Sdata(value)) => i128::from(value),
                Some(value) => value.udata_value().ok_or("an enumerator has no number")?.into(),
                None => return Err("an enumerator has no value".into()),
            };
            members.push((self.name(child)?.unwrap_or_default(), value));
            Ok(())
        })?;
        let name = self.name(entry)?.unwrap_or_default();
        Ok(RawEnum { name, members, place: self.place(entry)? })
    }

    /// Calls back for each direct child of an entry.
    fn children(
        &self,
        of: UnitOffset,
        mut call: impl FnMut(&Die<'_, 'a>) -> Result<(), Why>,
    ) -> Result<(), Why> {
        let mut entries = self.header.entries_at_offset(&self.abbreviations, of).map_err(say)?;
        entries.next_dfs().map_err(say)?;
        let mut depth = 0_isize;
        // Visit every entry instead of following siblings, so that every step is counted.
        while let Some((step, entry)) = entries.next_dfs().map_err(say)? {
            depth += step;
            if depth <= 0 {
                break;
            }
            let steps = self.steps.get() + 1;
            self.steps.set(steps);
            if steps > MAX_STEPS {
                return Err("its types refer to each other too deeply".into());
            }
            if depth == 1 {
                call(entry)?;
            }
        }
        Ok(())
    }

    fn entry(&self, id: UnitOffset) -> Result<Die<'_, 'a>, Why> {
        self.header.entry(&self.abbreviations, id).map_err(say)
    }

    fn raw_string(&self, value: &AttributeValue<Slice<'a>>) -> Option<&'a [u8]> {
        let from = |bytes: &'a [u8], offset: usize| {
            let rest = bytes.get(offset..)?;
            Some(&rest[..memchr::memchr(0, rest)?])
        };
        match value {
            AttributeValue::String(slice) => Some(slice.slice()),
            AttributeValue::DebugStrRef(offset) => from(&self.strings.plain, offset.0),
            AttributeValue::DebugLineStrRef(offset) => from(&self.strings.line, offset.0),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                let offsets = gimli::DebugStrOffsets::from(EndianSlice::new(
                    &self.strings.offsets,
                    LittleEndian,
                ));
                let offset =
                    offsets.get_str_offset(self.header.format(), self.offsets_base, *index).ok()?;
                from(&self.strings.plain, offset.0)
            }
            _ => None,
        }
    }

    fn string(&self, value: &AttributeValue<Slice<'a>>) -> Option<String> {
        self.raw_string(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn name(&self, entry: &Die<'_, 'a>) -> Result<Option<String>, Why> {
        let value = entry.attr_value(c::DW_AT_name).map_err(say)?;
        let Some(value) = value else { return Ok(None) };
        let name =
            self.string(&value).ok_or_else(|| "its name is missing from the strings".to_string());
        name.map(Some)
    }

    fn number(entry: &Die<'_, '_>, attribute: gimli::DwAt) -> Result<Option<u64>, Why> {
        let value = entry.attr_value(attribute).map_err(say)?;
        Ok(value.and_then(|value| value.udata_value()))
    }

    /// The type that an entry refers to; `None` for `void`.
    fn type_of(&self, entry: &Die<'_, 'a>) -> Result<Option<UnitOffset>, Why> {
        match entry.attr_value(c::DW_AT_type).map_err(say)? {
            None => Ok(None),
            Some(AttributeValue::UnitRef(offset)) => Ok(Some(offset)),
            Some(AttributeValue::DebugInfoRef(offset)) => {
                let within = (offset.0 as u64).checked_sub(self.start);
                let within = within.and_then(|offset| usize::try_from(offset).ok());
                let within = within.map(UnitOffset);
                within.map(Some).ok_or_else(|| "its type is in another unit".into())
            }
            Some(_) => Err("its type is in another unit".into()),
        }
    }

    /// Where an entry is in the source.
    fn place(&self, entry: &Die<'_, 'a>) -> Result<Option<Place>, Why> {
        let line = Self::number(entry, c::DW_AT_decl_line)?;
        let file = match entry.attr_value(c::DW_AT_decl_file).map_err(say)? {
            Some(AttributeValue::FileIndex(file)) => Some(file),
            Some(value) => value.udata_value(),
            None => None,
        };
        let (Some(line), Some(file)) = (line, file) else { return Ok(None) };
        let files = self.files.get_or_init(|| {
            // Everything else works without source locations.
            let read = self.lines.zip(self.line_program).and_then(|(lines, offset)| {
                Files::read(
                    lines,
                    offset,
                    self.header.address_size(),
                    self.strings,
                    &self.directory,
                )
            });
            read.unwrap_or_default()
        });
        let file = files.get(file).map(Into::into);
        Ok(file.zip(usize::try_from(line).ok()).map(|(file, line)| Place { file, line }))
    }

    /// Distance of a member from the start of its struct, in bytes.
    fn byte_offset(&self, entry: &Die<'_, 'a>) -> Result<u64, Why> {
        match entry.attr_value(c::DW_AT_data_member_location).map_err(say)? {
            None => Ok(0),
            Some(AttributeValue::Exprloc(expression)) => {
                let mut operations = expression.operations(self.header.encoding());
                match operations.next().map_err(say)? {
                    Some(gimli::Operation::PlusConstant { value }) => Ok(value),
                    _ => Err("a member's offset is not a constant".into()),
                }
            }
            Some(value) => {
                value.udata_value().ok_or_else(|| "a member's offset is not a constant".into())
            }
        }
    }

    fn member(&self, entry: &Die<'_, 'a>) -> Result<RawMember<(UnitOffset, u8)>, Why> {
        let bytes = self.byte_offset(entry)?;
        let ty = self.type_of(entry)?.ok_or("a member has no type")?;
        let width = Self::number(entry, c::DW_AT_bit_size)?;
        let bits = bytes.checked_mul(8);
        let bit_offset = if let Some(offset) = Self::number(entry, c::DW_AT_data_bit_offset)? {
            bits.and_then(|bits| bits.checked_add(offset))
        } else if let (Some(from_top), Some(width)) =
            (Self::number(entry, c::DW_AT_bit_offset)?, width)
        {
            // Until DWARF 4, counted from the most significant bit of the integer that holds it.
            let storage = match Self::number(entry, c::DW_AT_byte_size)? {
                Some(bytes) => Some(bytes),
                None => match self.shape((ty, 0))? {
                    Shape::Int { bits, .. } => Some(u64::from(bits / 8)),
                    _ => None,
                },
            };
            let storage = storage.and_then(|bytes| bytes.checked_mul(8));
            let from_bottom = storage.and_then(|s| s.checked_sub(from_top)?.checked_sub(width));
            bits.zip(from_bottom).and_then(|(bits, more)| bits.checked_add(more))
        } else {
            bits
        };
        Ok(RawMember {
            name: self.name(entry)?.unwrap_or_default(),
            ty: (ty, 0),
            bit_offset: bit_offset.ok_or("a member's offset is out of range")?,
            bit_field: width,
            place: self.place(entry)?,
        })
    }

    /// The number of elements in each dimension of an array, from the outermost.
    fn dimensions(&self, id: UnitOffset) -> Result<Vec<u64>, Why> {
        let mut dimensions = Vec::new();
        self.children(id, |child| {
            if child.tag() == c::DW_TAG_subrange_type {
                let count = Self::number(child, c::DW_AT_count)?;
                let last = child.attr_value(c::DW_AT_upper_bound).map_err(say)?;
                let count = match (count, last) {
                    (Some(count), _) => count,
                    // Compilers write -1 for an unknown bound.
                    (None, Some(last)) => match (last.sdata_value(), last.udata_value()) {
                        (Some(-1), _) => 0,
                        (_, Some(last)) => last.wrapping_add(1),
                        _ => return Err("an array's length is not a constant".into()),
                    },
                    (None, None) => 0,
                };
                dimensions.push(count);
            }
            Ok(())
        })?;
        Ok(dimensions)
    }
}

/// C23, from the list of languages that were added after DWARF 5.
const C23: u16 = 0x3e;

impl Types for Unit<'_> {
    /// A type's entry, and how many dimensions of an array have been processed.
    type Id = (UnitOffset, u8);

    fn shape(&self, id: Self::Id) -> Result<Shape<Self::Id>, Why> {
        let (mut at, dimension) = id;
        for _ in 0..MAX_ALIASES {
            let entry = self.entry(at)?;
            let size = |what: &str| {
                let size = Self::number(&entry, c::DW_AT_byte_size)?;
                let size = size.unwrap_or_default();
                integer_bits(size).ok_or_else(|| format!("{what} of {size} bytes"))
            };
            if entry.tag() == c::DW_TAG_typedef {
                if let Some(shape) = self.name(&entry)?.and_then(|name| Shape::of_typedef(&name)) {
                    return Ok(shape);
                }
            }
            return match entry.tag() {
                c::DW_TAG_typedef
                | c::DW_TAG_const_type
                | c::DW_TAG_volatile_type
                | c::DW_TAG_restrict_type
                | c::DW_TAG_atomic_type => match self.type_of(&entry)? {
                    None => Ok(Shape::Other("void")),
                    Some(to) => {
                        at = to;
                        continue;
                    }
                },
                c::DW_TAG_base_type => {
                    let bits = size("an integer")?;
                    let char = self.name(&entry)?.is_some_and(|name| name == "char");
                    let encoding = entry.attr_value(c::DW_AT_encoding).map_err(say)?;
                    let Some(AttributeValue::Encoding(encoding)) = encoding else {
                        return Err("a type has no encoding".into());
                    };
                    Ok(match encoding {
                        _ if char && bits == 8 => Shape::Char,
                        c::DW_ATE_signed | c::DW_ATE_signed_char => {
                            Shape::Int { bits, signed: true }
                        }
                        c::DW_ATE_unsigned
                        | c::DW_ATE_unsigned_char
                        | c::DW_ATE_boolean
                        | c::DW_ATE_UTF => Shape::Int { bits, signed: false },
                        _ => Shape::Other("a floating-point number"),
                    })
                }
                c::DW_TAG_enumeration_type => {
                    let bits = size("an enumeration")?;
                    let signed = match self.type_of(&entry)? {
                        Some(of) if of != at => {
                            let of = self.entry(of)?.attr_value(c::DW_AT_encoding).map_err(say)?;
                            of == Some(AttributeValue::Encoding(c::DW_ATE_signed))
                        }
                        _ => false,
                    };
                    Ok(Shape::Int { bits, signed })
                }
                c::DW_TAG_pointer_type => {
                    Ok(Shape::Pointer(self.type_of(&entry)?.map(|to| (to, 0))))
                }
                c::DW_TAG_array_type => {
                    let of = self.type_of(&entry)?.ok_or("an array of nothing")?;
                    let dimensions = self.dimensions(at)?;
                    let length = dimensions.get(usize::from(dimension)).copied().unwrap_or(0);
                    if usize::from(dimension) + 1 < dimensions.len() {
                        let next =
                            dimension.checked_add(1).ok_or("arrays are nested too deeply")?;
                        Ok(Shape::Array((at, next), length))
                    } else {
                        Ok(Shape::Array((of, 0), length))
                    }
                }
                c::DW_TAG_structure_type | c::DW_TAG_union_type => Ok(Shape::Record((at, 0))),
                c::DW_TAG_subroutine_type => Ok(Shape::Other("a function")),
                _ => Ok(Shape::Other("not the type of a field")),
            };
        }
        Err("its type is a typedef of itself".into())
    }

    fn record(&self, id: Self::Id) -> Result<RawRecord<Self::Id>, Why> {
        let entry = self.entry(id.0)?;
        let kind = match entry.tag() {
            c::DW_TAG_structure_type => RecordKind::Struct,
            c::DW_TAG_union_type => RecordKind::Union,
            _ => return Err("it is not a struct".into()),
        };
        if entry.attr_value(c::DW_AT_declaration).map_err(say)?.is_some() {
            return Err("the unit does not contain its body".into());
        }
        let size = Self::number(&entry, c::DW_AT_byte_size)?.ok_or("its size is missing")?;
        let mut members = Vec::new();
        self.children(id.0, |child| {
            if members.len() >= MAX_FIELDS {
                return Err("it has too many fields".into());
            }
            if child.tag() == c::DW_TAG_member {
                members.push(self.member(child)?);
            }
            Ok(())
        })?;
        let (name, place) = (self.name(&entry)?, self.place(&entry)?);
        Ok(RawRecord { kind, name, size, members, place })
    }

    fn tag(&self, id: Self::Id) -> Option<String> {
        self.name(&self.entry(id.0).ok()?).ok()?
    }
}

/// The parser's message.
fn say(error: gimli::Error) -> Why {
    error.to_string()
}
