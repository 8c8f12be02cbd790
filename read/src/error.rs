// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Why a source cannot be read.

use crate::frozen::FrozenError;
use crate::headers::HeaderError;
use crate::truth::TruthError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system does not let it be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The word is no source, or what it names is none of the kinds that can be read.
    #[error("{name}: {why}")]
    NotASource {
        /// The source, as it was asked for.
        name: String,
        /// What it is instead, or what it lacks.
        why: String,
        /// What to do, in one line.
        help: String,
    },
    /// A kernel for a machine that hands nothing over: 32-bit, or big-endian.
    #[error("{path}: {what}, and Kexec HandOver is there on little-endian 64-bit machines alone")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is made for.
        what: String,
    },
    /// A file that is of a known kind, and contradicts itself.
    #[error("{path}: {part}: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The part of it, as `.BTF` or `kernel payload`.
        part: String,
        /// What is wrong with it.
        why: String,
    },
    /// A frozen layout that is not of the form.
    #[error("{path}: {source}")]
    Frozen {
        /// The file.
        path: PathBuf,
        /// Its first wrong line.
        source: FrozenError,
    },
    /// The truth that this program was compiled with does not fit together.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// C headers that cannot be read.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// A revision that cannot be read.
    #[error("git:{rev}: {why}")]
    Git {
        /// The revision, as it was asked for.
        rev: String,
        /// What git says.
        why: String,
        /// What to do, in one line.
        help: String,
    },
}

impl SourceError {
    /// An error of the system about a file or directory.
    #[must_use]
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Io { .. } => "check the path and the permissions".into(),
            Self::NotASource { help, .. } | Self::Git { help, .. } => help.clone(),
            Self::Foreign { .. } => "give the kernel of an x86_64, arm64 or riscv machine".into(),
            Self::Malformed { .. } => {
                "copy the file again: it is cut off or damaged, or not what it seems".into()
            }
            Self::Frozen { .. } => "restore the file from git".into(),
            Self::Truth(error) => error.help(),
            Self::Headers(error) => error.help(),
        }
    }
}
