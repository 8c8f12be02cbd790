// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The wording of differences, for both perspectives.

use super::{Change, Move};
use crate::{Field, Packing, Type};

/// The perspective of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Old and new: what was, and what is.
    Change,
    /// Something compared with the truth: what is, and what the truth says.
    Truth,
}

impl Words {
    /// States that something differs between the sides.
    pub(super) fn contrast(self, what: &str, old: &str, new: &str) -> String {
        match self {
            Self::Change => format!("{what} was {old}, is {new}"),
            Self::Truth => format!("{what} is {new}, the truth says {old}"),
        }
    }

    /// States that a number of bytes of the struct itself differs.
    fn bytes(self, what: &str, old: u64, new: u64) -> String {
        match self {
            Self::Change => format!("the struct's {what} went from {old} to {new} bytes"),
            Self::Truth => format!("its {what} is {new} bytes, the truth says {old}"),
        }
    }
}

/// The page size, in words that follow a name; empty for all page sizes.
#[must_use]
pub fn pages(size: Option<u64>) -> String {
    size.map(|size| format!(" (pages of {size} bytes)")).unwrap_or_default()
}

/// A field's offset, in words.
fn offset(field: &Field) -> String {
    if field.bit_field {
        format!("byte {} bit {}", field.offset(), field.bit_offset % 8)
    } else {
        format!("byte {}", field.offset())
    }
}

fn spelling(field: &Field) -> String {
    field.ty.by_value().spelling()
}

/// A field's type, size and offset, in words.
fn at(field: &Field) -> String {
    let (count, unit) =
        if field.bit_field { (field.bit_size, "bit") } else { (field.size(), "byte") };
    let s = if count == 1 { "" } else { "s" };
    format!("{}, {count} {unit}{s} at {}", spelling(field), offset(field))
}

/// A field by name, or a description if it has none.
fn named(field: &Field) -> String {
    match (field.name.as_str(), &field.ty) {
        ("", Type::Union { .. }) => "the unnamed union".into(),
        ("", _) => "the unnamed struct".into(),
        (name, _) => format!("field `{name}`"),
    }
}

impl Move {
    fn tell(&self, words: Words) -> String {
        let bits = self.bits;
        let by = if bits % 8 == 0 { format!("{:+}", bits / 8) } else { format!("{bits:+} bits") };
        match (self.fields.as_slice(), words) {
            ([(old, new)], Words::Change) => {
                format!("{} moved from {} to {}", named(new), offset(old), offset(new))
            }
            ([(old, new)], Words::Truth) => {
                let at = offset(new);
                format!("{} is at {at}, the truth says {}", named(new), offset(old))
            }
            (more, _) => {
                let name = |field: &Field| match field.name.as_str() {
                    "" => "an unnamed one".to_string(),
                    name => name.to_string(),
                };
                let names: Vec<_> = more.iter().map(|(_, field)| name(field)).collect();
                let moved = if words == Words::Change { "moved" } else { "are off" };
                format!("{} fields {moved} by {by}: {}", more.len(), names.join(", "))
            }
        }
    }
}

impl Change {
    /// The change in words.
    #[must_use]
    pub fn tell(&self, words: Words) -> String {
        let contrast = |old: &Field, new: &Field| words.contrast(&named(new), &at(old), &at(new));
        match (self, words) {
            (Self::StructAdded, Words::Change) => "the struct is new".into(),
            (Self::StructAdded, Words::Truth) => "the truth does not have it".into(),
            (Self::StructRemoved, Words::Change) => "the struct is gone".into(),
            (Self::StructRemoved, Words::Truth) => "it is missing".into(),
            (Self::FieldAdded(field), Words::Change) => {
                format!("{} is new: {}", named(field), at(field))
            }
            (Self::FieldAdded(field), Words::Truth) => {
                format!("{} is not in the truth: {}", named(field), at(field))
            }
            (Self::FieldRemoved(field), Words::Change) => {
                format!("{} is gone: {}", named(field), at(field))
            }
            (Self::FieldRemoved(field), Words::Truth) => {
                format!("{} is missing, the truth says {}", named(field), at(field))
            }
            (Self::FieldRenamed(old, new), Words::Change) => {
                format!("field `{}` is named `{}`: {}", old.name, new.name, at(new))
            }
            (Self::FieldRenamed(old, new), Words::Truth) => {
                format!("field `{}` ({}) is `{}` in the truth", new.name, at(new), old.name)
            }
            (Self::EmbeddedResized(old, new), Words::Change) => format!(
                "{} embeds {}, and went from {} to {} bytes",
                named(new),
                spelling(new),
                old.size(),
                new.size()
            ),
            (
                Self::FieldResized(old, new)
                | Self::FieldRetyped(old, new)
                | Self::ArrayResized(old, new)
                | Self::EmbeddedResized(old, new),
                _,
            ) => contrast(old, new),
            (Self::BitFieldsChanged(fields), _) => {
                let told: Vec<_> = fields.iter().map(|(old, new)| contrast(old, new)).collect();
                told.join("; ")
            }
            (Self::FieldsSwapped(one, other), Words::Change) => format!(
                "fields `{}` and `{}`, both {}, swapped places: `{}` is now at {}",
                other.name,
                one.name,
                spelling(one),
                one.name,
                offset(one)
            ),
            (Self::FieldsSwapped(one, other), Words::Truth) => format!(
                "field `{}` is at {} and `{}` at {}, both {}; the truth has them the other way round",
                one.name,
                offset(one),
                other.name,
                offset(other),
                spelling(one)
            ),
            (Self::FieldsMoved(moves), _) => {
                moves.iter().map(|moved| moved.tell(words)).collect::<Vec<_>>().join("; ")
            }
            (Self::PackingChanged(_, Packing::Packed), Words::Change) => {
                "the struct became packed".into()
            }
            (Self::PackingChanged(..), Words::Change) => "the struct is no longer packed".into(),
            (Self::PackingChanged(_, Packing::Packed), Words::Truth) => {
                "it is packed, but not in the truth".into()
            }
            (Self::PackingChanged(..), Words::Truth) => {
                "it is not packed, but is in the truth".into()
            }
            (Self::StructResized(old, new), _) => words.bytes("size", *old, *new),
            (Self::AlignmentChanged(old, new), _) => words.bytes("alignment", *old, *new),
        }
    }
}
