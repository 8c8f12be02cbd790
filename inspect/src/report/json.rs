// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The report for programs, written during the walk, since lists may be longer than memory.
//!
//! Addresses and tokens are text, `0x` and hexadecimal digits: many readers of JSON do not have
//! 64-bit integers. Counts and sizes are numbers. A folio's place is in pages, and `pfn` is a page
//! frame number.

use super::heads::{FileHead, KhoHead, LuoHead, PreservedHead, SessionHead};
use super::Report;
use crate::extents::Extent;
use crate::find::Candidate;
use crate::finding::{address, AddressText, Finding};
use crate::handlers::memfd::Memfd;
use crate::handlers::Payload;
use crate::image::cache::Cached;
use crate::image::{Format, Machine};
use crate::kho::{Entry, Kho};
use crate::luo::payloads::Content;
use crate::luo::{File, Flb, Luo, Session};
use crate::memblock::Reservation;
use crate::metadata::Metadata;
use crate::radix::{OrderTotal, Preserved};
use crate::raw::Raw;
use crate::scratch::Area;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The schema name in a document.
pub const SCHEMA: &str = "kho-abi/inspect/2";

/// The JSON Schema of the output.
#[must_use]
pub fn schema() -> Schema {
    schema_of::<Document<'static>>()
}

/// The schema of a type, as it is serialised.
pub(super) fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// Writes the report.
///
/// # Errors
///
/// Errors of the writer.
pub fn write(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = out;
    serde_json::to_writer_pretty(&mut out, &document(report))?;
    writeln!(out)
}

/// Writes the same report without white space, and without a final line break.
///
/// # Errors
///
/// Errors of the writer.
pub fn write_compact(report: Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = out;
    Ok(serde_json::to_writer(&mut out, &document(report))?)
}

#[derive(JsonSchema, Serialize)]
struct Document<'r> {
    schema: &'static str,
    image: ImageJson<'r>,
    candidates: &'r [Candidate],
    kho: Option<KhoJson<'r>>,
    luo: Option<LuoJson<'r>>,
    notes: &'r [String],
    findings: &'r [Finding],
    findings_total: u64,
    /// Number of items that were not decoded or not checked; unless it is 0, the result is not
    /// clean.
    unknown_total: u64,
    findings_by_rule: &'r BTreeMap<&'static str, u64>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct ImageJson<'r> {
    name: &'r str,
    format: Format,
    bytes: u64,
    ranges: Vec<RangeJson>,
    page_size: usize,
    page_size_guessed: bool,
    machine: Option<Machine>,
    release: Option<&'r str>,
}

#[derive(JsonSchema, Serialize)]
struct RangeJson {
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    start: u64,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    end: u64,
}

#[derive(JsonSchema, Serialize)]
struct KhoJson<'r> {
    #[serde(flatten)]
    head: KhoHead<'r>,
    entries: &'r [Entry],
    preserved: Option<PreservedJson<'r>>,
    reservations: &'r [Reservation],
    scratch: &'r [Area],
    raw: Option<&'r Raw>,
    kexec_metadata: Option<&'r Metadata>,
}

#[derive(JsonSchema, Serialize)]
struct PreservedJson<'r> {
    #[serde(flatten)]
    head: PreservedHead,
    orders: &'r [OrderTotal],
    /// `null` if there are too many.
    #[schemars(with = "Option<Vec<RunJson>>")]
    runs: Option<Runs<'r>>,
}

struct Runs<'r> {
    preserved: &'r Preserved,
    page_size: u64,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct RunJson {
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    start: u64,
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    end: u64,
    order: u32,
}

/// Preserved memory in contiguous pieces; nothing if there are too many to list.
pub(super) fn runs_json(
    preserved: &Preserved,
    page_size: u64,
) -> impl Iterator<Item = RunJson> + '_ {
    let bytes = move |page: u64| page.saturating_mul(page_size);
    let runs = preserved.runs().unwrap_or_default().iter();
    runs.map(move |run| RunJson { start: bytes(run.start), end: bytes(run.end), order: run.order })
}

impl Serialize for Runs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(runs_json(self.preserved, self.page_size))
    }
}

#[derive(JsonSchema, Serialize)]
struct LuoJson<'r> {
    #[serde(flatten)]
    head: LuoHead<'r>,
    #[schemars(with = "Vec<SessionJson<'static>>")]
    sessions: Sessions<'r>,
    flbs: &'r [Flb],
    raw: Option<&'r Raw>,
}

struct Sessions<'r>(Report<'r>);

impl Serialize for Sessions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        serializer.collect_seq(report.sessions().map(|session| session_json(report, session)))
    }
}

#[derive(JsonSchema, Serialize)]
struct SessionJson<'r> {
    #[serde(flatten)]
    head: SessionHead<'r>,
    #[schemars(with = "Vec<FileJson<'static>>")]
    files: Files<'r>,
}

struct Files<'r>(Report<'r>, &'r Session);

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(report, session) = *self;
        serializer.collect_seq(report.files(session).map(|file| file_json(report, file)))
    }
}

#[derive(JsonSchema, Serialize)]
struct FileJson<'r> {
    #[serde(flatten)]
    head: FileHead<'r>,
    payload: PayloadJson<'r>,
    content: Option<&'r Content>,
}

#[derive(JsonSchema, Serialize)]
#[serde(untagged)]
enum PayloadJson<'r> {
    Memfd(MemfdJson<'r>),
    Other(&'r Payload),
}

#[derive(JsonSchema, Serialize)]
struct MemfdJson<'r> {
    kind: &'static str,
    #[serde(flatten)]
    memfd: &'r Memfd,
    #[schemars(with = "Vec<Extent>")]
    extents: Extents<'r>,
}

/// The extents of a memfd, which are walked again while they are written.
struct Extents<'r> {
    report: Report<'r>,
    memfd: &'r Memfd,
}

impl Serialize for Extents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { report, memfd } = self;
        let mut list = serializer.serialize_seq(None)?;
        let mut result = Ok(());
        each_extent(*report, memfd, |extent| {
            if result.is_ok() {
                result = list.serialize_element(&extent);
            }
        });
        result?;
        list.end()
    }
}

/// Passes on the extents of a memfd, of which only the first are kept.
pub(super) fn each_extent(report: Report<'_>, memfd: &Memfd, mut write: impl FnMut(Extent)) {
    if memfd.totals.extents <= memfd.first.len() as u64 {
        memfd.first.iter().copied().for_each(write);
    } else {
        let memory = Cached::new(report.image, report.state.page_size);
        memfd.list.each_extent(&memory, report.state.preserved(), 1, &mut write);
    }
}

pub(super) fn image_json(report: Report<'_>) -> ImageJson<'_> {
    let Report { image, name, state, .. } = report;
    ImageJson {
        name,
        format: image.format(),
        bytes: image.bytes(),
        ranges: image
            .ranges()
            .iter()
            .map(|range| RangeJson { start: range.start, end: range.end })
            .collect(),
        page_size: state.page_size,
        page_size_guessed: state.page_size_guessed,
        machine: image.machine(),
        release: image.release(),
    }
}

fn document(report: Report<'_>) -> Document<'_> {
    let state = report.state;
    Document {
        schema: SCHEMA,
        image: image_json(report),
        candidates: &state.candidates,
        kho: state.kho.as_ref().map(|kho| kho_json(report, kho)),
        luo: state.luo().map(|luo| luo_json(report, luo)),
        notes: &state.notes,
        findings: state.findings.list(),
        findings_total: state.findings.total(),
        unknown_total: state.unknown,
        findings_by_rule: state.findings.counts(),
    }
}

fn kho_json<'r>(report: Report<'r>, kho: &'r Kho) -> KhoJson<'r> {
    KhoJson {
        head: kho.into(),
        entries: &kho.entries,
        preserved: kho.preserved.as_ref().map(|preserved| PreservedJson {
            head: preserved.into(),
            orders: preserved.totals(),
            runs: preserved
                .runs()
                .map(|_| Runs { preserved, page_size: report.state.page_size as u64 }),
        }),
        reservations: &kho.reservations,
        scratch: &kho.scratch,
        raw: kho.raw.as_ref(),
        kexec_metadata: kho.metadata.as_ref(),
    }
}

fn luo_json<'r>(report: Report<'r>, luo: &'r Luo) -> LuoJson<'r> {
    LuoJson { head: luo.into(), sessions: Sessions(report), flbs: &luo.flbs, raw: luo.raw.as_ref() }
}

fn session_json<'r>(report: Report<'r>, session: &'r Session) -> SessionJson<'r> {
    SessionJson { head: session.into(), files: Files(report, session) }
}

fn file_json<'r>(report: Report<'r>, file: &'r File) -> FileJson<'r> {
    FileJson {
        head: file.into(),
        payload: match &file.payload {
            Payload::Memfd(memfd) => PayloadJson::Memfd(MemfdJson {
                kind: "memfd",
                memfd,
                extents: Extents { report, memfd },
            }),
            other => PayloadJson::Other(other),
        },
        content: file.content.as_ref(),
    }
}
