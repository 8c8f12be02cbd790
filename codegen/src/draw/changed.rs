// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Draws a struct before and after: both to scale beside each other, and what moved between them.

use super::paint::fitting;
use super::record::{self, picture, Drawing, Look, WIDTH};
use super::sheet::{count, facts, position};
use kho_abi_model::compare::same_field;
use kho_abi_model::{Field, Record};
use maud::{html, Markup};

/// How a field fared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// The same bytes say the same.
    Same,
    /// The same, elsewhere.
    Moved,
    /// Another type or size.
    Changed,
    /// On one side alone.
    Alone,
}

/// Space between the two columns, and the height of a box in them.
const GAP: u64 = 64;
const COLUMN: u64 = (WIDTH - GAP) / 2 - 4;
const BOX: u64 = 24;
const PITCH: u64 = 28;
/// Fields that stay in a row as they are, of which more than these are drawn as one.
const RUN: usize = 3;
/// Most boxes of a column.
const BOXES: usize = 200;

/// Draws a struct as it was and as it is; at least one of them is there.
#[must_use]
pub fn changed(old: Option<&Record>, new: Option<&Record>) -> Markup {
    let side =
        |record: Option<&Record>, other: Option<&Record>, class: &'static str, when: &str| {
            let record = record?;
            let mark = |field: &Field| Some(mark(field, other, class));
            let drawing = record::draw(record, &Look { link: &|_| None, mark: &mark });
            let label = format!("{} {} {when}", record.kind.keyword(), record.name);
            Some(html! {
                figure {
                    figcaption { (when) ": " (facts(record)) }
                    (picture(&label, &drawing))
                }
            })
        };
    let moves = old.zip(new).and_then(|(old, new)| moves(old, new));
    html! {
        div.k-pair {
            @if let Some(side) = side(old, new, "k-removed", "before") { (side) }
            @if let Some(side) = side(new, old, "k-added", "after") { (side) }
        }
        @if let Some(moves) = &moves {
            figure {
                figcaption { "what moved" }
                (picture("Which field moved from where to where", moves))
            }
        }
    }
}

/// What the colours stand for.
#[must_use]
pub fn key_of_colours() -> Markup {
    let all = [
        ("k-added", "new"),
        ("k-removed", "removed"),
        ("k-moved", "moved"),
        ("k-changed", "another type or size"),
        ("k-same", "as before"),
    ];
    html! { p.k-key { @for (class, what) in all { span { i class=(class) {} (what) } " " } } }
}

/// How a field fared, given the other side.
fn fate(field: &Field, other: Option<&Record>) -> (Fate, Option<Field>) {
    let same_name = |of: &&Field| of.name == field.name && !field.name.is_empty();
    let in_place = |of: &&Field| field.name.is_empty() && same_field(of, field);
    let fields = || other.into_iter().flat_map(|record| &record.fields);
    let Some(of) = fields().find(same_name).or_else(|| fields().find(in_place)) else {
        return (Fate::Alone, None);
    };
    let here = Field { bit_offset: of.bit_offset, ..field.clone() };
    let fate = if same_field(of, field) {
        Fate::Same
    } else if same_field(of, &here) {
        Fate::Moved
    } else {
        Fate::Changed
    };
    (fate, Some(of.clone()))
}

/// The class of a field, and a few words; `alone` is for one that the other side does not have.
fn mark(field: &Field, other: Option<&Record>, alone: &'static str) -> (&'static str, String) {
    let is = if alone == "k-removed" { "now" } else { "was" };
    match fate(field, other) {
        (Fate::Same, _) => ("k-same", String::new()),
        (Fate::Moved, Some(of)) => ("k-moved", format!("{is} at byte {}", position(&of).0)),
        (_, Some(of)) => {
            let size = if of.bit_field { format!(":{}", of.bit_size) } else { String::new() };
            (
                "k-changed",
                format!("{is} {}{size} at byte {}", of.ty.by_value().spelling(), position(&of).0),
            )
        }
        (_, None) => (alone, String::new()),
    }
}

/// A box of a column.
struct Cell {
    /// The name that finds it on the other side.
    name: String,
    label: String,
    class: &'static str,
}

/// Draws what is where in two columns; `None` where all fields are as before.
fn moves(old: &Record, new: &Record) -> Option<Drawing> {
    let fates = |record: &Record, other| -> Vec<Fate> {
        record.fields.iter().map(|field| fate(field, Some(other)).0).collect()
    };
    let (before, after) = (fates(old, new), fates(new, old));
    if before.iter().chain(&after).all(|fate| *fate == Fate::Same) {
        return None;
    }
    let (left, right) = (column(old, new, "k-removed"), column(new, old, "k-added"));
    let (near, far) = (4, WIDTH - 4 - COLUMN);
    let y = |index: usize| 18 + index as u64 * PITCH;
    let mut parts = Vec::new();
    for (from, cell) in left.iter().enumerate() {
        let Some(to) = right.iter().position(|other| other.name == cell.name) else { continue };
        let (a, b) = (y(from), y(to));
        let (start, end) = (near + COLUMN, far);
        let middle = u64::midpoint(start, end);
        let path = format!(
            "M{start} {a}C{middle} {a} {middle} {b} {end} {b}V{}C{middle} {} {middle} {} {start} {}Z",
            b + BOX,
            b + BOX,
            a + BOX,
            a + BOX
        );
        let class = if right[to].class == cell.class { cell.class } else { "k-changed" };
        parts.push(html! { path class=(format!("k-ribbon {class}")) d=(path) {} });
    }
    for (x, cells) in [(near, &left), (far, &right)] {
        for (index, cell) in cells.iter().enumerate() {
            let label = fitting(&cell.label, 11, COLUMN - 12).unwrap_or_default();
            parts.push(html! {
                g {
                    title { (cell.label) }
                    rect class=(format!("k-box {}", cell.class)) x=(x) y=(y(index)) width=(COLUMN) height=(BOX) rx="3" {}
                    text x=(x + 6) y=(y(index) + 16) font-size="11" { (label) }
                }
            });
        }
    }
    parts.push(html! {
        text.k-faint x=(near) y="12" { "before: " (count(old.size, "byte")) }
        text.k-faint x=(far) y="12" { "after: " (count(new.size, "byte")) }
    });
    let height = y(left.len().max(right.len())) + 2;
    Some(Drawing { markup: html! { @for part in &parts { (part) } }, height })
}

/// The fields of one side as boxes; those that stay as they are, many in a row, as one.
fn column(record: &Record, other: &Record, alone: &'static str) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut fields = record.fields.as_slice();
    while let Some((field, rest)) = fields.split_first() {
        let is_same = |field: &&Field| fate(field, Some(other)).0 == Fate::Same;
        let run = fields.iter().take_while(is_same).count();
        if run > RUN {
            // They are in one order on both sides, since their offsets are, and so both sides have one run.
            let last = &fields[run - 1];
            cells.push(Cell {
                name: format!("{} … {}", field.name, last.name),
                label: format!("{:>3} … {run} fields as before", position(field).0),
                class: "k-same",
            });
            fields = &fields[run..];
        } else {
            let (class, _) = mark(field, Some(other), alone);
            cells.push(Cell {
                name: field.name.clone(),
                label: format!("{:>3} {}", position(field).0, field.name),
                class,
            });
            fields = rest;
        }
        if cells.len() == BOXES && !fields.is_empty() {
            cells.push(Cell {
                name: String::from("\u{0}"),
                label: format!("and {}", count(fields.len() as u64, "more field")),
                class: "k-same",
            });
            break;
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_model::{RecordKind, Type};

    fn shape(fields: &[(&str, u16)]) -> Record {
        let mut record = Record::empty(RecordKind::Struct, "x_ser");
        for (name, bits) in fields {
            record.push(name, Type::unsigned(*bits), u64::from(*bits));
        }
        record
    }

    #[test]
    fn each_fate_has_its_colour_and_its_words() {
        let old = shape(&[("stays", 64), ("gone", 32), ("moves", 32), ("grows", 32)]);
        let new = shape(&[("stays", 64), ("moves", 32), ("grows", 64), ("fresh", 64)]);
        let of = |name: &str| {
            let field = new.fields.iter().find(|field| field.name == name).unwrap();
            mark(field, Some(&old), "k-added")
        };
        assert_eq!(of("stays"), ("k-same", String::new()));
        assert_eq!(of("moves"), ("k-moved", "was at byte 12".into()));
        assert_eq!(of("grows"), ("k-changed", "was u32 at byte 16".into()));
        assert_eq!(of("fresh"), ("k-added", String::new()));
        assert_eq!(mark(&old.fields[1], Some(&new), "k-removed").0, "k-removed");

        let text = changed(Some(&old), Some(&new)).0;
        assert_eq!(text.matches("<svg").count(), 3);
        // A ribbon for each field that both sides have.
        assert_eq!(text.matches("k-ribbon").count(), 3);
        assert!(
            text.contains(">before: 20 bytes<") && text.contains(">after: 28 bytes<"),
            "{text}"
        );
    }

    #[test]
    fn nothing_moves_where_all_is_as_before_and_one_side_is_enough() {
        let old = shape(&[("a", 64), ("b", 64)]);
        let text = changed(Some(&old), Some(&old)).0;
        assert_eq!((text.matches("<svg").count(), text.matches("k-moved").count()), (2, 0));
        let text = changed(None, Some(&old)).0;
        assert_eq!((text.matches("<svg").count(), text.matches("k-added").count()), (1, 2));
    }

    #[test]
    fn many_fields_that_stay_are_one_box_on_both_sides() {
        let mut old: Vec<(String, u16)> = (0..40).map(|n| (format!("f{n}"), 64)).collect();
        let before = old.clone();
        old.push(("last".into(), 32));
        let shapes = [before, old].map(|fields| {
            shape(&fields.iter().map(|(name, bits)| (name.as_str(), *bits)).collect::<Vec<_>>())
        });
        let drawing = moves(&shapes[0], &shapes[1]).unwrap();
        assert_eq!(drawing.markup.0.matches("40 fields as before").count(), 4);
        assert_eq!(drawing.markup.0.matches("k-ribbon").count(), 1);
    }
}
