// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The report for people: a tree, with colours for terminals.

use super::{seals, Report};
use crate::extents::Extent;
use crate::finding::Finding;
use crate::flbs;
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::luo::payloads::Content;
use crate::luo::{File, Flb, Luo, Phase, Session};
use crate::raw::Raw;
use crate::text::{count, size};
use crate::typed::{Typed, Value};
use anstyle::{AnsiColor, Style};
use std::collections::HashMap;
use std::io::{self, Write};

/// Style of what matters.
const STRONG: Style = Style::new().bold();
/// Style of addresses, which only some readers need.
const FAINT: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();
const NAME: Style = AnsiColor::Cyan.on_default();
/// How many extents of a memfd to show.
const EXTENTS: usize = 4;
/// How many devices of an FLB to show.
const DEVICES: usize = 16;
/// How many values to show, of a list of structs and of a single one.
const ENTRIES: usize = 16;
const VALUES: usize = 64;
/// How many findings of one rule to show: what is damaged in one place often breaks one rule often.
const PER_RULE: u64 = 8;
/// How many ranges of preserved memory to show.
const RANGES: usize = 8;

/// Writes the report.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    if report.filter.is_all() {
        head(report, out)?;
        preserved(report, out)?;
    }
    sessions(report, out)?;
    if report.filter.is_all() {
        others(report, out)?;
    }
    for note in &report.state.notes {
        writeln!(out, "{OPEN}note{OPEN:#}       {note}")?;
    }
    findings(report, out)
}

fn head(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Report { image, name, state, .. } = report;
    let guessed = if state.page_size_guessed { " (guessed)" } else { "" };
    writeln!(
        out,
        "{STRONG}image{STRONG:#}      {name}: {}, {} in {}, pages of {}{guessed}",
        image.format(),
        size(image.bytes()),
        count(image.ranges().len() as u64, "range"),
        size(state.page_size as u64),
    )?;
    if let Some(release) = image.release() {
        writeln!(out, "           of Linux {release}")?;
    }
    if let Some(kho) = &state.kho {
        let way = state.candidates.iter().find(|candidate| candidate.at == kho.at);
        let way = way.map_or("given".into(), |candidate| candidate.found_by.to_string());
        writeln!(
            out,
            "{STRONG}KHO{STRONG:#}        {NAME}{}{NAME:#}, device tree at {:#x}, {} ({way})",
            or_none(&kho.compatible),
            kho.at,
            count(kho.size, "byte")
        )?;
        if let [first, _, ..] = state.candidates.as_slice() {
            let others = state.candidates.len() - 1;
            writeln!(
                out,
                "  {OPEN}chosen{OPEN:#} before {}: {}; --all shows them",
                count(others as u64, "other tree"),
                first.because.join(", ")
            )?;
        }
        for entry in &kho.entries {
            writeln!(
                out,
                "  {:<16} {} {FAINT}at {:#x}{FAINT:#}",
                entry.name,
                size(entry.size),
                entry.data
            )?;
            if let Some(raw) = &entry.raw {
                raw_lines(raw, out)?;
            }
            if let Some(typed) = &entry.typed {
                write!(out, "      ")?;
                typed_lines(typed, out)?;
            }
        }
        if let Some(raw) = &kho.raw {
            tree_lines(raw, out)?;
        }
        for area in &kho.scratch {
            writeln!(
                out,
                "  {:<16} {} {FAINT}at {:#x}{FAINT:#}",
                "scratch",
                size(area.size),
                area.start
            )?;
        }
    }
    let others = state
        .candidates
        .iter()
        .filter(|other| state.kho.as_ref().is_none_or(|kho| kho.at != other.at));
    for other in others {
        let mut because = other.because.join(", ");
        if because.is_empty() {
            because = "none".into();
        }
        let number = |what: &str, number: Option<u64>| {
            number.map_or(String::new(), |number| format!(", {what} {number}"))
        };
        writeln!(
            out,
            "  {OPEN}also{OPEN:#}: {} at {:#x} ({}){}{}; evidence: {because}",
            other.compatible,
            other.at,
            other.found_by,
            number("kexec", other.kexec_count.map(u64::from)),
            number("live update", other.liveupdate_num),
        )?;
    }
    Ok(())
}

/// A compatible string for people, who would not see an empty one.
fn or_none(compatible: &str) -> &str {
    match compatible {
        "" => "an empty version string",
        compatible => compatible,
    }
}

fn preserved(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(preserved) = report.state.preserved() else { return Ok(()) };
    let page_size = report.state.page_size as u64;
    let pages = preserved.pages();
    let map_pa = report.state.kho.as_ref().map_or(0, |kho| kho.map_pa);
    if !preserved.is_complete() && pages == 0 {
        return writeln!(
            out,
            "{STRONG}preserved{STRONG:#}  {BAD}unknown{BAD:#}: the tree was not read to its end \
             {FAINT}at {map_pa:#x}{FAINT:#}",
        );
    }
    let at_least = if preserved.is_complete() { "" } else { "at least " };
    writeln!(
        out,
        "{STRONG}preserved{STRONG:#}  {at_least}{}, {}, in a tree of {at_least}{} {FAINT}at {map_pa:#x}{FAINT:#}",
        count(pages, "page"),
        size(pages.saturating_mul(page_size)),
        count(preserved.nodes(), "node"),
    )?;
    for total in preserved.totals() {
        writeln!(
            out,
            "  order {:<3} {:>10} {}",
            total.order,
            count(total.blocks, "block"),
            size(total.pages.saturating_mul(page_size))
        )?;
    }
    let Some(ranges) = report.preserved_ranges() else {
        return writeln!(out, "  in more ranges than are listed");
    };
    let holes = ranges.len().saturating_sub(1);
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return Ok(()) };
    let held = ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.len()));
    let span = last.end.saturating_sub(first.start);
    if holes == 0 {
        return writeln!(out, "  1 range from {:#x} to {:#x}", first.start, last.end);
    }
    writeln!(
        out,
        "  {} between {:#x} and {:#x}, with {} of {} between them",
        count(ranges.len() as u64, "range"),
        first.start,
        last.end,
        count(holes as u64, "hole"),
        size(span.saturating_sub(held)),
    )?;
    for range in ranges.iter().take(RANGES) {
        writeln!(out, "    {:#014x}-{:#014x} {}", range.start, range.end, size(range.len()))?;
    }
    if ranges.len() > RANGES {
        writeln!(out, "    … and {} more; --map shows where", ranges.len() - RANGES)?;
    }
    Ok(())
}

fn sessions(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(luo) = report.state.luo() else { return Ok(()) };
    if report.filter.is_all() {
        luo_line(luo, out)?;
    }
    for session in report.sessions() {
        session_tree(report, session, out)?;
    }
    if report.filter.is_all() {
        for flb in &luo.flbs {
            flb_lines(flb, out)?;
        }
    }
    Ok(())
}

fn flb_lines(flb: &Flb, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  FLB {NAME}{}{NAME:#}, data {:#x}, for {} {FAINT}at {:#x}{FAINT:#}",
        flb.compatible,
        flb.data,
        count(flb.count, "file"),
        flb.at
    )?;
    if let Some(flbs::State::Pci(pci)) = &flb.state {
        writeln!(out, "      version {}, {}", pci.version, count(pci.count.into(), "device"))?;
        for device in pci.devices.iter().take(DEVICES) {
            writeln!(
                out,
                "        {STRONG}{}{STRONG:#} {FAINT}count {}{FAINT:#}",
                device.address, device.refcount
            )?;
        }
        if pci.devices.len() > DEVICES {
            let more = pci.devices.len() - DEVICES;
            writeln!(out, "        … and {more} more; --format json lists all")?;
        }
    }
    match &flb.state {
        Some(flbs::State::Typed(typed)) => {
            write!(out, "      ")?;
            typed_lines(typed, out)?;
        }
        Some(flbs::State::Unreadable) => writeln!(out, "      {BAD}cannot be read{BAD:#}")?,
        Some(flbs::State::Pci(_)) | None => {}
    }
    flb.raw.as_ref().map_or(Ok(()), |raw| raw_lines(raw, out))
}

fn luo_line(luo: &Luo, out: &mut dyn Write) -> io::Result<()> {
    let compatible = match luo.phase {
        Phase::Unreadable => "its version",
        _ => or_none(&luo.compatible),
    };
    write!(out, "{STRONG}LUO{STRONG:#}        {NAME}{compatible}{NAME:#}")?;
    if let Some(number) = luo.liveupdate_num {
        write!(out, ", live update {number}")?;
    }
    let files: usize = luo.sessions.iter().map(|session| session.files.len()).sum();
    match luo.phase {
        Phase::Serialised if luo.unread.is_some() && luo.sessions.is_empty() => {
            write!(out, ", {BAD}sessions not read{BAD:#}")?;
        }
        Phase::Serialised => {
            let (sessions, files) =
                (count(luo.sessions.len() as u64, "session"), count(files as u64, "file"));
            if luo.unread.is_some() {
                write!(out, ", {BAD}at least{BAD:#} {sessions} with at least {files}")?;
            } else if luo.sessions.iter().any(|session| session.unread.is_some()) {
                write!(out, ", {sessions} with {BAD}at least{BAD:#} {files}")?;
            } else {
                write!(out, ", {sessions} with {files}")?;
            }
        }
        Phase::NotSerialised => write!(out, ", {OPEN}sessions not written yet{OPEN:#}")?,
        Phase::Consumed => write!(out, ", {OPEN}its root is gone{OPEN:#}")?,
        Phase::UnknownVersion => write!(out, ", {OPEN}an unknown version{OPEN:#}")?,
        Phase::NotFollowed => write!(out, ", {OPEN}sessions not followed{OPEN:#}")?,
        Phase::Unreadable => write!(out, " {BAD}cannot be read{BAD:#}")?,
    }
    writeln!(out, " {FAINT}at {:#x}{FAINT:#}", luo.at)?;
    luo.raw.as_ref().map_or(Ok(()), |raw| raw_lines(raw, out))
}

fn session_tree(report: Report<'_>, session: &Session, out: &mut dyn Write) -> io::Result<()> {
    let there = session.files.len();
    let files = match report.files(session).count() {
        // A filter shows fewer.
        shown if shown < there => format!("{shown} of {}", count(there as u64, "file")),
        _ => count(there as u64, "file"),
    };
    write!(out, "  session {STRONG}\"{}\"{STRONG:#}, ", session.name)?;
    if session.unread.is_some() {
        write!(out, "{BAD}at least{BAD:#} ")?;
    }
    writeln!(out, "{files} {FAINT}at {:#x}{FAINT:#}", session.at)?;
    for file in report.files(session) {
        file_tree(report, file, out)?;
    }
    Ok(())
}

fn file_tree(report: Report<'_>, file: &File, out: &mut dyn Write) -> io::Result<()> {
    write!(
        out,
        "    token {STRONG}{:#x}{STRONG:#}  {NAME}{}{NAME:#}  ",
        file.token, file.compatible
    )?;
    match &file.payload {
        Payload::VfioPci(device) => {
            writeln!(
                out,
                "{STRONG}{}{STRONG:#} {FAINT}at {:#x}{FAINT:#}",
                device.address, device.at
            )
        }
        Payload::Memfd(memfd) => {
            memfd_tree(report, memfd, out)?;
            for line in file.content.iter().flat_map(Content::lines) {
                writeln!(out, "      {STRONG}{line}{STRONG:#}")?;
            }
            Ok(())
        }
        Payload::Typed(typed) => typed_lines(typed, out),
        Payload::Unknown(raw) => {
            writeln!(out, "{OPEN}not decoded{OPEN:#}, data {:#x}", raw.at)?;
            raw_lines(raw, out)
        }
        Payload::Unreadable => {
            writeln!(out, "{BAD}cannot be read{BAD:#}, data {:#x}", file.data)
        }
    }
}

fn memfd_tree(report: Report<'_>, memfd: &Memfd, out: &mut dyn Write) -> io::Result<()> {
    let Memfd { at, pos, size: bytes, seals: sealed, totals, .. } = memfd;
    writeln!(out, "{STRONG}{}{STRONG:#} {FAINT}at {at:#x}{FAINT:#}", size(*bytes))?;
    writeln!(out, "      {bytes} bytes, position {pos}, seals: {}", seals(*sealed))?;
    if memfd.flags != 0 {
        writeln!(out, "      flags {BAD}{:#x}{BAD:#}", memfd.flags)?;
    }
    let page_size = report.state.page_size as u64;
    write!(
        out,
        "      {} ({} dirty, {} up to date), {} in {}",
        count(totals.folios, "folio"),
        totals.dirty,
        totals.uptodate,
        size(totals.pages.saturating_mul(page_size)),
        count(totals.extents, "extent"),
    )?;
    if totals.extents > 1 {
        write!(out, ", the largest of {}", size(totals.largest.saturating_mul(page_size)))?;
    }
    if totals.entries < memfd.nr_folios {
        let (read, all) = (totals.entries, memfd.nr_folios);
        write!(out, "; {BAD}{read} of {all} entries read{BAD:#}")?;
    }
    if totals.not_preserved > 0 {
        let folios = count(totals.not_preserved, "more folio");
        write!(out, "; {BAD}{folios} not preserved, of unknown size{BAD:#}")?;
    } else if !totals.complete {
        write!(out, "; {OPEN}the sizes of folios are unknown{OPEN:#}")?;
    } else if totals.hole_pages > 0 {
        let pages = count(totals.hole_pages, "page");
        write!(out, "; {OPEN}{pages} of the file have no folio{OPEN:#}")?;
    }
    writeln!(out)?;
    for extent in memfd.first.iter().take(EXTENTS) {
        extent_line(extent, page_size, out)?;
    }
    let more = totals.extents.saturating_sub(EXTENTS as u64);
    if more > 0 {
        writeln!(out, "        … and {more} more; --format json lists all")?;
    }
    Ok(())
}

fn extent_line(extent: &Extent, page_size: u64, out: &mut dyn Write) -> io::Result<()> {
    let bytes = |pages: u64| pages.saturating_mul(page_size);
    let start = bytes(extent.pfn);
    let descending = if extent.descending { ", descending" } else { "" };
    writeln!(
        out,
        "        {:#012x} in the file: {:#014x}-{:#014x} in memory, order {}{descending}",
        bytes(extent.index),
        start,
        start.saturating_add(bytes(extent.pages())),
        extent.order,
    )
}

/// Shows values by layouts, field by field; begins inside a line, with the root struct.
fn typed_lines(typed: &Typed, out: &mut dyn Write) -> io::Result<()> {
    for (index, part) in typed.parts.iter().enumerate() {
        if index > 0 {
            write!(out, "      {FAINT}{} →{FAINT:#} ", part.from.as_deref().unwrap_or_default())?;
        }
        write!(out, "{STRONG}{}{STRONG:#}", part.name)?;
        if let Some(elements) = part.elements {
            write!(out, ", {}", count(elements, "element"))?;
        }
        writeln!(out, " {FAINT}at {:#x}{FAINT:#}", part.at)?;
        let most = if part.elements.is_some() { ENTRIES } else { VALUES };
        let shown = &part.values[..part.values.len().min(most)];
        let width = |len: fn(&Value) -> usize| shown.iter().map(len).max().unwrap_or(0);
        let name = width(|value| value.name.chars().count());
        let ty = width(|value| value.ty.chars().count());
        for value in shown {
            writeln!(
                out,
                "        {FAINT}{:>5}{FAINT:#}  {:<name$}  {FAINT}{:<ty$}{FAINT:#}  {}",
                value.offset, value.name, value.ty, value.value
            )?;
        }
        let more = part.values.len() - shown.len();
        if part.more_values {
            let kept = part.values.len();
            writeln!(out, "        … and more; --format json has the first {kept} values")?;
        } else if more > 0 {
            writeln!(out, "        … and {more} more; --format json lists them")?;
        }
    }
    if typed.more_parts {
        writeln!(out, "      … and more addresses that were not followed")?;
    }
    Ok(())
}

/// Shows bytes as they are, with the addresses among them, or the content of a device tree.
fn raw_lines(unknown: &Raw, out: &mut dyn Write) -> io::Result<()> {
    if !unknown.tree.is_empty() {
        return tree_lines(unknown, out);
    }
    for (index, line) in unknown.bytes.chunks(16).enumerate() {
        let at = unknown.at + index as u64 * 16;
        write!(out, "      {FAINT}{at:#014x}{FAINT:#} ")?;
        for byte in line {
            write!(out, " {byte:02x}")?;
        }
        let text: String = line
            .iter()
            .map(
                |byte| {
                    if byte.is_ascii_graphic() || *byte == b' ' {
                        char::from(*byte)
                    } else {
                        '.'
                    }
                },
            )
            .collect();
        writeln!(out, "{:indent$}  {text}", "", indent = (16 - line.len()) * 3)?;
    }
    if unknown.bytes.is_empty() {
        writeln!(out, "      address outside the image")?;
    }
    for address in &unknown.addresses {
        let preserved = match address.preserved {
            Some(true) => ", preserved",
            Some(false) => ", not preserved",
            None => "",
        };
        let (offset, value) = (address.offset, address.value);
        writeln!(out, "      byte {offset}: {value:#x}, an address in the image{preserved}")?;
    }
    Ok(())
}

/// Shows the content of a device tree.
fn tree_lines(raw: &Raw, out: &mut dyn Write) -> io::Result<()> {
    for property in &raw.tree {
        if property.name.is_empty() {
            writeln!(out, "      {NAME}{}{NAME:#}", property.node)?;
        } else {
            writeln!(out, "        {} = {}", property.name, property.value)?;
        }
    }
    Ok(())
}

fn others(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Some(kho) = &report.state.kho else { return Ok(()) };
    for reservation in &kho.reservations {
        writeln!(
            out,
            "{STRONG}reserved{STRONG:#}   \"{}\", {} {FAINT}at {:#x}{FAINT:#}",
            reservation.name,
            size(reservation.size),
            reservation.start
        )?;
    }
    if let Some(metadata) = &kho.metadata {
        writeln!(
            out,
            "{STRONG}kexec{STRONG:#}      from Linux {}, number {} {FAINT}at {:#x}{FAINT:#}",
            metadata.previous_release, metadata.kexec_count, metadata.at
        )?;
    }
    Ok(())
}

fn findings(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let findings = &report.state.findings;
    let mut shown: HashMap<&str, u64> = HashMap::new();
    for finding in findings.list() {
        let number = shown.entry(finding.rule.id).or_default();
        if *number < PER_RULE {
            *number += 1;
            finding_lines(finding, out)?;
        }
    }
    for (rule, all) in findings.counts() {
        let more = all - shown.get(rule).unwrap_or(&0);
        if more > 0 {
            writeln!(out, "… and {more} more [{rule}]; --format json lists them")?;
        }
    }
    let total = findings.total();
    let style = match total {
        0 if report.state.unknown > 0 => Style::new(),
        0 => AnsiColor::Green.on_default(),
        _ => BAD,
    };
    write!(out, "{style}{}{style:#}", count(total, "finding"))?;
    if report.state.unknown > 0 {
        write!(out, ", {OPEN}{} unknown{OPEN:#}", report.state.unknown)?;
    }
    writeln!(out)
}

/// Writes one finding, with the chain that led there.
///
/// # Errors
///
/// Errors of the writer.
pub fn finding_lines(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let Finding { rule, at, what, chain } = finding;
    writeln!(out, "{STRONG}{at:#x}{STRONG:#}: {BAD}{what}{BAD:#} [{}]", rule.id)?;
    if !chain.is_empty() {
        let links: Vec<String> = chain.iter().map(ToString::to_string).collect();
        writeln!(out, "  by way of: {}", links.join(" → "))?;
    }
    Ok(())
}
