// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The report as a single page for a browser: no script, no external resources, light and dark.
//!
//! [`maud`] escapes all text from the image.

use super::map::{Map, Row};
use super::{seals, Report};
use crate::finding::Finding;
use crate::flbs;
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::image::Range;
use crate::luo::payloads::Content;
use crate::luo::{File, Luo, Phase, Session};
use crate::raw::Raw;
use crate::rules::Rule;
use crate::text::{count, size};
use crate::typed::Typed;
use maud::{html, Markup, PreEscaped, DOCTYPE};
use std::io::{self, Write};

/// Size of the map in cells.
const COLUMNS: usize = 64;
const ROWS: usize = 24;
/// How many sessions, findings of a rule, and ranges to show unfolded.
const SHOWN: usize = 20;
/// How many ranges to list.
const RANGES: usize = 1000;

const STYLE: &str = "
:root { color-scheme: light dark; --text: #1d2329; --faint: #5c6773; --ground: #fbfaf7; --card: #ffffff;
  --line: #dcd9d0; --accent: #0b6b57; --bad: #a8201a; --open: #8a5a00; --cell: #e9e6dd;
  --l1: #bfe0d6; --l2: #7fc2ae; --l3: #3b9c82; --l4: #0b6b57; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e7ea; --faint: #97a2ad; --ground: #14181c; --card: #1c2227; --line: #323b43;
    --accent: #5fd0b0; --bad: #ff8f85; --open: #e5b567; --cell: #262d33;
    --l1: #1f4a40; --l2: #2b7261; --l3: #3fa489; --l4: #63dcb9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; color: var(--text); background: var(--ground);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; }
p { margin: .25rem 0; }
code, .mono { font: .875em/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere; }
.at, .size { white-space: nowrap; }
.faint { color: var(--faint); } .bad { color: var(--bad); } .open { color: var(--open); }
.good { color: var(--accent); font-weight: 600; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; margin: .5rem 0; }
.finding { border-left: 4px solid var(--bad); } .note { border-left: 4px solid var(--open); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 1rem 0; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .75rem .25rem 0;
  vertical-align: top; border-bottom: 1px solid var(--line); } th { color: var(--faint); font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; scroll-margin-top: 4rem; }
details > summary { cursor: pointer; } details[open] > summary { margin-bottom: .5rem; }
.map { display: grid; grid-template-columns: max-content repeat(64, 1fr); gap: 1px; align-items: center; }
.map code { font-size: .65rem; line-height: 1; padding-right: .75em; color: var(--faint); }
.map b { grid-column: 2 / -1; font-weight: normal; color: var(--faint); line-height: 1; }
.index { columns: 11rem; margin: .5rem 0; padding: 0; list-style: none; } .index li { break-inside: avoid; margin: 0; }
a { color: var(--accent); }
.filtered { border-left: 4px solid var(--accent); }
li { margin: .35rem 0; }
.map i { aspect-ratio: 1; background: var(--cell); border-radius: 1px; }
.map .none { background: transparent; } .map .l1 { background: var(--l1); } .map .l2 { background: var(--l2); }
.map .l3 { background: var(--l3); } .map .l4 { background: var(--l4); }
.legend { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; color: var(--faint); margin: .5rem 0; }
.legend i { display: inline-block; width: .8em; height: .8em; margin-right: .4em; border-radius: 1px; }
pre { margin: .25rem 0; overflow-x: auto; }
";

/// Writes the page.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let put = |out: &mut dyn Write, markup: Markup| out.write_all(markup.0.as_bytes());
    // The outer elements are opened and closed by hand, so that a long list of sessions is never in
    // memory as a whole.
    put(
        out,
        html! {
            (DOCTYPE)
            (PreEscaped("<html lang=\"en\">"))
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Preserved memory: " (report.name) }
                style { (PreEscaped(STYLE)) }
            }
            (PreEscaped("<body>"))
        },
    )?;
    put(out, html! { (head(report)) (findings(report)) (map(report)) })?;
    if let Some(luo) = report.state.luo() {
        put(out, luo_head(luo))?;
        put(out, index(report))?;
        let is_open = report.sessions().take(SHOWN + 1).count() <= SHOWN;
        for (number, session) in report.sessions().enumerate() {
            put(out, session_card(report, number, session, is_open))?;
        }
        put(out, flbs(luo))?;
    }
    put(out, html! { (preserved(report)) (ranges(report)) (PreEscaped("</body></html>\n")) })
}

fn address(at: u64) -> Markup {
    html! { code.at { (format!("{at:#x}")) } }
}

/// A size in a readable unit, with the exact number of bytes if that is rounded.
fn bytes(bytes: u64) -> Markup {
    html! { span.size { (size(bytes)) } (exact(bytes)) }
}

fn exact(bytes: u64) -> Markup {
    html! { @if bytes >= 1024 { " " span.size.faint { "(" (bytes) " bytes)" } } }
}

/// A range of addresses, whose end is exclusive.
fn range(range: &Range) -> Markup {
    html! { code.at { (format!("{:#x}-{:#x}", range.start, range.end)) } }
}

fn head(report: Report<'_>) -> Markup {
    let Report { image, name, state, .. } = report;
    let total = state.findings.total();
    html! {
        h1 { "Preserved memory: " (name) }
        p {
            @if total > 0 { strong.bad { (count(total, "finding")) } }
            @else if state.unknown > 0 { "0 findings" }
            @else { span.good { "0 findings" } }
            @if state.unknown > 0 { ", " span.open { (state.unknown) " unknown" } }
        }
        dl {
            dt { "Image" }
            dd {
                (image.format()) ", " (bytes(image.bytes())) " in "
                (count(image.ranges().len() as u64, "range")) ", pages of "
                (size(state.page_size as u64))
                @if state.page_size_guessed { " (guessed)" }
            }
            @if let Some(release) = image.release() { dt { "Linux" } dd { (release) } }
            @if let Some(kho) = &state.kho {
                dt { "KHO" }
                dd { code { (kho.compatible) } ", device tree at " (address(kho.at)) }
                @for entry in &kho.entries {
                    dt { "Entry" }
                    dd {
                        code { (entry.name) } ", " (bytes(entry.size)) " at " (address(entry.data)) " "
                        @if let Some(raw) = &entry.raw { (unknown_cell(raw)) }
                        @if let Some(typed) = &entry.typed { (typed_cell(typed)) }
                    }
                }
                @if let Some(raw) = &kho.raw { dt { "Tree" } dd { (unknown_cell(raw)) } }
                @for area in &kho.scratch {
                    dt { "Scratch" }
                    dd { (bytes(area.size)) " at " (address(area.start)) }
                }
                @if let Some(metadata) = &kho.metadata {
                    dt { "Kexec" }
                    dd { "from Linux " (metadata.previous_release) ", number " (metadata.kexec_count) }
                }
                @for reservation in &kho.reservations {
                    dt { "Reserved" }
                    dd {
                        code { (reservation.name) } ", " (bytes(reservation.size)) " at "
                        (address(reservation.start))
                    }
                }
                @if let [first, _, ..] = state.candidates.as_slice() {
                    dt { "Chosen because" }
                    dd { (first.because.join(", ")) }
                }
                @for other in state.candidates.iter().filter(|other| other.at != kho.at) {
                    dt { "Also found" }
                    dd { code { (other.compatible) } " at " (address(other.at)) " (" (other.found_by) ")" }
                }
            }
        }
        @if !report.filter.is_all() {
            div.card.filtered {
                "Filtered: " (report.filter.tell())
                ". Other sessions and files are not shown; findings and notes are for the whole image."
            }
        }
        @for note in &state.notes { div.card.note { (note) } }
    }
}

/// Findings by rule, in the order in which the walk found the first of each.
fn findings(report: Report<'_>) -> Markup {
    let findings = &report.state.findings;
    let mut rules: Vec<(&Rule, Vec<&Finding>)> = Vec::new();
    for finding in findings.list() {
        match rules.iter_mut().find(|(rule, _)| rule.id == finding.rule.id) {
            Some((_, of_it)) => of_it.push(finding),
            None => rules.push((finding.rule, vec![finding])),
        }
    }
    let more = |rule: &Rule| findings.more().find(|(id, _)| *id == rule.id).map_or(0, |(_, n)| n);
    html! {
        @if !rules.is_empty() {
            h2 { "Findings" }
            @for (rule, of_it) in &rules { (rule_card(rule, of_it, more(rule))) }
        }
    }
}

fn rule_card(rule: &Rule, findings: &[&Finding], more: u64) -> Markup {
    html! {
        details.card.finding open[findings.len() <= SHOWN] {
            summary {
                strong { code { (rule.id) } } " " (count(findings.len() as u64 + more, "finding"))
            }
            p.faint { (rule.summary) " " (rule.reason) }
            p.faint { (rule.remedy) }
            ul { @for finding in findings { li {
                (finding.what) span.faint { " at " (address(finding.at)) }
                @if !finding.chain.is_empty() {
                    p.faint {
                        "by way of "
                        @for (index, link) in finding.chain.iter().enumerate() {
                            @if index > 0 { " → " }
                            (link.what)
                            @if let Some(at) = link.at { " at " (address(at)) }
                        }
                    }
                }
            } } }
            @if more > 0 { p.faint { "… and " (more) " more" } }
        }
    }
}

fn map(report: Report<'_>) -> Markup {
    let Some(map) = Map::new(report, COLUMNS * ROWS) else { return html! {} };
    let label = format!("Map of preserved memory, each cell {}", size(map.cell));
    html! {
        h2 { "Location of preserved memory" }
        div.card {
            div.map role="img" aria-label=(label) {
                @for row in map.rows(COLUMNS) { (map_row(&map, row)) }
            }
            p.legend {
                span { "Each cell is " (size(map.cell)) }
                span { i style="background: var(--l4)" {} "preserved" }
                span { i style="background: var(--l2)" {} "partly" }
                span { i style="background: var(--cell)" {} "not" }
            }
        }
    }
}

/// A row of the map.
fn map_row(map: &Map, row: Row<'_>) -> Markup {
    const CLASSES: [&str; 5] = ["", "l1", "l2", "l3", "l4"];
    let (start, cells) = match row {
        Row::Cells(start, cells) => (start, cells),
        Row::Empty(start) => return html! { (address(start)) b { "…" } },
    };
    let at = |column: usize| start + column as u64 * map.cell;
    html! {
        (address(start))
        @for (column, cell) in cells.iter().enumerate() {
            @if cell.preserved > 0 {
                i class=(CLASSES[cell.level()])
                    title=(format!("{:#x}: {} preserved", at(column), size(cell.preserved))) {}
            } @else {
                i class=(if cell.memory == 0 { "none" } else { "" }) {}
            }
        }
        @for _ in cells.len()..COLUMNS { i class="none" {} }
    }
}

fn luo_head(luo: &Luo) -> Markup {
    html! {
        h2 { "Live Update Orchestrator" }
        p {
            code { (luo.compatible) }
            @if let Some(number) = luo.liveupdate_num { ", live update " (number) }
            ", "
            @match luo.phase {
                Phase::Serialised if luo.unread.is_some() && luo.sessions.is_empty() => {
                    span.bad { "sessions not read" }
                }
                Phase::Serialised => {
                    @if luo.unread.is_some() { span.bad { "at least " } }
                    (count(luo.sessions.len() as u64, "session"))
                }
                Phase::NotSerialised => span.open { "sessions not written yet" },
                Phase::Consumed => span.open { "its root is gone" },
                Phase::UnknownVersion => span.open { "an unknown version" },
                Phase::NotFollowed => span.open { "sessions not followed" },
                Phase::Unreadable => span.bad { "cannot be read" },
            }
            span.faint { " at " (address(luo.at)) }
            @if let Some(raw) = &luo.raw { " " (unknown_cell(raw)) }
        }
    }
}

/// The id of a session in the page. Its name is untrusted, so it is not used.
fn place(number: usize) -> String {
    format!("session-{number}")
}

/// Links to each session.
fn index(report: Report<'_>) -> Markup {
    let sessions = report.sessions().count();
    html! {
        @if sessions > 1 {
            details open[sessions <= SHOWN] {
                summary { (count(sessions as u64, "session")) }
                ul.index { @for (number, session) in report.sessions().enumerate() {
                    li {
                        a href=(format!("#{}", place(number))) { (session.name) }
                        " " span.faint { (count(report.files(session).count() as u64, "file")) }
                    }
                } }
            }
        }
    }
}

fn session_card(report: Report<'_>, number: usize, session: &Session, is_open: bool) -> Markup {
    html! {
        details.card open[is_open] {
            summary {
                "Session " strong { (session.name) } ", "
                @if session.unread.is_some() { span.bad { "at least " } }
                (count(session.files.len() as u64, "file"))
                span.faint { " at " (address(session.at)) }
            }
            // A link to something folded unfolds it.
            div.scroll id=(place(number)) {
                @if report.files(session).next().is_some() { table {
                    thead { tr { th { "Token" } th { "Handler" } th { "What" } th { "At" } } }
                    tbody { @for file in report.files(session) { (file_row(report, file)) } }
                } }
            }
        }
    }
}

fn file_row(report: Report<'_>, file: &File) -> Markup {
    html! {
        tr {
            td { (address(file.token)) }
            td { code.at { (file.compatible) } }
            td {
                @match &file.payload {
                    Payload::VfioPci(device) => strong.mono { (device.address) },
                    Payload::Memfd(memfd) => {
                        (memfd_cell(report, memfd))
                        @for line in file.content.iter().flat_map(Content::lines) { p { (line) } }
                    }
                    Payload::Typed(typed) => (typed_cell(typed)),
                    Payload::Unknown(unknown) => (unknown_cell(unknown)),
                    Payload::Unreadable => span.bad { "cannot be read" },
                }
            }
            td { (address(file.data)) }
        }
    }
}

fn memfd_cell(report: Report<'_>, memfd: &Memfd) -> Markup {
    let page_size = report.state.page_size as u64;
    let of = |pages: u64| pages.saturating_mul(page_size);
    let totals = &memfd.totals;
    html! {
        strong { (size(memfd.size)) } (exact(memfd.size)) ", position " (memfd.pos) ", seals: " (seals(memfd.seals))
        p.faint {
            (count(totals.folios, "folio")) ", " (totals.dirty) " dirty, " (totals.uptodate)
            " up to date, in " (count(totals.extents, "extent"))
            @if totals.entries < memfd.nr_folios {
                "; " span.bad { (totals.entries) " of " (memfd.nr_folios) " entries read" }
            }
            @if totals.not_preserved > 0 {
                "; " span.bad { (count(totals.not_preserved, "more folio")) " not preserved, of unknown size" }
            } @else if !totals.complete {
                "; " span.open { "the sizes of folios are unknown" }
            } @else if totals.hole_pages > 0 {
                "; " (count(totals.hole_pages, "page")) " of the file have no folio"
            }
        }
        @if !memfd.first.is_empty() {
            details {
                summary.faint { "Extents" }
                div.scroll { table {
                    thead { tr {
                        th.number { "In the file" } th { "In memory" } th.number { "Size" } th.number { "Order" }
                    } }
                    tbody { @for extent in &memfd.first { tr {
                        td.number { (address(of(extent.index))) }
                        td {
                            (address(of(extent.pfn)))
                            @if extent.descending { span.faint { " descending" } }
                        }
                        td.number { (bytes(of(extent.pages()))) }
                        td.number { (extent.order) }
                    } } }
                } }
                @if totals.extents > memfd.first.len() as u64 {
                    p.faint { "… and " (totals.extents - memfd.first.len() as u64) " more" }
                }
            }
        }
    }
}

/// The values that layouts show, field by field.
fn typed_cell(typed: &Typed) -> Markup {
    html! {
        @for part in &typed.parts {
            details open[part.from.is_none()] {
                summary {
                    @if let Some(from) = &part.from { span.faint { (from) " → " } }
                    strong { (part.name) }
                    @if let Some(elements) = part.elements { ", " (count(elements, "element")) }
                    span.faint { " at " (address(part.at)) }
                }
                div.scroll { table {
                    thead { tr { th.number { "Byte" } th { "Field" } th { "Type" } th { "Value" } } }
                    tbody { @for value in &part.values { tr {
                        td.number { (value.offset) }
                        td { code { (value.name) } }
                        td.faint { code.at { (value.ty) } }
                        td { (value.value) }
                    } } }
                } }
                @if part.more_values { p.faint { "… and more" } }
            }
        }
        @if typed.more_parts { p.faint { "… and more addresses that were not followed" } }
    }
}

fn unknown_cell(unknown: &Raw) -> Markup {
    html! {
        span.open { "not decoded" }
        @if !unknown.tree.is_empty() {
            pre.mono {
                @for property in &unknown.tree {
                    @if property.name.is_empty() { (property.node) "\n" }
                    @else { "  " (property.name) " = " (property.value) "\n" }
                }
            }
        } @else if !unknown.bytes.is_empty() {
            pre.mono {
                @for line in unknown.bytes.chunks(16) {
                    (line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")) "\n"
                }
            }
        }
        @for word in &unknown.addresses {
            p.faint {
                "byte " (word.offset) ": " (address(word.value)) ", an address in the image"
                @match word.preserved {
                    Some(true) => ", preserved",
                    Some(false) => ", not preserved",
                    None => "",
                }
            }
        }
    }
}

fn flbs(luo: &Luo) -> Markup {
    html! {
        @for flb in &luo.flbs {
            div.card {
                "FLB " code { (flb.compatible) } ", for " (count(flb.count, "file")) ", data "
                (address(flb.data)) span.faint { " at " (address(flb.at)) }
                @if let Some(flbs::State::Pci(pci)) = &flb.state {
                    p.faint { "version " (pci.version) ", " (count(pci.count.into(), "device")) }
                    ul { @for device in &pci.devices {
                        li { code { (device.address) } span.faint { " count " (device.refcount) } }
                    } }
                }
                @match &flb.state {
                    Some(flbs::State::Typed(typed)) => (typed_cell(typed)),
                    Some(flbs::State::Unreadable) => p.bad { "cannot be read" },
                    Some(flbs::State::Pci(_)) | None => {}
                }
                @if let Some(raw) = &flb.raw { (unknown_cell(raw)) }
            }
        }
    }
}

fn preserved(report: Report<'_>) -> Markup {
    let Some(preserved) = report.state.preserved() else { return html! {} };
    let page_size = report.state.page_size as u64;
    html! {
        h2 { "Preserved pages" }
        p {
            (count(preserved.pages(), "page")) ", "
            (bytes(preserved.pages().saturating_mul(page_size))) ", in a tree of "
            (count(preserved.nodes(), "node"))
        }
        div.scroll { table {
            thead { tr { th.number { "Order" } th.number { "Blocks" } th.number { "Size" } } }
            tbody { @for total in preserved.totals() { tr {
                td.number { (total.order) }
                td.number { (total.blocks) }
                td.number { (bytes(total.pages.saturating_mul(page_size))) }
            } } }
        } }
    }
}

/// Ranges of memory and of preserved pages, up to a limit.
fn ranges(report: Report<'_>) -> Markup {
    let list = |title: &str, ranges: &[Range]| {
        html! {
            details.card open[ranges.len() <= SHOWN] {
                summary { (title) ": " (count(ranges.len() as u64, "range")) }
                div.scroll { table { tbody { @for this in ranges.iter().take(RANGES) {
                    tr { td { (range(this)) } td.number { (bytes(this.len())) } }
                } } } }
                @if ranges.len() > RANGES { p.faint { "… and " (ranges.len() - RANGES) " more" } }
            }
        }
    };
    html! {
        h2 { "Ranges" }
        @match report.preserved_ranges() {
            Some(preserved) => (list("Preserved", &preserved)),
            None => @if report.state.preserved().is_some() {
                p.faint { "Preserved memory has more ranges than are listed." }
            },
        }
        (list("Memory in the image", report.image.ranges()))
    }
}
