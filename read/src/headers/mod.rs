// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the ABI headers of a kernel that somebody else wrote.
//!
//! ```text
//!   files      the headers of a directory, each bounded, none from elsewhere
//!     │
//!   scan       names, places, comments; what clang is to be asked about
//!     │
//!   unit       one C file: all headers, and a question for each name
//!     │
//!   clang      a process that sees those files alone, for so long, with so much memory
//!     │
//!   ast        its answer: layouts that it computed, declarations, values
//!     │
//!   build      items of the model
//! ```
//!
//! Sizes, offsets, widths and values are clang's own; nothing is computed here. Of the kernel's other
//! headers, the stand-ins have what the ABI headers need: a tree's own would need its configuration,
//! the headers that its build generates, and one more compiler version for each kernel, and a tree and
//! a bare copy of its ABI headers would not read the same. What no stand-in has is read as empty, and
//! is a gap; what cannot be told without it is one too, by name. Nothing is guessed.
//!
//! What clang finds wrong costs the declaration that it is in, and what embeds that; the rest is asked
//! for again without it (`rounds`). What is not proven is there as text, for every header
//! (`split`, `declared`): a struct that clang knows no layout of is still compared by its tokens.
//! Of a whole tree, what a header uses and no stand-in has is taken from there (`tree`).

mod ast;
mod build;
mod clang;
mod declared;
mod files;
mod json;
mod lex;
mod rounds;
mod scan;
mod spelling;
mod split;
mod stand_in;
mod tree;
mod unit;
mod view;

pub use stand_in::STAND_IN;

use crate::contracts;
pub use crate::error::HeaderError;
pub use crate::options::TRIPLES;

use crate::error::SourceError;
use crate::options::{Options, Tree};
use clang::Clang;
pub(super) use files::COMPANIONS;
use files::{File, Files};
use kho_abi_model::reading::{Gap, Kind, Knows, Reading};
use kho_abi_model::{Declaration, Endian, Header, Item, Model, Target, ABI_DIR, BROKEN};
use rounds::{Outcome, Reader};
use split::What;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tree::Library;

/// Where clang sees the ABI headers, the stand-ins, the headers beside the ABI's that have a part of
/// it, and those that are read as empty.
const ABI: &str = "/abi/linux/kho/abi/";
const STAND_INS: &str = "/stand-in/";
const BESIDE: &str = "/beside/";
const EMPTY: &str = "/empty/";

/// Where clang looks for headers; as the kernel has it, `uapi` need not be said.
const SEARCH: &[&str] = &["/abi", "/stand-in", "/stand-in/uapi", "/beside", "/empty"];

/// What stands before the headers: what a build of the kernel includes before all else, and the types
/// and constants that some headers leave to those who include them.
const FIRST: &[&str] = &[
    "linux/compiler.h",
    "linux/types.h",
    "more/stddef.h",
    "more/types.h",
    "linux/kconfig.h",
    "linux/bits.h",
    "linux/bug.h",
    "linux/errno.h",
    "linux/limits.h",
    "linux/sizes.h",
    "linux/math.h",
    "linux/align.h",
    "linux/log2.h",
    "asm/page.h",
    "uapi/linux/fcntl.h",
];

/// Reads the ABI headers of a directory: a kernel tree or header package, a directory that has
/// `include/linux/kho/abi` or `linux/kho/abi`, or one that has the headers themselves.
///
/// # Errors
///
/// [`SourceError`] where there are none, where clang is missing, and where it accepts none of them.
pub fn read_dir(dir: &Path, options: &Options) -> Result<Reading, SourceError> {
    load_dir(dir, options)?.read(options)
}

/// The ABI headers of a directory as [`read_dir`] finds them, by their paths in a kernel tree.
///
/// # Errors
///
/// [`SourceError`] where there are none, or more or longer ones than any kernel has.
pub fn files_of_dir(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    let files = files::by_path(dir)?;
    if files.is_empty() {
        return Err(HeaderError::NoHeaders { dir: dir.into() }.into());
    }
    Ok(files)
}

/// ABI headers whose text was read, once: what is made of them later is all made of the same text.
#[derive(Debug)]
pub struct Loaded {
    files: Files,
    name: String,
    tree: Option<Tree>,
}

/// Reads the text of the ABI headers of a directory, as [`read_dir`] finds them.
///
/// # Errors
///
/// [`SourceError`] where there are none, or more or longer ones than any kernel has.
pub fn load_dir(dir: &Path, options: &Options) -> Result<Loaded, SourceError> {
    let files = files::of_dir(dir, &options.catalogue)?;
    let tree = files::tree(dir).or_else(|| options.tree.clone());
    Ok(Loaded { files, name: dir.display().to_string(), tree })
}

impl Loaded {
    /// The same, whose places are below a directory rather than as it was given.
    #[must_use]
    pub fn below(mut self, top: &Path) -> Self {
        let top = format!("{}/", top.display());
        let below = |shown: &mut String| {
            if let Some(rest) = shown.strip_prefix(&top) {
                *shown = rest.into();
            }
        };
        self.files.abi.iter_mut().chain(self.files.companions.values_mut()).for_each(|file| {
            below(&mut file.shown);
        });
        self.files.gaps.iter_mut().for_each(|gap| below(&mut gap.why));
        if let Some(tree) = &mut self.tree {
            *tree = tree.below(&top);
        }
        self
    }

    /// Has a compiler lay them out.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where clang is missing, and where it accepts none of them.
    pub fn read(&self, options: &Options) -> Result<Reading, SourceError> {
        Ok(read(&self.files, &self.name, self.tree.as_ref(), options)?)
    }

    /// Each header's name, as `luo`, what it is called in places, and its text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.files.abi.iter().map(|file| (&*file.name, &*file.shown, &*file.text))
    }
}

/// Reads ABI headers from memory, each by its path: as in a kernel tree, or its name alone.
///
/// # Errors
///
/// As [`read_dir`].
pub fn read_files(
    files: &BTreeMap<String, Vec<u8>>,
    options: &Options,
) -> Result<Reading, SourceError> {
    read_named(files, "headers", "", options)
}

/// Reads ABI headers from memory, which have a name, and something that stands before their paths.
pub(super) fn read_named(
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
    prefix: &str,
    options: &Options,
) -> Result<Reading, SourceError> {
    let tree = options.tree.as_ref();
    Ok(read(&files::of_memory(files, prefix, tree, &options.catalogue)?, name, tree, options)?)
}

/// The kernel tree that a directory is the top of, for what its ABI headers use of it.
#[must_use]
pub fn tree_of_dir(dir: &Path) -> Option<Tree> {
    files::tree(dir)
}

/// Whether that is the name of a header beside the ABI's that had a part of it once.
#[must_use]
pub fn is_companion(name: &str) -> bool {
    COMPANIONS.contains(&name)
}

/// The same of its path in some tree.
#[must_use]
pub fn is_companion_path(path: &str) -> bool {
    COMPANIONS.iter().any(|name| path == *name || path.ends_with(&format!("/{name}")))
}

/// The comments of a header, each with the line where it begins, without the marks of a comment.
#[must_use]
pub fn comments(text: &str) -> Vec<(usize, String)> {
    let comments = scan::scan(text).comments.into_iter();
    comments.map(|comment| (comment.line, comment.text)).collect()
}

/// The machine that headers are read for.
fn target(options: &Options) -> Result<(String, Target), HeaderError> {
    let triple = options.triple.clone().unwrap_or_else(|| {
        let own = std::env::consts::ARCH;
        TRIPLES.iter().find(|triple| triple.starts_with(own)).unwrap_or(&TRIPLES[0]).to_string()
    });
    if !TRIPLES.contains(&triple.as_str()) {
        return Err(HeaderError::UnknownTarget(triple));
    }
    let page_size = options.page_size.unwrap_or(4096);
    if ![4096, 16384, 65536].contains(&page_size) {
        return Err(HeaderError::PageSize(page_size));
    }
    let endian = if triple.starts_with("s390x") { Endian::Big } else { Endian::Little };
    Ok((triple, Target { pointer_bits: 64, endian, page_size: Some(page_size) }))
}

fn read(
    files: &Files,
    name: &str,
    tree: Option<&Tree>,
    options: &Options,
) -> Result<Reading, HeaderError> {
    let (triple, target) = target(options)?;
    let mut gaps = files.gaps.clone();
    let mut view: BTreeMap<String, String> = STAND_IN
        .iter()
        .map(|(name, text)| (format!("{STAND_INS}{name}"), stand_in(name, text, files)))
        .collect();
    // The macro that a stand-in looks at.
    let shift = target.page_size.unwrap_or(4096).trailing_zeros();
    let shift = format!("#define PAGE_SHIFT {shift}\n");
    if let Some(page) = view.get_mut(&format!("{STAND_INS}asm/page.h")) {
        page.insert_str(0, &shift);
    }
    for (name, by) in missing(files, &view) {
        view.insert(format!("{EMPTY}{name}"), String::new());
        let why = format!("{name}, which {by} includes, is not read: it is taken to be empty");
        // One of the ABI's own is missing: what it declares is not known to be the same.
        let is_of_it = name.starts_with(ABI_DIR) || is_companion(&name);
        let item = if is_of_it { name.clone() } else { String::new() };
        gaps.push(Gap { item, why });
    }
    let library = tree.map(|tree| Library::new(tree, &triple, includes(files)));
    let reader = Reader::new(Clang::find()?, triple, files, view, library);
    let mut headers = Vec::new();
    for (file, outcome) in files.abi.iter().zip(reader.outcomes()?) {
        let Outcome { found, declarations, failed, unread } = outcome;
        let undetermined = found.undetermined.iter();
        gaps.extend(undetermined.map(|(item, why)| Gap { item: item.clone(), why: why.clone() }));
        // What a header says of itself is not so; what it is, is read.
        gaps.extend(failed.into_iter().map(|why| Gap { item: String::new(), why }));
        if let Some(why) = unread {
            let why = format!("{}: {why}", file.shown);
            gaps.extend(all_of(file).into_iter().map(|item| Gap { item, why: why.clone() }));
        }
        gaps.extend(unended(file));
        headers.push(header(file, found.items, declarations));
    }
    let nothing = |file: &File| file.split.pieces.iter().all(|piece| piece.written().is_none());
    if files.abi.iter().all(nothing) {
        let place = files.abi.first().map(|file| file.shown.clone()).unwrap_or_default();
        return Err(HeaderError::Refused { place, message: "it declares nothing".into() });
    }
    let mut model = Model { target, headers, other_pages: Vec::new() };
    gaps.extend(
        contracts::assign(&mut model, &options.catalogue).into_iter().map(|open| open.gap()),
    );
    contracts::present_names(&mut model, &options.catalogue);
    let mut seen = BTreeSet::new();
    gaps.retain(|gap: &Gap| seen.insert((gap.item.clone(), gap.why.clone())));
    let knows = Knows { nodes: false, headers: tree.is_some_and(is_whole), ..Knows::ALL };
    Ok(Reading { name: name.into(), kind: Kind::Headers, model, knows, gaps })
}

/// Whether a tree is a kernel's, and not the directories of its ABI headers alone.
fn is_whole(tree: &Tree) -> bool {
    tree.get(&["include/linux/types.h".into()]).iter().any(Option::is_some)
}

/// A stand-in, without the types that the headers declare themselves: no header includes `more/`.
fn stand_in(name: &str, text: &str, files: &Files) -> String {
    if !name.starts_with("more/") {
        return text.into();
    }
    let all = files.abi.iter().chain(files.companions.values());
    let pieces = all.flat_map(|file| &file.split.pieces);
    let declared: BTreeSet<&str> = pieces
        .filter_map(split::Piece::written)
        .filter(|written| rounds::is_type(written.kind))
        .map(|written| written.name.as_str())
        .collect();
    let split = split::split(text);
    let is_theirs = |piece: &split::Piece| {
        piece.written().is_some_and(|written| declared.contains(written.name.as_str()))
    };
    let out = (0..split.pieces.len()).filter(|at| is_theirs(&split.pieces[*at])).collect();
    view::text(text, &split, &out)
}

/// What the headers include.
fn includes(files: &Files) -> BTreeSet<String> {
    let all = files.abi.iter().chain(files.companions.values());
    all.flat_map(|file| &file.scan.includes).filter_map(|include| include.target.clone()).collect()
}

/// What a header begins and does not end, or the other way round: the rest of it may be missing.
fn unended(file: &File) -> Option<Gap> {
    let broken = file.split.pieces.iter().find(|piece| matches!(piece.what, What::Broken(_)));
    let line = broken.map(|piece| piece.lines.0).or(file.split.unended.first().copied())?;
    let item = format!("{ABI_DIR}/{}.h", file.name);
    Some(Gap { item, why: format!("{}:{line}: {}", file.shown, BROKEN) })
}

/// Headers that are included and neither there nor among the stand-ins, each with one that includes it.
fn missing(files: &Files, view: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut missing = BTreeMap::new();
    let given = |target: &str| {
        let name = target.strip_prefix(ABI_DIR).and_then(|name| name.strip_prefix('/'));
        let abi = name.unwrap_or(target).strip_suffix(".h");
        files.companions.contains_key(target)
            || abi.is_some_and(|name| files.abi.iter().any(|file| file.name == name))
    };
    for file in files.abi.iter().chain(files.companions.values()) {
        for target in file.scan.includes.iter().filter_map(|include| include.target.as_deref()) {
            let mut stand_ins = SEARCH.iter().map(|dir| format!("{dir}/{target}"));
            let there = given(target) || stand_ins.any(|name| view.contains_key(&name));
            // clang finds out about what is no name of a header.
            if tree::is_plain(target) && !there {
                missing.entry(target.into()).or_insert_with(|| file.shown.clone());
            }
        }
    }
    missing
}

/// Everything that a header names, for a reading that can tell nothing of it.
fn all_of(file: &File) -> BTreeSet<String> {
    let scan = &file.scan;
    let mut names = BTreeSet::from([format!("{}/{}.h", kho_abi_model::ABI_DIR, file.name)]);
    names.extend(scan.tags.iter().map(|tag| tag.name.clone()));
    names.extend(scan.typedefs.iter().map(|name| name.name.clone()));
    names.extend(scan.enumerators.iter().map(|name| name.name.clone()));
    for define in &scan.defines {
        names.insert(define.name.clone());
        // The string of a contract, where it is plainly written.
        let string = define.body.strip_prefix('"').and_then(|body| body.strip_suffix('"'));
        if define.name.ends_with(contracts::SUFFIX) {
            names.extend(string.map(Into::into));
        }
    }
    names
}

fn header(file: &File, items: Vec<Item>, declarations: Vec<Declaration>) -> Header {
    let docs = file.scan.comments.iter().filter_map(|comment| {
        comment.text.strip_prefix("DOC:").map(|text| text.trim().to_string())
    });
    Header {
        name: file.name.clone(),
        file: file.shown.clone(),
        guard: file.scan.guard.clone(),
        includes: file.scan.includes.iter().filter_map(|include| include.target.clone()).collect(),
        doc: docs.collect::<Vec<_>>().join("\n\n"),
        items,
        contracts: Vec::new(),
        declarations,
    }
}
