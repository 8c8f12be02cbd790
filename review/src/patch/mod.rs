// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Patches: mails or bare diffs, and what they make of files in memory.
//!
//! ```text
//!   open    files, archives, directories
//!     │
//!   mail    an mbox or a file: messages, decoded
//!     │
//!   parse   a message: subject, number in its series, what it does to files
//!     │
//!   series  the newest version of each series, in its order
//!     │
//!   apply   to files in memory: no work tree is touched
//! ```
//!
//! Input is bounded and untrusted: a count that does not match its lines is an error with its
//! place.

pub mod apply;
mod mail;
pub mod open;
mod parse;
mod series;

pub use parse::{FilePatch, Hunk, Line, Mail, Patch, Tag};
pub use series::Series;

/// Why a patch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The input exceeds a limit.
    #[error("{name}: {what} is more than {limit}")]
    TooMuch {
        /// The file.
        name: String,
        /// What exceeds the limit.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A line that is malformed.
    #[error("{name}: {message}, line {line} of its text: {what}")]
    Malformed {
        /// The file.
        name: String,
        /// The subject, or `patch`.
        message: String,
        /// The line of the decoded message, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A message whose encoding is wrong.
    #[error("{name}: {message}: {what}")]
    Encoding {
        /// The file.
        name: String,
        /// The subject, or `patch`.
        message: String,
        /// What is wrong.
        what: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {name}: {why}")]
    Io {
        /// The file.
        name: String,
        /// What the system says.
        why: String,
    },
    /// The input contains no patch.
    #[error("{name} contains no patch{why}")]
    NoPatch {
        /// The file.
        name: String,
        /// What it has instead, behind a colon; empty if that is nothing like a patch.
        why: &'static str,
    },
}

impl PatchError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::TooMuch { .. } => "give only the series, in several files if necessary".into(),
            Self::Malformed { .. } | Self::Encoding { .. } => {
                "save the mail as it was sent (b4 am, or the archive's raw or mbox link)".into()
            }
            Self::Io { .. } => "check the path and the permissions".into(),
            Self::NoPatch { why, .. } if !why.is_empty() => {
                "save the mail as it was sent (b4 am, or the archive's raw or mbox link)".into()
            }
            Self::NoPatch { .. } => {
                "give a mail, an mbox, a directory of patches, or the output of git diff".into()
            }
        }
    }
}

/// The longest file to read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// Most messages of a file.
const MAX_MESSAGES: usize = 1 << 16;
/// Most lines of a message.
const MAX_LINES: usize = 1 << 20;

/// Reads the patches of a file, in the order of their series.
///
/// # Errors
///
/// The first malformed line, or a file without patches.
pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<Patch>, PatchError> {
    let mut inbox = Inbox::default();
    inbox.add(name, bytes)?;
    let series = inbox.series()?;
    match series.errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(series.patches),
    }
}

/// Collects messages of several files.
#[derive(Debug, Default)]
pub struct Inbox {
    items: Vec<series::Item>,
    names: Vec<String>,
    messages: usize,
    stacks: usize,
    /// What there is in place of a patch, if that looks like one.
    instead: &'static str,
    /// The mails of which that is said.
    unread: Vec<PatchError>,
}

impl Inbox {
    /// Adds the messages of a file.
    ///
    /// # Errors
    ///
    /// More messages than the limit, and a mail that cannot be decoded.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), PatchError> {
        self.add_to(name, bytes, None)
    }

    /// Adds what a path names: a file, or the files of a directory. Those of a quilt series are patches
    /// for each other, in their order.
    ///
    /// # Errors
    ///
    /// As [`open::files`] and [`Inbox::add`].
    pub fn add_path(&mut self, path: &std::path::Path) -> Result<(), PatchError> {
        let stack = open::is_quilt(path).then(|| self.new_stack());
        for (name, bytes) in open::files(path)? {
            self.add_to(&name, &bytes, stack)?;
        }
        Ok(())
    }

    fn new_stack(&mut self) -> usize {
        self.stacks += 1;
        self.stacks
    }

    fn add_to(&mut self, name: &str, bytes: &[u8], stack: Option<usize>) -> Result<(), PatchError> {
        if bytes.len() > MAX_BYTES {
            return Err(PatchError::TooMuch {
                name: name.into(),
                what: "its size",
                limit: MAX_BYTES,
            });
        }
        let messages = mail::split(bytes);
        self.messages += messages.len();
        if self.messages > MAX_MESSAGES {
            let (what, limit) = ("the number of its messages", MAX_MESSAGES);
            return Err(PatchError::TooMuch { name: name.into(), what, limit });
        }
        self.names.push(name.into());
        // Commits, too, stand in their order.
        let is_log = mail::is_commit(bytes);
        let stack = stack.or_else(|| is_log.then(|| self.new_stack()));
        for message in messages {
            let decoded = mail::decode(name, message)?;
            let envelope = parse::envelope(&decoded);
            let before = self.items.len();
            self.instead = "";
            if decoded.is_html {
                self.instead = ": the mail is HTML only, which loses the white space of a patch";
            }
            let is_quoted = |line: &str| {
                line.strip_prefix('>').is_some_and(|rest| rest.trim_start().starts_with("@@ -"))
            };
            if decoded.bodies.iter().flat_map(|text| text.lines()).any(is_quoted) {
                self.instead = ": its patch is quoted with \">\", as in a reply";
            }
            for text in &decoded.bodies {
                let (files, error) = match parse::parse(name, &envelope.subject, text) {
                    Ok(files) => (files, None),
                    Err(error) => (Vec::new(), Some(error)),
                };
                if !files.is_empty() || error.is_some() {
                    let patch = Patch { files, ..envelope.clone() };
                    let names_abi = text.contains(kho_abi_model::ABI_DIR);
                    self.items.push(series::Item { patch, error, names_abi, stack });
                }
            }
            if self.items.len() == before {
                if !self.instead.is_empty() && !envelope.tag.is_reply {
                    let (name, why) = (format!("\"{}\"", decoded.subject), self.instead);
                    self.unread.push(PatchError::NoPatch { name, why });
                }
                // Cover letters and answers change nothing, but they show which mails belong
                // together.
                let (patch, names_abi) = (envelope, false);
                self.items.push(series::Item { patch, error: None, names_abi, stack });
            }
        }
        Ok(())
    }

    /// The patches to judge, and what of the rest cannot be read.
    ///
    /// # Errors
    ///
    /// No patch that can be read.
    pub fn series(self) -> Result<Series, PatchError> {
        let mut series = series::newest(self.items);
        if series.patches.is_empty() {
            let (name, why) = (self.names.join(", "), self.instead);
            return Err(series
                .errors
                .into_iter()
                .next()
                .unwrap_or(PatchError::NoPatch { name, why }));
        }
        series.errors.extend(self.unread);
        Ok(series)
    }
}
