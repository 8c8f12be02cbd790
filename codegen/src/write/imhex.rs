// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a pattern for the hex editor ImHex.
//!
//! It uses a small part of the pattern language, which `codegen/tests/bindings/` can read: structs,
//! unions, bit-fields, enumerations, arrays with a fixed or counted length, macros and assertions.

use super::bindings::{self, field_doc, flat, pieces, Abi, Named, Piece};
use super::c_header::{escape, COMMAND};
use kho_abi_model::{put, Endian, Field, Model, Record, Type, Value};

/// Its path in the directory of bindings.
pub const PATH: &str = "imhex/kho.hexpat";

/// Renders the pattern.
#[must_use]
pub fn render(model: &Model) -> String {
    let abi = Abi::of(model);
    let mut out = format!(
        "\
// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Generated from abi/src/wire/: do not edit.
// To change it, edit the files there and run `{COMMAND}`.
//
// A page of such state does not say what it is: only what led to it does. So say what lies where, at
// the end of this file or in the console, such as
//
//     luo_session_block sessions @ 0x0;
//
// What depends on the page size is described for pages of 4 KiB. For other page sizes, its name ends
// in the page size.

#pragma description State that one Linux kernel hands to the next in a live update
#pragma endian little

import std.sys;

"
    );
    for constant in &abi.constants {
        let name = &constant.name;
        match &constant.item.value {
            Value::Int(value) => put!(out, "#define {name} {value}"),
            Value::Str(text) => put!(out, "#define {name} \"{}\"", escape(text)),
        }
    }
    for enumeration in &abi.enums {
        put!(out, "\nenum {} : u64 {{", enumeration.name);
        for member in &enumeration.members {
            if let Value::Int(value) = member.value {
                put!(out, "    {} = {value},", member.name);
            }
        }
        out.push_str("};\n");
    }
    for record in &abi.records {
        write_record(&mut out, &abi, model, record);
    }
    for list in abi.lists() {
        put!(out, "\n// {}", list.doc);
        put!(out, "struct {} {{", list.name);
        put!(out, "    {} header;", list.header);
        put!(out, "    {} entries[header.{}];", list.entry, list.count);
        out.push_str("};\n");
    }
    out.push('\n');
    // Placing a page-sized struct would fail in a shorter file.
    for record in abi.records.iter().filter(|record| record.page_size.is_none()) {
        let (name, size) = (&record.name, record.item.size);
        put!(out, "std::assert(sizeof({name}) == {size}, \"{name} has another size\");");
    }
    out
}

fn write_record(out: &mut String, abi: &Abi<'_>, model: &Model, record: &Named<'_, Record>) {
    let Named { name, item, page_size } = record;
    let keyword = item.kind.keyword();
    let pieces = pieces(item);
    // A bit-field is a type of its own.
    let mut bits_types = Vec::new();
    for piece in &pieces {
        if let Piece::Bits { fields, spare, .. } = piece {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            let bits = format!("{name}_{}", names.join("_"));
            put!(out, "\nbitfield {bits} {{");
            for field in fields {
                let name = bindings::field_name(&field.name);
                put!(out, "    {name} : {}{};", field.bit_size, comment(field));
            }
            if *spare > 0 {
                put!(out, "    padding : {spare};");
            }
            out.push_str("};\n");
            bits_types.push((bits, names.join("_")));
        }
    }
    let mut bits_types = bits_types.into_iter();
    out.push('\n');
    for line in abi.prose(&record.doc(model), bindings::WIDTH - 3) {
        put!(out, "{}", format!("// {line}").trim_end());
    }
    put!(out, "{keyword} {name} {{");
    for piece in &pieces {
        match piece {
            // Padding consists of bytes, since `padding` does not count in a union.
            Piece::Hole { number, size } => put!(out, "    u8 hole{number}[{size}];"),
            Piece::Field(field) => {
                let (base, len) = flat(&field.ty);
                let len = len.map(|len| format!("[{len}]")).unwrap_or_default();
                let (ty, name) = (ty(abi, base, *page_size), bindings::field_name(&field.name));
                put!(out, "    {ty} {name}{len}{};", comment(field));
            }
            Piece::Bits { .. } => {
                if let Some((ty, name)) = bits_types.next() {
                    put!(out, "    {ty} {name};");
                }
            }
        }
    }
    out.push_str("};\n");
}

fn ty(abi: &Abi<'_>, of: &Type, page_size: Option<u64>) -> String {
    match of {
        Type::Int { bits, signed } => format!("{}{bits}", if *signed { 's' } else { 'u' }),
        Type::Ordered { bits, order: Endian::Big } => format!("be u{bits}"),
        Type::Ordered { bits, order: Endian::Little } => format!("le u{bits}"),
        Type::Char => "char".into(),
        Type::Pointer | Type::KhoserPtr { .. } => "u64".into(),
        Type::Struct { name } | Type::Union { name } => abi.embedded(name, page_size),
        // `flat` removed the arrays.
        Type::Array { elem, .. } => ty(abi, elem, page_size),
    }
}

/// The text that the editor shows beside a value.
fn comment(field: &Field) -> String {
    match field_doc(field) {
        doc if doc.is_empty() => String::new(),
        doc => format!(" [[comment(\"{}\")]]", escape(&doc)),
    }
}
