// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is shown of layouts, before any format is chosen: headers, contracts, structs, fields.

use super::escape::{anchor, clean};
use kho_abi_model::said;
use kho_abi_model::{Contract, Field, Model, Packing, Record, Spelled, Value};
use std::collections::BTreeMap;

/// Size of a cache line on the machines that live-update, in bytes.
pub(super) const CACHE_LINE: u64 = 64;

/// A part of a model, with the model: which contracts promise a struct is seen in the whole.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// All that is known.
    pub whole: &'a Model,
    /// What is shown: its headers, with the structs that are wanted.
    pub shown: &'a Model,
    /// The contracts whose constants and nodes are shown as well, by name.
    pub contracts: Vec<String>,
}

/// Everything that is shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    /// The headers, each with its contracts and structs.
    pub(super) headers: Vec<HeaderSheet>,
}

/// What is shown of a header.
#[derive(Clone, Debug, Default)]
pub(super) struct HeaderSheet {
    /// Its path, as `linux/kho/abi/luo.h`.
    pub(super) path: String,
    /// What it is about, in a line; empty where that is not known.
    pub(super) title: String,
    pub(super) contracts: Vec<ContractSheet>,
    pub(super) structs: Vec<StructSheet>,
}

/// What is shown of a contract.
#[derive(Clone, Debug, Default)]
pub(super) struct ContractSheet {
    pub(super) name: String,
    /// How the next kernel recognises it, in a sentence.
    pub(super) spelled: String,
    pub(super) constants: Vec<ConstantRow>,
    pub(super) nodes: Vec<NodeSheet>,
}

/// A constant of a contract.
#[derive(Clone, Debug)]
pub(super) struct ConstantRow {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) meaning: String,
}

/// A device-tree node of a contract.
#[derive(Clone, Debug)]
pub(super) struct NodeSheet {
    pub(super) path: String,
    /// Name, size, meaning of each property.
    pub(super) properties: Vec<(String, String, String)>,
}

/// What is shown of a struct.
#[derive(Clone, Debug)]
pub(super) struct StructSheet {
    pub(super) record: Record,
    /// Its place in the document, which no other has.
    pub(super) anchor: String,
    /// `struct luo_ser`
    pub(super) title: String,
    /// What it is, in a sentence; may be empty.
    pub(super) brief: String,
    /// `32 bytes, 1 cache line, alignment 1, packed`
    pub(super) facts: String,
    /// The contracts that promise it.
    pub(super) owners: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// What it is with other page sizes, a sentence each.
    pub(super) other_pages: Vec<String>,
}

/// A row of a struct's table: a field, or bytes that no field has.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// In bytes; of a bit-field `byte:bit`.
    pub(super) offset: String,
    /// In bytes; of a bit-field in bits, as `3 bits`.
    pub(super) size: String,
    /// Empty for a hole.
    pub(super) ty: String,
    /// Empty for a hole.
    pub(super) name: String,
    /// What comments say of it, or what a hole is.
    pub(super) meaning: String,
}

/// `1 byte`, `2 bytes`.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

impl Sheet {
    /// What parts of models have to show.
    pub(super) fn of(parts: &[Part<'_>]) -> Self {
        let mut anchors: BTreeMap<String, usize> = BTreeMap::new();
        let mut sheet = Self::default();
        for part in parts {
            for header in &part.shown.headers {
                let title = header.doc.lines().next().unwrap_or_default();
                let wanted = |c: &&Contract| part.contracts.contains(&c.compatible);
                let contracts = header.contracts.iter().filter(wanted);
                let structs = header.records().map(|record| {
                    let mut made = structure(part, record);
                    let taken = anchors.entry(made.anchor.clone()).or_default();
                    *taken += 1;
                    if *taken > 1 {
                        made.anchor = format!("{}.{taken}", made.anchor);
                    }
                    made
                });
                let made = HeaderSheet {
                    path: text(&header.include_path()),
                    title: text(title),
                    structs: structs.collect(),
                    contracts: contracts.map(|c| contract_sheet(part.whole, c)).collect(),
                };
                if !made.structs.is_empty() || !made.contracts.is_empty() {
                    sheet.headers.push(made);
                }
            }
        }
        sheet
    }

    /// Every struct, in order.
    pub(super) fn structs(&self) -> impl Iterator<Item = &StructSheet> {
        self.headers.iter().flat_map(|header| &header.structs)
    }

    /// Where a struct is shown, by its name.
    pub(super) fn anchors(&self) -> BTreeMap<&str, &str> {
        let mut found = BTreeMap::new();
        for one in self.structs() {
            found.entry(one.record.name.as_str()).or_insert(one.anchor.as_str());
        }
        found
    }
}

/// Text in one line, without characters that no document has.
fn text(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A comment, as a sentence: rustdoc's and kernel-doc's marks for names are backquotes alone.
fn prose(said: &str) -> String {
    let said = text(said).replace("[`", "`").replace("`]", "`");
    let mut out: Vec<String> = Vec::new();
    let mut in_code = false;
    let mut words = said.split(' ');
    while let Some(word) = words.next() {
        let marks = word.matches('`').count();
        if in_code || marks > 0 {
            in_code ^= marks % 2 == 1;
            out.push(word.into());
        } else if let Some(kind) = word.strip_prefix('&').filter(|kind| is_kind(kind)) {
            match words.next().map(named) {
                Some((name, rest)) if !name.is_empty() => {
                    out.push(format!("`{kind} {name}`{rest}"));
                }
                Some((_, rest)) => out.extend([word.into(), rest.into()]),
                None => out.push(word.into()),
            }
        } else {
            let begin = word.find(|c: char| c != '(').unwrap_or(0);
            let (before, word) = word.split_at(begin);
            match word.strip_prefix(['%', '@', '&']).map(named) {
                Some((name, rest)) if !name.is_empty() => {
                    out.push(format!("{before}`{name}`{rest}"));
                }
                _ => out.push(format!("{before}{word}")),
            }
        }
    }
    out.join(" ")
}

fn is_kind(word: &str) -> bool {
    matches!(word, "struct" | "union" | "enum" | "typedef")
}

/// A name at the begin of a word, and the rest of it.
fn named(word: &str) -> (&str, &str) {
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    word.split_at(end)
}

fn contract_sheet(model: &Model, contract: &Contract) -> ContractSheet {
    let name = &contract.compatible;
    let spelled = match contract.spelled() {
        Spelled::String => format!("`{}` is the string {name:?}", contract.macro_name),
        Spelled::Number | Spelled::Magic => {
            let number = contract.version.map(|n| n.to_string()).unwrap_or_default();
            let string = contract.string().map(|s| format!(", beside the string {s:?}"));
            format!(
                "`{}` is the number {number}{}",
                contract.macro_name,
                string.unwrap_or_default()
            )
        }
        Spelled::Features => format!("feature words, with `{}`", contract.macro_name),
        Spelled::Nothing => "no version covers it".into(),
    };
    let constants = contract.constants.iter().filter_map(|name| model.constant(name));
    let constants = constants.map(|constant| ConstantRow {
        name: text(&constant.name),
        value: match &constant.value {
            Value::Int(value) if *value > 4096 => format!("{value} ({value:#x})"),
            Value::Int(value) => value.to_string(),
            Value::Str(value) => text(&format!("{value:?}")),
        },
        meaning: prose(constant.doc.split("\n\n").next().unwrap_or_default()),
    });
    let nodes = contract.nodes.iter().map(|node| NodeSheet {
        path: text(&node.path),
        properties: node
            .properties
            .iter()
            .map(|property| {
                let size = property.size.map_or_else(|| "a string".into(), |n| count(n, "byte"));
                (text(&property.name), size, prose(&property.doc))
            })
            .collect(),
    });
    ContractSheet {
        name: text(name),
        spelled: text(&spelled),
        constants: constants.collect(),
        nodes: nodes.collect(),
    }
}

fn structure(part: &Part<'_>, record: &Record) -> StructSheet {
    let others = part.whole.other_pages_of(&record.name);
    let others = others.filter_map(|item| item.record());
    let mut record = record.clone();
    // Names are cleaned once, here, for every format.
    record.name = text(&record.name);
    for field in &mut record.fields {
        field.name = text(&field.name);
    }
    StructSheet {
        anchor: format!("struct-{}", anchor(&record.name)),
        title: format!("{} {}", record.kind.keyword(), record.name),
        brief: prose(&said::brief(&record)),
        facts: facts(&record),
        owners: part.whole.owners(&record.name).into_iter().map(text).collect(),
        rows: rows(&record),
        other_pages: others.map(|other| other_pages(&record, other)).collect(),
        record,
    }
}

/// A struct's totals, in a line.
pub(super) fn facts(record: &Record) -> String {
    let mut facts = vec![
        count(record.size, "byte"),
        count(record.size.div_ceil(CACHE_LINE), "cache line"),
        format!("alignment {}", record.align),
    ];
    if record.packing == Packing::Packed {
        facts.push("packed".into());
    }
    let holes = record.holes();
    if !holes.is_empty() {
        let bytes = holes.iter().map(|(_, size)| size).sum();
        facts.push(format!("{} in holes and padding", count(bytes, "byte")));
    }
    if let Some(page_size) = record.page_size {
        facts.push(format!("for pages of {page_size} bytes"));
    }
    facts.join(", ")
}

/// What a struct is for another page size.
fn other_pages(record: &Record, other: &Record) -> String {
    let page = other.page_size.map_or_else(String::new, |size| size.to_string());
    let changed = other.fields.iter().filter(|field| {
        let same = record.fields.iter().find(|own| own.name == field.name);
        same.is_none_or(|own| {
            own.ty.by_value() != field.ty.by_value() || own.bit_offset != field.bit_offset
        })
    });
    let changed = changed.map(|field| {
        format!("`{} {}` at byte {}", field.ty.by_value().spelling(), field.name, field.offset())
    });
    let changed: Vec<_> = changed.take(8).collect();
    let fields =
        if changed.is_empty() { String::new() } else { format!(": {}", changed.join(", ")) };
    text(&format!("For pages of {page} bytes it has {}{fields}", count(other.size, "byte")))
}

fn rows(record: &Record) -> Vec<Row> {
    let end = record.fields.iter().map(|f| f.bit_offset.saturating_add(f.bit_size)).max();
    let end = end.unwrap_or(0).div_ceil(8);
    let hole = |(offset, size): (u64, u64)| Row {
        offset: offset.to_string(),
        size: size.to_string(),
        ty: String::new(),
        name: String::new(),
        meaning: if offset >= end { "padding" } else { "a hole" }.into(),
    };
    let mut holes = record.holes().into_iter().peekable();
    let mut rows = Vec::new();
    for field in &record.fields {
        while let Some(found) = holes.next_if(|(offset, _)| *offset < field.offset()) {
            rows.push(hole(found));
        }
        let (offset, size) = position(field);
        rows.push(Row {
            offset,
            size,
            ty: text(&field.ty.spelling()),
            name: text(&field.name),
            meaning: prose(&said::of_field(record, field)),
        });
    }
    rows.extend(holes.map(hole));
    rows
}

/// Where a field is, and how large it is: in bytes, or `byte:bit` and bits.
pub(super) fn position(field: &Field) -> (String, String) {
    if field.bit_field {
        let offset = format!("{}:{}", field.offset(), field.bit_offset % 8);
        (offset, count(field.bit_size, "bit"))
    } else {
        (field.offset().to_string(), field.size().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_comments_become_backquotes() {
        for (said, shown) in [
            ("The array of &struct x_ser, or %NULL.", "The array of `struct x_ser`, or `NULL`."),
            ("See [`x_ser`] and (@count).", "See `x_ser` and (`count`)."),
            ("`a &struct b` is code, 100 % is not", "`a &struct b` is code, 100 % is not"),
            ("  two\n lines @ once & more", "two lines @ once & more"),
            ("ends with &struct", "ends with &struct"),
        ] {
            assert_eq!(prose(said), shown);
        }
    }
}
