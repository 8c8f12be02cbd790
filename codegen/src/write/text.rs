// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes layouts for people, in the style of pahole.

use kho_abi_model::put;
use kho_abi_model::reading::Knows;
use kho_abi_model::{Contract, Field, Model, Packing, Record, RecordKind};

/// Size of a cache line on machines that support live update, in bytes.
const CACHE_LINE: u64 = 64;

/// Renders one struct or union of a model.
///
/// Each field has its offset and size in bytes (a bit-field has `byte:bit` and bits). Holes are
/// shown in place. The end has a summary: sizes, padding, cache lines, and the compatible strings
/// that promise the layout. What its source does not know is left out.
#[must_use]
pub fn render(model: &Model, record: &Record, knows: &Knows) -> String {
    let mut out = String::new();
    put!(out, "{} {} {{", record.kind.keyword(), record.name);
    let declarations: Vec<_> = record.fields.iter().map(declaration).collect();
    let base = declarations.iter().map(|(base, _)| base.len()).max().unwrap_or(0);
    let name = declarations.iter().map(|(_, name)| name.len()).max().unwrap_or(0);
    let mut holes = record.holes().into_iter().peekable();
    for (field, (ty, declared)) in record.fields.iter().zip(&declarations) {
        while let Some((_, size)) = holes.next_if(|(offset, _)| *offset < field.offset()) {
            put!(out, "\n        /* XXX {size} bytes hole, try to pack */\n");
        }
        let (offset, size) = position(field);
        put!(out, "        {ty:base$}  {declared:name$}  /* {offset:>5} {size:>5} */");
    }
    let holes = record.holes();
    let end =
        record.fields.iter().map(|f| f.bit_offset + f.bit_size).max().unwrap_or(0).div_ceil(8);
    let padding = record.size.saturating_sub(end);
    let total: u64 = holes.iter().map(|(_, size)| size).sum();
    out.push('\n');
    put!(
        out,
        "        /* size: {}, cachelines: {}, members: {}{} */",
        record.size,
        record.size.div_ceil(CACHE_LINE),
        record.fields.len(),
        if knows.packing { packing(record) } else { String::new() },
    );
    if record.kind == RecordKind::Struct {
        put!(
            out,
            "        /* sum members: {}, holes: {}, sum holes: {}, padding: {padding} */",
            record.size - total,
            holes.len() - usize::from(padding > 0),
            total - padding,
        );
    }
    let owners = model.owners(&record.name);
    if let Some(page_size) = record.page_size {
        put!(out, "        /* for pages of {page_size} bytes */");
    }
    match owners.as_slice() {
        // That no string promises it can be said only where every string is known.
        [] if !(knows.strings && knows.absence) => put!(out, "        /* contract: unknown */"),
        [] => put!(out, "        /* no contract */"),
        owners => put!(out, "        /* contract: {} */", owners.join(", ")),
    }
    out.push_str("};\n");
    out
}

fn packing(record: &Record) -> String {
    let packed = if record.packing == Packing::Packed { ", packed" } else { "" };
    format!(", align: {}{packed}", record.align)
}

/// Renders the device-tree nodes of a contract: each property with its size in bytes.
#[must_use]
pub fn render_nodes(contract: &Contract) -> String {
    let mut out = String::new();
    for node in &contract.nodes {
        if !out.is_empty() {
            out.push('\n');
        }
        put!(out, "node {} {{", node.path);
        let width = node.properties.iter().map(|p| p.name.len()).max().unwrap_or(0) + 1;
        for property in &node.properties {
            let size = property.size.map_or_else(|| "string".into(), |size| size.to_string());
            put!(out, "        {:width$}  /* {size:>6} */", format!("{};", property.name));
        }
        put!(out, "\n        /* contract: {} */\n}};", contract.compatible);
    }
    out
}

/// The declaration, split into columns: type, and name with dimensions.
fn declaration(field: &Field) -> (String, String) {
    let width = if field.bit_field { format!(":{}", field.bit_size) } else { String::new() };
    (field.ty.base(), format!("{}{}{width};", field.name, field.ty.dimensions()))
}

fn position(field: &Field) -> (String, String) {
    if field.bit_field {
        (format!("{}:{}", field.offset(), field.bit_offset % 8), format!("{}b", field.bit_size))
    } else {
        (field.offset().to_string(), field.size().to_string())
    }
}
