// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts as reStructuredText, for the kernel's documentation: `make htmldocs` takes it, and so does docutils.
//!
//! Pictures are files of their own there, which `kernel-figure` shows.

use super::escape::{clean, rst, rst_code};
use super::sheet::{ContractSheet, Part, Sheet, StructSheet};
use kho_abi_model::put;

/// Renders parts of models.
#[must_use]
pub fn render(parts: &[Part<'_>]) -> String {
    let sheet = Sheet::of(parts);
    let mut out =
        String::from(".. SPDX-License-Identifier: GPL-2.0\n.. Written by kho-abi layout.\n");
    let title = match sheet.headers.as_slice() {
        [one] if !one.title.is_empty() => rst(&one.title),
        _ => "Handover ABI".into(),
    };
    heading(&mut out, &title, '=');
    for header in &sheet.headers {
        heading(&mut out, &rst_code(&header.path), '-');
        if !header.title.is_empty() {
            put!(out, "\n{}", rst(&header.title));
        }
        for contract in &header.contracts {
            contract_part(&mut out, contract);
        }
        for one in &header.structs {
            structure(&mut out, one);
        }
    }
    clean(&out).into_owned()
}

fn heading(out: &mut String, text: &str, line: char) {
    // Characters outside ASCII may be two columns wide, and a line that is too long is right.
    let width = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    put!(out, "\n{text}\n{}", line.to_string().repeat(width));
}

fn contract_part(out: &mut String, contract: &ContractSheet) {
    heading(out, &format!("Contract {}", rst_code(&contract.name)), '~');
    put!(out, "\n{}.", rst(&contract.spelled));
    let rows = contract.constants.iter();
    let rows = rows.map(|row| [rst_code(&row.name), rst_code(&row.value), rst(&row.meaning)]);
    table(out, ["Constant", "Value", "Meaning"], rows.collect());
    for node in &contract.nodes {
        put!(out, "\nDevice-tree node {}:", rst_code(&node.path));
        let rows = node.properties.iter();
        let rows = rows.map(|(name, size, meaning)| [rst_code(name), rst(size), rst(meaning)]);
        table(out, ["Property", "Size", "Meaning"], rows.collect());
    }
}

fn structure(out: &mut String, one: &StructSheet) {
    heading(out, &rst_code(&one.title), '~');
    if !one.brief.is_empty() {
        put!(out, "\n{}", rst(&one.brief));
    }
    let owners: Vec<_> = one.owners.iter().map(|owner| rst_code(owner)).collect();
    let owners = if owners.is_empty() { "no contract".into() } else { owners.join(", ") };
    put!(out, "\n{}; {owners}.", rst(&one.facts));
    let rows = one.rows.iter().map(|row| {
        let ty = if row.ty.is_empty() { String::new() } else { rst_code(&row.ty) };
        let name = if row.name.is_empty() { String::new() } else { rst_code(&row.name) };
        [rst(&row.offset), rst(&row.size), ty, name, rst(&row.meaning)]
    });
    table(out, ["Offset", "Size", "Type", "Field", "Meaning"], rows.collect());
    for other in &one.other_pages {
        put!(out, "\n{}.", rst(other));
    }
}

/// A simple table; none where there are no rows. Its last column may be as wide as it likes.
fn table<const N: usize>(out: &mut String, head: [&str; N], rows: Vec<[String; N]>) {
    if rows.is_empty() {
        return;
    }
    // An empty first cell would continue the row above, and a line of nothing else end the table.
    let rows: Vec<[String; N]> = rows
        .into_iter()
        .map(|row| row.map(|cell| if cell.is_empty() { String::from("\\") + " " } else { cell }))
        .collect();
    let columns =
        |text: &str| text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let widths: [usize; N] = std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| columns(&row[at]));
        cells.chain([head[at].len()]).max().unwrap_or(1)
    });
    let border: Vec<String> = widths.iter().map(|width| "=".repeat((*width).max(2))).collect();
    let border = border.join("  ");
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(widths);
        let cells = cells.map(|(cell, width)| {
            format!("{cell}{}", " ".repeat(width.max(2).saturating_sub(columns(cell))))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    put!(out, "\n{border}\n{}\n{border}", line(&head));
    for row in &rows {
        put!(out, "{}", line(&row.each_ref().map(String::as_str)));
    }
    put!(out, "{border}");
}
