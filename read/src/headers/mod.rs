// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the ABI headers of a kernel, which are written by hand.
//!
//! ```text
//!   files      the headers of a directory, each bounded, none from elsewhere
//!     │
//!   scan       names, places, comments; what to ask clang about
//!     │
//!   unit       one C file: all headers, and a question for each name
//!     │
//!   clang      a process that sees only those files, with limits on time and memory
//!     │
//!   ast        its answer: computed layouts, declarations, values
//!     │
//!   build      items of the model
//! ```
//!
//! Sizes, offsets, widths and values come from clang; this module computes nothing. The stand-ins
//! replace the kernel's other headers, as far as the ABI headers need them. A tree's own headers
//! would need its configuration, the headers that its build generates, and a suitable compiler
//! version. Besides, a tree and a bare copy of its ABI headers would be read differently. A header
//! without a stand-in is read as empty, and is a gap. What remains unknown without it is a gap too,
//! by name. Nothing is guessed.
//!
//! An error removes its declaration and what embeds that; clang is asked again without them
//! (`rounds`). What is not proven is kept as text, for every header (`split`, `declared`): a struct
//! without a layout is still compared by its tokens. If there is a whole tree, definitions that no
//! stand-in has are taken from it (`tree`).

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

pub use stand_in::{numbers_elsewhere, STAND_IN};
pub use tree::places_of;

use crate::contracts;
pub use crate::error::HeaderError;
pub use crate::options::TRIPLES;

use crate::error::SourceError;
use crate::options::{Options, Tree, TreeFile};
use clang::Clang;
pub(super) use files::COMPANIONS;
use files::{File, Files};
use kho_abi_model::reading::{Gap, Kind, Knows, Reading};
use kho_abi_model::{Declaration, Endian, Header, Item, Model, Target, ABI_DIR, BROKEN};
use kho_abi_show::names;
use rounds::{Outcome, Reader};
use split::What;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tree::Library;

/// The paths by which clang sees the ABI headers, the stand-ins, other headers with a part of the
/// ABI, and headers that are read as empty.
const ABI: &str = "/abi/linux/kho/abi/";
const STAND_INS: &str = "/stand-in/";
const BESIDE: &str = "/beside/";
const EMPTY: &str = "/empty/";

/// clang's search paths for headers; as in the kernel, `uapi` may be left out.
const SEARCH: &[&str] = &["/abi", "/stand-in", "/stand-in/uapi", "/beside", "/empty"];

/// What precedes the headers: what a kernel build includes first, and the types and constants that
/// some headers expect from their includer.
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
/// [`SourceError`] if there are none, if clang is missing, or if it accepts none of them.
pub fn read_dir(dir: &Path, options: &Options) -> Result<Reading, SourceError> {
    load_dir(dir, options)?.read(options)
}

/// The ABI headers of a directory as [`read_dir`] finds them, by their paths in a kernel tree.
///
/// # Errors
///
/// [`SourceError`] if there are none, or if they exceed the limits on number or length.
pub fn files_of_dir(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, SourceError> {
    let files = files::by_path(dir)?;
    if files.is_empty() {
        return Err(HeaderError::NoHeaders { dir: dir.into() }.into());
    }
    Ok(files)
}

/// ABI headers whose text is loaded once, so that all later results come from the same text.
#[derive(Debug)]
pub struct Loaded {
    files: Files,
    name: String,
    tree: Option<Tree>,
    /// The one header that was asked for, where others are read for its sake alone.
    only: Option<String>,
}

/// Loads the text of the ABI headers of a directory, as [`read_dir`] finds them.
///
/// # Errors
///
/// [`SourceError`] if there are none, or if they exceed the limits on number or length.
pub fn load_dir(dir: &Path, options: &Options) -> Result<Loaded, SourceError> {
    let files = files::of_dir(dir, &options.catalogue)?;
    let tree = files::tree(dir).or_else(|| options.tree.clone());
    Ok(Loaded { files, name: names::shown(dir), tree, only: None })
}

/// Whether a path is one of a C header, by its name.
#[must_use]
pub fn is_header(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "h")
}

/// Reads the text of one header. Those beside it, and the kernel tree that it lies in, are read for what it
/// includes.
///
/// # Errors
///
/// [`SourceError`] for a file whose name is not that of a C header, and one that cannot be read.
pub fn load_file(path: &Path, options: &Options) -> Result<Loaded, SourceError> {
    let shown = names::shown(path);
    let (dir, name) = files::place_of(path).ok_or_else(|| SourceError::NotASource {
        name: shown.clone(),
        why: "C code cannot include a header with that name".into(),
        help: "use letters, digits, `-` and `_` in its name, as in luo.h".into(),
    })?;
    let (files, tree) = match dir {
        Some(dir) => (files::of_dir_with(&dir, name)?, files::tree(&dir)),
        None => (files::of_file(path, name)?, options.tree.clone()),
    };
    let loaded = Loaded { files, name: shown, tree, only: Some(name.into()) };
    // The top of the tree is here, where the path says nothing else.
    Ok(if path.starts_with(".") { loaded } else { loaded.below(Path::new(".")) })
}

impl Loaded {
    /// Makes the places relative to a directory, rather than as the user wrote it.
    #[must_use]
    pub fn below(mut self, top: &Path) -> Self {
        let top = format!("{}/", names::shown(top));
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

    /// Has clang lay them out.
    ///
    /// # Errors
    ///
    /// [`SourceError`] if clang is missing, or if it accepts none of them.
    pub fn read(&self, options: &Options) -> Result<Reading, SourceError> {
        let mut reading = read(&self.files, &self.name, self.tree.as_ref(), options)?;
        if let Some(wanted) = self.wanted() {
            only(&mut reading, &wanted);
        }
        Ok(reading)
    }

    /// Each header's name, as `luo`, its name in places, and its text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let wanted = self.wanted();
        let is_wanted =
            move |file: &&File| wanted.as_ref().is_none_or(|wanted| wanted.contains(&*file.name));
        let files = self.files.abi.iter().filter(is_wanted);
        files.map(|file| (&*file.name, &*file.shown, &*file.text))
    }

    /// The header that was asked for, with those that it includes; `None` where all were.
    fn wanted(&self) -> Option<BTreeSet<&str>> {
        let mut open = vec![self.only.as_deref()?];
        let mut wanted = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(file) = self.files.abi.iter().find(|file| file.name == name) else { continue };
            if wanted.insert(&*file.name) {
                let targets = file.scan.includes.iter().filter_map(|i| i.target.as_deref());
                open.extend(targets.filter_map(|target| {
                    target.strip_prefix(ABI_DIR)?.strip_prefix('/')?.strip_suffix(".h")
                }));
            }
        }
        Some(wanted)
    }
}

/// Takes the headers out of what was read that were not asked for.
fn only(reading: &mut Reading, wanted: &BTreeSet<&str>) {
    let headers = std::mem::take(&mut reading.model.headers);
    let (kept, others): (Vec<_>, Vec<_>) =
        headers.into_iter().partition(|header| wanted.contains(&*header.name));
    let of_others = |item: &str| {
        let is_its = |header: &Header| {
            let mut declared = header.declarations.iter().flat_map(Declaration::names);
            let names = header.items.iter().map(Item::name);
            let mut strings = header.contracts.iter().map(|contract| &*contract.compatible);
            header.include_path() == item
                || declared.any(|name| name == item)
                || { names }.any(|name| name == item)
                || strings.any(|string| string == item)
        };
        others.iter().any(is_its) && !kept.iter().any(is_its)
    };
    let is_about_others = |gap: &Gap| {
        let place = |header: &Header| gap.why.starts_with(&format!("{}:", header.file));
        if gap.item.is_empty() {
            others.iter().any(place)
        } else {
            of_others(&gap.item)
        }
    };
    reading.gaps.retain(|gap| !is_about_others(gap));
    reading.model.headers = kept;
    // That another header is not there means nothing.
    reading.knows.headers = false;
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

/// Reads ABI headers from memory, with a name, and a prefix for their paths.
pub(super) fn read_named(
    files: &BTreeMap<String, Vec<u8>>,
    name: &str,
    prefix: &str,
    options: &Options,
) -> Result<Reading, SourceError> {
    let tree = options.tree.as_ref();
    Ok(read(&files::of_memory(files, prefix, tree, &options.catalogue)?, name, tree, options)?)
}

/// The kernel tree whose top is this directory, for other headers that its ABI headers use.
#[must_use]
pub fn tree_of_dir(dir: &Path) -> Option<Tree> {
    files::tree(dir)
}

/// Whether that is the name of a header that once had a part of the ABI.
#[must_use]
pub fn is_companion(name: &str) -> bool {
    COMPANIONS.contains(&name)
}

/// As [`is_companion`], for its path in a tree.
#[must_use]
pub fn is_companion_path(path: &str) -> bool {
    COMPANIONS.iter().any(|name| path == *name || path.ends_with(&format!("/{name}")))
}

/// What a header uses of the kernel's base headers without including them: an includer of it does.
///
/// Such headers are among those that precede it when it is read.
#[must_use]
pub fn expected_before(header: &Header) -> Vec<String> {
    let used: BTreeSet<&str> =
        header.declarations.iter().flat_map(Declaration::references).collect();
    let defines = |text: &str| {
        let split = split::split(text);
        let mut names = split.pieces.iter().filter_map(|p| Some(&*p.written()?.name));
        names.any(|name| used.contains(name))
    };
    let is_expected = |name: &&&str| {
        let text = STAND_IN.iter().find(|(known, _)| known == *name).map(|(_, text)| *text);
        // What only readers need is in no kernel.
        !name.starts_with("more/")
            && !header.includes.iter().any(|include| include == **name)
            && text.is_some_and(defines)
    };
    FIRST.iter().filter(is_expected).map(ToString::to_string).collect()
}

/// The comments of a header without comment markers, each with its first line.
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
    let mut numbers = Vec::new();
    if let Some(tree) = tree {
        let all = files.abi.iter().chain(files.companions.values());
        let (open, found) = stand_in::agree(&mut view, &all.flat_map(words).collect(), tree);
        gaps.extend(open);
        numbers = found;
    }
    // The macro that a stand-in uses.
    let shift = target.page_size.unwrap_or(4096).trailing_zeros();
    let shift = format!("#define PAGE_SHIFT {shift}\n");
    if let Some(page) = view.get_mut(&format!("{STAND_INS}asm/page.h")) {
        page.insert_str(0, &shift);
    }
    let mut library = tree.map(|tree| Library::new(tree, &triple, includes(files)));
    let missing = missing(files, &view);
    let mut is_there = |name: &str| library.as_mut().is_some_and(|library| library.has(name));
    let there: BTreeSet<String> = missing
        .keys()
        .map(String::as_str)
        .filter(|name| is_there(name))
        .map(String::from)
        .collect();
    for (name, by) in missing {
        view.insert(format!("{EMPTY}{name}"), String::new());
        let why = format!("{name}, which {by} includes, was not read, and counts as empty");
        // An ABI header is missing: its declarations may differ.
        let is_of_it = name.starts_with(ABI_DIR) || is_companion(&name);
        // What is used of another header is taken from the tree.
        if !is_of_it && there.contains(&name) {
            continue;
        }
        let item = if is_of_it { name.clone() } else { String::new() };
        gaps.push(Gap { item, why });
    }
    let reader = Reader::new(Clang::find()?, triple, files, view, library);
    let mut headers = Vec::new();
    let (outcomes, of_tree) = reader.outcomes()?;
    gaps.extend(of_tree);
    for (file, outcome) in files.abi.iter().zip(outcomes) {
        let Outcome { found, mut declarations, failed, unread } = outcome;
        if !numbers.is_empty() {
            let used: BTreeSet<&str> = words(file).collect();
            declarations.extend(numbers.iter().filter(|one| used.contains(&*one.name)).cloned());
        }
        let undetermined = found.undetermined.iter();
        gaps.extend(undetermined.map(|(item, why)| Gap { item: item.clone(), why: why.clone() }));
        // An assertion of the header fails; the rest is still read.
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

/// Whether a tree is a whole kernel tree, and not only the directories of its ABI headers.
fn is_whole(tree: &Tree) -> bool {
    tree.get(&["include/linux/types.h".into()]).iter().any(|file| *file != TreeFile::Missing)
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

/// The words of all declarations of a header.
fn words(file: &File) -> impl Iterator<Item = &str> {
    let written = file.split.pieces.iter().filter_map(split::Piece::written);
    written.flat_map(|written| written.tokens.split_ascii_whitespace())
}

/// What the headers include.
fn includes(files: &Files) -> BTreeSet<String> {
    let all = files.abi.iter().chain(files.companions.values());
    all.flat_map(File::includes).collect()
}

/// What a header begins but does not end, or the other way round: the rest may be missing.
fn unended(file: &File) -> Option<Gap> {
    let broken = file.split.pieces.iter().find(|piece| matches!(piece.what, What::Broken(_)));
    let line = broken.map(|piece| piece.lines.0).or(file.split.unended.first().copied());
    let line = line.or(file.scan.open_comment)?;
    let item = format!("{ABI_DIR}/{}.h", file.name);
    Some(Gap { item, why: format!("{}:{line}: {}", file.shown, BROKEN) })
}

/// Headers that are included but missing, and have no stand-in, each with a header that includes
/// it.
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
            // clang reports invalid names of headers.
            if tree::is_plain(target) && !there {
                missing.entry(target.into()).or_insert_with(|| file.shown.clone());
            }
        }
    }
    missing
}

/// Everything that a header names, for a reading that knows nothing about it.
fn all_of(file: &File) -> BTreeSet<String> {
    let scan = &file.scan;
    let mut names = BTreeSet::from([format!("{}/{}.h", kho_abi_model::ABI_DIR, file.name)]);
    names.extend(scan.tags.iter().map(|tag| tag.name.clone()));
    names.extend(scan.typedefs.iter().map(|name| name.name.clone()));
    names.extend(scan.enumerators.iter().map(|name| name.name.clone()));
    for define in &scan.defines {
        names.insert(define.name.clone());
        // The string of a contract, if it is a plain literal.
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
