// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A checkout of the repository: its paths, and files that are written whole or not at all.

use crate::truth;
use kho_abi::wire::layout::Header;
use kho_abi_show::names;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A directory that contains the repository.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

/// Why a checkout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// Neither this directory nor any above it is a checkout.
    #[error("{} is not in a kho-abi checkout: abi/src/wire/mod.rs is missing", names::shown(.start))]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", names::shown(.path))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A wire file of the checkout is not Rust.
    #[error("{}:{line}: {message}", names::shown(.path))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line where parsing stopped.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A wire file of the checkout is not the one that this program was compiled from.
    #[error("{}:{line}: the file has changed since this program was compiled", names::shown(.path))]
    Stale {
        /// The file.
        path: PathBuf,
        /// The first line that differs.
        line: usize,
    },
}

impl CheckoutError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotFound { .. } => "run inside a checkout, or give one with --root DIR".into(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "check the path".into()
            }
            Self::Io { .. } => "check the permissions and the free space".into(),
            Self::Syntax { path, .. } => format!("correct {}", names::shown(path)),
            Self::Stale { .. } => {
                "the layouts come from rustc: compile again, for example with `cargo run -- …` in \
                 the checkout"
                    .into()
            }
        }
    }
}

/// Turns an I/O error into one that names the file.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> CheckoutError + '_ {
    move |source| CheckoutError::Io { path: path.into(), source }
}

impl Checkout {
    /// The checkout that contains `start`.
    ///
    /// # Errors
    ///
    /// [`CheckoutError::NotFound`].
    pub fn find(start: &Path) -> Result<Self, CheckoutError> {
        start
            .ancestors()
            .find_map(|dir| Self::at(dir).ok())
            .ok_or_else(|| CheckoutError::NotFound { start: start.into() })
    }

    /// The checkout whose top is exactly this directory.
    ///
    /// # Errors
    ///
    /// [`CheckoutError::NotFound`].
    pub fn at(root: &Path) -> Result<Self, CheckoutError> {
        if root.join(truth::WIRE_DIR).join("mod.rs").is_file() {
            Ok(Self { root: root.into() })
        } else {
            Err(CheckoutError::NotFound { start: root.into() })
        }
    }

    /// The top directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the generated headers, which contains `include/linux/kho/abi`.
    #[must_use]
    pub fn headers_dir(&self) -> PathBuf {
        self.root.join("c-headers")
    }

    /// The directory of the bindings for other tools.
    #[must_use]
    pub fn bindings_dir(&self) -> PathBuf {
        self.root.join("bindings")
    }

    /// The directory of the frozen layouts.
    #[must_use]
    pub fn snapshots_dir(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// The directory of the wire files.
    #[must_use]
    pub fn wire_dir(&self) -> PathBuf {
        self.root.join(truth::WIRE_DIR)
    }

    /// A path as messages show it: relative to the checkout if it is inside.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        names::shown(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// Checks that the wire files are those that this program was compiled from.
    ///
    /// rustc computed the offsets and sizes, so a program that is older than the source would write
    /// the old layout over the new one.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is not Rust, or differs.
    pub fn require_same_truth(&self) -> Result<(), CheckoutError> {
        let mut headers = kho_abi::wire::HEADERS.iter().chain(kho_abi::wire::earlier::EARLIER);
        headers.try_for_each(|header| self.require_same(header))
    }

    fn require_same(&self, header: &Header) -> Result<(), CheckoutError> {
        let path = self.wire_dir().join(header.file);
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        if text == header.source {
            return Ok(());
        }
        let path = PathBuf::from(self.display(&path));
        if let Err(error) = syn::parse_file(&text) {
            let line = error.span().start().line;
            return Err(CheckoutError::Syntax { path, line, message: error.to_string() });
        }
        let same = text.lines().zip(header.source.lines()).take_while(|(a, b)| a == b).count();
        Err(CheckoutError::Stale { path, line: same + 1 })
    }
}

/// The files of a directory with that extension, sorted; empty if the directory does not exist.
///
/// # Errors
///
/// A directory that cannot be read.
pub fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, CheckoutError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(dir)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(dir))?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
