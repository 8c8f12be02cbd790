// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Converts C types from debugging information into those of the model.
//!
//! BTF and DWARF say the same things in two ways. Each reader answers the few questions of `Types`.
//! This module decides once for both what a field is in the model.

use super::image_strings::HandlerLayout;
use kho_abi_model::{
    Constant, Enumeration, Field, Packing, Place, Record, RecordKind, Type, Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// How deeply types may be nested: typedefs of typedefs, arrays of arrays, nameless structs.
const MAX_DEPTH: usize = 64;
/// How many fields a struct may have.
pub(super) const MAX_FIELDS: usize = 4096;
/// How many members to visit for one struct, including those of the structs inside it. Since types
/// may embed each other, a small file could otherwise take unlimited time.
const MAX_MEMBERS: usize = 1 << 16;

/// The kind of a type, without its typedefs and qualifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape<Id> {
    /// An integer, including `_Bool`; or an enumeration, by its underlying integer.
    Int {
        /// Width, in bits.
        bits: u16,
        /// Whether it is signed.
        signed: bool,
    },
    /// An unsigned integer whose byte order is its own, by its typedef.
    Ordered(Type, u16),
    /// `char`, neither signed nor unsigned.
    Char,
    /// A pointer, and its target if it is known.
    Pointer(Option<Id>),
    /// An array with that many elements.
    Array(Id, u64),
    /// A struct or a union.
    Record(Id),
    /// Something that no wire type contains, in words.
    Other(&'static str),
}

impl<Id> Shape<Id> {
    /// What a typedef of that name says of the byte order, which its integer does not.
    pub(super) fn of_typedef(name: &str) -> Option<Self> {
        match Type::ordered(name)? {
            ty @ Type::Ordered { bits, .. } => Some(Self::Ordered(ty, bits)),
            _ => None,
        }
    }
}

/// A struct or union, as its source describes it.
#[derive(Clone, Debug)]
pub(super) struct RawRecord<Id> {
    pub(super) kind: RecordKind,
    /// The tag; `None` if it has none.
    pub(super) name: Option<String>,
    /// Size, in bytes.
    pub(super) size: u64,
    pub(super) members: Vec<RawMember<Id>>,
    pub(super) place: Option<Place>,
}

/// A member of a struct or union, as its source describes it.
#[derive(Clone, Debug)]
pub(super) struct RawMember<Id> {
    /// The name; empty if it has none.
    pub(super) name: String,
    pub(super) ty: Id,
    /// Offset in bits, in the order in which C allocates them.
    pub(super) bit_offset: u64,
    /// The width, in bits, of a bit-field.
    pub(super) bit_field: Option<u64>,
    pub(super) place: Option<Place>,
}

/// An enumeration, as its source describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawEnum {
    pub(super) name: String,
    pub(super) members: Vec<(String, i128)>,
    pub(super) place: Option<Place>,
}

/// The width of an integer of that many bytes, if there is such a type.
pub(super) fn integer_bits(bytes: u64) -> Option<u16> {
    let widths = [(1, 8), (2, 16), (4, 32), (8, 64), (16, 128)];
    widths.into_iter().find(|(size, _)| *size == bytes).map(|(_, bits)| bits)
}

/// Why something is unknown, in words.
pub(super) type Why = String;

/// The questions that a source of types answers.
pub(super) trait Types {
    /// Identifies a type in the source.
    type Id: Copy + Eq + Ord;

    /// The kind of a type, without its typedefs and qualifiers.
    fn shape(&self, id: Self::Id) -> Result<Shape<Self::Id>, Why>;

    /// A struct or union. An error if the source only has its name.
    fn record(&self, id: Self::Id) -> Result<RawRecord<Self::Id>, Why>;

    /// The tag of a struct or union, even if the source only has its name.
    fn tag(&self, id: Self::Id) -> Option<String>;
}

/// Where a struct keeps a compatible string: its character array of that name.
pub(super) fn handler_layout<T: Types>(types: &T, id: T::Id) -> Option<HandlerLayout> {
    let raw = types.record(id).ok()?;
    let member = raw.members.iter().find(|member| member.name == "compatible")?;
    let Ok(Shape::Array(of, length)) = types.shape(member.ty) else { return None };
    let whole = types.shape(of) == Ok(Shape::Char) && member.bit_offset % 8 == 0;
    whole.then_some(HandlerLayout { size: raw.size, offset: member.bit_offset / 8, length })
}

/// The structs of the kernel that hold the compatible string of a registered handler.
pub(super) const HANDLERS: &[&str] = &["liveupdate_file_handler", "liveupdate_flb"];

/// The converted types of a source.
#[derive(Debug, Default)]
pub struct Lowered {
    /// The layouts of structs that hold a compatible string.
    pub handlers: Vec<HandlerLayout>,
    /// The structs and unions, by their tag.
    pub records: BTreeMap<String, Record>,
    /// The enumerations, by their tag.
    pub enums: BTreeMap<String, Enumeration>,
    /// Structs, unions and enumerations that exist but cannot be converted, with the reasons.
    pub undetermined: BTreeMap<String, String>,
}

impl Lowered {
    /// Adds a struct or union, and all that it embeds.
    ///
    /// If a second one has the same name and another layout, both are undetermined: the source
    /// contradicts itself.
    pub(super) fn add<T: Types>(&mut self, types: &T, id: T::Id) {
        let mut open = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) || seen.len() > MAX_FIELDS {
                continue;
            }
            // A type without a body here may have one elsewhere.
            let Ok(raw) = types.record(id) else { continue };
            let Some(name) = raw.name.clone() else { continue };
            let mut builder =
                Builder { types, embedded: Vec::new(), unnamed: Vec::new(), members: 0 };
            let built = builder.record(&raw, &name);
            open.extend(builder.embedded);
            for record in builder.unnamed {
                self.put(record.name.clone(), Ok(record));
            }
            self.put(name, built);
        }
    }

    /// Adds how a struct keeps its compatible string.
    pub(super) fn add_handler<T: Types>(&mut self, types: &T, id: T::Id) {
        if let Some(layout) = handler_layout(types, id) {
            if !self.handlers.contains(&layout) && self.handlers.len() < HANDLERS.len() * 4 {
                self.handlers.push(layout);
            }
        }
    }

    /// Records that something exists but cannot be converted.
    pub(super) fn cannot_tell(&mut self, name: &str, why: impl Into<String>) {
        self.records.remove(name);
        self.enums.remove(name);
        self.undetermined.entry(name.into()).or_insert_with(|| why.into());
    }

    fn put(&mut self, name: String, built: Result<Record, Why>) {
        if self.undetermined.contains_key(&name) {
            return;
        }
        match (built, self.records.get(&name)) {
            (Ok(record), Some(before)) if before.bare() != record.bare() => {
                let why = format!(
                    "there are two with this name: one of {} bytes, the other of {}",
                    before.size, record.size
                );
                self.records.remove(&name);
                self.undetermined.insert(name, why);
            }
            (Ok(record), _) => {
                self.records.entry(name).or_insert(record);
            }
            (Err(why), _) => {
                self.records.remove(&name);
                self.undetermined.insert(name, why);
            }
        }
    }

    /// Adds an enumeration; if two differ, both are undetermined.
    pub(super) fn add_enum(&mut self, raw: RawEnum) {
        let member = |(name, value): (String, i128)| Constant {
            name,
            value: Value::Int(value),
            expr: None,
            page_size: None,
            doc: String::new(),
            place: None,
        };
        let made = Enumeration {
            name: raw.name,
            members: raw.members.into_iter().map(member).collect(),
            doc: String::new(),
            place: raw.place,
        };
        match self.enums.get(&made.name) {
            Some(before) if before.members != made.members => {
                let name = made.name;
                self.enums.remove(&name);
                self.undetermined.insert(name, "there are two enumerations with this name".into());
            }
            Some(_) => {}
            None if self.undetermined.contains_key(&made.name) => {}
            None => {
                self.enums.insert(made.name.clone(), made);
            }
        }
    }
}

struct Builder<'a, T: Types> {
    types: &'a T,
    /// Structs and unions that occurred in fields.
    embedded: Vec<T::Id>,
    /// Those without a tag, under a name made from their field.
    unnamed: Vec<Record>,
    /// How many members were visited.
    members: usize,
}

impl<T: Types> Builder<'_, T> {
    /// A struct or union, unless too many members were visited.
    fn look_at(&mut self, id: T::Id) -> Result<RawRecord<T::Id>, Why> {
        let raw = self.types.record(id)?;
        self.members += raw.members.len() + 1;
        if self.members > MAX_MEMBERS {
            return Err("it embeds too many structs".into());
        }
        Ok(raw)
    }

    fn record(&mut self, raw: &RawRecord<T::Id>, name: &str) -> Result<Record, Why> {
        let mut fields = Vec::new();
        self.fields(raw, name, 0, 0, &mut fields)?;
        let (packing, align) = self.packing(raw)?;
        Ok(Record {
            kind: raw.kind,
            name: name.into(),
            packing,
            size: raw.size,
            size_expr: None,
            page_size: None,
            bit_fields_unknown: false,
            align,
            fields,
            doc: String::new(),
            place: raw.place.clone(),
        })
    }

    /// The fields. The fields of nameless members take the place of the member, as in C.
    fn fields(
        &mut self,
        raw: &RawRecord<T::Id>,
        owner: &str,
        base: u64,
        depth: usize,
        out: &mut Vec<Field>,
    ) -> Result<(), Why> {
        if depth > MAX_DEPTH {
            return Err("unnamed structs are nested too deeply".into());
        }
        for member in &raw.members {
            let bit_offset = base.checked_add(member.bit_offset);
            let bit_offset = bit_offset.ok_or_else(|| "an offset is out of range".to_string())?;
            if member.name.is_empty() && member.bit_field.is_none() {
                if let Shape::Record(id) = self.types.shape(member.ty)? {
                    let inner = self.look_at(id)?;
                    if inner.name.is_none() {
                        self.fields(&inner, owner, bit_offset, depth + 1, out)?;
                        continue;
                    }
                }
            }
            if out.len() >= MAX_FIELDS {
                return Err("it has too many fields".into());
            }
            let is_record = || matches!(self.types.shape(member.ty), Ok(Shape::Record(_)));
            // C has no such field: its name was lost, and it could be any other.
            if member.name.is_empty() && member.bit_field.is_none() && !is_record() {
                return Err(format!("the field at byte {} has no name", bit_offset / 8));
            }
            let path = format!("{owner}::{}", member.name);
            let named = |why: Why| format!("field {}: {why}", member.name);
            let (ty, size) = self.ty(member.ty, &path, depth).map_err(named)?;
            let bit_size = match member.bit_field {
                Some(width) => width,
                None => {
                    size.checked_mul(8).ok_or_else(|| named("its size is out of range".into()))?
                }
            };
            // Nameless bit-fields are only padding.
            if member.name.is_empty() && member.bit_field.is_some() {
                continue;
            }
            out.push(Field {
                name: member.name.clone(),
                ty,
                bit_offset,
                bit_size,
                bit_field: member.bit_field.is_some(),
                c_declaration: None,
                doc: String::new(),
                place: member.place.clone(),
            });
        }
        Ok(())
    }

    /// The model's type, and its size in bytes.
    fn ty(&mut self, id: T::Id, path: &str, depth: usize) -> Result<(Type, u64), Why> {
        // Process arrays from the outside in, so that the input does not control recursion.
        let mut lengths = Vec::new();
        let mut id = id;
        let (mut ty, mut size) = loop {
            match self.types.shape(id)? {
                Shape::Array(of, length) => {
                    if lengths.len() >= MAX_DEPTH {
                        return Err("arrays are nested too deeply".into());
                    }
                    lengths.push(length);
                    id = of;
                }
                Shape::Int { bits, signed } => {
                    break (Type::Int { bits, signed }, u64::from(bits / 8))
                }
                Shape::Ordered(ty, bits) => break (ty, u64::from(bits / 8)),
                Shape::Char => break (Type::Char, 1),
                Shape::Pointer(_) => break (Type::Pointer, 8),
                Shape::Record(id) => break self.embed(id, path, depth)?,
                Shape::Other(what) => return Err(format!("its type is {what}, not a wire type")),
            }
        };
        for len in lengths.into_iter().rev() {
            size = size.checked_mul(len).ok_or("its size is out of range")?;
            ty = Type::Array { elem: Box::new(ty), len, len_name: None };
        }
        Ok((ty, size))
    }

    fn embed(&mut self, id: T::Id, path: &str, depth: usize) -> Result<(Type, u64), Why> {
        let raw = self.look_at(id)?;
        if let Some(name) = raw.name {
            self.embedded.push(id);
            let ty = match raw.kind {
                RecordKind::Struct => Type::Struct { name },
                RecordKind::Union => Type::Union { name },
            };
            return Ok((ty, raw.size));
        }
        if let Some(to) = self.khoser_ptr(&raw) {
            return Ok((Type::KhoserPtr { to }, 8));
        }
        if depth > MAX_DEPTH || self.unnamed.len() > MAX_FIELDS {
            return Err("unnamed structs are nested too deeply".into());
        }
        let mut fields = Vec::new();
        self.fields(&raw, path, 0, depth + 1, &mut fields)?;
        let (packing, align) = self.packing(&raw)?;
        self.unnamed.push(Record {
            kind: raw.kind,
            name: path.into(),
            packing,
            size: raw.size,
            size_expr: None,
            page_size: None,
            bit_fields_unknown: false,
            align,
            fields,
            doc: String::new(),
            place: raw.place,
        });
        let name = path.to_string();
        let ty = match raw.kind {
            RecordKind::Struct => Type::Struct { name },
            RecordKind::Union => Type::Union { name },
        };
        Ok((ty, raw.size))
    }

    /// The pointer's target, in a nameless union of an address and a pointer.
    fn khoser_ptr(&self, raw: &RawRecord<T::Id>) -> Option<String> {
        let [phys, ptr] = raw.members.as_slice() else { return None };
        let named = phys.name == "phys" && ptr.name == "ptr";
        if raw.kind != RecordKind::Union || raw.size != 8 || !named {
            return None;
        }
        let plain = |m: &RawMember<T::Id>| m.bit_offset == 0 && m.bit_field.is_none();
        let is_u64 = self.types.shape(phys.ty) == Ok(Shape::Int { bits: 64, signed: false });
        let Ok(Shape::Pointer(Some(to))) = self.types.shape(ptr.ty) else { return None };
        let Ok(Shape::Record(to)) = self.types.shape(to) else { return None };
        (plain(phys) && plain(ptr) && is_u64).then(|| self.types.tag(to))?
    }

    /// Whether the layout shows that the struct is packed, and the resulting alignment.
    ///
    /// Neither BTF nor DWARF has this. A misaligned field proves it. Without one, a packed struct
    /// looks like any other, and the result is a guess, which readers declare as such.
    fn packing(&mut self, raw: &RawRecord<T::Id>) -> Result<(Packing, u64), Why> {
        let natural = self.natural_align(raw, 0)?;
        Ok(match natural {
            Some(align) => (Packing::Natural, align),
            None => (Packing::Packed, 1),
        })
    }

    /// The alignment of a struct whose fields are all aligned; `None` if one is not.
    fn natural_align(&mut self, raw: &RawRecord<T::Id>, depth: usize) -> Result<Option<u64>, Why> {
        // A type that is nested more deeply than any wire type has no influence.
        if depth > 8 {
            return Ok(Some(1));
        }
        let mut most = 1;
        for member in &raw.members {
            let mut id = member.ty;
            let mut arrays = 0;
            let align = loop {
                match self.types.shape(id)? {
                    Shape::Array(of, _) if arrays < MAX_DEPTH => (id, arrays) = (of, arrays + 1),
                    Shape::Int { bits, .. } | Shape::Ordered(_, bits) => {
                        break u64::from(bits / 8).clamp(1, 16)
                    }
                    Shape::Pointer(_) => break 8,
                    Shape::Record(id) => {
                        let inner = self.look_at(id)?;
                        break self.natural_align(&inner, depth + 1)?.unwrap_or(1);
                    }
                    Shape::Array(..) | Shape::Char | Shape::Other(_) => break 1,
                }
            };
            if member.bit_field.is_none() && member.bit_offset % (align * 8) != 0 {
                return Ok(None);
            }
            most = most.max(align);
        }
        Ok((raw.size % most == 0).then_some(most))
    }
}
