// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The words for sources on the command line: each names something from which the ABI can be read.
//!
//! | Word | What is read |
//! |---|---|
//! | `abi` | the truth that this program was compiled with |
//! | `snapshots` | the frozen layouts of the checkout, the newest version of each contract |
//! | a directory | a kernel tree, or one that holds `include/linux/kho/abi`, or that directory itself |
//! | a file | a vmlinux, a module, a bzImage, raw BTF, a frozen layout: recognised by content |
//! | a file `*.h` | that header, with the ABI headers that it includes |
//! | `git:REV` | the kernel tree, or the headers, in a revision of a git repository |
//!
//! Every word leads to a [`Reading`]: a model, and what this kind of source can show. What it
//! cannot show is not compared, and is reported as not checked.

pub use crate::error::SourceError;
pub use crate::options::{Options, Tree};
pub use kho_abi_model::reading::{Gap, Kind, Knows, Reading};

use crate::bytes::{Bytes as _, FileBytes};
use crate::checkout::Checkout;
use crate::git::revision;
use crate::{contracts, headers, image, snapshots};
use std::path::{Path, PathBuf};

/// Reads a source.
///
/// # Errors
///
/// [`SourceError`] for a word that is not a source, and for a source that cannot be read.
pub fn open(word: &str, options: &Options) -> Result<Reading, SourceError> {
    match word {
        "abi" => {
            return Ok(Reading {
                name: word.into(),
                kind: Kind::Truth,
                model: options.catalogue.current()?.clone(),
                knows: Knows::ALL,
                gaps: Vec::new(),
            })
        }
        "snapshots" => return snapshots::read_dir(word, &snapshots_dir(word, options)?),
        _ => {}
    }
    if let Some(rev) = word.strip_prefix("git:") {
        return revision::read_rev(rev, options);
    }
    let path = Path::new(word);
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SourceError::NotASource {
            name: word.into(),
            why: "it is neither a word for a source nor a file".into(),
            help: "give abi, snapshots, git:REV, or the path of a file or directory".into(),
        },
        _ => SourceError::io(path, error),
    })?;
    if about.is_dir() {
        return headers::read_dir(path, options);
    }
    if !about.is_file() {
        return Err(SourceError::NotASource {
            name: word.into(),
            why: "it is neither a file nor a directory".into(),
            help: "give the path of a file or directory".into(),
        });
    }
    file(word, path, options)
}

/// Reads a file, whose kind its content shows.
fn file(word: &str, path: &Path, options: &Options) -> Result<Reading, SourceError> {
    let bytes = FileBytes::open(path).map_err(|error| SourceError::io(path, error))?;
    let head = bytes.take_up_to(0, 4096).map_err(|error| SourceError::io(path, error))?;
    if image::is_image(&head) {
        let mut reading = image::read(path, &bytes, options)?.reading;
        contracts::present_names(&mut reading.model, &options.catalogue);
        return Ok(reading);
    }
    if snapshots::is_frozen(&head) {
        return snapshots::read_file(word, path);
    }
    if headers::is_header(path) {
        return headers::load_file(path, options)?.read(options);
    }
    let why = if head.is_empty() { "it is empty" } else { "it is nothing that can be read" };
    Err(SourceError::NotASource {
        name: word.into(),
        why: why.into(),
        help: "give a vmlinux, a module, a bzImage, raw BTF, a header or a frozen layout".into(),
    })
}

/// The frozen layouts that the user named, or those of the checkout around the current directory.
fn snapshots_dir(word: &str, options: &Options) -> Result<PathBuf, SourceError> {
    if let Some(dir) = &options.snapshots {
        return Ok(dir.clone());
    }
    let here = std::env::current_dir().map_err(|error| SourceError::io(Path::new("."), error))?;
    let checkout = Checkout::find(&here).map_err(|error| SourceError::NotASource {
        name: word.into(),
        why: error.to_string(),
        help: error.help(),
    })?;
    Ok(checkout.snapshots_dir())
}
