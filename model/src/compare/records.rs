// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares structs: typed changes, with causes separate from consequences.

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
    /// A field was renamed, and is otherwise the same.
    FieldRenamed(Field, Field),
    /// The size of a field changed.
    FieldResized(Field, Field),
    /// The type of a field changed, but not its size.
    FieldRetyped(Field, Field),
    /// The number of an array's elements changed.
    ArrayResized(Field, Field),
    /// Bit-fields changed their width, became bit-fields, or ceased to be; each pair is the old and
    /// the new field.
    BitFieldsChanged(Vec<(Field, Field)>),
    /// Two fields of one type exchanged their names.
    FieldsSwapped(Field, Field),
    /// Fields moved, by distance.
    FieldsMoved(Vec<Move>),
    /// A field embeds a struct whose size changed.
    EmbeddedResized(Field, Field),
    /// The struct became packed, or ceased to be.
    PackingChanged(Packing, Packing),
    /// The size of the struct changed, in bytes.
    StructResized(u64, u64),
    /// The alignment of the struct changed, in bytes.
    AlignmentChanged(u64, u64),
}

/// Fields that moved by one distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The distance, in bits.
    pub bits: i128,
    /// The old and the new form of each field.
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

    /// The field that the change is about: the new one, or the old one if it is gone.
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

    /// The place in the new layout.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::FieldRemoved(_) => None,
            other => other.field()?.place.as_ref(),
        }
    }

    /// Which change to report first if several may be the reason: an embedded struct, then moves,
    /// then the size of the whole.
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
    /// The page size that the layout is for, if the layout depends on it.
    pub page_size: Option<u64>,
    /// The place of the first changed field in the new layout, or of the struct.
    pub place: Option<Place>,
    /// The causes, at least one.
    pub causes: Vec<Change>,
    /// The consequences.
    pub consequences: Vec<Change>,
}

impl RecordChange {
    /// The change that a whole struct was added or removed.
    #[must_use]
    pub fn whole(record: &Record, what: Change) -> Self {
        let place = match what {
            Change::StructRemoved => None,
            _ => record.place.clone(),
        };
        let (name, page_size) = (record.name.clone(), record.page_size);
        Self { record: name, page_size, place, causes: vec![what], consequences: Vec::new() }
    }

    /// The struct's tag, with the page size if the layout depends on it.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}{}", self.record, pages(self.page_size))
    }

    /// All changes, causes first.
    pub fn all(&self) -> impl Iterator<Item = &Change> {
        self.causes.iter().chain(&self.consequences)
    }

    /// All changes, in words.
    pub fn tell(&self, words: Words) -> impl Iterator<Item = String> + '_ {
        self.all().map(move |change| change.tell(words))
    }
}

/// What both sides know about a struct.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// Whether it is packed, and its alignment.
    pub packing: bool,
}

impl Scope {
    /// Everything.
    pub const ALL: Self = Self { packing: true };
}

/// Compares the layouts of several structs, matched by name, and by page size if they depend on it.
///
/// In the order of the new ones; removed ones come last.
#[must_use]
pub fn records(old: &[Record], new: &[Record]) -> Vec<RecordChange> {
    records_in(old, new, Scope::ALL)
}

/// The same, as far as both sides know.
#[must_use]
pub fn records_in(old: &[Record], new: &[Record], scope: Scope) -> Vec<RecordChange> {
    let same = |a: &Record, b: &Record| a.name == b.name && a.page_size == b.page_size;
    let changed = new.iter().filter_map(|new| match old.iter().find(|old| same(old, new)) {
        Some(old) => record(old, new, scope),
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

/// Compares two layouts of one struct; `None` if they are the same.
///
/// Bit-fields are left out if the reader of one side could not read some of its bit-fields.
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

/// Separates causes from consequences. If every change may be a consequence, the first is the
/// cause.
fn sorted_out(changes: Vec<Change>) -> (Vec<Change>, Vec<Change>) {
    let (mut consequences, mut causes): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(Change::can_follow);
    // Report moves before their effect on the whole.
    consequences.sort_by_key(|change| change.rank().min(2));
    if causes.is_empty() {
        if let Some(first) = consequences.iter().map(Change::rank).min() {
            (causes, consequences) =
                consequences.into_iter().partition(|change| change.rank() == first);
        }
    }
    (causes, consequences)
}

/// The differences of the fields, in their order; moves come last.
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

/// Whether two fields have the same name, type and place.
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

/// Finds pairs of one type that exchanged places.
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

/// Groups fields that moved by the same distance into one change.
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
