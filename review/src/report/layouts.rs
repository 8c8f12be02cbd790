// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Two layouts of a struct side by side, with the bytes that changed.

use crate::policy::Layouts;
use kho_abi_model::compare::same_field;
use kho_abi_model::{Field, Record};
use similar::{capture_diff_slices, Algorithm, DiffOp};

/// How a row changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Same,
    Changed,
    Added,
    Removed,
}

impl Mark {
    pub(super) fn sign(self) -> char {
        match self {
            Self::Same => ' ',
            Self::Changed => '!',
            Self::Added => '+',
            Self::Removed => '-',
        }
    }
}

/// A row: the field before, and after.
pub(super) struct Row {
    pub(super) mark: Mark,
    pub(super) old: String,
    pub(super) new: String,
}

/// A struct's comparison, ready to be shown.
pub(super) struct Table {
    /// `struct x: 4 -> 8 bytes`
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
    /// Width of the left column.
    pub(super) width: usize,
    /// Which bytes changed, in words; empty if none did.
    pub(super) bytes: String,
}

pub(super) fn table(layouts: &Layouts) -> Table {
    let none: &[Field] = &[];
    let fields =
        |record: &Option<Record>| record.as_ref().map_or(none.to_vec(), |r| r.fields.clone());
    let (old, new) = (fields(&layouts.old), fields(&layouts.new));
    let names = |fields: &[Field]| fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
    let mut rows = Vec::new();
    let mut put = |before: Option<&Field>, after: Option<&Field>| {
        let mark = match (before, after) {
            (Some(a), Some(b)) if same_field(a, b) => Mark::Same,
            (Some(_), Some(_)) => Mark::Changed,
            (Some(_), None) => Mark::Removed,
            _ => Mark::Added,
        };
        let tell = |field: Option<&Field>| field.map(cell).unwrap_or_default();
        rows.push(Row { mark, old: tell(before), new: tell(after) });
    };
    for op in capture_diff_slices(Algorithm::Myers, &names(&old), &names(&new)) {
        let (before, after) = match op {
            DiffOp::Equal { old_index, new_index, len } => {
                (&old[old_index..old_index + len], &new[new_index..new_index + len])
            }
            DiffOp::Delete { old_index, old_len, .. } => {
                (&old[old_index..old_index + old_len], none)
            }
            DiffOp::Insert { new_index, new_len, .. } => {
                (none, &new[new_index..new_index + new_len])
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                (&old[old_index..old_index + old_len], &new[new_index..new_index + new_len])
            }
        };
        for at in 0..before.len().max(after.len()) {
            put(before.get(at), after.get(at));
        }
    }
    let any = layouts.new.as_ref().or(layouts.old.as_ref());
    let keyword = any.map_or("struct", |record| record.kind.keyword());
    let pages =
        layouts.page_size.map(|size| format!(" (pages of {size} bytes)")).unwrap_or_default();
    let size = |record: &Option<Record>| record.as_ref().map(|record| record.size);
    let sizes = match (size(&layouts.old), size(&layouts.new)) {
        (Some(old), Some(new)) if old != new => format!("{old} -> {new} bytes"),
        (Some(_), Some(new)) => format!("{new} bytes, as before"),
        (None, Some(new)) => format!("new, {new} bytes"),
        (Some(old), None) => format!("gone, was {old} bytes"),
        (None, None) => String::new(),
    };
    let width = rows.iter().map(|row| row.old.chars().count()).max().unwrap_or(0).max(6);
    let bytes = match (&layouts.old, &layouts.new) {
        (Some(old), Some(new)) => changed_bytes(old, new),
        _ => String::new(),
    };
    Table { title: format!("{keyword} {}{pages}: {sizes}", layouts.name), rows, width, bytes }
}

fn cell(field: &Field) -> String {
    let (offset, size) = if field.bit_field {
        (format!("{}.{}", field.offset(), field.bit_offset % 8), format!("{}b", field.bit_size))
    } else {
        (field.offset().to_string(), field.size().to_string())
    };
    let plain = Field { ty: field.ty.by_value(), c_declaration: None, ..field.clone() };
    format!("{offset:>5} {size:>4}  {}", plain.declare())
}

/// Most bytes of a struct to compare one by one.
const MAX_BYTES: u64 = 1 << 16;

/// Which bytes mean something else in the two layouts, as ranges.
fn changed_bytes(old: &Record, new: &Record) -> String {
    let size = old.size.max(new.size);
    if size == 0 || size > MAX_BYTES {
        return String::new();
    }
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for byte in 0..size {
        if at(old, new, byte) == at(new, old, byte) && (byte < old.size) == (byte < new.size) {
            continue;
        }
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == byte => *end = byte,
            _ => ranges.push((byte, byte)),
        }
    }
    let spelled: Vec<_> = ranges
        .iter()
        .map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") })
        .collect();
    if spelled.is_empty() {
        return String::new();
    }
    format!("changed bytes: {} of {size}", spelled.join(", "))
}

/// What a byte belongs to: names and types, with its position in each. A name that the other layout does
/// not have says nothing: a renamed field is the same bytes.
fn at<'a>(record: &'a Record, other: &Record, byte: u64) -> Vec<(&'a str, String, u64)> {
    let (from, to) = (byte * 8, byte * 8 + 8);
    let covers = |field: &&Field| {
        field.bit_offset < to && field.bit_offset.saturating_add(field.bit_size) > from
    };
    let fields = record.fields.iter().filter(covers);
    let part = |field: &Field| from.wrapping_sub(field.bit_offset);
    let is_known = |field: &Field| other.fields.iter().any(|known| known.name == field.name);
    let name = |field: &'a Field| if is_known(field) { field.name.as_str() } else { "" };
    fields.map(|f| (name(f), f.ty.by_value().spelling(), part(f))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_model::{RecordKind, Type};

    fn record(fields: &[(&str, u16)]) -> Record {
        let mut record = Record::empty(RecordKind::Struct, "x");
        for (name, bits) in fields {
            record.push(name, Type::unsigned(*bits), u64::from(*bits));
        }
        record
    }

    #[test]
    fn a_renamed_field_has_the_bytes_that_it_had() {
        let table = |old: &[(&str, u16)], new: &[(&str, u16)]| {
            let (old, new) = (Some(record(old)), Some(record(new)));
            super::table(&Layouts { name: "x".into(), page_size: None, old, new }).bytes
        };
        assert_eq!(table(&[("a", 16), ("b", 16)], &[("a", 16), ("c", 16)]), "");
        assert_eq!(
            table(&[("a", 16), ("b", 16)], &[("b", 16), ("a", 16)]),
            "changed bytes: 0-3 of 4"
        );
        assert_eq!(table(&[("a", 32)], &[("c", 16), ("d", 16)]), "changed bytes: 0-3 of 4");
    }

    #[test]
    fn rows_meet_by_name_and_changed_bytes_are_counted() {
        let layouts = Layouts {
            name: "x".into(),
            page_size: None,
            old: Some(record(&[("bdf", 16), ("domain", 16), ("end", 32)])),
            new: Some(record(&[("domain", 16), ("bdf", 16), ("end", 32), ("more", 8)])),
        };
        let table = table(&layouts);
        assert_eq!(table.title, "struct x: 8 -> 9 bytes");
        assert_eq!(table.bytes, "changed bytes: 0-3, 8 of 9");
        let marks: String = table.rows.iter().map(|row| row.mark.sign()).collect();
        assert!(marks.contains('+') && marks.contains(' '), "{marks}");
        let end = table.rows.iter().find(|row| row.new.ends_with("u32 end")).unwrap();
        assert_eq!((end.mark, end.old.as_str()), (Mark::Same, "    4    4  u32 end"));
    }
}
