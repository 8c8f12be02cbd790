// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts as one SVG: each struct to scale, and what leads where.

use super::escape::clean;
use super::leads;
use super::paint::{fitting, style};
use super::record::{draw, Look, WIDTH};
use super::sheet::{Part, Sheet};
use maud::{html, PreEscaped};

/// Space around everything, and between two structs.
const MARGIN: u64 = 12;

/// Renders parts of models.
#[must_use]
pub fn render(parts: &[Part<'_>]) -> String {
    let sheet = Sheet::of(parts);
    let anchors = sheet.anchors();
    let link = |name: &str| anchors.get(name).map(|anchor| format!("#{anchor}"));
    let mut y = MARGIN;
    let mut groups = Vec::new();
    for one in sheet.structs() {
        let drawing = draw(&one.record, &Look { link: &link, mark: &|_| None });
        let title = fitting(&one.title, 13, WIDTH - 4).unwrap_or_default();
        let owners = match one.owners.as_slice() {
            [] => String::from("no contract"),
            owners => owners.join(", "),
        };
        let facts = fitting(&format!("{}; {owners}", one.facts), 10, WIDTH - 4).unwrap_or_default();
        groups.push(html! {
            g id=(one.anchor) transform=(format!("translate(0 {y})")) {
                text.k-title x="4" y="14" { (title) }
                text.k-faint x="4" y="30" { (facts) }
                g transform="translate(0 36)" { (drawing.markup) }
            }
        });
        y += 36 + drawing.height + 2 * MARGIN;
    }
    for part in parts {
        for header in &part.shown.headers {
            let names: Vec<&str> = header.records().map(|record| record.name.as_str()).collect();
            let Some(drawing) = leads::draw(part.whole, &names, &link) else { continue };
            groups.push(html! {
                g transform=(format!("translate(0 {y})")) {
                    text.k-title x="4" y="14" { "What leads where in " (header.name) ".h" }
                    g transform="translate(0 20)" { (drawing.markup) }
                }
            });
            y += 20 + drawing.height + 2 * MARGIN;
        }
    }
    let (wide, high) = (WIDTH + 2 * MARGIN, y + MARGIN);
    let view = format!("-{MARGIN} 0 {wide} {high}");
    let document = html! {
        svg.k-picture xmlns="http://www.w3.org/2000/svg" viewBox=(view) width=(wide) height=(high)
            role="img" aria-label="Layouts of structs" {
            style { (PreEscaped(style())) }
            rect x=(format!("-{MARGIN}")) y="0" width=(wide) height=(high) fill="var(--k-ground)" {}
            // A name may hold the end of a line, which is a space in a picture.
            @for group in &groups { (PreEscaped(group.0.replace('\n', " "))) }
        }
    };
    // A line for each element, so that a change is a line in a review.
    format!("{}\n", clean(&document.0).replace("><", ">\n<"))
}
