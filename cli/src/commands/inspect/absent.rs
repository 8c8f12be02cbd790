// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Says why a session, a file or a memfd that was asked for is not there: it does not exist, it is
//! something else, or that is not known.

use crate::output::Failure;
use kho_abi_inspect::handlers::Payload;
use kho_abi_inspect::luo::{File, Luo, Session};
use kho_abi_inspect::report::{Filter, Report};
use kho_abi_inspect::State;

/// How many names to list.
const SHOWN: usize = 8;

/// No session or file matches the filter, which would look like a state without sessions.
pub(super) fn nothing_matches(states: &[&State], filter: &Filter) -> Failure {
    let wanted = filter.tell();
    let unknown = states.iter().find_map(|state| unknown(state, filter));
    let message = match unknown {
        Some(why) => format!("unknown whether a session or file matches {wanted}: {why}"),
        None => format!("no session or file matches {wanted}"),
    };
    let luos: Vec<&Luo> = states.iter().filter_map(|state| state.luo()).collect();
    let meant = filter.token.and_then(|token| meant(&luos, token));
    let help = meant.unwrap_or_else(|| {
        let names = |names: Vec<String>| listed(names, "none");
        match (&filter.session, filter.token, &filter.file) {
            (Some(_), None, None) => {
                let sessions = luos.iter().flat_map(|luo| &luo.sessions);
                names(sessions.map(|session| format!("{:?}", session.name)).collect())
            }
            (None, Some(_), None) => names(tokens(&luos, |_| true)),
            _ => {
                let files = luos.iter().flat_map(|luo| &luo.sessions).flat_map(files);
                names(files.map(|(session, file)| said(session, file)).collect())
            }
        }
    });
    Failure { message, help }
}

/// No memfd to extract is among what matches the filter.
pub(super) fn no_memfd(report: Report<'_>) -> Failure {
    let token = report.filter.token.unwrap_or(0);
    let luos: Vec<&Luo> = report.state.luo().into_iter().collect();
    let is_memfd = |file: &File| matches!(file.payload, Payload::Memfd(_));
    let memfds = || {
        let memfds = listed(tokens(&luos, is_memfd), "none");
        format!("memfds found: {memfds}")
    };
    let found = report
        .sessions()
        .flat_map(|session| report.files(session).map(move |file| (session, file)));
    if let Some((session, file)) = found.into_iter().next() {
        let (name, compatible) = (&session.name, &file.compatible);
        let what = format!("{token:#x} in {name:?} is of \"{compatible}\"");
        return match &file.payload {
            Payload::Unknown(_) | Payload::Typed(_) => Failure {
                message: format!(
                    "{what}, which has no built-in decoder: whether it is a memfd, and what it contains, is unknown"
                ),
                help: memfds(),
            },
            Payload::Unreadable => {
                let by_way = |at: Option<u64>| at == Some(file.at);
                let findings = report.state.findings.list().iter();
                let why = findings
                    .filter(|finding| finding.chain.iter().any(|link| by_way(link.at)))
                    .map(|finding| finding.what.as_str())
                    .next();
                let why = why.unwrap_or("see the findings");
                Failure { message: format!("{what}, and cannot be read: {why}"), help: memfds() }
            }
            _ => Failure { message: format!("{what}, not a memfd"), help: memfds() },
        };
    }
    if let Some(why) = unknown(report.state, report.filter) {
        return Failure {
            message: format!("unknown whether a memfd has token {token:#x}: {why}"),
            help: memfds(),
        };
    }
    Failure {
        message: format!("no file has token {token:#x} ({token})"),
        help: meant(&luos, token).unwrap_or_else(memfds),
    }
}

/// Why there may be more sessions or files that match than were read.
fn unknown(state: &State, filter: &Filter) -> Option<String> {
    let Some(luo) = state.luo() else {
        // Without an entry of LUO there are no sessions, if all entries were seen.
        let whole = state.kho.as_ref().is_some_and(|_| state.findings.is_empty());
        return (!whole).then(|| {
            let first = state.findings.list().first().map(|finding| finding.what.as_str());
            format!("no sessions were found: {}", first.unwrap_or("there is no KHO"))
        });
    };
    if let Some(why) = &luo.unread {
        return Some(format!("not all sessions were read: {why}"));
    }
    let wanted =
        |session: &&Session| filter.session.as_ref().is_none_or(|name| *name == session.name);
    let unread = luo.sessions.iter().filter(wanted).find_map(|session| {
        let why = session.unread.as_ref()?;
        Some(format!("not all files of {:?} were read: {why}", session.name))
    });
    unread.filter(|_| filter.token.is_some() || filter.file.is_some())
}

fn files(session: &Session) -> impl Iterator<Item = (&Session, &File)> {
    session.files.iter().map(move |file| (session, file))
}

/// A file in words.
fn said(session: &Session, file: &File) -> String {
    format!("{:#x} ({}) in {:?}", file.token, file.compatible, session.name)
}

/// The tokens of files, each with its session.
fn tokens(luos: &[&Luo], takes: impl Fn(&File) -> bool) -> Vec<String> {
    let sessions = luos.iter().flat_map(|luo| &luo.sessions);
    let files = sessions.flat_map(files).filter(|(_, file)| takes(file));
    files.map(|(session, file)| format!("{:#x} in {:?}", file.token, session.name)).collect()
}

/// The token that was meant, if a decimal number has the digits of a hexadecimal one.
fn meant(luos: &[&Luo], token: u64) -> Option<String> {
    let other = u64::from_str_radix(&token.to_string(), 16).ok()?;
    let mut files = luos.iter().flat_map(|luo| &luo.sessions).flat_map(files);
    let (session, file) = files.find(|(_, file)| file.token == other)?;
    Some(format!("{token} is {token:#x}; did you mean {}?", said(session, file)))
}

fn listed(mut names: Vec<String>, nothing: &str) -> String {
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let text = if names.is_empty() { nothing.to_owned() } else { names.join(", ") };
    match more {
        0 => text,
        more => format!("{text} and {more} more; `kho-abi inspect IMAGE` lists them"),
    }
}
