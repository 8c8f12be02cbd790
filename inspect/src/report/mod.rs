// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes what an image shows: one file per format.

mod heads;
pub mod html;
pub mod json;
pub mod lines;
pub mod map;
pub mod text;

use crate::image::{Image, Range};
use crate::inspect::State;
use crate::luo::{File, Session};

/// Which sessions to show; by default all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Sessions of this name.
    pub session: Option<String>,
    /// Files with this token.
    pub token: Option<u64>,
    /// Files of this compatible string.
    pub file: Option<String>,
}

impl Filter {
    /// Whether nothing is left out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// The filter in words, as `session "vm0", token 0x2`.
    #[must_use]
    pub fn tell(&self) -> String {
        let session = self.session.as_ref().map(|name| format!("session {name:?}"));
        let token = self.token.map(|token| format!("token {token:#x}"));
        let file = self.file.as_ref().map(|compatible| format!("handler {compatible:?}"));
        let all: Vec<_> = [session, token, file].into_iter().flatten().collect();
        all.join(", ")
    }

    /// Whether a file matches, apart from its session.
    #[must_use]
    pub fn takes(&self, file: &File) -> bool {
        self.token.is_none_or(|token| token == file.token)
            && self.file.as_ref().is_none_or(|compatible| *compatible == file.compatible)
    }

    /// Whether a session matches: by its name, and by one of its files if the filter has files.
    #[must_use]
    pub fn takes_session(&self, session: &Session) -> bool {
        let by_file = self.token.is_some() || self.file.is_some();
        self.session.as_ref().is_none_or(|name| *name == session.name)
            && (!by_file || session.files.iter().any(|file| self.takes(file)))
    }
}

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Report<'r> {
    /// The image.
    pub image: &'r Image,
    /// The name of the image.
    pub name: &'r str,
    /// What it shows.
    pub state: &'r State,
    /// Which part of it to show.
    pub filter: &'r Filter,
}

impl<'r> Report<'r> {
    /// The sessions that match.
    pub fn sessions(self) -> impl Iterator<Item = &'r Session> {
        let sessions = self.state.luo().map(|luo| luo.sessions.as_slice()).unwrap_or_default();
        sessions.iter().filter(move |session| self.filter.takes_session(session))
    }

    /// What is preserved, in ranges as long as possible; `None` if there are too many to list.
    #[must_use]
    pub fn preserved_ranges(self) -> Option<Vec<Range>> {
        let page_size = self.state.page_size as u64;
        let runs = self.state.preserved()?.runs()?;
        Some(crate::image::joined(runs.iter().map(|run| Range {
            start: run.start.saturating_mul(page_size),
            end: run.end.saturating_mul(page_size),
        })))
    }

    /// The files of a session that match.
    pub fn files(self, session: &'r Session) -> impl Iterator<Item = &'r File> {
        session.files.iter().filter(move |file| self.filter.takes(file))
    }
}

/// The seals of a memfd by name, and the unknown rest as a number.
#[must_use]
pub fn seals(seals: u32) -> String {
    use kho_abi::wire::uapi;
    const NAMES: [(u32, &str); 6] = [
        (uapi::F_SEAL_SEAL, "F_SEAL_SEAL"),
        (uapi::F_SEAL_SHRINK, "F_SEAL_SHRINK"),
        (uapi::F_SEAL_GROW, "F_SEAL_GROW"),
        (uapi::F_SEAL_WRITE, "F_SEAL_WRITE"),
        (uapi::F_SEAL_FUTURE_WRITE, "F_SEAL_FUTURE_WRITE"),
        (uapi::F_SEAL_EXEC, "F_SEAL_EXEC"),
    ];
    let mut names: Vec<String> = NAMES
        .iter()
        .filter(|(seal, _)| seals & seal != 0)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    let known = NAMES.iter().fold(0, |known, (seal, _)| known | seal);
    if seals & !known != 0 {
        names.push(format!("{:#x}", seals & !known));
    }
    if names.is_empty() {
        names.push("none".into());
    }
    names.join(" ")
}
