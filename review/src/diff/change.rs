// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What became of one struct: typed changes, with causes told from consequences.

use kho_abi_model::compare;
use kho_abi_model::{Field, Packing, Record, Type};

/// What became of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The struct is new in a contract.
    StructAdded,
    /// The struct is gone.
    StructRemoved,
    /// A field is new.
    FieldAdded(Field),
    /// A field is gone.
    FieldRemoved(Field),
    /// A field has another name, and everything else as before.
    FieldRenamed(Field, Field),
    /// A field has another size.
    FieldResized(Field, Field),
    /// A field has another type of the same size.
    FieldRetyped(Field, Field),
    /// An array has another number of elements.
    ArrayResized(Field, Field),
    /// Bit-fields have another width, or became some, or are none any more; each as it was and as it is.
    BitFieldsChanged(Vec<(Field, Field)>),
    /// Two fields of one type have exchanged their names.
    FieldsSwapped(Field, Field),
    /// Fields have moved: by how many bits, and each as it was and as it is.
    FieldsMoved(Vec<Move>),
    /// A field embeds a struct whose size changed.
    EmbeddedResized(Field, Field),
    /// The struct is packed and was not, or the other way round.
    PackingChanged(Packing, Packing),
    /// The struct has another size, in bytes.
    StructResized(u64, u64),
    /// The struct has another alignment, in bytes.
    AlignmentChanged(u64, u64),
}

/// Fields that moved by one distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The distance, in bits.
    pub bits: i128,
    /// The fields, each as it was and as it is.
    pub fields: Vec<(Field, Field)>,
}

impl Move {
    fn tell(&self) -> String {
        let bits = self.bits;
        let by = if bits % 8 == 0 { format!("{:+}", bits / 8) } else { format!("{bits:+} bits") };
        match self.fields.as_slice() {
            [(old, new)] => format!(
                "field `{}` moved by {by}, from {} to {}",
                new.name,
                offset(old),
                offset(new)
            ),
            more => {
                let names: Vec<_> = more.iter().map(|(_, field)| field.name.as_str()).collect();
                format!("{} fields moved by {by}: {}", more.len(), names.join(", "))
            }
        }
    }
}

impl Change {
    /// Whether another change of the same struct can be the reason for this one.
    #[must_use]
    pub fn can_follow(&self) -> bool {
        matches!(
            self,
            Self::FieldsMoved(..)
                | Self::StructResized(..)
                | Self::AlignmentChanged(..)
                | Self::EmbeddedResized(..)
        )
    }

    /// The field that the change is about, as it is now, or was where it is gone.
    #[must_use]
    pub fn field(&self) -> Option<&Field> {
        match self {
            Self::FieldAdded(field)
            | Self::FieldRemoved(field)
            | Self::FieldRenamed(_, field)
            | Self::FieldResized(_, field)
            | Self::FieldRetyped(_, field)
            | Self::ArrayResized(_, field)
            | Self::EmbeddedResized(_, field)
            | Self::FieldsSwapped(field, _) => Some(field),
            Self::BitFieldsChanged(fields) => fields.first().map(|(_, field)| field),
            Self::FieldsMoved(moves) => moves.first()?.fields.first().map(|(_, field)| field),
            _ => None,
        }
    }

    /// The change in words.
    #[must_use]
    pub fn tell(&self) -> String {
        match self {
            Self::StructAdded => "the struct is new".into(),
            Self::StructRemoved => "the struct is gone".into(),
            Self::FieldAdded(field) => format!("field `{}` is new: {}", field.name, at(field)),
            Self::FieldRemoved(field) => format!("field `{}` is gone: {}", field.name, at(field)),
            Self::FieldRenamed(old, new) => {
                format!("field `{}` is named `{}`: {}", old.name, new.name, at(new))
            }
            Self::FieldResized(old, new)
            | Self::FieldRetyped(old, new)
            | Self::ArrayResized(old, new) => {
                format!("field `{}` was {}, is {}", new.name, at(old), at(new))
            }
            Self::FieldsSwapped(one, other) => format!(
                "fields `{}` and `{}`, both {}, have exchanged places: `{}` is at {}",
                other.name,
                one.name,
                spelling(one),
                one.name,
                offset(one)
            ),
            Self::FieldsMoved(moves) => moves.iter().map(Move::tell).collect::<Vec<_>>().join("; "),
            Self::BitFieldsChanged(fields) => {
                let told = fields
                    .iter()
                    .map(|(old, new)| format!("`{}` was {}, is {}", new.name, at(old), at(new)));
                let s = if fields.len() == 1 { "" } else { "s" };
                format!("bit-field{s} {}", told.collect::<Vec<_>>().join("; "))
            }
            Self::EmbeddedResized(old, new) => format!(
                "field `{}` embeds {}, and went from {} to {} bytes",
                new.name,
                new.ty.by_value().spelling(),
                old.size(),
                new.size()
            ),
            Self::PackingChanged(_, Packing::Packed) => "the struct became packed".into(),
            Self::PackingChanged(..) => "the struct is no longer packed".into(),
            Self::StructResized(old, new) => {
                format!("the struct's size went from {old} to {new} bytes")
            }
            Self::AlignmentChanged(old, new) => {
                format!("the struct's alignment went from {old} to {new} bytes")
            }
        }
    }
}

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

fn at(field: &Field) -> String {
    let (count, unit) =
        if field.bit_field { (field.bit_size, "bit") } else { (field.size(), "byte") };
    let s = if count == 1 { "" } else { "s" };
    format!("{}, {count} {unit}{s} at {}", spelling(field), offset(field))
}

/// What became of one struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// The struct's tag.
    pub record: String,
    /// What was done.
    pub causes: Vec<Change>,
    /// What follows from it.
    pub consequences: Vec<Change>,
}

/// What both sources are able to tell about a struct.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Whether it is packed, and its alignment.
    pub packing: bool,
}

/// Compares two layouts of one struct; `None` where they are the same.
#[must_use]
pub(super) fn record(old: &Record, new: &Record, scope: Scope) -> Option<RecordChange> {
    let (old, new) = (comparable(old, new), comparable(new, old));
    let mut changes = Vec::new();
    let mut moved: Vec<(Field, Field)> = Vec::new();
    let mut bits: Vec<(Field, Field)> = Vec::new();
    for change in compare::record(&old, &new) {
        changes.push(match change {
            compare::Change::StructAdded => Change::StructAdded,
            compare::Change::StructRemoved => Change::StructRemoved,
            compare::Change::FieldAdded(new) => Change::FieldAdded(new),
            compare::Change::FieldRemoved(old) => Change::FieldRemoved(old),
            compare::Change::FieldRenamed(old, new) => Change::FieldRenamed(old, new),
            compare::Change::FieldRetyped(old, new) if old.bit_field || new.bit_field => {
                bits.push((old, new));
                continue;
            }
            compare::Change::FieldRetyped(old, new) => retyped(old, new),
            compare::Change::FieldMoved(old, new) => {
                moved.push((old, new));
                continue;
            }
            compare::Change::PackingChanged(..) | compare::Change::AlignmentChanged(..)
                if !scope.packing =>
            {
                continue
            }
            compare::Change::PackingChanged(old, new) => Change::PackingChanged(old, new),
            compare::Change::StructResized(old, new) => Change::StructResized(old, new),
            compare::Change::AlignmentChanged(old, new) => Change::AlignmentChanged(old, new),
        });
    }
    if !bits.is_empty() {
        changes.push(Change::BitFieldsChanged(bits));
    }
    swapped(&mut moved, &mut changes);
    grouped(moved, &mut changes);
    let (mut consequences, mut causes): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(Change::can_follow);
    if causes.is_empty() && !consequences.is_empty() {
        // The first reason that there is: what is embedded, then what moved, then sizes.
        let rank = |change: &Change| match change {
            Change::EmbeddedResized(..) => 0,
            Change::FieldsMoved(..) => 1,
            Change::StructResized(..) => 2,
            _ => 3,
        };
        consequences.sort_by_key(rank);
        let first = rank(&consequences[0]);
        let (found, rest) = consequences.into_iter().partition(|change| rank(change) == first);
        (causes, consequences) = (found, rest);
    }
    // What moves is told before what it does to the whole.
    consequences.sort_by_key(|change| match change {
        Change::EmbeddedResized(..) => 0,
        Change::FieldsMoved(..) => 1,
        _ => 2,
    });
    (!causes.is_empty()).then(|| RecordChange { record: new.name.clone(), causes, consequences })
}

/// The record without what the other side cannot tell.
fn comparable(record: &Record, other: &Record) -> Record {
    let mut record = record.clone();
    if other.bit_fields_untold || record.bit_fields_untold {
        record.fields.retain(|field| !field.bit_field);
    }
    record
}

fn retyped(old: Field, new: Field) -> Change {
    let (was, is) = (old.ty.by_value(), new.ty.by_value());
    match (&was, &is) {
        _ if was == is && was.embedded().is_some() => Change::EmbeddedResized(old, new),
        (Type::Array { elem: a, .. }, Type::Array { elem: b, .. }) if a == b => {
            Change::ArrayResized(old, new)
        }
        _ if old.bit_size != new.bit_size => Change::FieldResized(old, new),
        _ => Change::FieldRetyped(old, new),
    }
}

/// Finds pairs of one type that took each other's place.
fn swapped(moved: &mut Vec<(Field, Field)>, changes: &mut Vec<Change>) {
    let mut first = 0;
    while first < moved.len() {
        let (old, new) = &moved[first];
        let second = moved.iter().skip(first + 1).position(|(other_old, other_new)| {
            other_old.bit_offset == new.bit_offset
                && other_new.bit_offset == old.bit_offset
                && other_new.bit_size == new.bit_size
                && other_new.ty.by_value() == new.ty.by_value()
        });
        let Some(second) = second.map(|at| at + first + 1) else {
            first += 1;
            continue;
        };
        let (_, other) = moved.remove(second);
        let (_, one) = moved.remove(first);
        changes.push(Change::FieldsSwapped(one, other));
    }
}

/// Fields that moved by the same distance are one change.
fn grouped(pairs: Vec<(Field, Field)>, changes: &mut Vec<Change>) {
    let mut moves: Vec<Move> = Vec::new();
    for (old, new) in pairs {
        let bits = i128::from(new.bit_offset) - i128::from(old.bit_offset);
        match moves.iter_mut().find(|other| other.bits == bits) {
            Some(other) => other.fields.push((old, new)),
            None => moves.push(Move { bits, fields: vec![(old, new)] }),
        }
    }
    if !moves.is_empty() {
        changes.push(Change::FieldsMoved(moves));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_model::RecordKind;

    fn laid_out(fields: &[(&str, Type, u64)]) -> Record {
        let mut bit_offset = 0;
        let mut record = Record {
            kind: RecordKind::Struct,
            name: "x".into(),
            packing: Packing::Packed,
            size: 0,
            size_expr: None,
            page_size: None,
            bit_fields_untold: false,
            align: 1,
            fields: Vec::new(),
            doc: String::new(),
            place: None,
        };
        for (name, ty, bits) in fields {
            record.fields.push(Field {
                name: (*name).into(),
                ty: ty.clone(),
                bit_offset,
                bit_size: *bits,
                bit_field: bits % 8 != 0,
                c_declaration: None,
                doc: String::new(),
                place: None,
            });
            bit_offset += bits;
        }
        record.size = bit_offset / 8;
        record
    }

    fn int(name: &str, bits: u16) -> (&str, Type, u64) {
        (name, Type::unsigned(bits), u64::from(bits))
    }

    fn told(old: &Record, new: &Record) -> (Vec<String>, Vec<String>) {
        let tell = |changes: &[Change]| changes.iter().map(Change::tell).collect();
        record(old, new, Scope { packing: true })
            .map_or((vec![], vec![]), |change| (tell(&change.causes), tell(&change.consequences)))
    }

    #[test]
    fn what_moves_by_one_distance_is_one_line() {
        let old: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| int(name, 32)).into();
        let mut new = old.clone();
        new.insert(1, int("x", 64));
        let (causes, consequences) = told(&laid_out(&old), &laid_out(&new));
        assert_eq!(causes, ["field `x` is new: u64, 8 bytes at byte 4"]);
        assert_eq!(
            consequences,
            ["5 fields moved by +8: b, c, d, e, f", "the struct's size went from 24 to 32 bytes"]
        );
    }

    #[test]
    fn an_exchange_is_one_change_and_a_reordering_is_not() {
        let old = laid_out(&[int("a", 16), int("b", 16), int("c", 32)]);
        let (causes, _) = told(&old, &laid_out(&[int("b", 16), int("a", 16), int("c", 32)]));
        assert_eq!(
            causes,
            ["fields `a` and `b`, both u16, have exchanged places: `b` is at byte 0"]
        );
        let (causes, _) = told(&old, &laid_out(&[int("c", 32), int("a", 16), int("b", 16)]));
        assert_eq!(
            causes,
            ["field `c` moved by -4, from byte 4 to byte 0; 2 fields moved by +4: a, b"]
        );
    }

    #[test]
    fn kinds_of_retyping_are_told_apart() {
        let array = |len| Type::Array { elem: Box::new(Type::unsigned(8)), len, len_name: None };
        let kind = |old: (&str, Type, u64), new: (&str, Type, u64)| {
            let change = record(&laid_out(&[old]), &laid_out(&[new]), Scope { packing: true });
            change.unwrap().causes.remove(0)
        };
        let signed = Type::Int { bits: 32, signed: true };
        let embedded = Type::structure("y");
        assert!(matches!(kind(int("a", 32), int("a", 64)), Change::FieldResized(..)));
        assert!(matches!(kind(int("a", 32), ("a", signed, 32)), Change::FieldRetyped(..)));
        assert!(matches!(kind(("a", array(4), 32), ("a", array(8), 64)), Change::ArrayResized(..)));
        assert!(matches!(
            kind(("a", embedded.clone(), 32), ("a", embedded, 64)),
            Change::EmbeddedResized(..)
        ));
        assert!(matches!(
            kind(("a", Type::unsigned(64), 52), ("a", Type::unsigned(64), 51)),
            Change::BitFieldsChanged(..)
        ));
    }

    #[test]
    fn what_one_side_cannot_tell_is_no_change() {
        let old = laid_out(&[int("a", 32)]);
        let mut new = old.clone();
        new.packing = Packing::Natural;
        new.align = 4;
        assert_eq!(told(&old, &new).0, ["the struct is no longer packed"]);
        assert_eq!(record(&old, &new, Scope { packing: false }), None);
    }
}
