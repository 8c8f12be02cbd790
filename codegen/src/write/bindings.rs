// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Common parts of the writers of bindings: names, order, fields as bytes, plain prose.
//!
//! The tools do not know a page size. What depends on it is written once for each: under its own
//! name for the smallest, and with the size appended for the others, as `kho_vmalloc_chunk_64k`.

use super::prose;
use kho_abi_model::{Constant, Enumeration, Field, Item, Model, Record, RecordKind, Type};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Widest line of a binding, in columns.
pub(super) const WIDTH: usize = 100;

/// An item and its name in a binding.
pub(super) struct Named<'a, T> {
    pub(super) name: String,
    /// The page size that it is for; `None` if it does not depend on it.
    pub(super) page_size: Option<u64>,
    pub(super) item: &'a T,
}

impl<T> Named<'_, T> {
    /// Whether it is a copy for another page size.
    fn is_copy(&self, plain: &str) -> bool {
        self.name != plain
    }
}

impl Named<'_, Constant> {
    /// Its description. Copies for other page sizes have none of their own.
    pub(super) fn doc(&self) -> &str {
        if self.is_copy(&self.item.name) {
            ""
        } else {
            &self.item.doc
        }
    }
}

impl Named<'_, Record> {
    /// Its description, and the versions that promise it.
    pub(super) fn doc(&self, model: &Model) -> String {
        let Record { name, doc, .. } = self.item;
        let size = self.page_size.unwrap_or_default();
        if self.is_copy(name) {
            return format!("The same as {name}, for pages of {size} bytes.");
        }
        let mut doc = doc.clone();
        if self.page_size.is_some() {
            let _ = write!(doc, "\n\nFor pages of {size} bytes.");
        }
        let owners = model.owners(name);
        if !owners.is_empty() {
            let _ = write!(doc, "\n\nPromised by {}.", owners.join(" and "));
        }
        doc
    }
}

/// Everything that a model defines, in the form that bindings need.
pub(super) struct Abi<'a> {
    model: &'a Model,
    /// Constants, including those of enumerations that depend on the page size.
    pub(super) constants: Vec<Named<'a, Constant>>,
    /// Enumerations whose values are the same for every page size.
    pub(super) enums: Vec<&'a Enumeration>,
    /// Structs and unions, each after those that it embeds.
    pub(super) records: Vec<Named<'a, Record>>,
}

/// Entries that follow a header, which counts them. Only the kernel's code shows this, not a type.
pub(super) struct List {
    /// Its name in bindings.
    pub(super) name: &'static str,
    /// The struct before the entries.
    pub(super) header: &'static str,
    /// The header's field that counts the entries.
    pub(super) count: &'static str,
    /// The struct of each entry.
    pub(super) entry: &'static str,
    /// Its description.
    pub(super) doc: &'static str,
}

/// The lists that the state consists of.
pub(super) const LISTS: &[List] = &[
    List {
        name: "luo_session_block",
        header: "kho_block_header_ser",
        count: "count",
        entry: "luo_session_ser",
        doc: "A block of sessions; luo_ser.sessions_pa and the header's next lead to one.",
    },
    List {
        name: "luo_file_block",
        header: "kho_block_header_ser",
        count: "count",
        entry: "luo_file_ser",
        doc: "A block of files; luo_file_set_ser.files and the header's next lead to one.",
    },
    List {
        name: "luo_flb_list",
        header: "luo_flb_header_ser",
        count: "count",
        entry: "luo_flb_ser",
        doc: "The FLBs that luo_ser.flbs_pa leads to.",
    },
];

impl<'a> Abi<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let mut abi = Self { model, constants: vec![], enums: vec![], records: vec![] };
        let mut records = Vec::new();
        for item in model.headers.iter().flat_map(|header| &header.items) {
            abi.add(item, &mut records, None);
            for pages in &model.other_pages {
                let same = pages.items.iter().find(|other| {
                    std::mem::discriminant(*other) == std::mem::discriminant(item)
                        && other.name() == item.name()
                });
                if let Some(other) = same {
                    abi.add(other, &mut records, Some(pages.page_size));
                }
            }
        }
        let mut seen = BTreeSet::new();
        abi.records = order(&records, &mut seen, &abi);
        abi
    }

    fn add(
        &mut self,
        item: &'a Item,
        records: &mut Vec<(&'a Record, Option<u64>)>,
        of: Option<u64>,
    ) {
        let paged = |constant: &Constant| constant.page_size.is_some();
        match item {
            Item::Constant(constant) => self.add_constant(constant, of),
            Item::Record(record) => records.push((record, of)),
            Item::Enum(enumeration) if enumeration.members.iter().any(paged) => {
                for member in &enumeration.members {
                    self.add_constant(member, of);
                }
            }
            Item::Enum(enumeration) => self.enums.push(enumeration),
            // Macros with arguments only make sense in C.
            Item::Macro(_) => {}
        }
    }

    fn add_constant(&mut self, item: &'a Constant, of: Option<u64>) {
        // If only some members depend on the page size, the others are equal for every page size.
        if of.is_some() && item.page_size.is_none() {
            return;
        }
        let name = with_page_size(&item.name, of);
        // A constant's name is in capitals, including its suffix.
        let name = if of.is_some() { name.to_uppercase() } else { name };
        self.constants.push(Named { name, page_size: item.page_size, item });
    }

    /// The name of a struct that another one embeds.
    pub(super) fn embedded(&self, name: &str, in_page_size: Option<u64>) -> String {
        let paged = self.model.record(name).is_some_and(|record| record.page_size.is_some());
        let other = in_page_size.filter(|size| paged && Some(*size) != self.model.target.page_size);
        with_page_size(name, other)
    }

    /// The lists whose structs the model has.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'static List> + '_ {
        LISTS.iter().filter(|list| {
            let header = self.model.record(list.header);
            header.is_some_and(|header| header.fields.iter().any(|field| field.name == list.count))
                && self.model.record(list.entry).is_some()
        })
    }

    /// Documentation as plain lines: the brief description, and the rest.
    pub(super) fn prose(&self, doc: &str, width: usize) -> Vec<String> {
        prose::lines(&plain(doc), &prose::Names::of(self.model), None, width)
    }
}

/// A name, with the page size appended unless it is the smallest.
fn with_page_size(name: &str, page_size: Option<u64>) -> String {
    match page_size {
        Some(size) => format!("{name}_{}k", size / 1024),
        None => name.into(),
    }
}

/// Moves embedded structs before those that embed them; otherwise keeps the order.
fn order<'a>(
    records: &[(&'a Record, Option<u64>)],
    seen: &mut BTreeSet<String>,
    abi: &Abi<'a>,
) -> Vec<Named<'a, Record>> {
    fn visit<'a>(
        (record, of): (&'a Record, Option<u64>),
        records: &[(&'a Record, Option<u64>)],
        seen: &mut BTreeSet<String>,
        abi: &Abi<'a>,
        out: &mut Vec<Named<'a, Record>>,
    ) {
        let name = with_page_size(&record.name, of);
        if !seen.insert(name.clone()) {
            return;
        }
        for embedded in record.fields.iter().filter_map(|field| field.ty.embedded()) {
            let wanted = abi.embedded(embedded, record.page_size);
            let found =
                records.iter().find(|(other, of)| with_page_size(&other.name, *of) == wanted);
            if let Some(found) = found {
                visit(*found, records, seen, abi, out);
            }
        }
        out.push(Named { name, page_size: record.page_size, item: record });
    }
    let mut out = Vec::new();
    for record in records {
        visit(*record, records, seen, abi, &mut out);
    }
    out
}

/// Bytes of a record, in address order.
pub(super) enum Piece<'a> {
    /// A field of whole bytes.
    Field(&'a Field),
    /// An integer of that many bits, with fields from its least significant bit.
    Bits { unit: u64, fields: Vec<&'a Field>, spare: u64 },
    /// That many bytes without a name.
    Hole { number: usize, size: u64 },
}

/// All bytes of a record. In a union, each piece begins where the union does.
pub(super) fn pieces(record: &Record) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut holes = 0;
    let mut hole = |pieces: &mut Vec<Piece<'_>>, bits: u64| {
        if bits > 0 {
            holes += 1;
            pieces.push(Piece::Hole { number: holes, size: bits / 8 });
        }
    };
    let union = record.kind == RecordKind::Union;
    let mut fields: Vec<_> = record.fields.iter().collect();
    fields.sort_by_key(|field| field.bit_offset);
    let mut rest = fields.as_slice();
    let mut end = 0;
    while let [first, behind @ ..] = rest {
        if !union {
            hole(&mut pieces, first.bit_offset.saturating_sub(end) / 8 * 8);
        }
        if !first.bit_field {
            pieces.push(Piece::Field(first));
            end = first.bit_offset + first.bit_size;
            rest = behind;
            continue;
        }
        // Adjacent fields in one integer of the declared type.
        let unit = match first.ty {
            Type::Int { bits, .. } => u64::from(bits),
            _ => 64,
        };
        let within = |field: &&&Field| {
            field.bit_field && field.bit_offset + field.bit_size <= first.bit_offset + unit
        };
        let count = if union { 1 } else { rest.iter().take_while(within).count().max(1) };
        let (run, behind) = rest.split_at(count);
        let used = run.last().map_or(0, |last| last.bit_offset + last.bit_size - first.bit_offset);
        pieces.push(Piece::Bits { unit, fields: run.to_vec(), spare: unit.saturating_sub(used) });
        end = first.bit_offset + unit;
        rest = behind;
    }
    if !union {
        hole(&mut pieces, (record.size * 8).saturating_sub(end));
    }
    pieces
}

/// An element's type, and the total number of elements; `None` if it is not an array.
pub(super) fn flat(ty: &Type) -> (&Type, Option<u64>) {
    match ty {
        Type::Array { elem, len, .. } => {
            let (base, inner) = flat(elem);
            (base, Some(len * inner.unwrap_or(1)))
        }
        other => (other, None),
    }
}

/// A field's documentation in one line, including the target of an address.
pub(super) fn field_doc(field: &Field) -> String {
    let doc = plain(&field.doc);
    let doc: Vec<&str> = doc.split_whitespace().collect();
    let doc = doc.join(" ");
    match &field.ty {
        Type::KhoserPtr { to } => format!("{doc} Physical address of struct {to}.").trim().into(),
        _ => doc,
    }
}

/// Text without Markdown.
pub(super) fn plain(doc: &str) -> String {
    let mut fenced = false;
    let line = |line: &str| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return line.to_string();
        }
        if fenced {
            return line.to_string();
        }
        line.replace("[`", "").replace("`]", "").replace('`', "")
    };
    doc.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A field's name, changed if it is a reserved word in one of the tools.
pub(super) fn field_name(name: &str) -> String {
    const WORDS: &[&str] = &[
        "and",
        "as",
        "assert",
        "async",
        "auto",
        "await",
        "be",
        "bool",
        "break",
        "catch",
        "char",
        "class",
        "const",
        "continue",
        "def",
        "del",
        "else",
        "enum",
        "except",
        "false",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "le",
        "match",
        "namespace",
        "not",
        "null",
        "or",
        "out",
        "padding",
        "parent",
        "pass",
        "raise",
        "ref",
        "reference",
        "return",
        "section",
        "signed",
        "str",
        "this",
        "true",
        "try",
        "union",
        "unsigned",
        "using",
        "while",
        "with",
        "yield",
    ];
    if WORDS.contains(&name) {
        format!("{name}_")
    } else {
        name.into()
    }
}
