// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Draws what embeds what, and which address leads where, as a tree from the structs that nothing leads to.

use super::paint::{fitting, width};
use super::record::{Drawing, WIDTH};
use super::sheet::count;
use kho_abi_model::said::{self, Lead};
use kho_abi_model::{Field, Model, Record, Type};
use maud::html;
use std::collections::BTreeSet;

const STEP: u64 = 22;
const BOX: u64 = 28;
const LABEL: u64 = 16;
/// Most boxes of one picture, and how deep it goes.
const BOXES: usize = 120;
const DEPTH: usize = 9;

/// How one struct has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Embeds,
    Leads,
}

/// A box, in the order from top to bottom.
struct Node<'a> {
    depth: usize,
    /// The box that it hangs from.
    parent: Option<usize>,
    /// How, and the field, in words.
    edge: Option<(Edge, String)>,
    name: &'a str,
    record: Option<&'a Record>,
    /// Whether what is in it has been drawn already.
    again: bool,
}

/// Draws what the structs of those names have to do with each other, and with those that they lead to;
/// `None` where nothing leads anywhere.
pub(super) fn draw(
    model: &Model,
    names: &[&str],
    link: &dyn Fn(&str) -> Option<String>,
) -> Option<Drawing> {
    let records: Vec<&Record> = names.iter().filter_map(|name| model.record(name)).collect();
    let reached: BTreeSet<String> = records
        .iter()
        .flat_map(|record| edges(model, record).into_iter().map(move |(_, to, _)| (record, to)))
        .filter(|(record, to)| record.name != *to)
        .map(|(_, to)| to)
        .collect();
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut seen = BTreeSet::new();
    let starts = records.iter().filter(|record| !reached.contains(&record.name));
    // Of structs that lead to each other in a circle alone, the first stands for all.
    for record in starts.chain(&records) {
        if !seen.contains(record.name.as_str()) {
            visit(model, record, None, None, 0, &mut seen, &mut nodes);
        }
    }
    if nodes.iter().all(|node| node.edge.is_none()) {
        return None;
    }
    Some(paint(&nodes, link))
}

/// Draws the same as a picture of its own.
#[must_use]
pub fn leads(
    model: &Model,
    names: &[&str],
    link: &dyn Fn(&str) -> Option<String>,
) -> Option<maud::Markup> {
    let drawing = draw(model, names, link)?;
    Some(super::record::picture("What embeds what, and which address leads where", &drawing))
}

fn visit<'a>(
    model: &'a Model,
    record: &'a Record,
    parent: Option<usize>,
    edge: Option<(Edge, String)>,
    depth: usize,
    seen: &mut BTreeSet<&'a str>,
    nodes: &mut Vec<Node<'a>>,
) {
    if nodes.len() >= BOXES {
        return;
    }
    let own = edges(model, record);
    let again = !seen.insert(&record.name) && !own.is_empty();
    let index = nodes.len();
    nodes.push(Node { depth, parent, edge, name: &record.name, record: Some(record), again });
    if again || depth >= DEPTH {
        return;
    }
    for (edge, to, field) in own {
        let said = Some((edge, field));
        if let Some(to) = model.record(&to) {
            visit(model, to, Some(index), said, depth + 1, seen, nodes);
        }
    }
}

/// What a struct embeds and leads to: how, the struct, and the field in words.
fn edges(model: &Model, record: &Record) -> Vec<(Edge, String, String)> {
    let mut found = Vec::new();
    for field in &record.fields {
        if let Some(name) = field.ty.embedded().filter(|name| model.record(name).is_some()) {
            found.push((Edge::Embeds, name.to_string(), format!("{} is", declared(field))));
        }
        let Some(lead) = said::leads_to(model, record, field) else { continue };
        let what = match &lead {
            Lead::Blocks(_) => "leads to blocks of",
            Lead::Struct(_) if field.ty.embedded() == Some("kho_vmalloc") => "holds an array of",
            Lead::Struct(_) => "leads to",
        };
        if model.record(lead.name()).is_some() {
            found.push((Edge::Leads, lead.name().into(), format!("{} {what}", declared(field))));
        }
    }
    found
}

/// A field's name, with its dimensions.
fn declared(field: &Field) -> String {
    match &field.ty {
        Type::Array { .. } => format!("{}{}", field.name, field.ty.dimensions()),
        _ => field.name.clone(),
    }
}

fn paint(nodes: &[Node<'_>], link: &dyn Fn(&str) -> Option<String>) -> Drawing {
    let mut y = 4;
    let mut tops = Vec::new();
    let mut parts = Vec::new();
    for node in nodes {
        let left = 4 + node.depth as u64 * STEP;
        let space = WIDTH - left - 4;
        if let Some((edge, said)) = &node.edge {
            let label = fitting(said, 10, space - 12).unwrap_or_default();
            parts.push(html! { text.k-faint x=(left + 12) y=(y + 12) { (label) } });
            y += LABEL;
            let middle = y + BOX / 2;
            if let Some(from) = node.parent.and_then(|parent| tops.get(parent)) {
                let at = left - STEP / 2;
                let class = if *edge == Edge::Leads { "k-edge k-leads" } else { "k-edge" };
                let path = format!("M{at} {}V{middle}H{left}", from + BOX);
                let (tip, back) = (left, left - 7);
                parts.push(html! {
                    path class=(class) d=(path) {}
                    @if *edge == Edge::Leads {
                        path.k-arrow d=(format!("M{tip} {middle}L{back} {}L{back} {}Z", middle - 4, middle + 4)) {}
                    }
                });
            }
        } else if !tops.is_empty() {
            y += 8;
        }
        let size = node.record.map(|record| count(record.size, "byte")).unwrap_or_default();
        let tail = if node.again { "as above".to_string() } else { size };
        let room = space.saturating_sub(width(&tail, 10) + 28);
        let name = fitting(node.name, 12, room).unwrap_or_default();
        let wide = (width(&name, 12) + width(&tail, 10) + 28).min(space);
        let class = match &node.edge {
            _ if node.again => "k-box k-again",
            None => "k-box k-same",
            Some((Edge::Embeds, _)) => "k-box k-embedded",
            Some((Edge::Leads, _)) => "k-box k-address",
        };
        let at = y + 18;
        parts.push(html! {
            rect class=(class) x=(left) y=(y) width=(wide) height=(BOX) rx="4" { title { (node.name) } }
            @match link(node.name) {
                Some(link) => a href=(link) { text x=(left + 8) y=(at) { (name) } },
                None => text x=(left + 8) y=(at) { (name) },
            }
            text.k-faint x=(left + wide - 8) y=(at) text-anchor="end" { (tail) }
        });
        tops.push(y);
        y += BOX + 2;
    }
    if nodes.len() >= BOXES {
        parts.push(html! { text.k-faint x="4" y=(y + 12) { "and more that is not drawn" } });
        y += LABEL;
    }
    Drawing { markup: html! { @for part in &parts { (part) } }, height: y + 4 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_model::{Header, Item, RecordKind, Target};

    #[test]
    fn a_tree_shows_what_is_embedded_and_where_addresses_lead_and_ends_in_circles() {
        let mut root = Record::empty(RecordKind::Struct, "root_ser");
        root.push("set", Type::structure("set_ser"), 64);
        let mut set = Record::empty(RecordKind::Struct, "set_ser");
        set.push("first_pa", Type::unsigned(64), 64).doc =
            "Address of the first [`file_ser`].".into();
        let mut file = Record::empty(RecordKind::Struct, "file_ser");
        file.push("next", Type::KhoserPtr { to: "file_ser".into() }, 64);
        let alone = Record::empty(RecordKind::Struct, "alone_ser");
        let items = [root, set, file, alone].map(Item::Record).into();
        let header = Header { name: "x".into(), items, ..Header::default() };
        let model = Model { target: Target::HOST, headers: vec![header], other_pages: Vec::new() };
        let names = ["file_ser", "set_ser", "root_ser"];
        let text = draw(&model, &names, &|name| Some(format!("#{name}"))).unwrap().markup.0;
        let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
        assert!(place(">root_ser<") < place(">set is<"));
        assert!(place(">set is<") < place(">first_pa leads to<"));
        assert!(place(">next leads to<") < place(">as above<"));
        assert!(text.contains("href=\"#file_ser\""));
        assert!(draw(&model, &["alone_ser"], &|_| None).is_none());
    }
}
