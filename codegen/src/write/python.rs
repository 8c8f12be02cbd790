// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a Python module: the structs as `ctypes` structures, which assert their own layout.

use super::bindings::{self, field_doc, pieces, Abi, Named, Piece};
use super::c_header::COMMAND;
use super::prose;
use kho_abi_model::{put, Endian, Model, Record, RecordKind, Type, Value};
use std::fmt::Write as _;

/// Its path in the directory of bindings.
pub const PATH: &str = "python/kho_abi.py";

/// Renders the module.
#[must_use]
pub fn render(model: &Model) -> String {
    let abi = Abi::of(model);
    let mut out = format!(
        r#"# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Generated from abi/src/wire/: do not edit.
# To change it, edit the files there and run `{COMMAND}`.
"""State that one Linux kernel hands to the next in a live update, as ctypes structures.

    page = open("page", "rb").read()
    header = kho_abi.kho_block_header_ser.from_buffer_copy(page)

Structures and constants have the names that the kernel's headers give them, and their layout is
checked when the module is imported. Bytes are little-endian. Strings are bytes, as memory has them:
compare `file.compatible` with `MEMFD_LUO_FH_COMPATIBLE`. What depends on the page size is here for
pages of 4 KiB. For other page sizes, its name ends in the page size; `with_page_size()` chooses.
"""

from __future__ import annotations

import ctypes as _c
import types as _types
from typing import Any as _Any

_u8, _u16, _u32, _u64 = _c.c_uint8, _c.c_uint16, _c.c_uint32, _c.c_uint64
_s8, _s16, _s32, _s64 = _c.c_int8, _c.c_int16, _c.c_int32, _c.c_int64
_char = _c.c_char
# A field may have the name of this type.
_bytes = bytes


class _Struct(_c.LittleEndianStructure):
    _layout_ = "ms"
    _pack_ = 1


def layout(struct: type[_c.Structure] | type[_c.Union]) -> dict[str, tuple[int, int]]:
    """Each field's place in a structure, by name: its offset and its size, in bits."""
    return {{
        field[0]: _place(struct, *field) for field in struct._fields_ if field[0][0] != "_"
    }}


def _place(struct: _Any, name: str, _type: object, bits: int | None = None) -> tuple[int, int]:
    if bits is None:
        found = getattr(struct, name)
        return found.offset * 8, found.size * 8
    value = struct()
    setattr(value, name, (1 << bits) - 1)
    mask = int.from_bytes(bytes(value), "little")
    offset = (mask & -mask).bit_length() - 1
    return offset, mask.bit_length() - offset


def _check(struct: _Any, size: int, expected: dict[str, tuple[int, int]]) -> None:
    """Fails where Python lays out a structure differently from the kernel."""
    found = layout(struct)
    if (_c.sizeof(struct), found) != (size, expected):
        raise ImportError(
            f"{{struct.__name__}} has {{_c.sizeof(struct)}} bytes and fields at bits {{found}},"
            f" expected {{size}} and {{expected}}"
        )
"#
    );
    if abi.records.iter().any(|record| record.item.kind == RecordKind::Union) {
        out.push_str(
            "\n\nclass _Union(_c.LittleEndianUnion):\n    _layout_ = \"ms\"\n    _pack_ = 1\n",
        );
    }
    out.push('\n');
    for constant in &abi.constants {
        if !constant.doc().is_empty() {
            out.push('\n');
        }
        comment(&mut out, &abi, constant.doc());
        put!(out, "{} = {}", constant.name, value(&constant.item.value));
    }
    for enumeration in &abi.enums {
        put!(out, "\n# {}", enumeration.name);
        for member in &enumeration.members {
            comment(&mut out, &abi, &member.doc);
            put!(out, "{} = {}", member.name, value(&member.value));
        }
    }
    for record in &abi.records {
        write_record(&mut out, &abi, model, record);
    }
    write_contracts(&mut out, &abi, model);
    write_page_sizes(&mut out, &abi, model);
    out
}

fn value(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Str(text) => {
            let mut out = String::from("b\"");
            for byte in text.bytes() {
                match byte {
                    b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
                    b' '..=b'~' => out.push(char::from(byte)),
                    _ => {
                        let _ = write!(out, "\\x{byte:02x}");
                    }
                }
            }
            out + "\""
        }
    }
}

fn comment(out: &mut String, abi: &Abi<'_>, doc: &str) {
    if !doc.is_empty() {
        for line in abi.prose(doc, bindings::WIDTH - 2) {
            put!(out, "{}", format!("# {line}").trim_end());
        }
    }
}

fn write_record(out: &mut String, abi: &Abi<'_>, model: &Model, record: &Named<'_, Record>) {
    let Named { name, item, .. } = record;
    let base = match item.kind {
        RecordKind::Struct => "_Struct",
        RecordKind::Union => "_Union",
    };
    put!(out, "\n\nclass {name}({base}):");
    let doc = record.doc(model);
    let lines = abi.prose(&doc, bindings::WIDTH - 4);
    let escaped = |line: &String| line.replace('\\', "\\\\").replace('"', "'");
    let lines: Vec<_> = lines.iter().map(escaped).collect();
    match lines.as_slice() {
        [] => {}
        [line] if line.len() + 10 <= bindings::WIDTH => put!(out, "    \"\"\"{line}\"\"\"\n"),
        [first, rest @ ..] => {
            put!(out, "    \"\"\"{first}");
            for line in rest {
                put!(out, "{}", format!("    {line}").trim_end());
            }
            out.push_str("    \"\"\"\n\n");
        }
    }
    put!(out, "    _fields_ = [");
    let mut expected = Vec::new();
    let mut hints = Vec::new();
    for piece in pieces(item) {
        match piece {
            Piece::Hole { number, size } => put!(out, "        (\"_hole{number}\", _u8 * {size}),"),
            Piece::Field(field) => {
                write_field_doc(out, &field_doc(field));
                let name = bindings::field_name(&field.name);
                put!(out, "        (\"{name}\", {}),", ty(abi, &field.ty, record.page_size));
                hints.push((name.clone(), hint(abi, &field.ty, record.page_size)));
                expected.push((name, field.bit_offset, field.bit_size));
            }
            Piece::Bits { unit, fields, .. } => {
                for field in fields {
                    write_field_doc(out, &field_doc(field));
                    let name = bindings::field_name(&field.name);
                    put!(out, "        (\"{name}\", _u{unit}, {}),", field.bit_size);
                    hints.push((name.clone(), "int".into()));
                    expected.push((name, field.bit_offset, field.bit_size));
                }
            }
        }
    }
    out.push_str("    ]\n");
    // ctypes makes the fields; these lines are for those who check types.
    for (name, hint) in hints {
        put!(out, "    {name}: {hint}");
    }
    out.push_str("\n\n");
    put!(out, "_check({name}, {}, {{", item.size);
    for (field, offset, size) in expected {
        put!(out, "    \"{field}\": ({offset}, {size}),");
    }
    out.push_str("})\n");
}

fn write_field_doc(out: &mut String, doc: &str) {
    if !doc.is_empty() {
        for line in prose::wrap(doc, bindings::WIDTH, "        # ", "        # ") {
            put!(out, "{line}");
        }
    }
}

fn ty(abi: &Abi<'_>, of: &Type, page_size: Option<u64>) -> String {
    match of {
        Type::Int { bits, signed: true } => format!("_s{bits}"),
        Type::Int { bits, signed: false } => format!("_u{bits}"),
        Type::Ordered { bits, order: Endian::Big } => format!("_c.c_uint{bits}.__ctype_be__"),
        Type::Ordered { bits, order: Endian::Little } => format!("_c.c_uint{bits}.__ctype_le__"),
        Type::Char => "_char".into(),
        Type::Pointer | Type::KhoserPtr { .. } => "_u64".into(),
        Type::Array { elem, len, .. } => format!("{} * {len}", ty(abi, elem, page_size)),
        Type::Struct { name } | Type::Union { name } => abi.embedded(name, page_size),
    }
}

/// The type of what reading a field gives, for type checkers.
fn hint(abi: &Abi<'_>, of: &Type, page_size: Option<u64>) -> String {
    match of {
        Type::Int { .. } | Type::Ordered { .. } | Type::Pointer | Type::KhoserPtr { .. } => {
            "int".into()
        }
        Type::Char => "_bytes".into(),
        Type::Array { elem, .. } => match &**elem {
            Type::Char => "_bytes".into(),
            elem => format!("_c.Array[{}]", element(abi, elem, page_size)),
        },
        Type::Struct { name } | Type::Union { name } => abi.embedded(name, page_size),
    }
}

/// The type of an array's elements.
fn element(abi: &Abi<'_>, of: &Type, page_size: Option<u64>) -> String {
    match of {
        Type::Int { bits, signed } => format!("_c.c_{}int{bits}", if *signed { "" } else { "u" }),
        Type::Ordered { bits, .. } => format!("_c.c_uint{bits}"),
        Type::Char => "_c.c_char".into(),
        Type::Pointer | Type::KhoserPtr { .. } => "_c.c_uint64".into(),
        Type::Array { elem, .. } => format!("_c.Array[{}]", element(abi, elem, page_size)),
        Type::Struct { name } | Type::Union { name } => abi.embedded(name, page_size),
    }
}

/// What each version promises.
fn write_contracts(out: &mut String, abi: &Abi<'_>, model: &Model) {
    out.push_str(
        "\n\n# The structures that each version promises, by the name that reports give the version.\n\
         CONTRACTS: dict[str, tuple[type[_c.Structure] | type[_c.Union], ...]] = {\n",
    );
    for (_, contract) in model.contracts() {
        let closure = model.closure(contract);
        let promised = |name: &str| closure.iter().any(|record| record.name == name);
        let all = abi.records.iter().filter(|record| promised(&record.item.name));
        let names: Vec<_> = all.map(|record| record.name.as_str()).collect();
        if names.is_empty() {
            put!(out, "    \"{}\": (),", contract.compatible);
            continue;
        }
        put!(out, "    \"{}\": (", contract.compatible);
        for name in names {
            put!(out, "        {name},");
        }
        out.push_str("    ),\n");
    }
    out.push_str("}\n");
}

fn write_page_sizes(out: &mut String, abi: &Abi<'_>, model: &Model) {
    out.push_str("\n# What depends on the page size, by that size.\n_PAGED: dict[int, dict[str, _Any]] = {\n");
    for size in model.page_sizes() {
        put!(out, "    {size}: {{");
        for constant in abi.constants.iter().filter(|c| c.page_size == Some(size)) {
            put!(out, "        \"{}\": {},", constant.item.name, constant.name);
        }
        for record in abi.records.iter().filter(|r| r.page_size == Some(size)) {
            put!(out, "        \"{}\": {},", record.item.name, record.name);
        }
        out.push_str("    },\n");
    }
    out.push_str(
        r#"}


def with_page_size(page_size: int) -> _types.SimpleNamespace:
    """Everything in this module as it is for a page size, each under its plain name."""
    if page_size not in _PAGED:
        raise ValueError(f"unknown page size {page_size} (expected one of {sorted(_PAGED)})")
    names = {name: value for name, value in globals().items() if not name.startswith("_")}
    return _types.SimpleNamespace(**{**names, **_PAGED[page_size]})
"#,
    );
}
