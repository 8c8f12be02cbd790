// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --extract`: writes a memfd's content to a file.

use super::{outcome, watch, Args, Format};
use crate::output::{note, Destination, Failure, Keep, Outcome};
use kho_abi_inspect::extract::{self, Extracted, Pieces};
use kho_abi_inspect::handlers::memfd::Memfd;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::luo::{File, Session};
use kho_abi_inspect::report::Report;
use kho_abi_inspect::text::count;
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
    /// The file that was written; `null` where none was.
    output: Option<&'d str>,
    /// Size of the memfd, in bytes.
    size: u64,
    complete: bool,
    lost: &'d Pieces,
    doubtful: &'d Pieces,
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(super) fn run(report: Report<'_>, args: &Args, to: &Destination) -> Result<Outcome, Failure> {
    let known = matches!(args.format, Format::Text | Format::Json);
    if !known || (args.format == Format::Json && to.is_standard()) {
        return Err(Failure {
            message: "the content and the report cannot both go there".into(),
            help: "name a file with -o; the report is text or JSON".into(),
        });
    }
    let (session, file, memfd) = choose(report)?;
    watch("writing the memfd");
    let preserved = report.state.preserved();
    let page_size = report.state.page_size;
    let extracted = to.write_at(|file| {
        let extracted = extract::memfd(report.image, page_size, preserved, memfd, file)?;
        let keep = if args.partial || extracted.is_complete() { Keep::Yes } else { Keep::No };
        Ok((extracted, keep))
    })?;
    let written = args.partial || extracted.is_complete();
    say(&extracted);
    if written {
        note(format_args!("wrote {} to {}", count(extracted.size, "byte"), to.shown()));
    } else {
        note(format_args!(
            "wrote nothing to {}: --partial writes the rest, with holes where content is lost",
            to.shown()
        ));
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
        };
        Destination::standard().write(|out| {
            serde_json::to_writer_pretty(&mut *out, &document)?;
            writeln!(out)
        })?;
    }
    if extracted.is_complete() {
        return Ok(outcome(report.state));
    }
    Ok(Outcome::Incomplete)
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
        [] => Err(Failure {
            message: "no file with that token is a memfd".into(),
            help: "`kho-abi inspect IMAGE` lists them".into(),
        }),
        several => {
            let names: Vec<_> = several.iter().map(|(session, ..)| session.name.as_str()).collect();
            Err(Failure {
                message: format!("the token is one of several sessions: {}", names.join(", ")),
                help: "choose one of them with --session".into(),
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
