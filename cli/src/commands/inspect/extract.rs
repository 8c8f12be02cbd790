// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --extract`: a memfd's content as a file.

use super::{outcome, watch};
use crate::output::{note, Failure, Outcome};
use kho_abi_inspect::extract;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::report::Report;
use std::fs::File;
use std::path::Path;

pub(super) fn run(report: Report<'_>, output: &Path) -> Result<Outcome, Failure> {
    let memfds: Vec<_> = report
        .sessions()
        .flat_map(|session| report.files(session).map(move |file| (session, file)))
        .filter_map(|(session, file)| match &file.payload {
            Payload::Memfd(memfd) => Some((session, memfd)),
            _ => None,
        })
        .collect();
    let memfd = match memfds.as_slice() {
        [(_, memfd)] => memfd,
        [] => {
            return Err(Failure {
                message: "no file with that token is a memfd".into(),
                help: "`kho-abi inspect IMAGE` lists them".into(),
            })
        }
        several => {
            let names: Vec<_> = several.iter().map(|(session, _)| session.name.as_str()).collect();
            return Err(Failure {
                message: format!("the token is one of several sessions: {}", names.join(", ")),
                help: "choose one of them with --session".into(),
            });
        }
    };
    if output == Path::new("-") {
        return Err(Failure {
            message: "a memfd is written with holes, which needs a file".into(),
            help: "name one with -o".into(),
        });
    }
    watch("writing the memfd");
    let failed = |error: std::io::Error| Failure {
        message: format!("cannot write to {}: {error}", output.display()),
        help: "check the space that is left, or write elsewhere".into(),
    };
    let file = File::create(output).map_err(failed)?;
    let preserved = report.state.preserved();
    let extracted = extract::memfd(report.image, report.state.page_size, preserved, memfd, &file)
        .map_err(failed)?;
    if let Some(why) = extracted.why {
        note(format_args!("{} bytes are lost, and zero in the file: {why}", extracted.lost));
        return Ok(Outcome::Findings);
    }
    Ok(outcome(report.state))
}
