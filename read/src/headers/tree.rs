// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Looks up definitions that the headers use but lack, in the tree that the headers are from.
//!
//! A name is looked up in the headers that a header includes, and in those that these include.
//! Definitions that depend on the kernel's configuration are not taken: their layout differs
//! between kernels.

use super::files::{too_long, LENGTH};
use super::split::{split, Piece, Split, What, Written};
use crate::options::{Tree, TreeFile, TRIPLES};
use kho_abi_model::reading::Gap;
use kho_abi_model::DeclarationKind;
use std::collections::{BTreeMap, BTreeSet};

/// The limits on the headers of a tree: their number, and their total length. Each has the limit of any header.
const FILES: usize = 600;
const TOTAL: usize = 16 << 20;

/// How many paths a header may have in a tree.
const PLACES: usize = 6;

/// The limit on the depth of includes.
const DEPTH: usize = 12;

/// How many definitions to take from a tree.
pub(super) const TAKEN: usize = 256;

/// A header of the tree.
pub(super) struct Elsewhere {
    /// Its path in the tree.
    pub(super) path: String,
    /// The name to include it by.
    pub(super) target: String,
    pub(super) text: String,
    pub(super) split: Split,
    /// What it includes.
    pub(super) includes: Vec<String>,
}

/// The result of looking up a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// A definition: the file and the piece, by index.
    Found(usize, usize),
    /// Definitions of which the kernel's configuration chooses one: the first of them.
    Varies(usize, usize),
    Nowhere,
}

/// The headers of a tree that were read.
pub(super) struct Library<'a> {
    tree: &'a Tree,
    /// The directory of the machine's own headers, as `x86`.
    arch: &'static str,
    pub(super) files: Vec<Elsewhere>,
    /// By the name to include it by: the files that it may be, once they are read.
    known: BTreeMap<String, Vec<usize>>,
    total: usize,
    /// Where each name is defined, in the files so far.
    defined: BTreeMap<String, Vec<(usize, usize)>>,
    /// The headers to read next, and their depth.
    next: Vec<String>,
    depth: usize,
    /// By the name to include it by: what the tree has, or may have, and was not read, with the reason.
    unread: BTreeMap<String, String>,
    /// Of these, those that may define a name that was looked up, with the first such name.
    doubted: BTreeMap<String, String>,
}

impl<'a> Library<'a> {
    /// What is available to headers that include those.
    pub(super) fn new(tree: &'a Tree, triple: &str, includes: BTreeSet<String>) -> Self {
        Self {
            tree,
            arch: arch(triple),
            files: Vec::new(),
            known: BTreeMap::new(),
            total: 0,
            defined: BTreeMap::new(),
            next: includes.into_iter().collect(),
            depth: 0,
            unread: BTreeMap::new(),
            doubted: BTreeMap::new(),
        }
    }

    /// Headers that were not read although they may define what was looked up.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Gap> + '_ {
        self.doubted.iter().filter_map(|(target, name)| {
            let why = self.unread.get(target)?;
            let why = format!("{why}, so whether it defines {name} is unknown");
            Some(Gap { item: target.clone(), why })
        })
    }

    /// Whether a user with those includes has a header that was not read, and that so may define a name.
    fn is_doubtful(&mut self, name: &str, from: &[String]) -> bool {
        if self.unread.is_empty() {
            return false;
        }
        let included = self.included(from);
        let deeper = included.iter().flat_map(|file| &self.files[*file].includes);
        let found = from.iter().chain(deeper).find(|target| self.unread.contains_key(*target));
        let Some(target) = found.cloned() else { return false };
        self.doubted.entry(target).or_insert_with(|| name.into());
        true
    }

    /// The name of a header of the tree in places.
    pub(super) fn shown(&self, file: usize) -> String {
        self.tree.shown(&self.files[file].path)
    }

    /// Whether the tree has a header that the ABI's headers include.
    pub(super) fn has(&mut self, target: &str) -> bool {
        if self.depth == 0 {
            self.look_further();
        }
        let is_read = self.known.get(target).is_some_and(|files| !files.is_empty());
        is_read || self.unread.contains_key(target)
    }

    /// Whether a piece defines a name.
    pub(super) fn defines(&self, file: usize, piece: usize, name: &str) -> bool {
        takes(&self.files[file].split.pieces[piece]).contains(&name)
    }

    /// The tag of an enum and its enumerators, if a piece is one. If headers declare different enums of that
    /// tag, it is unknown which of them a header has.
    pub(super) fn enumeration(&self, file: usize, piece: usize) -> Option<(&str, Vec<&str>)> {
        let enumeration = |file: usize, piece: usize| {
            let written = self.files[file].split.pieces[piece].written();
            written.filter(|written| written.kind == DeclarationKind::Enum)
        };
        let written = enumeration(file, piece)?;
        let all = self.defined.get(&written.name)?.iter();
        let mut others = all.filter_map(|(file, piece)| enumeration(*file, *piece));
        let behind = written.tokens.strip_prefix("enum ")?.strip_prefix(&written.name)?;
        if !behind.starts_with(" {") || others.any(|other| other.tokens != written.tokens) {
            return None;
        }
        let names = takes(&self.files[file].split.pieces[piece]);
        let [_, enumerators @ ..] = &names[..] else { return None };
        Some((written.name.as_str(), enumerators.to_vec()))
    }

    /// A piece by itself, at its own lines, with the conditions inside it.
    pub(super) fn alone(&self, file: usize, piece: usize) -> String {
        let Elsewhere { text, split, .. } = &self.files[file];
        let spans = &split.pieces[piece].spans;
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return String::new() };
        let inside = split.pieces.iter().filter(|other| {
            matches!(other.what, What::Conditional(_))
                && other.spans.iter().all(|span| first.start < span.start && span.end < last.end)
        });
        let mut kept: Vec<_> = spans.iter().chain(inside.flat_map(|p| &p.spans)).collect();
        kept.sort_by_key(|span| span.start);
        let mut alone = String::new();
        let mut at = 0;
        for span in kept {
            alone.extend(text[at..span.start].chars().filter(|c| *c == '\n'));
            alone.push_str(&text[(*span).clone()]);
            at = span.end;
        }
        alone.push('\n');
        alone
    }

    /// Where a name is defined: in the nearest header that is included `from` where it is used. If none of these defines
    /// it, a header may rely on what others include: in the nearest one of all.
    pub(super) fn find(&mut self, name: &str, from: &[String]) -> Lookup {
        // Headers do not define options.
        if name.starts_with("CONFIG_") {
            return Lookup::Nowhere;
        }
        loop {
            let all = self.defined.get(name).map_or(&[][..], Vec::as_slice);
            if !all.is_empty() {
                let included = self.included(from);
                let inside = included.iter().find_map(|file| all.iter().find(|at| at.0 == *file));
                if let Some(first) = inside {
                    return self.found(all, *first);
                }
            }
            if !self.look_further() {
                if self.is_doubtful(name, from) {
                    return Lookup::Nowhere;
                }
                let all = self.defined.get(name).map_or(&[][..], Vec::as_slice);
                return all.first().map_or(Lookup::Nowhere, |first| self.found(all, *first));
            }
        }
    }

    /// The definition of a name in a header, of all of them.
    fn found(&self, all: &[(usize, usize)], first: (usize, usize)) -> Lookup {
        let near = all.iter().filter(|(file, _)| *file == first.0).copied();
        let texts: BTreeSet<_> = near.clone().filter_map(|at| self.tokens(at)).collect();
        let varies = near.filter_map(|at| self.written(at)).any(|written| {
            written.varies || written.tokens.split_whitespace().any(|w| w.starts_with("CONFIG_"))
        });
        if varies || texts.len() > 1 {
            Lookup::Varies(first.0, first.1)
        } else {
            Lookup::Found(first.0, first.1)
        }
    }

    /// The header that defines a name otherwise than the definition `at`, or that has another definition of what this one
    /// uses, for a user with those includes.
    pub(super) fn contradiction(
        &mut self,
        name: &str,
        at: (usize, usize),
        from: &[String],
    ) -> Option<usize> {
        self.contradiction_below(name, at, from, &mut BTreeSet::new())
    }

    fn contradiction_below(
        &mut self,
        name: &str,
        at: (usize, usize),
        from: &[String],
        seen: &mut BTreeSet<(String, usize)>,
    ) -> Option<usize> {
        loop {
            let included = self.included(from);
            let all = self.defined.get(name)?;
            let mut inside = all.iter().filter(|(file, _)| included.contains(file)).copied();
            let first = inside.clone().next().map(|(file, _)| file);
            if first.is_some() {
                let Some(same) = inside.find(|inside| self.tokens(*inside) == self.tokens(at))
                else {
                    return first;
                };
                // The same text in another header may mean something else there.
                if same.0 == at.0 || !seen.insert((name.into(), same.0)) {
                    return None;
                }
                let words = self.tokens(at).unwrap_or_default().split_ascii_whitespace();
                let words: BTreeSet<String> = words.map(String::from).collect();
                let [here, there] = [at.0, same.0].map(|file| [self.files[file].target.clone()]);
                return words.iter().filter(|word| *word != name).find_map(|word| {
                    let (Lookup::Found(file, piece) | Lookup::Varies(file, piece)) =
                        self.find(word, &here)
                    else {
                        return None;
                    };
                    self.contradiction_below(word, (file, piece), &there, seen)
                });
            }
            // It may be in a header that was not read yet, since another user's is nearer.
            if !self.look_further() {
                self.is_doubtful(name, from);
                return None;
            }
        }
    }

    /// The names that a piece defines.
    pub(super) fn names(&self, file: usize, piece: usize) -> Vec<String> {
        takes(&self.files[file].split.pieces[piece]).into_iter().map(String::from).collect()
    }

    /// The pieces of a file that define a name of that piece: the configuration may choose one of them.
    pub(super) fn variants(&self, file: usize, piece: usize) -> Vec<usize> {
        let pieces = &self.files[file].split.pieces;
        let names = takes(&pieces[piece]);
        let is_one = |at: &usize| takes(&pieces[*at]).iter().any(|name| names.contains(name));
        (0..pieces.len()).filter(is_one).collect()
    }

    fn written(&self, (file, piece): (usize, usize)) -> Option<&Written> {
        self.files[file].split.pieces[piece].written()
    }

    fn tokens(&self, at: (usize, usize)) -> Option<&str> {
        self.written(at).map(|written| written.tokens.as_str())
    }

    /// The files so far that a user with those includes has, the nearest first.
    fn included(&self, from: &[String]) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut next: Vec<&String> = from.iter().collect();
        while !next.is_empty() {
            let mut deeper = Vec::new();
            for file in next.into_iter().filter_map(|target| self.known.get(target)).flatten() {
                if seen.insert(*file) {
                    found.push(*file);
                    deeper.extend(&self.files[*file].includes);
                }
            }
            next = deeper;
        }
        found
    }

    /// Reads the headers that those so far include; returns whether there were any.
    fn look_further(&mut self) -> bool {
        if self.next.is_empty() {
            return false;
        }
        if self.depth >= DEPTH {
            let why = format!("it is included through more than {DEPTH} others");
            for target in std::mem::take(&mut self.next) {
                if !self.known.contains_key(&target) {
                    self.unread.entry(target).or_insert_with(|| why.clone());
                }
            }
            return false;
        }
        self.depth += 1;
        let mut wanted: Vec<(String, String)> = Vec::new();
        for target in std::mem::take(&mut self.next) {
            if self.known.contains_key(&target) || !is_plain(&target) {
                continue;
            }
            self.known.insert(target.clone(), Vec::new());
            let paths = places(self.arch, &target);
            wanted.extend(paths.into_iter().map(|path| (target.clone(), path)));
        }
        let too_many = || format!("there are more than {FILES} headers to read");
        for (target, _) in wanted.drain(wanted.len().min(FILES * PLACES)..) {
            self.unread.entry(target).or_insert_with(too_many);
        }
        let paths: Vec<_> = wanted.iter().map(|(_, path)| path.clone()).collect();
        let texts = self.tree.get(&paths);
        for ((target, path), file) in wanted.into_iter().zip(texts) {
            let content = match file {
                TreeFile::Missing => continue,
                TreeFile::Unread(why) => Err(why),
                TreeFile::Content(bytes) if bytes.len() as u64 > LENGTH => Err(too_long()),
                TreeFile::Content(bytes) if self.total + bytes.len() > TOTAL => {
                    Err(format!("the headers to read are longer than {} MiB", TOTAL >> 20))
                }
                TreeFile::Content(_) if self.files.len() == FILES => Err(too_many()),
                TreeFile::Content(bytes) => Ok(bytes),
            };
            let bytes = match content {
                Ok(bytes) => bytes,
                Err(why) => {
                    let why = format!("{}: {why}", self.tree.shown(&path));
                    self.unread.entry(target).or_insert(why);
                    continue;
                }
            };
            self.total += bytes.len();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let split = split(&text);
            let at = self.files.len();
            let includes = includes(&text, &split);
            self.next.extend(includes.iter().cloned());
            for (index, piece) in split.pieces.iter().enumerate() {
                for name in takes(piece) {
                    self.defined.entry(name.into()).or_default().push((at, index));
                }
            }
            self.known.entry(target.clone()).or_default().push(at);
            self.files.push(Elsewhere { path, target, text, split, includes });
        }
        true
    }
}

/// The directory of a machine's own headers, below `arch/`.
fn arch(triple: &str) -> &'static str {
    match triple.split('-').next() {
        Some("x86_64") => "x86",
        Some("aarch64") => "arm64",
        Some("riscv64") => "riscv",
        _ => "s390",
    }
}

/// The paths that a header may have in a tree, by the name to include it by: at most [`PLACES`].
fn places(arch: &str, target: &str) -> Vec<String> {
    let mut paths = vec![
        format!("include/{target}"),
        format!("arch/{arch}/include/{target}"),
        format!("include/uapi/{target}"),
        format!("arch/{arch}/include/uapi/{target}"),
    ];
    if let Some(asm) = target.strip_prefix("asm/") {
        paths.push(format!("include/asm-generic/{asm}"));
        paths.push(format!("include/uapi/asm-generic/{asm}"));
    }
    paths
}

/// The paths that a header may have in a tree for any machine, by the name to include it by.
#[must_use]
pub fn places_of(target: &str) -> BTreeSet<String> {
    TRIPLES.iter().flat_map(|triple| places(arch(triple), target)).collect()
}

/// The names that a piece defines, if it can be taken by itself.
fn takes(piece: &Piece) -> Vec<&str> {
    use DeclarationKind::{Constant, Enum, Macro, Struct, Typedef, Union};
    let What::Declares(written) = &piece.what else { return Vec::new() };
    if !matches!(written.kind, Constant | Enum | Macro | Struct | Typedef | Union) {
        return Vec::new();
    }
    let mut names = vec![written.name.as_str()];
    let mut before = "";
    for word in written.tokens.split_ascii_whitespace() {
        let is_enumerator = written.kind == Enum && matches!(before, "{" | ",");
        // `typedef struct x { ... } x_t` has two names.
        let is_alias = before == "}" && written.tokens.starts_with("typedef");
        let is_word = super::spelling::is_word(word) && !word.starts_with("__");
        if (is_enumerator || is_alias) && is_word && word != written.name {
            names.push(word);
        }
        before = word;
    }
    names
}

/// What the pieces of a header include.
fn includes(text: &str, split: &Split) -> Vec<String> {
    let directives = split.pieces.iter().filter(|piece| piece.what == What::Directive);
    let target = |piece: &Piece| {
        let directive = &text[piece.spans.first()?.clone()];
        let rest = directive.trim_start_matches('#').trim_start().strip_prefix("include")?;
        let rest = rest.trim_start_matches("_next").trim_start();
        let close = if rest.starts_with('<') { '>' } else { '"' };
        Some(rest.get(1..)?.split_once(close)?.0.to_string())
    };
    directives.filter_map(target).collect()
}

/// Whether a name is a valid path of a header inside a tree.
pub(super) fn is_plain(target: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+".contains(c);
    let parts = target.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    parts && target.len() < 200 && target.chars().all(plain)
}
