// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Makes a Rust wire file of a C header that is there already: the way into Rust for its owner.
//!
//! ```text
//!   gather     the header and what it includes of the ABI, for every page size
//!     │
//!   shape      what each declaration is in Rust, or why it is nothing
//!     │
//!   comments   kernel-doc as Markdown
//!     │
//!   text       the wire file; declare: its HEADER
//! ```
//!
//! All of a header is imported, or nothing: what a wire file cannot say is refused with its line. Code, which
//! lays out nothing, is left out with a note.

mod comments;
mod declare;
mod gather;
mod shape;
mod text;
mod words;

pub(crate) use shape::ordered;

use kho_abi_model::finding::Finding;
use kho_abi_read::checkout::CheckoutError;
use kho_abi_read::source::SourceError;
use kho_abi_read::truth::TruthError;
use kho_abi_show::names;
use std::path::{Path, PathBuf};

/// The rule of what is refused.
const RULE: &str = "declaration_not_importable";

/// Where the wire file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside the wire files of `kho-abi`.
    Beside,
    /// In a crate of somebody's own.
    OwnCrate,
}

/// A wire file that was made of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireFile {
    /// The name of the file, as `vfio_pci.rs`.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What the header has and the wire file does not, or not as the header has it, each with its line.
    pub notes: Vec<String>,
}

/// What became of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// Its wire file.
    Wire(WireFile),
    /// What of it no wire file can say.
    Refused(Vec<Finding>),
}

/// Why a header could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{0}")]
    File(#[from] CheckoutError),
    /// A file that is no text.
    #[error("{}: not UTF-8", names::shown(.0))]
    NotUtf8(PathBuf),
    /// A file that is longer than any header.
    #[error("{}: longer than 1 MiB", names::shown(.0))]
    TooLong(PathBuf),
    /// A file whose name is not that of a header.
    #[error("{}: not a header: its name is not like vfio_pci.h", names::shown(.0))]
    NotAHeader(PathBuf),
    /// clang could not read it.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The types of this program cannot be read.
    #[error("{0}")]
    Types(#[from] TruthError),
}

impl ImportError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::File(error) => error.help(),
            Self::Source(error) => error.help(),
            Self::Types(error) => error.help(),
            Self::NotUtf8(_) | Self::TooLong(_) | Self::NotAHeader(_) => {
                "give a C header of a handover ABI, such as include/linux/kho/abi/memfd.h".into()
            }
        }
    }
}

/// Makes a wire file of a header.
///
/// # Errors
///
/// [`ImportError`] where the header cannot be read.
pub fn import(path: &Path, place: Place) -> Result<Imported, ImportError> {
    let stem = path.extension().is_some_and(|end| end == "h").then(|| path.file_stem()).flatten();
    let is_name = |name: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        name.bytes().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let name = stem.and_then(|stem| stem.to_str()).filter(is_name);
    let name = name.ok_or_else(|| ImportError::NotAHeader(path.into()))?;
    let gathered = gather::gather(path, name)?;
    let shown = names::shown(path);
    let shape = shape::Shape::of(&gathered, &shown);
    if !shape.refused.is_empty() {
        return Ok(Imported::Refused(shape.refused));
    }
    Ok(Imported::Wire(text::write(&gathered, shape, place)))
}
