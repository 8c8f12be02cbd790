// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Makes sides: headers in memory or in a directory, for every page size, with their text.

use super::pages::{self, PageMemo};
use super::Side;
use kho_abi_model::{version, Contract, NameMacro};
use kho_abi_read::git::revision;
use kho_abi_read::headers::{self, Loaded};
use kho_abi_read::source::{Kind, Options, Reading, SourceError};
use kho_abi_show::names;
use std::collections::BTreeMap;
use std::path::Path;

/// Files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Makes a side of headers in memory, each with its path in the tree.
///
/// If the options name no page size, all page sizes are read.
///
/// # Errors
///
/// Headers that the compiler refuses.
pub fn of_files(name: &str, files: &Files, options: &Options) -> Result<Side, SourceError> {
    of_files_with(name, files, options, &PageMemo::default())
}

/// As [`of_files`], with what is known of other sides.
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

/// Makes a side of the headers in a directory.
///
/// # Errors
///
/// As [`of_files`], and a directory without headers.
pub fn of_dir(dir: &Path, options: &Options) -> Result<Side, SourceError> {
    of_dir_with(dir, options, &PageMemo::default())
}

fn of_dir_with(dir: &Path, options: &Options, memo: &PageMemo) -> Result<Side, SourceError> {
    of_loaded(&headers::load_dir(dir, options)?, options, memo)
}

fn of_loaded(loaded: &Loaded, options: &Options, memo: &PageMemo) -> Result<Side, SourceError> {
    let make = |reading: Reading| {
        let mut side = Side::new(reading).knowing(&options.catalogue);
        for (name, shown, text) in loaded.texts() {
            side.add_text(name, shown, text);
        }
        side
    };
    pages::side(options, memo, |options| loaded.read(options), make)
}

/// Makes a side of any source, by its name on the command line.
///
/// # Errors
///
/// A name that is not a source, and a source that cannot be read.
pub fn open(word: &str, options: &Options) -> Result<Side, SourceError> {
    open_with(word, options, &PageMemo::default())
}

/// Opens two sides in parallel: most of the time is spent in the compiler.
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
        // The other headers that they use come from that revision too.
        let (files, tree) = revision::files_and_tree_of_rev(rev, options)?;
        let options = Options { tree: Some(tree), ..options.clone() };
        return of_files_with(word, &files, &options, memo);
    }
    let path = names::path(word);
    let path = path.as_path();
    if headers::is_header(path) && path.is_file() {
        return of_loaded(&headers::load_file(path, options)?, options, memo);
    }
    if !matches!(word, "abi" | "snapshots") && path.is_dir() {
        let mut side = of_dir_with(path, options, memo)?;
        side.reading.name = word.into();
        return Ok(side);
    }
    of_reading(kho_abi_read::source::open(word, options)?, options)
}

/// Makes a side of what was read, without any text.
///
/// An image has no contract whose version is a number alone, since only its code has that. It gets one for each
/// whose structs it has: they are compared, and the number stays open.
///
/// # Errors
///
/// If the source and the layouts that this program was compiled with do not match.
pub(crate) fn of_reading(mut reading: Reading, options: &Options) -> Result<Side, SourceError> {
    if matches!(reading.kind, Kind::Dwarf | Kind::Btf) {
        for (header, known) in options.catalogue.current()?.contracts() {
            let has = |root: &String| reading.model.record(root).is_some();
            if known.version.is_none() || known.string().is_some() || !known.roots.iter().any(has) {
                continue;
            }
            let contract = Contract {
                compatible: version::stem(&known.compatible).into(),
                macro_name: known.macro_name.clone(),
                name: Some(NameMacro::default()),
                roots: known.roots.clone(),
                ..Contract::default()
            };
            let mut headers = reading.model.headers.iter_mut();
            if let Some(own) = headers.find(|own| own.name == header.name) {
                own.contracts.push(contract);
            }
        }
    }
    Ok(Side::new(reading).knowing(&options.catalogue))
}

fn add_text(side: &mut Side, path: &str, text: &str) {
    let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".h"));
    let Some(name) = name.map(String::from) else { return };
    let known = side.model().headers.iter().find(|header| header.name == name);
    if let Some(file) = known.map(|header| header.file.clone()) {
        side.add_text(&name, &file, text);
    }
}
