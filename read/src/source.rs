// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The words for sources: each names something that an ABI can be read from.
//!
//! | Word | What is read |
//! |---|---|
//! | `abi` | the truth that this program was compiled with |
//! | `snapshots` | the frozen layouts of the checkout, the newest version of each contract |
//! | a directory | a kernel tree, or one that holds `include/linux/kho/abi`, or that directory itself |
//! | a file | a vmlinux, a module, a bzImage, raw BTF, a frozen layout: told apart by content |
//! | `git:REV` | the kernel tree, or the headers, in a revision of a git repository |
//!
//! Every word leads to a [`Reading`]: a model, and what this kind of source is able to tell. What it
//! cannot tell is not compared, and is reported as not checked.

pub use crate::error::SourceError;
pub use kho_abi_model::reading::{Gap, Kind, Knows, Reading};

use crate::bytes::{Bytes as _, FileBytes};
use crate::catalogue::Catalogue;
use crate::checkout::Checkout;
use crate::git::revision;
use crate::{contracts, headers, image, snapshots};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A kernel tree, for what its ABI headers use of its other headers.
#[derive(Clone)]
pub struct Tree {
    shown: String,
    get: Get,
}

/// Files of a tree by their paths in it; `None` for one that is not there.
type Get = Arc<dyn Fn(&[String]) -> Vec<Option<Vec<u8>>> + Send + Sync>;

impl Tree {
    /// A tree whose files are called by `shown` and their path in it.
    #[must_use]
    pub fn new(
        shown: &str,
        get: impl Fn(&[String]) -> Vec<Option<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        Self { shown: shown.into(), get: Arc::new(get) }
    }

    /// Files by their paths, as `include/linux/types.h`.
    #[must_use]
    pub fn get(&self, paths: &[String]) -> Vec<Option<Vec<u8>>> {
        (self.get)(paths)
    }

    /// The same tree, whose files are called by their path below `top`, which ends with a slash.
    pub(crate) fn below(&self, top: &str) -> Self {
        let shown = self.shown.strip_prefix(top).unwrap_or(&self.shown);
        Self { shown: shown.into(), get: Arc::clone(&self.get) }
    }

    /// What messages call a file.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.shown)
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("shown", &self.shown).finish_non_exhaustive()
    }
}

/// How to read sources.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The machine that C headers are read for, as clang names it; this machine's where not given.
    pub triple: Option<String>,
    /// The page size that C headers are read for, in bytes; the machine's smallest where not given.
    pub page_size: Option<u64>,
    /// The repository that `git:REV` means; the one around the current directory where not given.
    pub git_dir: Option<PathBuf>,
    /// The frozen layouts that `snapshots` means.
    pub snapshots: Option<PathBuf>,
    /// Whether to read BTF where there is DWARF too.
    pub prefer_btf: bool,
    /// The BTF that a module's continues: raw, or in a vmlinux.
    pub btf_base: Option<PathBuf>,
    /// The tree that headers in memory are from, where there is one.
    pub tree: Option<Tree>,
    /// What is known before anything is read.
    pub catalogue: Arc<Catalogue>,
}

/// Reads a source.
///
/// # Errors
///
/// [`SourceError`] for a word that is no source, and for a source that cannot be read.
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

/// Reads a file, whatever its content shows it to be.
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
    let why = if head.is_empty() { "it is empty" } else { "it is nothing that can be read" };
    Err(SourceError::NotASource {
        name: word.into(),
        why: why.into(),
        help: "give a vmlinux, a module, a bzImage, raw BTF or a frozen layout".into(),
    })
}

/// The frozen layouts that were named, or those of the checkout around the current directory.
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
