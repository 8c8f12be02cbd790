// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A checkout of the repository: where things lie, and files written whole or not at all.

use crate::read::truth;
use kho_abi::wire::layout::Header;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A directory with the repository in it.
#[derive(Clone, Debug)]
pub struct Checkout {
    root: PathBuf,
}

/// Why a checkout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// No directory from here up is a checkout.
    #[error("{start} is no checkout: there is no abi/src/wire/mod.rs")]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A wire file of the checkout is not Rust.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line where parsing stopped.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A wire file of the checkout is not the one that this program was compiled from.
    #[error("{path}:{line}: the file differs from the one that this program was compiled from")]
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
            Self::Io { .. } => "check the permissions, and the space that is left".into(),
            Self::Syntax { path, .. } => format!("correct {}", path.display()),
            Self::Stale { .. } => {
                "layouts are rustc's: compile again, as `cargo run -- …` in the checkout does"
                    .into()
            }
        }
    }
}

/// Turns an I/O error into one that names the file.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> CheckoutError + '_ {
    move |source| CheckoutError::Io { path: path.into(), source }
}

impl Checkout {
    /// The checkout that `start` lies in.
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

    /// The checkout whose top is this very directory.
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

    /// Where the generated headers lie, below which come `include/linux/kho/abi`.
    #[must_use]
    pub fn headers_dir(&self) -> PathBuf {
        self.root.join("c-headers")
    }

    /// Where the frozen layouts lie.
    #[must_use]
    pub fn snapshots_dir(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Where the wire files lie.
    #[must_use]
    pub fn wire_dir(&self) -> PathBuf {
        self.root.join(truth::WIRE_DIR)
    }

    /// A path as messages show it: below the checkout where it is.
    #[must_use]
    pub fn display(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Makes sure that the wire files are those that this program was compiled from.
    ///
    /// Offsets and sizes are rustc's, so a program that is older than the source would write the old
    /// layout over the new one.
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

/// Writes a file whole, and only where its bytes differ; returns whether it was written.
///
/// The text goes to a new file in the same directory, which then takes the name: a reader sees the
/// old file or the new one, and nothing is left behind when it fails.
///
/// # Errors
///
/// [`CheckoutError::Io`] with the file or directory that cannot be written.
pub fn write_file(path: &Path, text: &str) -> Result<bool, CheckoutError> {
    match fs::read(path) {
        Ok(old) if old == text.as_bytes() => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(path)(error)),
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(at(dir))?;
    // The mode that any new file gets here: the umask takes its part off.
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".kho-abi-").tempfile_in(dir).map_err(at(dir))?;
    file.write_all(text.as_bytes()).map_err(at(path))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    Ok(true)
}

/// The files of a directory with that extension, sorted; none where there is no such directory.
pub(crate) fn files(dir: &Path, extension: &str) -> Result<Vec<PathBuf>, CheckoutError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_only_when_it_differs_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/x.h");
        assert!(write_file(&path, "one\n").unwrap());
        assert!(!write_file(&path, "one\n").unwrap());
        assert!(write_file(&path, "two\n").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        // The directory is where a file should be.
        let error = write_file(&path.join("y.h"), "").unwrap_err();
        assert!(error.to_string().contains("x.h"), "{error}");
    }
}
