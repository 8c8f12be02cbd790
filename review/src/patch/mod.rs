// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Patches: mails or bare diffs, and what they make of files in memory.
//!
//! ```text
//!   mail    an mbox or a file: messages, decoded
//!     │
//!   parse   a message: subject, number in its series, what it does to files
//!     │
//!   apply   to files in memory: nobody's work tree is touched
//! ```
//!
//! What comes from outside is bounded and never believed: a count that does not match its lines is an
//! error with its place.

pub mod apply;
mod mail;
mod parse;

pub use parse::{FilePatch, Hunk, Line, Patch};

/// Why a patch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// More than is looked at.
    #[error("{name}: {what} is more than {limit}")]
    TooMuch {
        /// The file.
        name: String,
        /// What there is too much of.
        what: &'static str,
        /// How much is looked at.
        limit: usize,
    },
    /// A line that is not of the form.
    #[error("{name}: {message}, line {line}: {what}")]
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
    /// There is no patch in it.
    #[error("{name} has no patch in it")]
    NoPatch {
        /// The file.
        name: String,
    },
}

impl PatchError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::TooMuch { .. } => "give the series alone, in several files if need be".into(),
            Self::Malformed { .. } | Self::Encoding { .. } => {
                "save the mail as it was sent (b4 am, or the archive's raw or mbox link)".into()
            }
            Self::NoPatch { .. } => "give a mail, an mbox, or the output of git diff".into(),
        }
    }
}

/// Longest file that is looked at, in bytes.
pub const MAX_BYTES: usize = 64 << 20;
/// Most messages of a file.
const MAX_MESSAGES: usize = 4096;
/// Most lines of a message.
const MAX_LINES: usize = 1 << 20;

/// Reads the patches of a file, in the order of their series.
///
/// # Errors
///
/// The first thing in it that is not of the form, or that there is no patch in it.
pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<Patch>, PatchError> {
    if bytes.len() > MAX_BYTES {
        return Err(PatchError::TooMuch { name: name.into(), what: "its size", limit: MAX_BYTES });
    }
    let messages = mail::split(bytes);
    if messages.len() > MAX_MESSAGES {
        let (what, limit) = ("the number of its messages", MAX_MESSAGES);
        return Err(PatchError::TooMuch { name: name.into(), what, limit });
    }
    let mut patches = Vec::new();
    for message in messages {
        for body in mail::decode(name, message)? {
            let patch = parse::parse(name, &body)?;
            // Cover letters and replies change nothing.
            if !patch.files.is_empty() {
                patches.push(patch);
            }
        }
    }
    if patches.is_empty() {
        return Err(PatchError::NoPatch { name: name.into() });
    }
    // Archives sort by arrival. What has no number stays where it is, behind what has one.
    patches.sort_by_key(|patch| patch.number.map_or(u32::MAX, |(number, _)| number));
    Ok(patches)
}
