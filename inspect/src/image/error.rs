// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Why an image cannot be opened, or an address in it cannot be read.

use kho_abi_show::names;
use std::io;
use std::path::PathBuf;

/// Why memory at an address cannot be read from an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The image does not have it.
    #[error("{at:#x} is outside the image")]
    Outside {
        /// The first address that is missing.
        at: u64,
    },
    /// The program that made the image left it out.
    #[error("{at:#x} was left out when the image was made")]
    Excluded {
        /// The first address that was left out.
        at: u64,
    },
    /// The file's data for it is damaged.
    #[error("{at:#x} is damaged in the file: {why}")]
    Damaged {
        /// The first address that cannot be read.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// The system cannot read the file.
    #[error("{at:#x} cannot be read from the file: {kind}")]
    Io {
        /// The first address that cannot be read.
        at: u64,
        /// What the system says.
        kind: io::ErrorKind,
    },
}

/// Why a file is not an image that can be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system cannot open or read the file.
    #[error("cannot read {}: {source}", names::shown(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file contradicts itself.
    #[error("{format}: {why}")]
    Malformed {
        /// What the file is recognised as.
        format: super::Format,
        /// What is wrong, with the place.
        why: String,
    },
    /// The file is valid, but of a kind that is not supported.
    #[error("{format}: {why}")]
    Unsupported {
        /// What the file is recognised as.
        format: super::Format,
        /// What is not supported.
        why: String,
    },
    /// The file is not memory.
    #[error("not a memory image: this is {what}")]
    NotMemory {
        /// What it is.
        what: String,
        /// The command that converts it to memory, or how to get an image.
        help: String,
    },
    /// A dump with addresses of its own, to which an address was given.
    #[error("{} is {what}, which already contains its memory's addresses", names::shown(path))]
    Placed {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// Several files that do not belong together.
    #[error("{0}")]
    Several(String),
}

impl OpenError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &str {
        match self {
            Self::Io { .. } => "check the path and the permissions; live memory needs root",
            Self::Malformed { .. } => {
                "make the image again: it was cut off or changed; --as raw reads a file as memory"
            }
            Self::Unsupported { .. } => "convert the image, for example with makedumpfile",
            Self::NotMemory { help, .. } => help,
            Self::Placed { .. } => {
                "leave out @ADDRESS, or read its bytes as memory there with --as raw"
            }
            Self::Several(_) => "give raw files as FILE@ADDRESS, with ranges that do not overlap",
        }
    }
}
