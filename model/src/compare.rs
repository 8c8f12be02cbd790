// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares layouts, and tells causes from consequences.

use crate::{Field, Header, Model, Packing, Place, Record, Value};
use std::collections::BTreeMap;
use std::fmt;

/// What differs between two layouts of one struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The struct is only in the new layout.
    StructAdded,
    /// The struct is only in the old layout.
    StructRemoved,
    /// A field is only in the new layout.
    FieldAdded(Field),
    /// A field is only in the old layout.
    FieldRemoved(Field),
    /// A field has another name, and everything else as before.
    FieldRenamed(Field, Field),
    /// A field has another type or size.
    FieldRetyped(Field, Field),
    /// A field has another offset.
    FieldMoved(Field, Field),
    /// The struct is packed and was not, or the other way round.
    PackingChanged(Packing, Packing),
    /// The struct has another size, in bytes.
    StructResized(u64, u64),
    /// The struct has another alignment, in bytes.
    AlignmentChanged(u64, u64),
}

impl Change {
    /// Whether another change of the same struct can be the reason for this one.
    #[must_use]
    pub fn can_follow(&self) -> bool {
        matches!(self, Self::FieldMoved(..) | Self::StructResized(..) | Self::AlignmentChanged(..))
    }

    /// Where the new layout says so.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::FieldAdded(new)
            | Self::FieldRenamed(_, new)
            | Self::FieldRetyped(_, new)
            | Self::FieldMoved(_, new) => new.place.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StructAdded => write!(f, "the struct is new"),
            Self::StructRemoved => write!(f, "the struct is gone"),
            Self::FieldAdded(new) => write!(f, "field `{}` is new: {}", new.name, At(new)),
            Self::FieldRemoved(old) => write!(f, "field `{}` is gone: {}", old.name, At(old)),
            Self::FieldRenamed(old, new) => {
                write!(f, "field `{}` is named `{}`: {}", old.name, new.name, At(new))
            }
            Self::FieldRetyped(old, new) => {
                write!(f, "field `{}` was {}, is {}", new.name, At(old), At(new))
            }
            Self::FieldMoved(old, new) => {
                write!(f, "field `{}` moved from {} to {}", new.name, Offset(old), Offset(new))
            }
            Self::PackingChanged(_, Packing::Packed) => write!(f, "the struct became packed"),
            Self::PackingChanged(..) => write!(f, "the struct is no longer packed"),
            Self::StructResized(old, new) => {
                write!(f, "the struct's size went from {old} to {new} bytes")
            }
            Self::AlignmentChanged(old, new) => {
                write!(f, "the struct's alignment went from {old} to {new} bytes")
            }
        }
    }
}

/// A field's offset, in words.
pub struct Offset<'a>(pub &'a Field);

impl fmt::Display for Offset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field) = self;
        write!(f, "byte {}", field.offset())?;
        if field.bit_field {
            write!(f, " bit {}", field.bit_offset % 8)?;
        }
        Ok(())
    }
}

/// A field's type, size and offset, in words.
pub struct At<'a>(pub &'a Field);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field) = self;
        let (count, unit) =
            if field.bit_field { (field.bit_size, "bit") } else { (field.size(), "byte") };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{}, {count} {unit}{plural} at {}", field.ty.by_value().spelling(), Offset(field))
    }
}

/// The changes of one struct, with what follows from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// The struct's name, with the page size that its layout is for where it depends on that.
    pub record: String,
    /// Where the new layout has the struct, or the first changed field.
    pub place: Option<Place>,
    /// What was done, at least one.
    pub causes: Vec<Change>,
    /// What follows from it.
    pub consequences: Vec<Change>,
}

/// Compares the layouts of several structs, matched by name.
///
/// Documentation and places do not count. A struct that changes only because one that it embeds has
/// another size is listed too, after that one's change in the order of the new layout.
#[must_use]
pub fn records(old: &[Record], new: &[Record]) -> Vec<RecordChange> {
    let mut changes = Vec::new();
    // A layout for one page size is compared with the old one for the same.
    let same = |a: &Record, b: &Record| a.name == b.name && a.page_size == b.page_size;
    for new in new {
        let found = match old.iter().find(|old| same(old, new)) {
            Some(old) => record(old, new),
            None => vec![Change::StructAdded],
        };
        changes.extend(sort_out(new, new.place.as_ref(), found));
    }
    for old in old.iter().filter(|old| !new.iter().any(|new| same(new, old))) {
        changes.extend(sort_out(old, None, vec![Change::StructRemoved]));
    }
    changes
}

fn sort_out(record: &Record, place: Option<&Place>, changes: Vec<Change>) -> Option<RecordChange> {
    let (mut consequences, mut causes): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(Change::can_follow);
    if causes.is_empty() {
        std::mem::swap(&mut causes, &mut consequences);
    }
    let place = causes.first()?.place().or(place).cloned();
    let name = match record.page_size {
        Some(page_size) => format!("{} (pages of {page_size} bytes)", record.name),
        None => record.name.clone(),
    };
    Some(RecordChange { record: name, place, causes, consequences })
}

/// Every difference between two layouts of one struct, in the order of the fields.
#[must_use]
pub fn record(old: &Record, new: &Record) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.packing != new.packing {
        changes.push(Change::PackingChanged(old.packing, new.packing));
    }
    let named = |record: &Record, name: &str| record.fields.iter().any(|f| f.name == name);
    let same_place = |a: &Field, b: &Field| {
        a.bit_offset == b.bit_offset
            && a.bit_size == b.bit_size
            && a.ty.by_value() == b.ty.by_value()
    };
    let mut renamed = Vec::new();
    for field in &new.fields {
        if let Some(before) = old.fields.iter().find(|before| before.name == field.name) {
            let retyped = before.ty.by_value() != field.ty.by_value()
                || before.bit_size != field.bit_size
                || before.bit_field != field.bit_field;
            if retyped {
                changes.push(Change::FieldRetyped(before.clone(), field.clone()));
            } else if before.bit_offset != field.bit_offset {
                changes.push(Change::FieldMoved(before.clone(), field.clone()));
            }
            continue;
        }
        let before =
            old.fields.iter().find(|before| same_place(before, field) && !named(new, &before.name));
        match before {
            Some(before) => {
                renamed.push(before.name.as_str());
                changes.push(Change::FieldRenamed(before.clone(), field.clone()));
            }
            None => changes.push(Change::FieldAdded(field.clone())),
        }
    }
    for field in &old.fields {
        if !named(new, &field.name) && !renamed.contains(&field.name.as_str()) {
            changes.push(Change::FieldRemoved(field.clone()));
        }
    }
    if old.size != new.size {
        changes.push(Change::StructResized(old.size, new.size));
    }
    if old.align != new.align {
        changes.push(Change::AlignmentChanged(old.align, new.align));
    }
    changes
}

/// What a model that was read from C says differently than the truth, each with its place.
///
/// Documentation, guards, includes and macros with arguments are not compared: they are no layout.
/// Neither are bit-fields, where the reader marked a struct as having some that it cannot tell.
#[must_use]
pub fn differences(truth: &Model, read: &Model) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let bare = |header: &Header| -> Vec<Record> {
        header.records().map(|record| Record { page_size: None, ..record.bare() }).collect()
    };
    for header in &truth.headers {
        let place = header.include_path();
        let Some(other) = read.headers.iter().find(|other| other.name == header.name) else {
            found.push((place, "the header was not read".into()));
            continue;
        };
        let (mut ours, theirs) = (bare(header), bare(other));
        for untold in theirs.iter().filter(|record| record.bit_fields_untold) {
            let ours = ours.iter_mut().filter(|record| record.name == untold.name);
            ours.for_each(|record| record.fields.retain(|field| !field.bit_field));
        }
        for change in records(&ours, &theirs) {
            for what in change.causes.iter().chain(&change.consequences) {
                found.push((place.clone(), format!("{}: {what}", change.record)));
            }
        }
        let values = |header: &Header| -> BTreeMap<String, Value> {
            header.constants().map(|c| (c.name.clone(), c.value.clone())).collect()
        };
        let (ours, theirs) = (values(header), values(other));
        for (name, value) in &ours {
            match theirs.get(name) {
                Some(other) if other == value => {}
                other => {
                    found.push((place.clone(), format!("{name} is {value:?}, read {other:?}")));
                }
            }
        }
        for name in theirs.keys().filter(|name| !ours.contains_key(*name)) {
            found.push((place.clone(), format!("{name} is not in the truth")));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RecordKind, Type};

    /// A packed struct of unsigned integers, each given by name and bits.
    fn packed(fields: &[(&str, u16)]) -> Record {
        let mut bit_offset = 0;
        let mut laid_out = Vec::new();
        for (name, bits) in fields {
            laid_out.push(Field {
                name: (*name).into(),
                ty: Type::unsigned(*bits),
                bit_offset,
                bit_size: u64::from(*bits),
                bit_field: false,
                c_declaration: None,
                doc: String::new(),
                place: None,
            });
            bit_offset += u64::from(*bits);
        }
        Record {
            kind: RecordKind::Struct,
            name: "x".into(),
            packing: Packing::Packed,
            size: bit_offset / 8,
            size_expr: None,
            page_size: None,
            bit_fields_untold: false,
            align: 1,
            fields: laid_out,
            doc: String::new(),
            place: None,
        }
    }

    fn told(old: &[(&str, u16)], new: &[(&str, u16)]) -> (Vec<String>, Vec<String>) {
        let changes = records(&[packed(old)], &[packed(new)]);
        let tell = |changes: &[Change]| changes.iter().map(ToString::to_string).collect();
        match changes.as_slice() {
            [] => (vec![], vec![]),
            [change] => (tell(&change.causes), tell(&change.consequences)),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn each_change_is_told_once_and_its_consequences_apart() {
        let old = [("bdf", 16), ("domain", 16)];
        assert_eq!(told(&old, &old), (vec![], vec![]));

        let (causes, consequences) = told(&old, &[("bdf", 32), ("domain", 16)]);
        assert_eq!(causes, ["field `bdf` was u16, 2 bytes at byte 0, is u32, 4 bytes at byte 0"]);
        assert_eq!(
            consequences,
            [
                "field `domain` moved from byte 2 to byte 4",
                "the struct's size went from 4 to 6 bytes"
            ]
        );

        let (causes, _) = told(&old, &[("bdf", 16), ("segment", 16)]);
        assert_eq!(causes, ["field `domain` is named `segment`: u16, 2 bytes at byte 2"]);

        let (causes, consequences) = told(&old, &[("domain", 16), ("bdf", 16)]);
        assert_eq!(
            causes,
            [
                "field `domain` moved from byte 2 to byte 0",
                "field `bdf` moved from byte 0 to byte 2"
            ]
        );
        assert_eq!(consequences, Vec::<String>::new());

        let (causes, consequences) = told(&old, &[("bdf", 16)]);
        assert_eq!(causes, ["field `domain` is gone: u16, 2 bytes at byte 2"]);
        assert_eq!(consequences, ["the struct's size went from 4 to 2 bytes"]);
    }
}
