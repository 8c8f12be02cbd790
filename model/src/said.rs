// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What comments say about fields: their meaning, and what an address in them leads to.

use super::{Field, Model, Record, Type};
use std::collections::BTreeSet;

/// The head of a block, in front of the block's entries.
const BLOCK: &str = "kho_block_header_ser";

/// What an address or a list leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// One struct, or an array of it.
    Struct(String),
    /// A list of KHO's blocks with entries of that struct.
    Blocks(String),
}

impl Lead {
    /// The struct's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Struct(name) | Self::Blocks(name) => name,
        }
    }
}

/// Everything that comments say about a field: the member's lines of the struct's kernel-doc comment, then
/// the field's own comment.
#[must_use]
pub fn of_field(record: &Record, field: &Field) -> String {
    let said = of_member(&record.doc, &field.name);
    format!("{} {}", said.trim(), field.doc.trim()).trim().to_string()
}

/// What the kernel-doc comment of a struct says of a member.
fn of_member(doc: &str, member: &str) -> String {
    let mut said = String::new();
    let mut is_its = false;
    for line in doc.lines().map(str::trim) {
        if let Some((name, text)) = line.strip_prefix('@').and_then(|line| line.split_once(':')) {
            is_its = name.trim() == member;
            said.push_str(if is_its { text } else { "" });
        } else if line.is_empty() {
            is_its = false;
        } else if is_its {
            said.push(' ');
            said.push_str(line);
        }
    }
    said
}

/// What a struct is, in one sentence: the first paragraph of its comment, without kernel-doc's prefix.
#[must_use]
pub fn brief(record: &Record) -> String {
    let lines = record.doc.lines().map(str::trim);
    let first = lines.take_while(|line| !line.is_empty() && !line.starts_with('@'));
    let text = first.collect::<Vec<_>>().join(" ");
    let prefix = format!("{} {} - ", record.kind.keyword(), record.name);
    text.strip_prefix(&prefix).unwrap_or(&text).to_string()
}

/// What a field leads to, where its comment names the one struct that it is an address or a list of.
///
/// A comment that names several structs, or only ones that the model does not have, says nothing.
#[must_use]
pub fn lead(model: &Model, record: &Record, field: &Field) -> Option<Lead> {
    let said = of_field(record, field);
    let is_address = match element(&field.ty) {
        Type::Int { bits: 64, signed: false } => said.to_lowercase().contains("address"),
        Type::Struct { name } => name == "kho_vmalloc",
        // What it leads to is in its type, unless that is the head of a block.
        Type::KhoserPtr { to } => to == BLOCK,
        _ => false,
    };
    if !is_address || field.bit_field {
        return None;
    }
    let named = named(&said);
    let named: BTreeSet<&str> = named.filter(|name| model.record(name).is_some()).collect();
    let mut others = named.iter().filter(|name| **name != BLOCK);
    let to_block = matches!(element(&field.ty), Type::KhoserPtr { .. }) || named.contains(BLOCK);
    match (others.next(), others.next()) {
        (Some(only), None) if to_block => Some(Lead::Blocks((*only).into())),
        (Some(only), None) => Some(Lead::Struct((*only).into())),
        _ => None,
    }
}

/// What a field leads to, by its comment or by its type.
#[must_use]
pub fn leads_to(model: &Model, record: &Record, field: &Field) -> Option<Lead> {
    let by_type = || match element(&field.ty) {
        Type::KhoserPtr { to } => Some(Lead::Struct(to.clone())),
        _ => None,
    };
    lead(model, record, field).or_else(by_type)
}

/// The structs that a comment names as what a field is about: behind `struct`, or in backquotes, which the
/// truth's comments have.
///
/// `of the order that struct x says` is about the order.
fn named(said: &str) -> impl Iterator<Item = &str> {
    const ASIDE: [&str; 9] = ["that", "which", "in", "by", "see", "than", "from", "with", "like"];
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '`';
    let words = said.split(move |c| !is_of_a_name(c)).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before =
            |by: usize| at.checked_sub(by).map_or("", |at| words[at].trim_start_matches('`'));
        let quoted = word.strip_prefix('`').and_then(|word| word.strip_suffix('`'));
        let (name, ahead) = match quoted {
            Some(name) if before(1) != "struct" => (name, before(1)),
            _ if before(1) == "struct" => (word.trim_matches('`'), before(2)),
            _ => continue,
        };
        if !ASIDE.contains(&ahead) {
            found.push(name);
        }
    }
    found.into_iter()
}

/// The type of an array's innermost element; any other type is its own.
fn element(ty: &Type) -> &Type {
    let mut ty = ty;
    while let Type::Array { elem, .. } = ty {
        ty = elem;
    }
    ty
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Header, Item, RecordKind, Target};

    #[test]
    fn a_comment_says_what_a_field_leads_to_where_it_names_one_struct() {
        let item = |name: &str| Item::Record(Record::empty(RecordKind::Struct, name));
        let names = ["a_ser", "b_ser", BLOCK];
        let header =
            Header { name: "x".into(), items: names.map(item).into(), ..Header::default() };
        let model = Model { target: Target::HOST, headers: vec![header], other_pages: Vec::new() };
        let of = |ty: Type, said: &str| {
            let mut record = Record::empty(RecordKind::Struct, "holder");
            record.push("x", ty, 64).doc = said.into();
            lead(&model, &record, &record.fields[0])
        };
        let u64 = || Type::unsigned(64);
        let list = || Type::structure("kho_vmalloc");
        let one = Some(Lead::Struct("a_ser".into()));
        let blocks = Some(Lead::Blocks("a_ser".into()));
        let head = || Type::KhoserPtr { to: BLOCK.into() };
        for (ty, said, to) in [
            (u64(), "Physical address of the first &struct a_ser.", one.clone()),
            (u64(), "The number of struct a_ser.", None),
            (u64(), "Address of a struct a_ser or of a struct b_ser.", None),
            (u64(), "Address of a struct that no header has: struct c_ser.", None),
            (u64(), "Address of a_ser.", None),
            (u64(), "Address of an [`a_ser`].", one.clone()),
            (u64(), "Address of a `struct a_ser`.", one.clone()),
            (u64(), "Addresses of pages, each of the order that &struct a_ser tells.", None),
            (u64(), "Addresses of pages, each of the order in [`a_ser`].", None),
            (u64(), "Address of an [`a_ser`] or a [`b_ser`].", None),
            (u64(), "Address of blocks ([`kho_block_header_ser`]) of [`a_ser`].", blocks.clone()),
            (
                u64(),
                "Address of blocks, struct kho_block_header_ser, of struct a_ser.",
                blocks.clone(),
            ),
            (u64(), "Address of a struct kho_block_header_ser.", None),
            (Type::unsigned(32), "Address of a struct a_ser.", None),
            (list(), "Array of struct a_ser.", one.clone()),
            (list(), "Array.", None),
            (head(), "Blocks of struct a_ser.", blocks.clone()),
            (Type::KhoserPtr { to: "b_ser".into() }, "Or rather a struct a_ser.", None),
        ] {
            assert_eq!(of(ty, said), to, "{said}");
        }
    }

    #[test]
    fn a_type_says_what_it_leads_to_where_the_comment_does_not() {
        let model = Model { target: Target::HOST, headers: Vec::new(), other_pages: Vec::new() };
        let mut record = Record::empty(RecordKind::Struct, "holder");
        record.push("x", Type::KhoserPtr { to: "b_ser".into() }, 64);
        record.push("y", Type::unsigned(64), 64);
        let to = |at: usize| leads_to(&model, &record, &record.fields[at]);
        assert_eq!(to(0), Some(Lead::Struct("b_ser".into())));
        assert_eq!(to(1), None);
    }

    #[test]
    fn a_member_s_part_of_a_comment_ends_with_the_next() {
        let doc =
            "struct x - An x.\n@first: Address of\n         a struct a.\n@second: Two.\n\nAt last.";
        assert_eq!(of_member(doc, "first"), " Address of a struct a.");
        assert_eq!(of_member(doc, "second"), " Two.");
        assert_eq!(of_member(doc, "third"), "");
        let mut record = Record::empty(RecordKind::Struct, "x");
        record.doc = doc.into();
        assert_eq!(brief(&record), "An x.");
        record.doc = "Root of\nit.\n\nMore.".into();
        assert_eq!(brief(&record), "Root of it.");
    }
}
