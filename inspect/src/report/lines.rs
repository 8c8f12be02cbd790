// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The report for streams: JSON, one line for each object, in the order of the walk.
//!
//! `object` is the kind of a line. The first line is the image, with the name of the schema. The
//! last is the end, with the number of findings: if it is missing, the stream was truncated.

use super::heads::{FileHead, KhoHead, LuoHead, PreservedHead, SessionHead};
use super::json::{each_extent, image_json, runs_json, schema_of, ImageJson, RunJson};
use super::Report;
use crate::extents::Extent;
use crate::find::Candidate;
use crate::finding::{address, AddressText, Finding};
use crate::handlers::Payload;
use crate::kho::{Entry, Kho};
use crate::luo::payloads::Content;
use crate::luo::{File, Flb, Luo};
use crate::memblock::Reservation;
use crate::metadata::Metadata;
use crate::radix::OrderTotal;
use crate::raw::Raw;
use crate::scratch::Area;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The schema name in the first line.
pub const SCHEMA: &str = "kho-abi/inspect-lines/1";

/// The JSON Schema of each line.
#[must_use]
pub fn schema() -> Schema {
    schema_of::<Document<'static>>()
}

#[derive(JsonSchema, Serialize)]
struct Document<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    #[serde(flatten)]
    line: Line<'r>,
}

#[derive(JsonSchema, Serialize)]
#[serde(tag = "object", rename_all = "snake_case")]
enum Line<'r> {
    Image(ImageJson<'r>),
    /// A device tree that may be KHO's; the first one is followed.
    Candidate(&'r Candidate),
    Kho(KhoLine<'r>),
    /// The state that a subsystem preserved.
    Entry(&'r Entry),
    /// The amount of memory preserved in blocks of one order.
    Order(&'r OrderTotal),
    /// Contiguous preserved memory.
    Run(RunJson),
    Reservation(&'r Reservation),
    Scratch(&'r Area),
    KexecMetadata(&'r Metadata),
    Luo(LuoLine<'r>),
    Session(SessionHead<'r>),
    File(FileLine<'r>),
    /// Folios of the preceding file that are contiguous both in the file and in memory.
    Extent(ExtentLine<'r>),
    Flb(&'r Flb),
    Note {
        text: &'r str,
    },
    Finding(&'r Finding),
    /// The last line.
    End {
        findings_total: u64,
        /// Number of items that were not decoded or not checked; unless it is 0, the result is not
        /// clean.
        unknown_total: u64,
        findings_by_rule: &'r BTreeMap<&'static str, u64>,
    },
}

#[derive(JsonSchema, Serialize)]
struct KhoLine<'r> {
    #[serde(flatten)]
    head: KhoHead<'r>,
    preserved: Option<PreservedHead>,
    raw: Option<&'r Raw>,
}

#[derive(JsonSchema, Serialize)]
struct LuoLine<'r> {
    #[serde(flatten)]
    head: LuoHead<'r>,
    raw: Option<&'r Raw>,
}

#[derive(JsonSchema, Serialize)]
struct FileLine<'r> {
    session: &'r str,
    #[serde(flatten)]
    head: FileHead<'r>,
    payload: &'r Payload,
    content: Option<&'r Content>,
}

#[derive(JsonSchema, Serialize)]
struct ExtentLine<'r> {
    session: &'r str,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    token: u64,
    #[serde(flatten)]
    extent: Extent,
}

/// Writes lines, the first with the name of the schema. Writes nothing after an error.
struct Lines<'w> {
    out: &'w mut dyn Write,
    schema: Option<&'static str>,
    result: io::Result<()>,
}

impl Lines<'_> {
    fn put(&mut self, line: Line<'_>) {
        if self.result.is_ok() {
            let schema = self.schema.take();
            self.result = self.try_put(&Document { schema, line });
        }
    }

    fn try_put(&mut self, document: &Document<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, document)?;
        self.out.write_all(b"\n")
    }
}

/// Writes the report.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = Lines { out, schema: Some(SCHEMA), result: Ok(()) };
    let state = report.state;
    lines.put(Line::Image(image_json(report)));
    state.candidates.iter().for_each(|candidate| lines.put(Line::Candidate(candidate)));
    if let Some(kho) = &state.kho {
        write_kho(&mut lines, report, kho);
    }
    if let Some(luo) = state.luo() {
        write_luo(&mut lines, report, luo);
    }
    state.notes.iter().for_each(|text| lines.put(Line::Note { text }));
    state.findings.list().iter().for_each(|finding| lines.put(Line::Finding(finding)));
    lines.put(Line::End {
        findings_total: state.findings.total(),
        unknown_total: state.unknown,
        findings_by_rule: state.findings.counts(),
    });
    lines.result
}

fn write_kho(lines: &mut Lines<'_>, report: Report<'_>, kho: &Kho) {
    let preserved = kho.preserved.as_ref();
    lines.put(Line::Kho(KhoLine {
        head: kho.into(),
        preserved: preserved.map(PreservedHead::from),
        raw: kho.raw.as_ref(),
    }));
    kho.entries.iter().for_each(|entry| lines.put(Line::Entry(entry)));
    if let Some(preserved) = preserved {
        preserved.totals().iter().for_each(|total| lines.put(Line::Order(total)));
        for run in runs_json(preserved, report.state.page_size as u64) {
            lines.put(Line::Run(run));
        }
    }
    kho.reservations.iter().for_each(|reservation| lines.put(Line::Reservation(reservation)));
    kho.scratch.iter().for_each(|area| lines.put(Line::Scratch(area)));
    kho.metadata.iter().for_each(|metadata| lines.put(Line::KexecMetadata(metadata)));
}

fn write_luo(lines: &mut Lines<'_>, report: Report<'_>, luo: &Luo) {
    lines.put(Line::Luo(LuoLine { head: luo.into(), raw: luo.raw.as_ref() }));
    for session in report.sessions() {
        lines.put(Line::Session(session.into()));
        for file in report.files(session) {
            write_file(lines, report, &session.name, file);
        }
    }
    luo.flbs.iter().for_each(|flb| lines.put(Line::Flb(flb)));
}

fn write_file(lines: &mut Lines<'_>, report: Report<'_>, session: &str, file: &File) {
    let token = file.token;
    lines.put(Line::File(FileLine {
        session,
        head: file.into(),
        payload: &file.payload,
        content: file.content.as_ref(),
    }));
    if let Payload::Memfd(memfd) = &file.payload {
        each_extent(report, memfd, |extent| {
            lines.put(Line::Extent(ExtentLine { session, token, extent }));
        });
    }
}
