// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a description for Kaitai Struct, whose compiler makes parsers in a dozen languages.

use super::bindings::{self, field_doc, flat, pieces, Abi, Named, Piece};
use super::c_header::COMMAND;
use kho_abi_model::{put, Endian, Field, Model, Record, RecordKind, Type, Value};
use std::fmt::Write as _;

/// Its path in the directory of bindings.
pub const PATH: &str = "kaitai/kho.ksy";

/// Renders the description.
#[must_use]
pub fn render(model: &Model) -> String {
    let abi = Abi::of(model);
    let mut out = format!(
        "\
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Generated from abi/src/wire/: do not edit.
# To change it, edit the files there and run `{COMMAND}`.
meta:
  id: kho
  title: State that one Linux kernel hands to the next in a live update
  license: GPL-2.0-only OR MIT
  ks-version: 0.9
  endian: le
  bit-endian: le
doc: |
  A page of such state does not say what it is: only what led to it does. So parse it as one of the
  types below, such as luo_session_block. What depends on the page size is described for pages of
  4 KiB. For other page sizes, its name ends in the page size.

  Strings are bytes without their NUL, and have a second name that ends in _text for the string.
"
    );
    write_constants(&mut out, &abi);
    write_enums(&mut out, &abi);
    out.push_str("types:\n");
    for record in &abi.records {
        write_record(&mut out, &abi, model, record);
    }
    for list in abi.lists() {
        put!(out, "  {}:", list.name);
        put!(out, "    doc: |\n      {}", list.doc);
        put!(out, "    seq:\n      - id: header\n        type: {}", list.header);
        put!(out, "      - id: entries\n        type: {}", list.entry);
        put!(out, "        repeat: expr\n        repeat-expr: header.{}", list.count);
    }
    out
}

fn write_constants(out: &mut String, abi: &Abi<'_>) {
    if abi.constants.is_empty() {
        return;
    }
    out.push_str("instances:\n");
    for constant in &abi.constants {
        put!(out, "  {}:", id(&constant.name));
        match &constant.item.value {
            Value::Int(value) => put!(out, "    value: {value}"),
            // A string of the expression language, inside one of YAML.
            Value::Str(text) => {
                put!(out, "    value: '\"{}\"'", escape(text).replace('\'', "''"));
            }
        }
        write_doc(out, abi, constant.doc(), "    ");
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    out
}

fn write_enums(out: &mut String, abi: &Abi<'_>) {
    if abi.enums.is_empty() {
        return;
    }
    out.push_str("enums:\n");
    for enumeration in &abi.enums {
        put!(out, "  {}:", id(&enumeration.name));
        for member in &enumeration.members {
            if let Value::Int(value) = member.value {
                put!(out, "    {value}: {}", id(&member.name));
            }
        }
    }
}

/// Identifiers are in lower case, and begin with a letter.
fn id(name: &str) -> String {
    name.to_lowercase().trim_start_matches('_').into()
}

fn write_doc(out: &mut String, abi: &Abi<'_>, doc: &str, indent: &str) {
    let lines = abi.prose(doc, bindings::WIDTH - indent.len() - 2);
    if lines.iter().all(String::is_empty) {
        return;
    }
    put!(out, "{indent}doc: |");
    for line in lines {
        put!(out, "{}", format!("{indent}  {line}").trim_end());
    }
}

fn write_record(out: &mut String, abi: &Abi<'_>, model: &Model, record: &Named<'_, Record>) {
    put!(out, "  {}:", record.name);
    write_doc(out, abi, &record.doc(model), "    ");
    let mut texts = Vec::new();
    if record.item.kind == RecordKind::Union {
        // Each field is read from the start of the struct, on demand.
        out.push_str("    instances:\n");
        for field in &record.item.fields {
            put!(out, "      {}:\n        pos: 0", id(&bindings::field_name(&field.name)));
            write_type(out, abi, model, field, record.page_size);
        }
        return;
    }
    out.push_str("    seq:\n");
    for piece in pieces(record.item) {
        match piece {
            Piece::Hole { number, size } => {
                put!(out, "      - id: hole{number}\n        size: {size}");
            }
            Piece::Field(field) => {
                let name = id(&bindings::field_name(&field.name));
                put!(out, "      - id: {name}");
                write_type(out, abi, model, field, record.page_size);
                if matches!(flat(&field.ty), (Type::Char, Some(_))) {
                    texts.push(name);
                }
            }
            Piece::Bits { fields, spare, .. } => {
                for field in fields {
                    put!(out, "      - id: {}", id(&bindings::field_name(&field.name)));
                    put!(out, "        type: b{}", field.bit_size);
                    write_doc(out, abi, &field_doc(field), "        ");
                }
                if spare > 0 {
                    put!(out, "      - type: b{spare}");
                }
            }
        }
    }
    if !texts.is_empty() {
        out.push_str("    instances:\n");
        for name in texts {
            put!(out, "      {name}_text:\n        value: {name}.to_s(\"UTF-8\")");
        }
    }
}

/// The type of a field, below its identifier.
fn write_type(
    out: &mut String,
    abi: &Abi<'_>,
    model: &Model,
    field: &Field,
    page_size: Option<u64>,
) {
    let (base, len) = flat(&field.ty);
    match (base, len) {
        (Type::Char, Some(len)) => put!(out, "        size: {len}\n        terminator: 0"),
        (Type::Int { bits: 8, signed: false }, Some(len)) => put!(out, "        size: {len}"),
        _ => {
            match base {
                Type::Int { bits, signed } => {
                    put!(out, "        type: {}{}", if *signed { 's' } else { 'u' }, bits / 8);
                }
                Type::Ordered { bits, order } => {
                    let order = if *order == Endian::Big { "be" } else { "le" };
                    put!(out, "        type: u{}{order}", bits / 8);
                }
                Type::Char => out.push_str("        type: u1\n"),
                Type::Pointer | Type::KhoserPtr { .. } => out.push_str("        type: u8\n"),
                Type::Struct { name } => {
                    put!(out, "        type: {}", abi.embedded(name, page_size));
                }
                Type::Union { name } => {
                    put!(out, "        type: {}", abi.embedded(name, page_size));
                    // Reading from the start requires a substream.
                    put!(out, "        size: {}", model.record(name).map_or(0, |found| found.size));
                }
                // `flat` removed the arrays.
                Type::Array { .. } => {}
            }
            if let Some(len) = len {
                put!(out, "        repeat: expr\n        repeat-expr: {len}");
            }
        }
    }
    write_doc(out, abi, &field_doc(field), "        ");
}
