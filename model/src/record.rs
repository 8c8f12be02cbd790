// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Structs and unions.

use super::{Place, Type};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A struct or a union, laid out.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Record {
    /// Struct or union.
    pub kind: RecordKind,
    /// The tag, such as `vfio_pci_core_device_ser`.
    pub name: String,
    /// Whether the declaration asks for packing.
    pub packing: Packing,
    /// Size, in bytes.
    pub size: u64,
    /// The C expression that the size equals, if it is not a plain number: `PAGE_SIZE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_expr: Option<String>,
    /// The page size that this layout is for; `None` if it does not depend on the page size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u64>,
    /// Whether there are bit-fields that the reader could not see, so that `fields` lacks them.
    #[serde(default, rename = "bit_fields_untold", skip_serializing_if = "std::ops::Not::not")]
    pub bit_fields_unknown: bool,
    /// Alignment, in bytes.
    pub align: u64,
    /// The fields, in the order of the declaration.
    pub fields: Vec<Field>,
    /// Documentation, one line per source line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The place in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// Struct or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// Fields follow each other.
    Struct,
    /// Fields overlap.
    Union,
}

impl RecordKind {
    /// The C keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Struct => "struct",
            Self::Union => "union",
        }
    }
}

/// Whether a record is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// No padding between fields, alignment 1: `__packed`.
    Packed,
    /// Every field at its natural alignment.
    Natural,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Field {
    /// The field's name; empty for an anonymous one.
    pub name: String,
    /// The field's type.
    pub ty: Type,
    /// Offset from the start of the record, in bits.
    ///
    /// For a bit-field, in the order in which C allocates them: from the least significant bit of
    /// its integer on little-endian machines, from the most significant one on big-endian machines.
    /// So the number is the same on both, and the bytes are not.
    pub bit_offset: u64,
    /// Size, in bits.
    pub bit_size: u64,
    /// Whether it is a bit-field, even one that fills whole bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bit_field: bool,
    /// The C declaration, if it is not just the type and the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_declaration: Option<String>,
    /// Documentation, one line per source line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// The place in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl Field {
    /// The declaration in kernel C, without the semicolon.
    #[must_use]
    pub fn declare(&self) -> String {
        if let Some(declaration) = &self.c_declaration {
            return declaration.clone();
        }
        let width = if self.bit_field { format!(":{}", self.bit_size) } else { String::new() };
        format!("{}{width}", self.ty.declare(&self.name).replace("* ", "*"))
    }

    /// Offset from the start of the record, in whole bytes; a bit-field's is rounded down.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.bit_offset / 8
    }

    /// Size, in whole bytes; a bit-field's is rounded up.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bit_size.div_ceil(8)
    }
}

impl Record {
    /// A packed record without fields.
    #[must_use]
    pub fn empty(kind: RecordKind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            packing: Packing::Packed,
            size: 0,
            size_expr: None,
            page_size: None,
            bit_fields_unknown: false,
            align: 1,
            fields: Vec::new(),
            doc: String::new(),
            place: None,
        }
    }

    /// Adds a field of that many bits: after the others, or on top of them in a union.
    ///
    /// The record grows as needed. A field that does not fill whole bytes is a bit-field.
    pub fn push(&mut self, name: &str, ty: Type, bits: u64) -> &mut Field {
        let bit_offset = match (self.kind, self.fields.last()) {
            (RecordKind::Struct, Some(last)) => last.bit_offset.saturating_add(last.bit_size),
            _ => 0,
        };
        self.size = self.size.max(bit_offset.saturating_add(bits).div_ceil(8));
        let at = self.fields.len();
        self.fields.push(Field {
            name: name.into(),
            ty,
            bit_offset,
            bit_size: bits,
            bit_field: !bits.is_multiple_of(8),
            c_declaration: None,
            doc: String::new(),
            place: None,
        });
        &mut self.fields[at]
    }

    /// Only the layout: no documentation, no places, no names of constants.
    #[must_use]
    pub fn bare(&self) -> Self {
        let bare = |field: &Field| Field {
            ty: field.ty.by_value(),
            c_declaration: None,
            doc: String::new(),
            place: None,
            ..field.clone()
        };
        Self {
            fields: self.fields.iter().map(bare).collect(),
            size_expr: None,
            doc: String::new(),
            place: None,
            ..self.clone()
        }
    }

    /// Bytes between fields and after the last one that no field covers, each as (offset, size).
    ///
    /// A union has none: its largest field covers the bytes that smaller ones leave.
    #[must_use]
    pub fn holes(&self) -> Vec<(u64, u64)> {
        let mut covered: Vec<_> = self
            .fields
            .iter()
            .map(|f| (f.bit_offset, f.bit_offset.saturating_add(f.bit_size)))
            .collect();
        covered.sort_unstable();
        let mut holes = Vec::new();
        let mut end = 0;
        for (start, stop) in covered.into_iter().chain([(self.size.saturating_mul(8), u64::MAX)]) {
            // The unused bits of a byte that a bit-field shares do not count, only whole bytes do.
            let (from, to) = (u64::div_ceil(end, 8), start / 8);
            if from < to {
                holes.push((from, to - from));
            }
            end = end.max(stop);
        }
        holes
    }
}
