// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts as one page for a browser: no script, nothing loaded from elsewhere, light and dark.

use super::escape::{anchor, clean};
use super::leads;
use super::paint::style;
use super::record::{draw, picture, Look};
use super::sheet::{ContractSheet, HeaderSheet, Part, Row, Sheet, StructSheet};
use maud::{html, Markup, PreEscaped, DOCTYPE};

const PAGE: &str = "
:root { color-scheme: light dark; --page: #fbfaf7; --rule: #dcd9d0; --bad: #a8201a; --open: #7a5000; }
@media (prefers-color-scheme: dark) { :root { --page: #14181c; --rule: #323b43; --bad: #ff8f85; --open: #e5b567; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem max(.75rem, 2vw) 4rem; max-width: 80rem; color: var(--k-text); background: var(--page);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; } p { margin: .25rem 0; }
code, pre { font: .875em/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; } pre { overflow-x: auto; }
a { color: var(--k-accent); } .faint { color: var(--k-faint); } .bad { color: var(--bad); } .open { color: var(--open); }
.good { color: var(--k-accent); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; vertical-align: top; border-bottom: 1px solid var(--rule); overflow-wrap: normal; }
th { color: var(--k-faint); font-weight: 500; } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.meaning { min-width: 14rem; }
figure { margin: .75rem 0; } figcaption { color: var(--k-faint); margin-bottom: .25rem; }
.card { background: var(--k-ground); border: 1px solid var(--rule); border-radius: 8px; padding: .5rem 1rem 1rem; margin: .75rem 0; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2rem; align-items: start; }
.index { columns: 16rem; padding: 0; list-style: none; } .finding { border-left: 4px solid var(--bad); padding-left: .75rem; margin: .75rem 0; }
.note { border-left: 4px solid var(--open); padding-left: .75rem; margin: .75rem 0; } .change { border-left: 4px solid var(--k-accent); padding-left: .75rem; margin: .75rem 0; }
@media (max-width: 40rem) { thead { display: none; } tr { display: grid; grid-template-columns: 3.2rem 3.2rem 1fr; border-bottom: 1px solid var(--rule);
    padding: .25rem 0; } td { border: 0; padding: 0 .9rem 0 0; } td.meaning { grid-column: 1 / -1; }
  body { padding: 1rem .5rem 3rem; } .card { padding: .5rem .6rem; }
  .plain tr { display: block; } .plain td { display: inline-block; } .plain td.meaning { display: block; } }
tr.hole { color: var(--k-faint); font-style: italic; }
";

/// A whole page around a body.
#[must_use]
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(style())) (PreEscaped(PAGE)) }
            }
            body { (body) }
        }
    };
    format!("{}\n", clean(&page.0))
}

/// Renders parts of models.
#[must_use]
pub fn render(parts: &[Part<'_>]) -> String {
    let sheet = Sheet::of(parts);
    let title = match sheet.headers.as_slice() {
        [one] if one.structs.len() == 1 => one.structs[0].title.clone(),
        [one] => one.path.clone(),
        _ => "Handover ABI".into(),
    };
    let many = sheet.structs().count() > 1;
    let body = html! {
        h1 { (title) }
        @if many {
            ul.index { @for one in sheet.structs() { li { a href=(format!("#{}", one.anchor)) { code { (one.record.name) } } } } }
        }
        (sections(&sheet, parts))
    };
    page(&title, &body)
}

/// A part of a page: what stands below one heading.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What the heading says.
    pub title: String,
    /// Where links to it lead, which is no other piece's.
    pub anchor: String,
    /// Whether it is a part of the piece before it that is not.
    pub is_inner: bool,
    /// Elements of HTML, in one line.
    pub html: String,
}

/// The same as pieces, for a page that has headings of its own.
#[must_use]
pub fn pieces(parts: &[Part<'_>]) -> Vec<Piece> {
    let sheet = Sheet::of(parts);
    let anchors = sheet.anchors();
    let link = |name: &str| anchors.get(name).map(|anchor| format!("#{anchor}"));
    let mut pieces = Vec::new();
    let mut put = |title: &str, anchor: String, is_inner, body: Markup| {
        let html = clean(&body.0).replace('\n', " ");
        pieces.push(Piece { title: title.into(), anchor, is_inner, html });
    };
    for header in &sheet.headers {
        for contract in &header.contracts {
            let body = html! { div.k-part { (contract_body(contract)) } };
            put(&contract.name, contract_anchor(contract), false, body);
        }
        if let Some(leads) = leads_of(header, parts, &link) {
            let body = html! { div.k-part { (leads) } };
            put("What leads where", format!("leads-{}", anchor(&header.path)), true, body);
        }
        for one in &header.structs {
            let body = html! { div.k-part { (structure_body(one, &link)) } };
            put(&one.title, one.anchor.clone(), true, body);
        }
    }
    pieces
}

fn sections(sheet: &Sheet, parts: &[Part<'_>]) -> Markup {
    let anchors = sheet.anchors();
    let link = |name: &str| anchors.get(name).map(|anchor| format!("#{anchor}"));
    html! {
        @for header in &sheet.headers {
            h2 id=(format!("header-{}", anchor(&header.path))) { (header.path) }
            @if !header.title.is_empty() { p { (header.title) } }
            @for contract in &header.contracts {
                h3 id=(contract_anchor(contract)) { (contract.name) }
                (contract_body(contract))
            }
            @if let Some(leads) = leads_of(header, parts, &link) {
                figure { figcaption { "What embeds what, and which address leads where" } (leads) }
            }
            @for one in &header.structs {
                h3 id=(one.anchor) { (one.title) }
                (structure_body(one, &link))
            }
        }
    }
}

fn leads_of(
    header: &HeaderSheet,
    parts: &[Part<'_>],
    link: &dyn Fn(&str) -> Option<String>,
) -> Option<Markup> {
    let names: Vec<&str> = header.structs.iter().map(|one| one.record.name.as_str()).collect();
    let has_all = |part: &&Part<'_>| {
        part.shown.headers.iter().any(|shown| shown.include_path() == header.path)
            && names.iter().all(|name| part.shown.record(name).is_some())
    };
    leads(parts.iter().find(has_all)?.whole, &names, link)
}

fn contract_anchor(contract: &ContractSheet) -> String {
    format!("contract-{}", anchor(&contract.name))
}

fn contract_body(contract: &ContractSheet) -> Markup {
    html! {
        p { (inline(&contract.spelled)) "." }
        @if !contract.constants.is_empty() {
            div.scroll { table.plain {
                thead { tr { th { "Constant" } th { "Value" } th { "Meaning" } } }
                tbody { @for row in &contract.constants {
                    tr { td { code { (row.name) } } td { code { (row.value) } } td.meaning { (inline(&row.meaning)) } }
                } }
            } }
        }
        @for node in &contract.nodes {
            p { "Device-tree node " code { (node.path) } ":" }
            div.scroll { table.plain {
                thead { tr { th { "Property" } th { "Size" } th { "Meaning" } } }
                tbody { @for (name, size, meaning) in &node.properties {
                    tr { td { code { (name) } } td { (size) } td.meaning { (inline(meaning)) } }
                } }
            } }
        }
    }
}

fn structure_body(one: &StructSheet, link: &dyn Fn(&str) -> Option<String>) -> Markup {
    let drawing = draw(&one.record, &Look { link, mark: &|_| None });
    html! {
        @if !one.brief.is_empty() { p { (inline(&one.brief)) } }
        p.faint {
            (one.facts) "; "
            @if one.owners.is_empty() { "no contract" } @else {
                @for (index, owner) in one.owners.iter().enumerate() {
                    @if index > 0 { ", " }
                    code { (owner) }
                }
            }
        }
        div.beside {
            (picture(&one.title, &drawing))
            div.scroll { (table(&one.rows, link)) }
        }
        @for other in &one.other_pages { p.faint { (inline(other)) "." } }
    }
}

fn table(rows: &[Row], link: &dyn Fn(&str) -> Option<String>) -> Markup {
    html! {
        table {
            thead { tr { th.number { "Offset" } th.number { "Size" } th { "Field" } th { "Meaning" } } }
            tbody { @for row in rows {
                @if row.ty.is_empty() {
                    tr.hole { td.number { (row.offset) } td.number { (row.size) } td { } td.meaning { (row.meaning) } }
                } @else {
                    tr {
                        td.number { (row.offset) } td.number { (row.size) }
                        td { code { (type_of(&row.ty, link)) " " strong { (row.name) } } }
                        td.meaning { (inline(&row.meaning)) }
                    }
                }
            } }
        }
    }
}

/// A type, as a link where it is a struct that is shown.
fn type_of(ty: &str, link: &dyn Fn(&str) -> Option<String>) -> Markup {
    let name = ty.split(['[', ' ']).nth(1).unwrap_or_default();
    html! { @match link(name) { Some(link) => a href=(link) { (ty) }, None => (ty) } }
}

/// Text with code in backquotes.
#[must_use]
pub fn inline(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    html! { @for (index, part) in parts.iter().enumerate() {
        // The last part is behind the last backquote, which has a partner where the number of parts is odd.
        @if index % 2 == 1 && index < last { code { (part) } }
        @else { @if index % 2 == 1 { "`" } (part) }
    } }
}
