// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Draws one struct to scale: a row is eight bytes, so that a bit has a width, and eight rows are a cache line.
//!
//! What is longer than a few rows is torn in its middle. A name without room gets a letter, and a line below.

use super::paint::{fitting, key, width};
use super::sheet::{count, position, CACHE_LINE};
use kho_abi_model::{Field, Record, RecordKind, Type};
use maud::{html, Markup};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Width of a picture, in its own units.
pub(super) const WIDTH: u64 = 448;
/// Where the bytes begin, and how wide a bit is.
const GUTTER: u64 = 44;
const BIT: u64 = 6;
/// Bits in a row.
const BITS: u64 = 64;
const RIGHT: u64 = GUTTER + BITS * BIT;
/// Heights.
const ROW: u64 = 40;
const TORN: u64 = 24;
const LINE: u64 = 18;
/// Most fields that are drawn, and members of a union: the table beside the picture has them all.
const FIELDS: usize = 400;
const LANES: usize = 24;
/// Rows that a field may have without being torn.
const WHOLE: u64 = 9;

/// How fields look.
pub(super) struct Look<'a> {
    /// Where a struct is shown, by its name.
    pub(super) link: &'a dyn Fn(&str) -> Option<String>,
    /// The class of a field, and a few words on it; `None` for those of its type.
    pub(super) mark: &'a dyn Fn(&Field) -> Option<(&'static str, String)>,
}

/// A part of a picture, from `0, 0` downwards.
pub(super) struct Drawing {
    pub(super) markup: Markup,
    pub(super) height: u64,
}

/// The class that a field's type gives it.
pub(super) fn class_of(ty: &Type) -> &'static str {
    match ty {
        Type::Int { .. } | Type::Ordered { .. } => "k-int",
        Type::Char => "k-char",
        Type::Pointer => "k-pointer",
        Type::KhoserPtr { .. } => "k-address",
        Type::Struct { .. } | Type::Union { .. } => "k-embedded",
        Type::Array { elem, .. } => class_of(elem),
    }
}

/// Puts a drawing into a picture of its own.
pub(super) fn picture(label: &str, drawing: &Drawing) -> Markup {
    let view = format!("0 0 {WIDTH} {}", drawing.height);
    html! {
        svg.k-picture xmlns="http://www.w3.org/2000/svg" viewBox=(view) role="img" aria-label=(label) {
            (drawing.markup)
        }
    }
}

/// Draws a struct or union, without a title.
pub(super) fn draw(record: &Record, look: &Look<'_>) -> Drawing {
    let mut fields: Vec<&Field> = record.fields.iter().filter(|f| f.bit_size > 0).collect();
    fields.sort_by_key(|field| field.bit_offset);
    let more = fields.len().saturating_sub(FIELDS);
    fields.truncate(FIELDS);
    let is_union = record.kind == RecordKind::Union;
    let mut lanes: Vec<Vec<&Field>> = Vec::new();
    for field in fields {
        let fits = |lane: &&mut Vec<&Field>| {
            let end = lane.last().map_or(0, |last| end_of(last));
            !is_union && end <= field.bit_offset
        };
        match lanes.iter_mut().find(fits) {
            Some(lane) => lane.push(field),
            None => lanes.push(vec![field]),
        }
    }
    let more_lanes = lanes.len().saturating_sub(LANES);
    lanes.truncate(LANES);
    let holes = if is_union || more > 0 { Vec::new() } else { record.holes() };
    let mut canvas = Canvas { parts: Vec::new(), legend: Vec::new(), y: 4, look };
    canvas.columns();
    let alone = lanes.len() <= 1;
    if lanes.is_empty() {
        lanes.push(Vec::new());
    }
    for (index, lane) in lanes.iter().enumerate() {
        if !alone {
            let what = if index == 0 { "the same bytes hold" } else { "or" };
            canvas.caption(what);
        }
        // Holes are what no field covers, so they are shown with the first lane alone.
        canvas.lane(lane, if index == 0 { &holes } else { &[] });
    }
    for field in record.fields.iter().filter(|field| field.bit_size == 0) {
        let (offset, _) = position(field);
        canvas.caption(&format!(
            "{} begins at byte {offset}, and has no size of its own",
            field.declare()
        ));
    }
    if more + more_lanes > 0 {
        canvas.caption(&format!(
            "and {} that are not drawn",
            count((more + more_lanes) as u64, "field")
        ));
    }
    if record.fields.iter().any(|field| field.bit_field) {
        canvas.caption("bits from the least significant one of a little-endian machine");
    }
    canvas.legend();
    Drawing { markup: html! { @for part in &canvas.parts { (part) } }, height: canvas.y + 2 }
}

fn end_of(field: &Field) -> u64 {
    field.bit_offset.saturating_add(field.bit_size)
}

/// The rows of a lane that are drawn: where each is, and what is left out.
struct Rows {
    top: BTreeMap<u64, u64>,
    /// The first row that is left out, the one behind the last, and where the tear is.
    torn: Vec<(u64, u64, u64)>,
    end: u64,
}

impl Rows {
    fn of(spans: &[(u64, u64)], y: u64) -> Self {
        let mut kept = BTreeSet::new();
        for (start, end) in spans {
            let (first, last) = (start / BITS, (end - 1) / BITS);
            if last - first < WHOLE {
                kept.extend(first..=last);
            } else {
                kept.extend([first, first + 1, last - 1, last]);
            }
        }
        let mut rows = Self { top: BTreeMap::new(), torn: Vec::new(), end: y };
        let mut expected = kept.first().copied().unwrap_or(0);
        for row in kept {
            if row > expected {
                rows.torn.push((expected, row, rows.end));
                rows.end += TORN;
            }
            rows.top.insert(row, rows.end);
            rows.end += ROW;
            expected = row + 1;
        }
        rows
    }

    fn top(&self, row: u64) -> u64 {
        self.top.get(&row).copied().unwrap_or(self.end)
    }

    /// The outline of the bits from `start` up to `end`.
    fn outline(&self, start: u64, end: u64) -> String {
        let ((first, from), (last, to)) = (split(start), split(end - 1));
        let (from, to) = (x(from), x(to + 1));
        let box_of = |row: u64, left: u64, right: u64| {
            format!("M{left} {}H{right}v{ROW}H{left}Z", self.top(row))
        };
        if first == last {
            return box_of(first, from, to);
        }
        if last == first + 1 && to <= from {
            return box_of(first, from, RIGHT) + &box_of(last, GUTTER, to);
        }
        let (top, bottom) = (self.top(first), self.top(last));
        format!(
            "M{from} {top}H{RIGHT}V{bottom}H{to}v{ROW}H{GUTTER}V{}H{from}Z",
            if from == GUTTER { top } else { top + ROW },
        )
    }

    /// Where there is most room for a label: left, right, and the middle.
    fn room(&self, start: u64, end: u64) -> (u64, u64, u64) {
        let ((first, from), (last, to)) = (split(start), split(end - 1));
        let (from, to) = (x(from), x(to + 1));
        if first == last {
            return (from, to, self.top(first) + ROW / 2);
        }
        let begin = if from == GUTTER { first } else { first + 1 };
        let until = if to == RIGHT { last } else { last.saturating_sub(1) };
        if begin <= until {
            let torn = self.torn.iter().find(|(row, _, _)| (begin..=until).contains(row));
            let bottom = torn.map_or_else(|| self.top(until) + ROW, |(_, _, y)| *y);
            return (GUTTER, RIGHT, u64::midpoint(self.top(begin), bottom));
        }
        if RIGHT - from >= to - GUTTER {
            (from, RIGHT, self.top(first) + ROW / 2)
        } else {
            (GUTTER, to, self.top(last) + ROW / 2)
        }
    }
}

/// Row and column of a bit.
fn split(bit: u64) -> (u64, u64) {
    (bit / BITS, bit % BITS)
}

fn x(column: u64) -> u64 {
    GUTTER + column * BIT
}

struct Canvas<'a> {
    parts: Vec<Markup>,
    legend: Vec<(String, String)>,
    y: u64,
    look: &'a Look<'a>,
}

impl Canvas<'_> {
    /// The numbers of bytes above the columns.
    fn columns(&mut self) {
        let y = self.y + 9;
        self.parts.push(html! {
            @for byte in 0..8u64 {
                text.k-faint x=(x(byte * 8) + 4 * BIT) y=(y) text-anchor="middle" { "+" (byte) }
            }
        });
        self.y += 14;
    }

    fn caption(&mut self, text: &str) {
        let space = WIDTH - GUTTER;
        for line in lines(text, 10, space) {
            let y = self.y + 12;
            self.parts.push(html! { text.k-faint x=(GUTTER) y=(y) { (line) } });
            self.y += LINE - 3;
        }
    }

    fn lane(&mut self, fields: &[&Field], holes: &[(u64, u64)]) {
        let spans = fields.iter().map(|field| (field.bit_offset, end_of(field)));
        let holes = holes.iter().map(|(at, size)| {
            let start = at.saturating_mul(8);
            (start, start.saturating_add(size.saturating_mul(8)))
        });
        let holes: Vec<_> = holes.filter(|(start, end)| start < end).collect();
        let spans: Vec<_> = spans.chain(holes.iter().copied()).collect();
        let rows = Rows::of(&spans, self.y);
        for (start, end) in &holes {
            self.hole(&rows, *start, *end);
        }
        for field in fields {
            self.field(&rows, field);
        }
        self.tears(&rows, fields);
        self.offsets(&rows);
        self.y = rows.end + 4;
    }

    fn hole(&mut self, rows: &Rows, start: u64, end: u64) {
        let bytes = (end - start) / 8;
        let (left, right, middle) = rows.room(start, end);
        let label = ["a hole", "hole"]
            .iter()
            .find_map(|t| (width(t, 10) + 4 <= right - left).then_some(*t));
        let title = format!("a hole of {} at byte {}", count(bytes, "byte"), start / 8);
        self.parts.push(html! {
            path.k-field.k-hole d=(rows.outline(start, end)) { title { (title) } }
            @if let Some(label) = label {
                text.k-faint x=(u64::midpoint(left, right)) y=(middle + 3) text-anchor="middle" { (label) }
            }
        });
    }

    fn field(&mut self, rows: &Rows, field: &Field) {
        let (start, end) = (field.bit_offset, end_of(field));
        let (left, right, middle) = rows.room(start, end);
        let space = (right - left).saturating_sub(6);
        let center = u64::midpoint(left, right);
        let mark = (self.look.mark)(field);
        let class = mark.as_ref().map_or_else(|| class_of(&field.ty), |(class, _)| class);
        let ty = field.ty.spelling();
        let note = mark.map(|(_, note)| note).filter(|note| !note.is_empty());
        let (offset, size) = position(field);
        let size = if field.bit_field { size } else { count(field.size(), "byte") };
        let title = format!("{ty} {}: {size} at byte {offset}", field.name);
        let title = note.as_ref().map_or_else(|| title.clone(), |note| format!("{title}; {note}"));
        let link = field.ty.embedded().and_then(|name| (self.look.link)(name));
        let fits = !field.name.is_empty() && width(&field.name, 12) <= space;
        let below = note.as_ref().map_or_else(|| ty.clone(), |note| format!("{ty}, {note}"));
        let below = if width(&below, 10) <= space { Some(below) } else { note.clone() };
        let below = below.and_then(|below| fitting(&below, 10, space)).filter(|_| fits);
        let key = (!fits).then(|| {
            let key = key(self.legend.len());
            let note = note.map(|note| format!(", {note}")).unwrap_or_default();
            let text = format!("{} {}, {size} at byte {offset}{note}", ty, field.name);
            self.legend.push((key.clone(), text));
            key
        });
        let label = key.as_deref().unwrap_or(&field.name);
        let up = if below.is_some() { 3 } else { 0 };
        self.parts.push(html! {
            g {
                title { (title) }
                path class=(format!("k-field {class}")) d=(rows.outline(start, end)) {}
                @match &link {
                    Some(link) => a href=(link) { text x=(center) y=(middle + 4 - up) text-anchor="middle" { (label) } },
                    None => text x=(center) y=(middle + 4 - up) text-anchor="middle" { (label) },
                }
                @if let Some(below) = &below {
                    text.k-faint x=(center) y=(middle + 13) text-anchor="middle" { (below) }
                }
            }
        });
        // Where rows within a field meet.
        let inner =
            rows.top.range((Bound::Excluded(start / BITS), Bound::Included((end - 1) / BITS)));
        self.parts.push(
            html! { @for (_, y) in inner { line.k-row x1=(GUTTER) x2=(RIGHT) y1=(y) y2=(y) {} } },
        );
    }

    fn tears(&mut self, rows: &Rows, fields: &[&Field]) {
        for (from, to, y) in &rows.torn {
            let covers =
                |field: &&&Field| field.bit_offset < to * BITS && end_of(field) > from * BITS;
            let name = fields.iter().find(covers).map(|field| format!(" of {}", field.name));
            let text =
                format!("… {}{} …", count((to - from) * 8, "byte"), name.unwrap_or_default());
            let zigzag = |y: u64| {
                let steps = (1..=24u64).map(|step| {
                    format!("L{} {}", GUTTER + step * (RIGHT - GUTTER) / 24, y + 4 * (step % 2))
                });
                steps.collect::<String>()
            };
            let back = (0..24u64).rev().map(|step| {
                format!("L{} {}", GUTTER + step * (RIGHT - GUTTER) / 24, y + TORN - 4 * (step % 2))
            });
            let path = format!(
                "M{GUTTER} {y}{}L{RIGHT} {}{}Z",
                zigzag(*y),
                y + TORN,
                back.collect::<String>()
            );
            let text = fitting(&text, 10, RIGHT - GUTTER - 8).unwrap_or_default();
            self.parts.push(html! {
                path.k-torn d=(path) {}
                text.k-faint x=(u64::midpoint(GUTTER, RIGHT)) y=(y + 16) text-anchor="middle" { (text) }
            });
        }
    }

    /// The offsets of rows, and which of them are one cache line.
    fn offsets(&mut self, rows: &Rows) {
        const IN_A_LINE: u64 = CACHE_LINE * 8 / BITS;
        let mut lines: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (row, top) in &rows.top {
            let line = lines.entry(row / IN_A_LINE).or_insert((*top, *top));
            line.1 = top + ROW;
        }
        let many = rows.top.last_key_value().is_some_and(|(row, _)| *row >= IN_A_LINE);
        self.parts.push(html! {
            @for (row, top) in &rows.top {
                text.k-faint x=(GUTTER - 6) y=(top + 14) text-anchor="end" { (row.saturating_mul(8)) }
            }
            @if many { @for (line, (top, bottom)) in &lines {
                path.k-cache d=(format!("M{} {}h4V{}h-4", RIGHT + 3, top + 2, bottom - 2)) {
                    title { "cache line " (line) }
                }
                @let text = format!("line {line}");
                @if width(&text, 10) + 8 <= bottom - top {
                    @let (x, y) = (RIGHT + 17, u64::midpoint(*top, *bottom));
                    text.k-faint x=(x) y=(y) text-anchor="middle" transform=(format!("rotate(-90 {x} {y})")) {
                        (text)
                    }
                }
            } }
        });
    }

    /// The names that had no room.
    fn legend(&mut self) {
        for (key, text) in std::mem::take(&mut self.legend) {
            let y = self.y + 12;
            self.parts.push(html! { text x=(GUTTER - 6) y=(y) text-anchor="end" { (key) } });
            for line in lines(&text, 10, WIDTH - GUTTER) {
                let y = self.y + 12;
                self.parts.push(html! { text.k-faint x=(GUTTER) y=(y) { (line) } });
                self.y += LINE - 3;
            }
        }
    }
}

/// The text in lines that fit; a word that does not is cut.
pub(super) fn lines(text: &str, font: u64, space: u64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(last) = lines.last_mut() {
            let joined = format!("{last} {word}");
            if width(&joined, font) <= space {
                *last = joined;
                continue;
            }
        }
        lines.push(fitting(word, font, space).unwrap_or_default());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(record: &Record) -> String {
        let look = Look { link: &|_| None, mark: &|_| None };
        draw(record, &look).markup.0
    }

    fn shape(fields: &[(&str, u64)]) -> Record {
        let mut record = Record::empty(RecordKind::Struct, "x");
        for (name, bits) in fields {
            record.push(name, Type::unsigned(8), *bits);
        }
        record
    }

    #[test]
    fn bytes_and_bits_are_to_scale() {
        let text = drawn(&shape(&[("bdf", 16), ("flag", 1), ("rest", 7), ("token", 64)]));
        // Two bytes are as wide as sixteen bits, and one bit is a sixteenth of them.
        assert!(text.contains(&format!("M44 18H{}v{ROW}H44Z", 44 + 16 * BIT)), "{text}");
        assert!(text.contains(&format!("M{} 18H{}v{ROW}", 44 + 16 * BIT, 44 + 17 * BIT)), "{text}");
        // What begins in one row and ends in the next is one field of two boxes or one outline.
        let from = 44 + 24 * BIT;
        assert!(
            text.contains(&format!("M{from} 18H{RIGHT}v{ROW}H{from}ZM44 58H{from}v{ROW}H44Z")),
            "{text}"
        );
        // A bit has no room for a name: a letter stands for it, and a line says what it is.
        assert!(text.contains(">u8 flag, 1 bit at byte 2:0<"), "{text}");
    }

    #[test]
    fn long_fields_are_torn_and_nothing_is_too_large_to_draw() {
        let mut record = shape(&[("head", 64), ("page", 4088 * 8)]);
        let text = drawn(&record);
        assert!(text.contains("… 4056 bytes of page …"), "{text}");
        assert!(text.contains("cache line 63"), "{text}");
        assert!(text.matches("<path").count() < 20);
        record.fields[1].bit_size = u64::MAX;
        record.size = u64::MAX;
        assert!(drawn(&record).len() < 20_000);
        let many: Vec<_> = (0..5000).map(|_| ("x", 8)).collect();
        assert!(drawn(&shape(&many)).contains("and 4600 fields that are not drawn"));
        assert!(!drawn(&shape(&[])).is_empty());
    }

    #[test]
    fn holes_padding_and_members_of_a_union_are_seen() {
        let mut record = shape(&[("a", 8), ("b", 32)]);
        record.fields[1].bit_offset = 32;
        record.size = 16;
        let text = drawn(&record);
        assert!(text.contains("a hole of 3 bytes at byte 1"), "{text}");
        assert!(text.contains("a hole of 8 bytes at byte 8"), "{text}");
        record.kind = RecordKind::Union;
        record.fields[1].bit_offset = 0;
        let text = drawn(&record);
        assert!(text.contains(">the same bytes hold<") && text.contains(">or<"), "{text}");
        assert!(!text.contains("a hole"), "{text}");
    }
}
