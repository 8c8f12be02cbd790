// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes the kernel's C headers.
//!
//! Only this file owns C text. Each struct is followed by static assertions of its size and
//! offsets, so that a kernel with the header does not build if they drift apart.

use super::prose::{self, Names};
use crate::origin::Origin;
use kho_abi_model::{
    put, Constant, Contract, Enumeration, FdtNode, Field, Header, Item, Macro, Model, Packing,
    Record, Type, Value,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Widest line of a kernel header, in columns.
pub(super) const WIDTH: usize = 80;

/// The command that writes bindings, as their banner names it.
pub(super) const COMMAND: &str = Origin::CHECKOUT.command;

/// Renders every header of a model, each with its text.
#[must_use]
pub fn render_all(model: &Model) -> Vec<(&Header, String)> {
    render_some(model, &model.headers, &Origin::CHECKOUT)
}

/// Renders some headers of a model, which are made from files of that origin.
#[must_use]
pub fn render_some<'a>(
    model: &Model,
    headers: &'a [Header],
    origin: &Origin,
) -> Vec<(&'a Header, String)> {
    // Prose may name items of any header, so collect the names once.
    let names = Names::of(model);
    headers.iter().map(|header| (header, render_named(model, header, &names, origin))).collect()
}

/// Renders one header of a model.
#[must_use]
pub fn render(model: &Model, header: &Header) -> String {
    render_named(model, header, &Names::of(model), &Origin::CHECKOUT)
}

fn render_named(model: &Model, header: &Header, names: &Names<'_>, origin: &Origin) -> String {
    let mut out = String::new();
    out.push_str("/* SPDX-License-Identifier: GPL-2.0 */\n");
    out.push_str("/*\n");
    put!(out, " * Generated from {}: do not edit.", header.file);
    put!(out, " * To change it, edit that file and run `{}`.", origin.command);
    out.push_str(" */\n\n");
    put!(out, "#ifndef {}\n#define {}\n", header.guard, header.guard);
    let mut group = None;
    for include in includes(header) {
        // The machine's own headers are separate, as elsewhere in the kernel.
        let dir = include.split('/').next().filter(|dir| *dir == "asm");
        if group.is_some_and(|group| group != dir) {
            out.push('\n');
        }
        group = Some(dir);
        put!(out, "#include <{include}>");
    }
    if group.is_some() {
        out.push('\n');
    }
    write_overview(&mut out, model, header, names);
    for item in &header.items {
        out.push('\n');
        match item {
            Item::Constant(constant) => write_constant(&mut out, constant, names),
            Item::Record(record) => write_record(&mut out, record, names),
            Item::Enum(enumeration) => write_enum(&mut out, enumeration, names),
            Item::Macro(item) => write_macro(&mut out, item, names),
        }
    }
    put!(out, "\n#endif /* {} */", header.guard);
    out
}

/// The includes for the types and for the assertions; the machine's own come last.
fn includes(header: &Header) -> Vec<&str> {
    let mut includes: BTreeSet<_> = header.includes.iter().map(String::as_str).collect();
    if header.records().next().is_some() {
        includes.extend(["linux/build_bug.h", "linux/stddef.h"]);
    }
    let mut includes: Vec<_> = includes.into_iter().collect();
    includes.sort_by_key(|include| include.starts_with("asm/"));
    includes
}

/// The section that describes the header, and what its contracts promise.
fn write_overview(out: &mut String, model: &Model, header: &Header, names: &Names<'_>) {
    let (title, rest) = prose::split_brief(&header.doc);
    let doc = format!("{rest}{}", promises(model, header));
    out.push_str("/**\n");
    put!(out, " * DOC: {title}");
    out.push_str(" *\n");
    write_comment(out, &prose::lines(&doc, names, None, WIDTH - 3));
    out.push_str(" */\n");
}

/// What the contracts of a header promise, and of which contracts of others it has a part: paragraphs, each behind
/// an empty line.
pub(crate) fn promises(model: &Model, header: &Header) -> String {
    let mut doc: String =
        header.contracts.iter().map(|contract| promise(model, contract)).collect();
    for (other, contract) in model.contracts_from_elsewhere(header) {
        let own = header.records().map(|record| &record.name);
        let own: Vec<_> = own.filter(|name| contract.roots.contains(name)).collect();
        let _ = write!(
            doc,
            "\n\n{} {} part of what `{}` promises, in <{}>. Any change to a field's offset, size, \
             type or meaning needs a new version there.",
            listed(own.iter().map(|name| name.as_str())),
            if own.len() == 1 { "is" } else { "are" },
            contract.macro_name,
            other.include_path(),
        );
    }
    doc
}

/// `a`, `b` and `c`.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        names => names.concat(),
    }
}

/// What a contract is about, and what changing it requires.
fn promise(model: &Model, contract: &Contract) -> String {
    let name = &contract.macro_name;
    let version = if contract.version.is_some() { "number" } else { "string" };
    let mut doc = String::new();
    if contract.roots.is_empty() {
        let _ = write!(
            doc,
            "\n\n`{name}` is a contract about the device-tree nodes that carry it: kernels that use \
             this string agree on their properties. The next kernel compares the string, and then \
             believes the rest. Any change to a property's name, size or meaning needs a new version \
             in the string."
        );
    } else {
        let new_version = match contract.version {
            Some(_) => "needs a new number",
            None => "needs a new version in the string",
        };
        let nodes = match contract.nodes.as_slice() {
            [] => "",
            _ => ", or to a property of the device tree",
        };
        let _ = write!(
            doc,
            "\n\n`{name}` is a contract about {}: kernels that use this {version} agree on every \
             byte of it. The next kernel compares the {version}, and then believes the bytes. Any \
             change to a field's offset, size, type or meaning, also in a struct that is \
             embedded{nodes}, {new_version}.",
            listed(contract.roots.iter().map(String::as_str)),
        );
    }
    for node in &contract.nodes {
        doc.push_str(&properties(model, contract, node));
    }
    doc
}

/// The properties of a node, as a list. Unlike in other device trees, numbers are in the byte order
/// of the CPU.
fn properties(model: &Model, contract: &Contract, node: &FdtNode) -> String {
    let mut doc = match node.path.as_str() {
        "/" => "\n\nThe root of the device tree has these properties".to_string(),
        path => format!("\n\nA node `{path}` of the device tree has these properties"),
    };
    let numbers = node.properties.iter().any(|property| property.size.is_some());
    doc.push_str(if numbers { ", numbers in the byte order of the CPU:\n" } else { ":\n" });
    for property in &node.properties {
        let size = property.size.map(|size| format!(", {size} bytes")).unwrap_or_default();
        // If a macro holds the name, code uses the macro.
        let named = contract.constants.iter().find(|name| {
            model.constant(name).is_some_and(|c| c.value == Value::Str(property.name.clone()))
        });
        let name = match named {
            Some(name) => format!("`{name}`, `{}`", property.name),
            None => format!("`{}`", property.name),
        };
        let _ = write!(doc, "\n- {name}{size}: {}", property.doc);
    }
    doc
}

fn write_comment(out: &mut String, lines: &[String]) {
    for line in lines {
        if line.is_empty() {
            out.push_str(" *\n");
        } else {
            put!(out, " * {}", line.trim_end());
        }
    }
}

fn write_constant(out: &mut String, constant: &Constant, names: &Names<'_>) {
    let (brief, rest) = prose::split_brief(&constant.doc);
    let name = &constant.name;
    if !brief.is_empty() {
        out.push_str("/**\n");
        let brief = format!("{name} - {}", prose::paragraph(&brief, names, None));
        write_comment(out, &prose::wrap(&brief, WIDTH - 3, "", ""));
        let rest = prose::lines(rest, names, None, WIDTH - 3);
        if !rest.is_empty() {
            out.push_str(" *\n");
            write_comment(out, &rest);
        }
        out.push_str(" */\n");
    }
    match (&constant.value, &constant.expr) {
        (_, Some(expr)) => write_expression(out, name, expr),
        (Value::Int(value), None) => put!(out, "#define {name}\t{value}"),
        (Value::Str(value), None) => put!(out, "#define {name}\t\"{}\"", escape(value)),
    }
}

/// A macro for an expression, with as many lines as needed.
fn write_expression(out: &mut String, name: &str, expr: &str) {
    let line = format!("#define {name}\t{expr}");
    if columns(&line) <= WIDTH {
        put!(out, "{line}");
        return;
    }
    let lines = break_expression(expr, TAB, BACKSLASH - 1);
    write_continued(out, &format!("#define {name}"), &lines);
}

/// The width of a tab in the kernel.
pub(super) const TAB: usize = 8;

/// Column of the backslash that continues a macro.
pub(super) const BACKSLASH: usize = 72;

/// The column after a text that begins at the left margin.
pub(super) fn columns(text: &str) -> usize {
    text.chars().fold(0, |at, c| if c == '\t' { (at / TAB + 1) * TAB } else { at + 1 })
}

/// White space of that many columns.
pub(super) fn indent(columns: usize) -> String {
    format!("{}{}", "\t".repeat(columns / TAB), " ".repeat(columns % TAB))
}

/// An expression, broken at spaces; text inside parentheses stays to the right of them.
fn break_expression(expr: &str, first: usize, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = indent(first);
    let mut open = Vec::new();
    let mut empty = true;
    for word in expr.split(' ') {
        if !empty && columns(&line) + 1 + word.len() > width {
            let start = open.last().copied().unwrap_or(first);
            lines.push(std::mem::replace(&mut line, indent(start)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        empty = false;
        for c in word.chars() {
            line.push(c);
            match c {
                '(' => open.push(columns(&line)),
                ')' => {
                    open.pop();
                }
                _ => {}
            }
        }
    }
    lines.push(line);
    lines
}

/// A macro of several lines.
fn write_continued(out: &mut String, head: &str, lines: &[String]) {
    let mut all: Vec<&str> = vec![head];
    all.extend(lines.iter().map(String::as_str));
    let last = all.len() - 1;
    for (index, line) in all.into_iter().enumerate() {
        let tabs = BACKSLASH.saturating_sub(columns(line)).div_ceil(TAB).max(1);
        put!(
            out,
            "{line}{}",
            if index < last { format!("{}\\", "\t".repeat(tabs)) } else { String::new() }
        );
    }
}

/// A macro with arguments. kernel-doc requires a description of each argument; here the prose has
/// it.
fn write_macro(out: &mut String, item: &Macro, names: &Names<'_>) {
    if !item.option.is_empty() {
        put!(out, "#ifdef {}", item.option);
    }
    let mut doc = item.doc.clone();
    for argument in item.arguments.split(", ") {
        doc = doc.replace(&format!("`{argument}`"), &format!("@{argument}"));
    }
    let text = prose::lines(&doc, names, None, WIDTH - 3);
    if text.len() == 1 && text[0].len() + 6 <= WIDTH {
        put!(out, "/* {} */", text[0]);
    } else {
        out.push_str("/*\n");
        write_comment(out, &text);
        out.push_str(" */\n");
    }
    let head = format!("#define {}({})", item.name, item.arguments);
    match item.body.lines().collect::<Vec<_>>().as_slice() {
        [line] => put!(out, "{head}\t{line}"),
        lines => {
            let lines: Vec<_> = lines.iter().map(|line| format!("\t{line}")).collect();
            write_continued(out, &head, &lines);
        }
    }
    if !item.option.is_empty() {
        put!(out, "#endif /* {} */", item.option);
    }
}

fn write_enum(out: &mut String, enumeration: &Enumeration, names: &Names<'_>) {
    let Enumeration { name, members, doc, .. } = enumeration;
    let (brief, rest) = prose::split_brief(doc);
    out.push_str("/**\n");
    let brief = format!("enum {name} - {}", prose::paragraph(&brief, names, None));
    write_comment(out, &prose::wrap(&brief, WIDTH - 3, "", "  "));
    let column = members.iter().map(|member| member.name.len()).max().unwrap_or(0) + 3;
    for member in members {
        let text = prose::paragraph(&member.doc, names, None);
        let first = format!("{:column$}", format!("@{}:", member.name));
        write_comment(out, &prose::wrap(&text, WIDTH - 3, &first, &" ".repeat(column)));
    }
    let rest = prose::lines(rest, names, None, WIDTH - 3);
    if !rest.is_empty() {
        out.push_str(" *\n");
        write_comment(out, &rest);
    }
    out.push_str(" */\n");
    put!(out, "enum {name} {{");
    for Constant { name, value, expr, .. } in members {
        let value = match (value, expr) {
            (_, Some(expr)) => expr.clone(),
            (Value::Int(value), None) => value.to_string(),
            // No enumeration contains a string: the reader of the truth makes none.
            (Value::Str(_), None) => continue,
        };
        let line = format!("\t{name} = {value},");
        if columns(&line) <= WIDTH {
            put!(out, "{line}");
        } else {
            put!(out, "\t{name} =");
            put!(out, "{},", break_expression(&value, 2 * TAB, WIDTH - 1).join("\n"));
        }
    }
    out.push_str("};\n");
}

/// A string as a C literal.
pub(super) fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            // An octal escape ends after three digits; a hexadecimal one would continue.
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}

fn write_record(out: &mut String, record: &Record, names: &Names<'_>) {
    let Record { kind, name, .. } = record;
    let (brief, rest) = prose::split_brief(&record.doc);
    let keyword = kind.keyword();
    // kernel-doc does not see a member that a macro declares, and would report it as undescribed.
    let by_macro = record.fields.iter().any(|field| matches!(field.ty, Type::KhoserPtr { .. }));
    out.push_str(if by_macro { "/*\n" } else { "/**\n" });
    let brief = format!("{keyword} {name} - {}", prose::paragraph(&brief, names, Some(record)));
    write_comment(out, &prose::wrap(&brief, WIDTH - 3, "", "  "));
    let column = record.fields.iter().map(|field| field.name.len()).max().unwrap_or(0) + 3;
    for field in &record.fields {
        let text = prose::paragraph(&field.doc, names, Some(record));
        let first = format!("{:column$}", format!("@{}:", field.name));
        write_comment(out, &prose::wrap(&text, WIDTH - 3, &first, &" ".repeat(column)));
    }
    let rest = prose::lines(rest, names, Some(record), WIDTH - 3);
    if !rest.is_empty() {
        out.push_str(" *\n");
        write_comment(out, &rest);
    }
    out.push_str(" */\n");

    put!(out, "{keyword} {name} {{");
    for field in &record.fields {
        put!(out, "\t{};", field.declare());
    }
    out.push_str(match record.packing {
        Packing::Packed => "} __packed;\n\n",
        Packing::Natural => "};\n\n",
    });

    let size = record.size_expr.clone().unwrap_or_else(|| record.size.to_string());
    put!(out, "static_assert(sizeof({keyword} {name}) == {size});");
    // offsetof() does not work on bit-fields.
    for field in record.fields.iter().filter(|field| !field.bit_field) {
        write_offset_assertion(out, record, field);
    }
}

fn write_offset_assertion(out: &mut String, record: &Record, field: &Field) {
    let start = format!("static_assert(offsetof({} {},", record.kind.keyword(), record.name);
    let end = format!("{}) == {});", field.name, field.offset());
    if start.len() + 1 + end.len() <= WIDTH {
        put!(out, "{start} {end}");
    } else {
        // Under the parenthesis of offsetof, which is in column 22.
        put!(out, "{start}\n\t\t       {end}");
    }
}
