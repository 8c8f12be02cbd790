// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --extract`: writes a memfd's content to a file.

use super::{absent, Args, Format};
use crate::output::{note, Destination, Failure, Keep, Outcome};
use crate::progress::Shown;
use kho_abi_inspect::extract::{self, Extracted, Pieces};
use kho_abi_inspect::finding::Finding;
use kho_abi_inspect::handlers::memfd::Memfd;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::luo::{File, Session};
use kho_abi_inspect::report::{text, Report};
use kho_abi_inspect::text::count;
use kho_abi_inspect::State;
use schemars::JsonSchema;
use serde::Serialize;

/// The schema name in a document.
pub(crate) const SCHEMA: &str = "kho-abi/inspect-extract/1";
/// How many ranges of each kind to show.
const SHOWN: usize = 16;

#[derive(JsonSchema, Serialize)]
struct Document<'d> {
    schema: &'static str,
    image: &'d str,
    session: &'d str,
    token: String,
    /// The file that was written; `null` if none was.
    output: Option<&'d str>,
    /// Size of the memfd, in bytes.
    size: u64,
    complete: bool,
    lost: &'d Pieces,
    doubtful: &'d Pieces,
    /// What is wrong in the image, as in the report. Findings about this memfd come first.
    findings: Vec<&'d Finding>,
    /// Number of all findings.
    findings_total: u64,
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(super) fn run(report: Report<'_>, args: &Args, to: &Destination) -> Result<Outcome, Failure> {
    let known = matches!(args.format, Format::Text | Format::Json);
    if !known {
        return Err(Failure {
            message: "--extract does not support this format".into(),
            help: "use --format text or json".into(),
        });
    }
    if args.format == Format::Json && to.is_standard() {
        return Err(Failure {
            message: "the content and the report cannot both go to standard output".into(),
            help: "name a file with -o".into(),
        });
    }
    let (session, file, memfd) = choose(report)?;
    let shown = Shown::begin();
    let extracted = to.write_at(move |file| {
        let extracted =
            extract::memfd(report.state.ground(report.image), memfd, file, shown.progress())?;
        drop(shown);
        let keep = extracted.is_complete() || args.partial && extracted.is_possible();
        let keep = if keep { Keep::Yes } else { Keep::No };
        Ok((extracted, keep))
    })?;
    let written = extracted.is_complete() || args.partial && extracted.is_possible();
    say(&extracted);
    say_findings(report.state, &findings(report.state, memfd));
    if written {
        note(format_args!("wrote {} to {}", count(extracted.size, "byte"), to.shown()));
    } else {
        let partial = if extracted.lost.is_empty() {
            "--partial writes it anyway"
        } else {
            "--partial writes the rest, with holes where content is lost"
        };
        if extracted.is_possible() {
            note(format_args!("wrote nothing to {}: {partial}", to.shown()));
        } else {
            note(format_args!("wrote nothing to {}", to.shown()));
        }
    }
    if args.format == Format::Json {
        let document = Document {
            schema: SCHEMA,
            image: report.name,
            session: &session.name,
            token: format!("{:#x}", file.token),
            output: written.then(|| to.shown()),
            size: extracted.size,
            complete: extracted.is_complete(),
            lost: &extracted.lost,
            doubtful: &extracted.doubtful,
            findings: findings(report.state, memfd),
            findings_total: report.state.findings.total(),
        };
        Destination::standard().write(|out| {
            serde_json::to_writer_pretty(&mut *out, &document)?;
            writeln!(out)
        })?;
    }
    if !extracted.is_complete() {
        return Ok(Outcome::Incomplete);
    }
    // What was not decoded does not concern this content, whose pages have one owner.
    Ok(Outcome::of(report.state.findings.list().len()))
}

/// The findings, those first that concern the image as a whole or this memfd.
fn findings<'s>(state: &'s State, memfd: &Memfd) -> Vec<&'s Finding> {
    let mut all: Vec<&Finding> = state.findings.list().iter().collect();
    let concerns = |finding: &Finding| {
        finding.chain.is_empty() || finding.chain.iter().any(|link| link.at == Some(memfd.at))
    };
    all.sort_by_key(|finding| !concerns(finding));
    all
}

/// Reports findings beside another output, since the exit status depends on them.
pub(super) fn say_findings(state: &State, findings: &[&Finding]) {
    for finding in findings.iter().take(SHOWN) {
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = text::finding_lines(finding, &mut text);
        note(format_args!("finding: {}", String::from_utf8_lossy(&text).trim_end()));
    }
    if state.unknown > 0 {
        let unknown = count(state.unknown, "item");
        note(format_args!(
            "{unknown} of the image unknown: not decoded or not checked; `kho-abi inspect IMAGE` shows them"
        ));
    }
    let more = state.findings.total().saturating_sub(findings.len().min(SHOWN) as u64);
    if more > 0 {
        note(format_args!(
            "and {}; `kho-abi inspect IMAGE` shows them",
            count(more, "more finding")
        ));
    }
}

/// The memfd to extract.
fn choose(report: Report<'_>) -> Result<(&Session, &File, &Memfd), Failure> {
    let memfds: Vec<_> = report
        .sessions()
        .flat_map(|session| report.files(session).map(move |file| (session, file)))
        .filter_map(|(session, file)| match &file.payload {
            Payload::Memfd(memfd) => Some((session, file, memfd)),
            _ => None,
        })
        .collect();
    match memfds.as_slice() {
        [one] => Ok(*one),
        [] => Err(absent::no_memfd(report)),
        several => {
            let names: Vec<_> = several.iter().map(|(session, ..)| session.name.as_str()).collect();
            Err(Failure {
                message: format!(
                    "several sessions have a file with this token: {}",
                    names.join(", ")
                ),
                help: "choose one with --session".into(),
            })
        }
    }
}

/// Reports what is missing, and what may be wrong.
fn say(extracted: &Extracted) {
    let all = count(extracted.size, "byte");
    for (what, pieces) in [("lost", &extracted.lost), ("doubtful", &extracted.doubtful)] {
        if pieces.is_empty() {
            continue;
        }
        let error = extracted.error.filter(|_| what == "lost");
        let why = error.map_or(String::new(), |error| format!(": {error}"));
        note(format_args!("{what}: {} of {all}{why}", pieces.bytes));
        for piece in pieces.list.iter().take(SHOWN) {
            let len = count(piece.end - piece.start, "byte");
            let at = piece.pa.map_or(String::new(), |pa| format!(" (in memory at {pa:#x})"));
            let (start, end, why) = (piece.start, piece.end, piece.why.words());
            note(format_args!("  {start:#x}-{end:#x}, {len}: {why}{at}"));
        }
        let more = pieces.pieces.saturating_sub(SHOWN as u64);
        if more > 0 {
            note(format_args!("  and {}; --format json lists them", count(more, "more range")));
        }
    }
}
