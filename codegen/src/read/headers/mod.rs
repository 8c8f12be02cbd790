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
//! A header in which clang finds an error that is not plainly one of a single item is not read at all,
//! and everything in it is a gap.

mod ast;
mod build;
mod clang;
mod files;
mod json;
mod lex;
mod scan;
mod spelling;
mod split;
mod stand_in;
mod unit;

pub use stand_in::STAND_IN;

use crate::contracts;
use crate::model::{Declaration, Endian, Header, Item, Model, Place, Record, Target};
use crate::source::{Gap, Kind, Knows, Options, Reading, SourceError};
use build::{Answers, Found};
use clang::{Asked, Clang, Diagnostic};
pub(super) use files::COMPANIONS;
use files::{File, Files};
use split::What;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use unit::Unit;

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
const FIRST: &[&str] = &["linux/compiler.h", "linux/types.h", "uapi/linux/fcntl.h"];

/// The machines that headers are read for: those that live-update, and one that is big-endian.
pub const TRIPLES: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
];

/// Why headers cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// clang is not installed.
    #[error("clang is not found")]
    NoClang,
    /// A machine that no header is read for.
    #[error("headers cannot be read for {0}")]
    UnknownTarget(String),
    /// A page size that no kernel has.
    #[error("no kernel has pages of {0} bytes")]
    PageSize(u64),
    /// There are no ABI headers.
    #[error("{dir} has no headers of the handover ABI, in include/linux/kho/abi or by themselves")]
    NoHeaders {
        /// The directory.
        dir: PathBuf,
    },
    /// A header that is too long to be one.
    #[error("{path} has more than {limit} bytes")]
    TooLong {
        /// The header.
        path: PathBuf,
        /// How many it may have.
        limit: u64,
    },
    /// A directory with more headers than any kernel has.
    #[error("{dir} has more than {limit} headers")]
    TooMany {
        /// The directory.
        dir: PathBuf,
        /// How many are read.
        limit: usize,
    },
    /// clang accepts none of the headers; this is its first reason.
    #[error("{place}: {message}")]
    Refused {
        /// The header, with the line where there is one.
        place: String,
        /// What clang says.
        message: String,
    },
    /// clang takes too long.
    #[error("clang does not come to an end with these headers within {seconds} seconds")]
    TimedOut {
        /// How long it was given.
        seconds: u64,
    },
    /// clang answers too much.
    #[error("clang answers more than {bytes} bytes about these headers")]
    TooMuch {
        /// How much is read.
        bytes: u64,
    },
    /// clang ended in an unexpected way.
    #[error("clang ended before it answered: {said}")]
    Crashed {
        /// How it ended, and what it said.
        said: String,
    },
    /// clang's answer has another form.
    #[error("clang's answer is not understood: {why}")]
    Answer {
        /// What is wrong with it.
        why: String,
    },
    /// A file or directory cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl HeaderError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoClang => {
                "install clang 14 or newer (Debian: clang-19), or set CLANG_PATH".into()
            }
            Self::UnknownTarget(_) => format!("use one of {}", TRIPLES.join(", ")),
            Self::PageSize(_) => "use 4096, 16384 or 65536".into(),
            Self::NoHeaders { .. } => {
                "give a kernel tree, or a directory with include/linux/kho/abi".into()
            }
            Self::TooLong { .. } | Self::TooMany { .. } => {
                "give the headers of a kernel, and nothing else".into()
            }
            Self::Refused { .. } => "correct the header".into(),
            Self::TimedOut { .. } | Self::TooMuch { .. } | Self::Crashed { .. } => {
                "look at the headers: no compiler could do with them".into()
            }
            Self::Answer { .. } => {
                "use a clang of version 14 to 19, with which this reader was tried".into()
            }
            Self::Io { .. } => "check the path and the permissions".into(),
        }
    }
}

/// Reads the ABI headers of a directory: a kernel tree or header package, a directory that has
/// `include/linux/kho/abi` or `linux/kho/abi`, or one that has the headers themselves.
///
/// # Errors
///
/// [`SourceError`] where there are none, where clang is missing, and where it accepts none of them.
pub fn read_dir(dir: &Path, options: &Options) -> Result<Reading, SourceError> {
    let files = files::of_dir(dir)?;
    Ok(read(&files, &dir.display().to_string(), options)?)
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
    Ok(read(&files::of_memory(files, prefix)?, name, options)?)
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

/// What a reading is made of.
struct Reader<'a> {
    clang: Clang,
    triple: String,
    files: &'a Files,
    view: BTreeMap<String, String>,
    until: Instant,
}

/// What became of a header.
enum Outcome {
    Read(Found),
    Refused(Diagnostic),
}

fn read(files: &Files, name: &str, options: &Options) -> Result<Reading, HeaderError> {
    let (triple, target) = target(options)?;
    let mut gaps = files.gaps.clone();
    let mut view: BTreeMap<String, String> = STAND_IN
        .iter()
        .map(|(name, text)| (format!("{STAND_INS}{name}"), (*text).to_string()))
        .collect();
    for file in &files.abi {
        view.insert(format!("{ABI}{}.h", file.name), file.text.clone());
    }
    for (name, file) in &files.companions {
        view.insert(format!("{BESIDE}{name}"), file.text.clone());
    }
    for (name, by) in missing(files, &view) {
        view.insert(format!("{EMPTY}{name}"), String::new());
        let why = format!("{name}, which {by} includes, is not read: it is taken to be empty");
        gaps.push(Gap { item: String::new(), why });
    }
    // The macro that a stand-in looks at.
    let shift = target.page_size.unwrap_or(4096).trailing_zeros();
    let shift = format!("#define PAGE_SHIFT {shift}\n");
    if let Some(page) = view.get_mut(&format!("{STAND_INS}asm/page.h")) {
        page.insert_str(0, &shift);
    }
    let clang = Clang::find()?;
    let reader = Reader { clang, triple, files, view, until: Instant::now() + clang::TIME };
    let mut headers = Vec::new();
    let mut refused = None;
    for (file, outcome) in files.abi.iter().zip(reader.outcomes()?) {
        match outcome {
            Outcome::Read(found) => {
                let untold = found.untold.iter();
                gaps.extend(untold.map(|(item, why)| Gap { item: item.clone(), why: why.clone() }));
                headers.push(header(file, found));
            }
            Outcome::Refused(error) => {
                let place = reader.shown(&error);
                let why = format!("{place}: {}", error.message);
                gaps.extend(all_of(file).into_iter().map(|item| Gap { item, why: why.clone() }));
                refused.get_or_insert((place, error.message));
            }
        }
    }
    if let (true, Some((place, message))) = (headers.is_empty(), refused) {
        return Err(HeaderError::Refused { place, message });
    }
    let mut model = Model { target, headers, other_pages: Vec::new() };
    gaps.extend(contracts::assign(&mut model).into_iter().map(|open| open.gap()));
    contracts::present_names(&mut model);
    let mut seen = BTreeSet::new();
    gaps.retain(|gap: &Gap| seen.insert((gap.item.clone(), gap.why.clone())));
    let knows = Knows { nodes: false, ..Knows::ALL };
    Ok(Reading { name: name.into(), kind: Kind::Headers, model, knows, gaps })
}

/// Headers that are included and neither there nor among the stand-ins, each with one that includes it.
fn missing(files: &Files, view: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut missing = BTreeMap::new();
    for file in files.abi.iter().chain(files.companions.values()) {
        for target in file.scan.includes.iter().filter_map(|include| include.target.as_deref()) {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-./+".contains(c);
            let parts =
                target.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
            // clang finds out about what is no name of a header.
            let is_name = parts && target.len() < 200 && target.chars().all(plain);
            let there = SEARCH.iter().map(|dir| format!("{dir}/{target}"));
            let there =
                there.chain([format!("{ABI}{target}")]).any(|name| view.contains_key(&name));
            if is_name && !there {
                missing.entry(target.into()).or_insert_with(|| file.shown.clone());
            }
        }
    }
    missing
}

/// Everything that a header names, for a reading that can tell nothing of it.
fn all_of(file: &File) -> BTreeSet<String> {
    let scan = &file.scan;
    let mut names = BTreeSet::from([format!("{}/{}.h", crate::model::ABI_DIR, file.name)]);
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

fn header(file: &File, found: Found) -> Header {
    let docs = file.scan.comments.iter().filter_map(|comment| {
        comment.text.strip_prefix("DOC:").map(|text| text.trim().to_string())
    });
    Header {
        name: file.name.clone(),
        file: file.shown.clone(),
        guard: file.scan.guard.clone(),
        includes: file.scan.includes.iter().filter_map(|include| include.target.clone()).collect(),
        doc: docs.collect::<Vec<_>>().join("\n\n"),
        declarations: declarations(file, &found),
        items: found.items,
        contracts: Vec::new(),
    }
}

/// Every declaration of a header, with the reason where no item says what it is.
fn declarations(file: &File, found: &Found) -> Vec<Declaration> {
    let known: BTreeSet<&str> = found
        .items
        .iter()
        .filter(|item| !matches!(item, Item::Macro(_)))
        .flat_map(|item| {
            std::iter::once(item.name()).chain(item.constants().map(|c| c.name.as_str()))
        })
        .collect();
    let reasons: BTreeMap<&str, &str> =
        found.untold.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
    let mut declarations = Vec::new();
    for piece in &file.split.pieces {
        let Some(written) = piece.written() else { continue };
        let mut declaration = Declaration {
            kind: written.kind,
            name: written.name.clone(),
            tokens: written.tokens.clone(),
            place: Some(Place { file: file.shown.clone(), line: written.line }),
            condition: written.condition.clone(),
            unproven: None,
        };
        let unread = declaration.names().into_iter().find(|name| !known.contains(name));
        let why = match (&piece.what, unread) {
            (What::Broken(_), _) => Some("it does not end, or nothing begins it".into()),
            _ if written.varies => Some(format!("it depends on {}", written.condition)),
            (_, Some(name)) => Some(reasons.get(name).map_or_else(
                || "it has neither a layout nor a value by itself".into(),
                |why| (*why).to_string(),
            )),
            (_, None) => None,
        };
        declaration.unproven = why;
        declarations.push(declaration);
    }
    declarations
}

impl Reader<'_> {
    /// What becomes of each header: asked about all of them at once, and one by one where that fails.
    fn outcomes(&self) -> Result<Vec<Outcome>, HeaderError> {
        let all: Vec<_> = self.files.abi.iter().collect();
        match self.ask(&all) {
            Ok((unit, asked)) => {
                if spoilt(&unit, &asked).next().is_none() && is_answered(&asked) {
                    let answers = answers(&unit, &asked);
                    let read = |file: &&File| Outcome::Read(found(self.files, file, &answers));
                    return Ok(all.iter().map(read).collect());
                }
            }
            // One header must not keep the others from being read.
            Err(
                error @ (HeaderError::TimedOut { .. }
                | HeaderError::Io { .. }
                | HeaderError::NoClang),
            ) => {
                return Err(error);
            }
            Err(error) if all.len() == 1 => return Err(error),
            Err(_) => {}
        }
        self.files.abi.iter().map(|file| self.outcome(file)).collect()
    }

    /// What becomes of a header by itself.
    fn outcome(&self, file: &File) -> Result<Outcome, HeaderError> {
        let (unit, asked) = self.ask(&[file])?;
        let errors: Vec<_> = spoilt(&unit, &asked).collect();
        let own = format!("{ABI}{}.h", file.name);
        let is_bearable = |error: &Diagnostic| {
            is_of_a_check(error) || error.file == own && is_of_one_item(file, error)
        };
        if let Some(error) = errors.iter().find(|error| !is_bearable(error)) {
            if error.file != clang::UNIT {
                return Ok(Outcome::Refused((*error).clone()));
            }
            // It is about the header's end, where clang is in the unit already.
            let line = file.text.lines().count();
            let message = error.message.clone();
            return Ok(Outcome::Refused(Diagnostic { file: own, line, message, fatal: true }));
        }
        if !is_answered(&asked) {
            let message = "the header does not end what it begins".into();
            let line = file.text.lines().count();
            return Ok(Outcome::Refused(Diagnostic { file: own, line, message, fatal: true }));
        }
        let mut read = found(self.files, file, &answers(&unit, &asked));
        for error in errors {
            if is_of_a_check(error) {
                // What it says of itself is not so; what it is, is read.
                let why = format!("{}: {}", self.shown(error), error.message);
                read.untold.push((String::new(), why));
            } else {
                spoil(file, error, &mut read);
            }
        }
        Ok(Outcome::Read(read))
    }

    fn ask(&self, files: &[&File]) -> Result<(Unit, Asked), HeaderError> {
        let headers = files
            .iter()
            .map(|file| (format!("{}/{}.h", crate::model::ABI_DIR, file.name), &file.scan));
        let unit = Unit::new(FIRST, headers);
        let mut view = self.view.clone();
        view.insert(clang::UNIT.into(), unit.text.clone());
        let asked = self.clang.ask(&self.triple, &view, SEARCH, self.until)?;
        Ok((unit, asked))
    }

    /// Where an error is, as the caller knows the file.
    fn shown(&self, error: &Diagnostic) -> String {
        let shown = error.file.strip_prefix(ABI).and_then(|name| {
            self.files.abi.iter().find(|file| Some(file.name.as_str()) == name.strip_suffix(".h"))
        });
        let beside = |name| self.files.companions.get(name);
        let shown = shown.or_else(|| error.file.strip_prefix(BESIDE).and_then(beside));
        let file = shown.map_or(error.file.as_str(), |file| &file.shown);
        format!("{file}:{}", error.line)
    }
}

fn found(files: &Files, file: &File, answers: &Answers<'_>) -> Found {
    let other = |seen: &str| match seen.strip_prefix(BESIDE) {
        Some(name) => files.companions.get(name).map_or(seen, |file| &file.shown).to_string(),
        None => seen.trim_start_matches(STAND_INS).to_string(),
    };
    answers.header(&format!("{ABI}{}.h", file.name), &file.shown, &file.scan, &other)
}

fn answers<'a>(unit: &'a Unit, asked: &'a Asked) -> Answers<'a> {
    let on_questions = asked.errors.iter().filter(|error| error.file == clang::UNIT);
    let refused = on_questions
        .filter_map(|error| Some((unit.asked_on(error.line)?, error.message.as_str())))
        .collect();
    Answers::new(unit, &asked.answer, refused)
}

/// The errors that are not about a question.
fn spoilt<'a>(unit: &'a Unit, asked: &'a Asked) -> impl Iterator<Item = &'a Diagnostic> {
    let is_question = |error: &&Diagnostic| {
        error.file == clang::UNIT && !error.fatal && unit.asked_on(error.line).is_some()
    };
    asked.errors.iter().filter(move |error| !is_question(error))
}

fn is_answered(asked: &Asked) -> bool {
    Unit::is_answered_by(&asked.answer.declarations)
}

/// What clang says where something is missing that one declaration needs, and goes on behind it.
const OF_ONE_ITEM: &[&str] =
    &["unknown type name", "field has incomplete type", "use of undeclared identifier"];

/// What clang says of a check that a header makes of itself: it declares nothing.
const OF_A_CHECK: &[&str] = &["static assertion failed", "no member named"];

/// Whether an error leaves everything in the header as it is.
fn is_of_a_check(error: &Diagnostic) -> bool {
    !error.fatal && OF_A_CHECK.iter().any(|message| error.message.starts_with(message))
}

/// Whether an error leaves everything else in the header as it is.
fn is_of_one_item(file: &File, error: &Diagnostic) -> bool {
    let known = OF_ONE_ITEM.iter().any(|message| error.message.starts_with(message));
    !error.fatal && known && item_at(file, error.line).is_some()
}

/// The struct, union or enum that a line belongs to.
fn item_at(file: &File, line: usize) -> Option<&str> {
    let tag = file.scan.tags.iter().rev().find(|tag| tag.line <= line)?;
    let between = file.scan.defines.iter().any(|define| (tag.line..line).contains(&define.line));
    (!between).then_some(tag.name.as_str())
}

/// Takes an item out that has an error, with everything that embeds it.
fn spoil(file: &File, error: &Diagnostic, found: &mut Found) {
    let why = format!("{}:{}: {}", file.shown, error.line, error.message);
    let mut gone: Vec<String> = item_at(file, error.line).into_iter().map(Into::into).collect();
    while let Some(name) = gone.pop() {
        let (out, kept) = std::mem::take(&mut found.items).into_iter().partition(|item| {
            let embeds = |record: &Record| {
                record.fields.iter().any(|field| field.ty.embedded() == Some(&name))
            };
            item.name() == name || item.record().is_some_and(embeds)
        });
        let out: Vec<Item> = out;
        found.items = kept;
        for item in out {
            found.untold.extend(item.constants().map(|c| (c.name.clone(), why.clone())));
            gone.extend((item.name() != name).then(|| item.name().to_string()));
        }
        // This says where and why, which what was said of it before does not.
        found.untold.retain(|(item, _)| *item != name);
        found.untold.push((name, why.clone()));
    }
}
