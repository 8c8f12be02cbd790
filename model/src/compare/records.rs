// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What differs in a struct: typed changes, with causes told from consequences.

use super::{pages, Words};
use crate::{Field, Packing, Place, Record, Type};

/// What differs between two layouts of one struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The struct is only in the new layout.
    StructAdded,
    /// The struct is only in the old layout.
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
    /// Bit-fields have another width, or became some, or are not any more; each as it was and as it is.
    BitFieldsChanged(Vec<(Field, Field)>),
    /// Two fields of one type have exchanged their names.
    FieldsSwapped(Field, Field),
    /// Fields have moved, by distance.
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

    /// Where the new layout says so.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::FieldRemoved(_) => None,
            other => other.field()?.place.as_ref(),
        }
    }

    /// What is told first where one of several is the reason: what is embedded, then what moved, then
    /// the size of the whole.
    fn rank(&self) -> u8 {
        match self {
            Self::EmbeddedResized(..) => 0,
            Self::FieldsMoved(..) => 1,
            Self::StructResized(..) => 2,
            _ => 3,
        }
    }
}

/// What differs in one struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordChange {
    /// The struct's tag.
    pub record: String,
    /// The page size that the layout is for, where it depends on that.
    pub page_size: Option<u64>,
    /// Where the new layout has the first changed field, or the struct.
    pub place: Option<Place>,
    /// What was done, at least one.
    pub causes: Vec<Change>,
    /// What follows from it.
    pub consequences: Vec<Change>,
}

impl RecordChange {
    /// That a struct as a whole came or went.
    #[must_use]
    pub fn whole(record: &Record, what: Change) -> Self {
        let place = match what {
            Change::StructRemoved => None,
            _ => record.place.clone(),
        };
        let (name, page_size) = (record.name.clone(), record.page_size);
        Self { record: name, page_size, place, causes: vec![what], consequences: Vec::new() }
    }

    /// The struct's tag, with the page size where it depends on that.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}{}", self.record, pages(self.page_size))
    }

    /// Everything that differs, what was done first.
    pub fn all(&self) -> impl Iterator<Item = &Change> {
        self.causes.iter().chain(&self.consequences)
    }

    /// Everything that differs, in words.
    pub fn tell(&self, words: Words) -> impl Iterator<Item = String> + '_ {
        self.all().map(move |change| change.tell(words))
    }
}

/// What both sides are able to tell about a struct.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Whether it is packed, and its alignment.
    pub packing: bool,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self { packing: true };
}

/// Compares the layouts of several structs, matched by name, and by page size where they depend on it.
///
/// In the order of the new ones; what is gone comes last.
#[must_use]
pub fn records(old: &[Record], new: &[Record]) -> Vec<RecordChange> {
    let same = |a: &Record, b: &Record| a.name == b.name && a.page_size == b.page_size;
    let changed = new.iter().filter_map(|new| match old.iter().find(|old| same(old, new)) {
        Some(old) => record(old, new, Scope::ALL),
        None => Some(RecordChange::whole(new, Change::StructAdded)),
    });
    let gone = old.iter().filter(|old| !new.iter().any(|new| same(new, old)));
    changed.chain(gone.map(|old| RecordChange::whole(old, Change::StructRemoved))).collect()
}

/// Whether two sets of structs have the same layouts.
#[must_use]
pub fn same(old: &[&Record], new: &[&Record]) -> bool {
    old.len() == new.len()
        && new.iter().all(|new| {
            let before = old.iter().find(|old| old.name == new.name);
            before.is_some_and(|old| old.kind == new.kind && record(old, new, Scope::ALL).is_none())
        })
}

/// Compares two layouts of one struct; `None` where they are the same.
///
/// Bit-fields are left out where one side has some that its reader could not tell.
#[must_use]
pub fn record(old: &Record, new: &Record, scope: Scope) -> Option<RecordChange> {
    let bit_fields = !old.bit_fields_unknown && !new.bit_fields_unknown;
    let told = |record: &Record| -> Vec<Field> {
        let fields = record.fields.iter().filter(|field| bit_fields || !field.bit_field);
        fields.cloned().collect()
    };
    let mut changes = Vec::new();
    if scope.packing && old.packing != new.packing {
        changes.push(Change::PackingChanged(old.packing, new.packing));
    }
    fields(&told(old), &told(new), &mut changes);
    if old.size != new.size {
        changes.push(Change::StructResized(old.size, new.size));
    }
    if scope.packing && old.align != new.align {
        changes.push(Change::AlignmentChanged(old.align, new.align));
    }
    let (causes, consequences) = sorted_out(changes);
    let place = causes.first()?.place().or(new.place.as_ref()).cloned();
    let (record, page_size) = (new.name.clone(), new.page_size);
    Some(RecordChange { record, page_size, place, causes, consequences })
}

/// What was done, and what follows from it. Where all could follow, the first reason is the cause.
fn sorted_out(changes: Vec<Change>) -> (Vec<Change>, Vec<Change>) {
    let (mut consequences, mut causes): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(Change::can_follow);
    // What moves is told before what it does to the whole.
    consequences.sort_by_key(|change| change.rank().min(2));
    if causes.is_empty() {
        if let Some(first) = consequences.iter().map(Change::rank).min() {
            (causes, consequences) =
                consequences.into_iter().partition(|change| change.rank() == first);
        }
    }
    (causes, consequences)
}

/// What differs in the fields, in their order; what moved comes last.
fn fields(old: &[Field], new: &[Field], changes: &mut Vec<Change>) {
    let find = |fields: &[Field], name: &str| fields.iter().position(|f| f.name == name);
    let (mut moved, mut bits) = (Vec::new(), Vec::new());
    let mut renamed = Vec::new();
    for field in new {
        if let Some(at) = find(old, &field.name) {
            let (before, after) = (old[at].clone(), field.clone());
            match same_type(&before, &after) {
                true if before.bit_offset != after.bit_offset => moved.push((before, after)),
                true => {}
                false if before.bit_field || after.bit_field => bits.push((before, after)),
                false => changes.push(retyped(before, after)),
            }
            continue;
        }
        let same_place = |before: &Field| {
            (before.bit_offset, before.bit_size) == (field.bit_offset, field.bit_size)
                && before.ty.by_value() == field.ty.by_value()
        };
        match old.iter().find(|before| same_place(before) && find(new, &before.name).is_none()) {
            Some(before) => {
                renamed.push(before.name.as_str());
                changes.push(Change::FieldRenamed(before.clone(), field.clone()));
            }
            None => changes.push(Change::FieldAdded(field.clone())),
        }
    }
    let gone = old.iter().filter(|field| {
        find(new, &field.name).is_none() && !renamed.contains(&field.name.as_str())
    });
    changes.extend(gone.cloned().map(Change::FieldRemoved));
    if !bits.is_empty() {
        changes.push(Change::BitFieldsChanged(bits));
    }
    swapped(&mut moved, changes);
    grouped(moved, changes);
}

fn same_type(old: &Field, new: &Field) -> bool {
    (old.bit_size, old.bit_field) == (new.bit_size, new.bit_field)
        && old.ty.by_value() == new.ty.by_value()
}

/// Whether two fields have one name, type and place.
#[must_use]
pub fn same_field(old: &Field, new: &Field) -> bool {
    (&old.name, old.bit_offset) == (&new.name, new.bit_offset) && same_type(old, new)
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
