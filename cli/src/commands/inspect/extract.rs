// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --extract`: a memfd's content as a file.

use super::{outcome, watch};
use crate::output::{note, Destination, Failure, Outcome};
use kho_abi_inspect::extract;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::report::Report;
use kho_abi_inspect::text::count;

pub(super) fn run(report: Report<'_>, to: &Destination) -> Result<Outcome, Failure> {
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
    watch("writing the memfd");
    let preserved = report.state.preserved();
    let page_size = report.state.page_size;
    let extracted =
        to.write_at(|file| extract::memfd(report.image, page_size, preserved, memfd, file))?;
    note(format_args!("wrote {} to {}", count(memfd.size, "byte"), to.shown()));
    if let Some(why) = extracted.why {
        note(format_args!("{} bytes are lost, and zero in the file: {why}", extracted.lost));
        return Ok(Outcome::Findings);
    }
    Ok(outcome(report.state))
}
