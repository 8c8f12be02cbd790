// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Makes sides: headers in memory or in a directory, for every page size, with their text.

use super::Side;
use crate::model::{Item, Model, PageVariant, ABI_DIR};
use crate::read::{self, headers};
use crate::source::{Kind, Options, Reading, SourceError};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

/// The page sizes that kernels with Kexec HandOver have, in bytes.
pub const PAGE_SIZES: [u64; 3] = [4096, 16384, 65536];

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
    let mut reading = for_page_sizes(options, |options| headers::read_files(files, options))?;
    reading.name = name.into();
    let mut side = Side::new(reading);
    for (path, bytes) in files {
        add_text(&mut side, path, &String::from_utf8_lossy(bytes));
    }
    Ok(side)
}

/// A side of the headers of a directory.
///
/// # Errors
///
/// As [`of_files`], and a directory that has none.
pub fn of_dir(dir: &Path, options: &Options) -> Result<Side, SourceError> {
    let reading = for_page_sizes(options, |options| headers::read_dir(dir, options))?;
    Ok(with_text(reading))
}

/// A side of any source, by its word.
///
/// # Errors
///
/// A word that is no source, and a source that cannot be read.
pub fn open(word: &str, options: &Options) -> Result<Side, SourceError> {
    if let Some(rev) = word.strip_prefix("git:") {
        return of_files(word, &read::git::files_of_rev(rev, options)?, options);
    }
    let path = Path::new(word);
    if !matches!(word, "abi" | "snapshots") && path.is_dir() {
        let mut side = of_dir(path, options)?;
        side.reading.name = word.into();
        return Ok(side);
    }
    Ok(Side::new(crate::source::open(word, options)?))
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
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) || files.len() >= MAX_FILES {
            continue;
        }
        let path = entry.path();
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(|error| io(&path, error))?;
        file.take(MAX_LENGTH).read_to_end(&mut bytes).map_err(|error| io(&path, error))?;
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

/// A side with the text of the files that its headers were read from, where they are there.
#[must_use]
pub fn with_text(reading: Reading) -> Side {
    let files: Vec<_> = match reading.kind {
        Kind::Headers => reading.model.headers.iter().map(|header| header.file.clone()).collect(),
        _ => Vec::new(),
    };
    let mut side = Side::new(reading);
    for file in files {
        // A file that cannot be read has no text; what it defines was read before.
        if let Ok(bytes) = std::fs::read(&file) {
            add_text(&mut side, &file, &String::from_utf8_lossy(&bytes));
        }
    }
    side
}

fn add_text(side: &mut Side, path: &str, text: &str) {
    let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".h"));
    let Some(name) = name.map(String::from) else { return };
    let known = side.model().headers.iter().find(|header| header.name == name);
    if let Some(file) = known.map(|header| header.file.clone()) {
        side.add_text(&name, &file, text);
    }
}

/// Reads once for each page size, at the same time, and makes one model of it.
fn for_page_sizes(
    options: &Options,
    read: impl Fn(&Options) -> Result<Reading, SourceError> + Sync,
) -> Result<Reading, SourceError> {
    if options.page_size.is_some() {
        return read(options);
    }
    let [base, others @ ..] = PAGE_SIZES;
    let of = |page_size: u64| read(&Options { page_size: Some(page_size), ..options.clone() });
    let (first, rest) = std::thread::scope(|scope| {
        let rest = others.map(|size| scope.spawn(move || (size, of(size))));
        let first = of(base);
        // A thread that panics is a defect, and no reading.
        let rest = rest
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        (first, rest)
    });
    let mut reading = first?;
    let mut pages = Vec::new();
    for (size, other) in rest {
        pages.push((size, other?.model));
    }
    merge(&mut reading.model, base, pages);
    Ok(reading)
}

/// Puts what differs between page sizes beside the model.
fn merge(model: &mut Model, base: u64, others: Vec<(u64, Model)>) {
    let mut depends: BTreeSet<String> = BTreeSet::new();
    for (_, other) in &others {
        let items = other.headers.iter().flat_map(|header| &header.items);
        let mut by_name: BTreeMap<&str, &Item> = items.map(|item| (item.name(), item)).collect();
        for item in model.headers.iter().flat_map(|header| &header.items) {
            if by_name.remove(item.name()).is_some_and(|other| other != item) {
                depends.insert(item.name().into());
            }
        }
    }
    for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
        if depends.contains(item.name()) {
            mark(item, base);
        }
    }
    for (page_size, other) in others {
        let items = other.headers.into_iter().flat_map(|header| header.items);
        let mut items: Vec<_> = items.filter(|item| depends.contains(item.name())).collect();
        for item in &mut items {
            mark(item, page_size);
        }
        if !items.is_empty() {
            model.other_pages.push(PageVariant { page_size, items });
        }
    }
}

fn mark(item: &mut Item, page_size: u64) {
    match item {
        Item::Record(record) => record.page_size = Some(page_size),
        Item::Constant(constant) => constant.page_size = Some(page_size),
        Item::Enum(enumeration) => {
            enumeration.members.iter_mut().for_each(|member| member.page_size = Some(page_size));
        }
        Item::Macro(_) => {}
    }
}
