// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Makes sides: headers in memory or in a directory, for every page size, with their text.

use super::pages::{self, PageMemo};
use super::Side;
use kho_abi_model::ABI_DIR;
use kho_abi_read::git::revision;
use kho_abi_read::headers::{self, HeaderError};
use kho_abi_read::source::{Options, Reading, SourceError};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A side of headers in memory, each by its path in the tree.
///
/// Where the options name no page size, what depends on it is known for each.
///
/// # Errors
///
/// Headers that the compiler refuses.
pub fn of_files(name: &str, files: &Files, options: &Options) -> Result<Side, SourceError> {
    of_files_with(name, files, options, &PageMemo::default())
}

/// The same, with what is known of others.
///
/// # Errors
///
/// As [`of_files`].
pub fn of_files_with(
    name: &str,
    files: &Files,
    options: &Options,
    memo: &PageMemo,
) -> Result<Side, SourceError> {
    let make = |mut reading: Reading| {
        reading.name = name.into();
        let mut side = Side::new(reading).knowing(&options.catalogue);
        for (path, bytes) in files {
            add_text(&mut side, path, &String::from_utf8_lossy(bytes));
        }
        side
    };
    pages::side(options, memo, |options| headers::read_files(files, options), make)
}

/// A side of the headers of a directory.
///
/// # Errors
///
/// As [`of_files`], and a directory that has none.
pub fn of_dir(dir: &Path, options: &Options) -> Result<Side, SourceError> {
    of_dir_with(dir, options, &PageMemo::default())
}

fn of_dir_with(dir: &Path, options: &Options, memo: &PageMemo) -> Result<Side, SourceError> {
    let loaded = headers::load_dir(dir, options)?;
    let make = |reading: Reading| {
        let mut side = Side::new(reading).knowing(&options.catalogue);
        for (name, shown, text) in loaded.texts() {
            side.add_text(name, shown, text);
        }
        side
    };
    pages::side(options, memo, |options| loaded.read(options), make)
}

/// A side of any source, by its word.
///
/// # Errors
///
/// A word that is no source, and a source that cannot be read.
pub fn open(word: &str, options: &Options) -> Result<Side, SourceError> {
    open_with(word, options, &PageMemo::default())
}

/// Two sides at once: most of the time goes to a compiler.
///
/// # Errors
///
/// As [`open`], for the old one first.
pub fn both(old: &str, new: &str, options: &Options) -> Result<(Side, Side), SourceError> {
    let memo = PageMemo::default();
    let (old, new) = std::thread::scope(|scope| {
        let new = scope.spawn(|| open_with(new, options, &memo));
        let old = open_with(old, options, &memo);
        (old, new.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok((old?, new?))
}

fn open_with(word: &str, options: &Options, memo: &PageMemo) -> Result<Side, SourceError> {
    if let Some(rev) = word.strip_prefix("git:") {
        return of_files_with(word, &revision::files_of_rev(rev, options)?, options, memo);
    }
    let path = Path::new(word);
    if !matches!(word, "abi" | "snapshots") && path.is_dir() {
        let mut side = of_dir_with(path, options, memo)?;
        side.reading.name = word.into();
        return Ok(side);
    }
    Ok(Side::new(kho_abi_read::source::open(word, options)?).knowing(&options.catalogue))
}

/// The ABI headers of a directory, by their path in a kernel tree.
///
/// # Errors
///
/// A directory that cannot be read or has none, and a header that is too long.
pub fn files_of_dir(dir: &Path) -> Result<Files, SourceError> {
    let io = |path: &Path, source| SourceError::Io { path: path.into(), source };
    let include = format!("include/{ABI_DIR}");
    let places = [include.as_str(), ABI_DIR].map(|below| dir.join(below));
    let place = places.into_iter().find(|place| place.is_dir()).unwrap_or_else(|| dir.into());
    let mut files = Files::new();
    for entry in std::fs::read_dir(&place).map_err(|error| io(&place, error))? {
        let entry = entry.map_err(|error| io(&place, error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.strip_suffix(".h").is_some()) else {
            continue;
        };
        // What is no file, and what is a link, is not opened.
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if files.len() >= MAX_FILES {
            return Err(HeaderError::TooMany { dir: place, limit: MAX_FILES }.into());
        }
        let path = entry.path();
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(|error| io(&path, error))?;
        file.take(MAX_LENGTH + 1).read_to_end(&mut bytes).map_err(|error| io(&path, error))?;
        if bytes.len() as u64 > MAX_LENGTH {
            return Err(HeaderError::TooLong { path, limit: MAX_LENGTH }.into());
        }
        files.insert(format!("{include}/{name}"), bytes);
    }
    if files.is_empty() {
        return Err(SourceError::NotASource {
            name: dir.display().to_string(),
            why: format!("it has no headers, in {include} or by themselves"),
            help: "give a kernel tree, or a directory with include/linux/kho/abi".into(),
        });
    }
    Ok(files)
}

/// Most headers of a directory, and longest header in bytes; the reader of headers refuses sooner.
const MAX_FILES: usize = 4096;
const MAX_LENGTH: u64 = 2 << 20;

fn add_text(side: &mut Side, path: &str, text: &str) {
    let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".h"));
    let Some(name) = name.map(String::from) else { return };
    let known = side.model().headers.iter().find(|header| header.name == name);
    if let Some(file) = known.map(|header| header.file.clone()) {
        side.add_text(&name, &file, text);
    }
}
