// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts as Markdown, with tables as forges show them.

use super::escape::{clean, markdown, markdown_code};
use super::sheet::{ContractSheet, Part, Sheet, StructSheet};
use kho_abi_model::put;

/// Renders parts of models.
#[must_use]
pub fn render(parts: &[Part<'_>]) -> String {
    let mut out = String::new();
    for header in &Sheet::of(parts).headers {
        if !out.is_empty() {
            out.push('\n');
        }
        put!(out, "## {}", markdown_code(&header.path));
        if !header.title.is_empty() {
            put!(out, "\n{}", markdown(&header.title));
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

fn contract_part(out: &mut String, contract: &ContractSheet) {
    put!(
        out,
        "\n### Contract {}\n\n{}.",
        markdown_code(&contract.name),
        markdown(&contract.spelled)
    );
    if !contract.constants.is_empty() {
        out.push_str("\n| Constant | Value | Meaning |\n|---|---|---|\n");
    }
    for row in &contract.constants {
        let (name, value) = (markdown_code(&row.name), markdown_code(&row.value));
        put!(out, "| {name} | {value} | {} |", markdown(&row.meaning));
    }
    for node in &contract.nodes {
        put!(out, "\nDevice-tree node {}:\n", markdown_code(&node.path));
        out.push_str("| Property | Size | Meaning |\n|---|---|---|\n");
        for (name, size, meaning) in &node.properties {
            put!(out, "| {} | {} | {} |", markdown_code(name), markdown(size), markdown(meaning));
        }
    }
}

fn structure(out: &mut String, one: &StructSheet) {
    put!(out, "\n### {}", markdown_code(&one.title));
    if !one.brief.is_empty() {
        put!(out, "\n{}", markdown(&one.brief));
    }
    let owners: Vec<_> = one.owners.iter().map(|owner| markdown_code(owner)).collect();
    let owners = if owners.is_empty() { "no contract".into() } else { owners.join(", ") };
    put!(out, "\n{}; {owners}.", markdown(&one.facts));
    if !one.rows.is_empty() {
        out.push_str("\n| Offset | Size | Type | Field | Meaning |\n|---:|---:|---|---|---|\n");
    }
    for row in &one.rows {
        let code = |text: &str| if text.is_empty() { String::new() } else { markdown_code(text) };
        put!(
            out,
            "| {} | {} | {} | {} | {} |",
            row.offset,
            row.size,
            code(&row.ty),
            code(&row.name),
            markdown(&row.meaning)
        );
    }
    for other in &one.other_pages {
        put!(out, "\n{}.", markdown(other));
    }
}
