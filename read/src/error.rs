// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Why a source, or the headers of one, cannot be read.

use crate::frozen::FrozenError;
use crate::options::TRIPLES;
use crate::truth::TruthError;
use kho_abi_show::names;
use std::io;
use std::path::{Path, PathBuf};

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system does not allow to read it.
    #[error("cannot read {}: {source}", names::shown(.path))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The word is not a source, or it names something that cannot be read.
    #[error("{name}: {why}")]
    NotASource {
        /// The source, as the user wrote it.
        name: String,
        /// What it is, or what it lacks.
        why: String,
        /// What to do, in one line.
        help: String,
    },
    /// A kernel for a machine that does not support the handover: 32-bit, or big-endian.
    #[error("{}: {what}, but only little-endian 64-bit machines have Kexec HandOver", names::shown(.path))]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is made for.
        what: String,
    },
    /// A file of a known kind that contradicts itself.
    #[error("{}: {part}: {why}", names::shown(.path))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The part of it, as `.BTF` or `kernel payload`.
        part: String,
        /// What is wrong with it.
        why: String,
    },
    /// A malformed frozen layout.
    #[error("{}: {source}", names::shown(.path))]
    Frozen {
        /// The file.
        path: PathBuf,
        /// Its first wrong line.
        source: FrozenError,
    },
    /// The source and the layouts that this program was compiled with do not match.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// C headers that cannot be read.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// A revision that cannot be read.
    #[error("git:{rev}: {why}")]
    Git {
        /// The revision, as the user wrote it.
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
                "copy the file again: it is cut off, damaged, or of another type".into()
            }
            Self::Frozen { .. } => "restore the file from git".into(),
            Self::Truth(error) => error.help(),
            Self::Headers(error) => error.help(),
        }
    }
}

/// Why headers cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// clang is not installed.
    #[error("clang not found")]
    NoClang,
    /// A machine for which headers cannot be read.
    #[error("headers cannot be read for {0}")]
    UnknownTarget(String),
    /// A page size that no kernel has.
    #[error("unsupported page size: {0} bytes")]
    PageSize(u64),
    /// There are no ABI headers.
    #[error("{} has no headers of the handover ABI, neither in include/linux/kho/abi nor directly", names::shown(.dir))]
    NoHeaders {
        /// The directory.
        dir: PathBuf,
    },
    /// A header that exceeds the limit on its length.
    #[error("{} has more than {limit} bytes", names::shown(.path))]
    TooLong {
        /// The header.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A directory that exceeds the limit on the number of headers.
    #[error("{} has more than {limit} headers", names::shown(.dir))]
    TooMany {
        /// The directory.
        dir: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The headers contain nothing that can be read, not even as text.
    #[error("{place}: {message}")]
    Refused {
        /// The header, with the line if there is one.
        place: String,
        /// What clang says.
        message: String,
    },
    /// clang takes too long.
    #[error("clang timed out on these headers after {seconds} seconds")]
    TimedOut {
        /// The limit, in seconds.
        seconds: u64,
    },
    /// clang's answer exceeds the limit.
    #[error("clang printed more than {bytes} bytes about these headers")]
    TooMuch {
        /// The limit, in bytes.
        bytes: u64,
    },
    /// clang ended in an unexpected way.
    #[error("clang exited before it answered: {said}")]
    Crashed {
        /// How it ended, and its output.
        said: String,
    },
    /// clang's answer is malformed.
    #[error("cannot parse clang's output: {why}")]
    Answer {
        /// What is wrong with it.
        why: String,
    },
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", names::shown(.path))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl HeaderError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoClang => {
                "install clang 14 or newer (Debian: apt-get install clang), or set CLANG_PATH"
                    .into()
            }
            Self::UnknownTarget(_) => format!("use one of {}", TRIPLES.join(", ")),
            Self::PageSize(_) => "use 4096, 16384 or 65536".into(),
            Self::NoHeaders { .. } => {
                "give a kernel tree, or a directory with include/linux/kho/abi".into()
            }
            Self::TooLong { .. } | Self::TooMany { .. } => {
                "give only the headers of a kernel".into()
            }
            Self::Refused { .. } => "give headers that declare something".into(),
            Self::TimedOut { .. } | Self::TooMuch { .. } | Self::Crashed { .. } => {
                "check the headers: a compiler would refuse them".into()
            }
            Self::Answer { .. } => "use clang 14 to 19, which are tested".into(),
            Self::Io { .. } => "check the path and the permissions".into(),
        }
    }
}
