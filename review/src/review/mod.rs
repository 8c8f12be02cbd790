// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges patches: each by itself, and the series as a whole.
//!
//! With a base, each patch is applied in memory, and the result is compared with what was there
//! before. A string that the base has is released. A string that the series itself adds may still
//! change within the series. Without a base, or if a patch does not apply, the hunks are read as
//! far as possible ([`hunks`]), and the report says what is unknown.

mod base;
mod code;
pub mod hunks;
mod range;
mod series;
mod spoken;
mod used;

pub use base::{is_without_headers, source_word, Base};
pub use range::{range, revision_range};

use crate::diff::open::{self, Files};
use crate::diff::pages::PageMemo;
use crate::diff::Side;
use crate::document::{Document, Quote, Reply};
use crate::patch::{apply, FilePatch, Patch, PatchError, Series};
use crate::policy::{checks, Class, Finding, Level, Options, Report};
use base::tree_path;
use code::Touched;
use kho_abi_model::rule::Rule;
use kho_abi_model::{Model, Place, Target};
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::source::{self, Kind, Knows, Reading, SourceError};
use std::collections::BTreeMap;
use used::Used;

/// The rules that only a review checks, sorted by id.
pub const RULES: &[Rule] = &[
    Rule {
        id: "change_not_judged",
        summary: "A patch changes an ABI header, but does not show what that means.",
        reason: "A hunk shows a few lines. Their effect on the handed-over bytes may depend on lines that it does not show, and what is unseen does not count as fine.",
        example: "A hunk adds an enumerator below `ONE,`, but shows neither the enum's name nor the header's compatible string.",
        remedy: "Give the tree that the patch is made for, with --base.",
    },
    Rule {
        id: "code_not_judged",
        summary: "A patch changes handover code outside the ABI headers, which is not compared.",
        reason: "Code can change what it writes to preserved memory without a change in a header: another value in a field, another property in a device tree, a struct declared in the .c file. Only a new version of the header that covers the code covers such a change.",
        example: "A patch to mm/memfd_luo.c adds a field to a packed struct that this file declares.",
        remedy: "Check what the code writes and reads. Declare in include/linux/kho/abi what is handed over.",
    },
    Rule {
        id: "patch_does_not_apply",
        summary: "A patch does not apply to the given base.",
        reason: "This tree does not show what the patch does to another. It is judged by its hunks, or as if its white space were the tree's. Neither is a proof.",
        example: "A mail program replaced the tabs of a patch with spaces, or --base names a tree that already has the patch.",
        remedy: "Give the tree that the patch is made for, with --base, or save the mail as it was sent.",
    },
];

/// Something that was not judged, and so is not fine.
struct Unjudged {
    rule: &'static str,
    item: String,
    place: Option<Place>,
    what: String,
    help: String,
}

impl Unjudged {
    fn event(self) -> Finding {
        Finding {
            rule: self.rule.into(),
            level: Level::Finding,
            item: self.item,
            place: self.place,
            what: self.what,
            consequences: Vec::new(),
            contracts: Vec::new(),
            diff: String::new(),
            help: self.help,
        }
    }
}

/// One step of a series: its name, and the headers before and after it.
#[derive(Default)]
struct Step {
    title: String,
    before: Files,
    files: Files,
    /// What a patch without a base shows in part.
    partial: Vec<hunks::Partial>,
    /// Code of the handover that changes.
    code: Vec<Touched>,
    /// Whether it touches an ABI header.
    is_abi: bool,
    /// Why it does not apply to the base.
    misfits: Vec<Unjudged>,
    /// What could not be known.
    unknown: Vec<String>,
    /// What else is worth knowing.
    notes: Vec<String>,
    /// The mail to answer, and the hunks that may be quoted.
    reply: Option<Reply>,
    quotes: Vec<Quote>,
}

/// Judges the patches that were picked from an input.
///
/// # Errors
///
/// As [`patches`].
pub fn series(
    series: &Series,
    base: Option<&Base>,
    reading: &source::Options,
    options: &Options,
) -> Result<Document, SourceError> {
    let mut document = patches(&series.patches, base, reading, options)?;
    if let Some(section) = document.sections.first_mut() {
        section.notes.extend(series.notes.iter().cloned());
        section.unknown.extend(series.unknown.iter().cloned());
        section.report.events.extend(series.errors.iter().map(|error| {
            let (rule, item, place) = ("change_not_judged", "a mail".into(), None);
            let what = match error {
                PatchError::NoPatch { name, why } => format!("{name} was not read{why}"),
                _ => format!("a patch cannot be read: {error}"),
            };
            Unjudged { rule, item, place, what, help: error.help() }.event()
        }));
    }
    Ok(document)
}

/// Judges patches, in their order. Each series is judged by itself, on the base; one that does not apply
/// to it is tried on what the patches before it make of it.
///
/// # Errors
///
/// Headers that the compiler refuses, before or after a patch.
pub fn patches(
    patches: &[Patch],
    base: Option<&Base>,
    reading: &source::Options,
    options: &Options,
) -> Result<Document, SourceError> {
    let name = base.map_or("before the series", |base| base.name.as_str());
    let tree = base.and_then(|base| base.tree.clone());
    let reading = &source::Options { tree, ..reading.clone() };
    let about = series::About { name, has_base: base.is_some(), patches: patches.len() };
    let mut judge = series::Judge::new(&about, reading, options);
    let all: Vec<&[Patch]> = patches.chunk_by(|a, b| a.series == b.series).collect();
    let mut behind = base.map(|base| base.files.clone()).unwrap_or_default();
    let mut memo = None;
    for of_series in &all {
        let mut start = base.map_or_else(|| removed(of_series), |base| base.files.clone());
        let (mut steps, mut end) = steps_of(of_series, &start, base, &mut memo);
        let fits = |steps: &[Step]| {
            steps.iter().all(|step| step.partial.is_empty() && step.misfits.is_empty())
        };
        if base.is_some() && all.len() > 1 {
            let on_top = steps_of(of_series, &behind, base, &mut memo);
            if fits(&on_top.0) {
                let before = std::mem::replace(&mut behind, on_top.1.clone());
                if !fits(&steps) {
                    (start, (steps, end)) = (before, on_top);
                    if let Some(first) = steps.first_mut() {
                        first.notes.push(
                            "it applies to the patches before it, but not to the base alone".into(),
                        );
                    }
                }
            }
        }
        judge.series(&(start, end), steps, all.len() > 1)?;
    }
    Ok(judge.document())
}

/// The steps of a series from a start, and the headers after them. An archive has thousands of series on
/// one start: `memo` keeps what its headers use.
fn steps_of(
    patches: &[Patch],
    start: &Files,
    base: Option<&Base>,
    memo: &mut Option<(Files, Used)>,
) -> (Vec<Step>, Files) {
    let mut files = start.clone();
    let mut steps = Vec::new();
    if memo.as_ref().is_none_or(|(of, _)| of != start) {
        *memo = None;
    }
    let (_, used) = memo.get_or_insert_with(|| (start.clone(), used_by([start])));
    for patch in patches {
        let mut step = Step {
            title: patch.title(),
            before: files.clone(),
            files: files.clone(),
            reply: Reply::to(patch),
            ..Step::default()
        };
        let mut created = Vec::new();
        for file in &patch.files {
            let is_abi =
                [&file.old, &file.new].into_iter().flatten().any(|path| is_abi_header(path));
            let is_mode = file.hunks.is_empty() && !file.binary && file.old == file.new;
            if is_abi && !is_mode {
                step.is_abi = true;
                step.quotes.extend(Quote::of(file));
                one_file(file, base, &mut step);
                let texts = file.new.iter().filter(|_| file.old.is_none());
                let texts = texts.filter_map(|new| step.files.get(&tree_path(new)));
                created.extend(texts.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
            }
            step.code.extend(code::touch(file, used));
        }
        hunks::follow_moves(&mut step.partial, &created);
        if step.is_abi || !step.code.is_empty() {
            files.clone_from(&step.files);
            steps.push(step);
        }
    }
    (steps, files)
}

/// What headers use of others.
fn used_by<'a>(files: impl IntoIterator<Item = &'a Files>) -> Used {
    let texts =
        files.into_iter().flat_map(BTreeMap::values).map(|bytes| String::from_utf8_lossy(bytes));
    let texts: Vec<_> = texts.collect();
    Used::of(texts.iter().map(AsRef::as_ref))
}

/// The headers that patches remove: a patch shows the whole content of a file that it removes.
fn removed(patches: &[Patch]) -> Files {
    let mut found = Files::new();
    let mut made = Vec::new();
    for file in patches.iter().flat_map(|patch| &patch.files) {
        match (&file.old, &file.new, file.hunks.as_slice()) {
            (Some(old), None, [hunk]) if is_abi_header(old) && hunk.old_start == 1 => {
                let path = tree_path(old);
                if !made.contains(&path) {
                    found.entry(path).or_insert_with(|| hunk.text(false).into_bytes());
                }
            }
            (_, Some(new), _) if is_abi_header(new) => made.push(tree_path(new)),
            _ => {}
        }
    }
    found
}

fn one_file(file: &FilePatch, base: Option<&Base>, step: &mut Step) {
    let path = |side: &Option<String>| {
        side.as_ref().filter(|path| is_abi_header(path)).map(|path| tree_path(path))
    };
    let (old, new) = (path(&file.old), path(&file.new));
    let text = old.as_ref().and_then(|old| step.files.get(old));
    let text = text.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let exists = new.as_ref().is_some_and(|new| step.files.contains_key(new));
    let applied = match (&old, text.as_deref()) {
        (None, _) if exists => apply::apply(file, Some("")),
        (_, text) => apply::apply(file, text),
    };
    match applied {
        Ok(made) => {
            put(file, old.as_ref(), new, made, step);
        }
        Err(error) => {
            let differs = matches!(error, apply::ApplyError::Differs { .. });
            let loosely = (base.is_some() && differs)
                .then(|| apply::apply_loosely(file, text.as_deref()).ok())
                .flatten();
            // A diff that does not show its content is reported by itself.
            if base.is_some() && !file.binary {
                step.misfits.push(misfit(file, &error, text.as_deref(), loosely.is_some()));
            }
            match loosely {
                Some(made) => put(file, old.as_ref(), new, made, step),
                None => step.partial.push(hunks::read(file, &mut step.unknown)),
            }
        }
    }
}

/// Takes over what a patch makes of a file.
fn put(
    file: &FilePatch,
    old: Option<&String>,
    new: Option<String>,
    made: Option<String>,
    step: &mut Step,
) {
    if let Some(old) = old.filter(|_| !file.is_copy) {
        step.files.remove(old);
    }
    if let (Some(new), Some(made)) = (new, made) {
        step.files.insert(new, made.into_bytes());
    }
}

/// Says why a patch does not apply.
fn misfit(
    file: &FilePatch,
    error: &apply::ApplyError,
    text: Option<&str>,
    is_blanks_alone: bool,
) -> Unjudged {
    let path = file.old.as_ref().or(file.new.as_ref()).cloned().unwrap_or_default();
    let line = match error {
        apply::ApplyError::Differs { line, .. } => *line,
        _ => 1,
    };
    let (what, help) = if is_blanks_alone {
        (
            "it does not apply to the base: its white space differs, as if a mail program had \
             damaged it; it is judged as if the white space matched"
                .into(),
            "save the mail as it was sent (b4 am, or the archive's raw or mbox link)",
        )
    } else if apply::is_applied(file, text) {
        (
            "it does not apply to the base: the base already has its changes".into(),
            "give the tree that the patch is made for, with --base: the one before it",
        )
    } else {
        (
            format!("it does not apply to the base: {error}; what follows is read from its hunks"),
            "give the tree that the patch is made for, with --base",
        )
    };
    Unjudged {
        rule: "patch_does_not_apply",
        item: path.clone(),
        place: Some(Place { file: path, line }),
        what,
        help: help.into(),
    }
}

/// A side without headers.
#[must_use]
pub fn nothing(name: &str) -> Side {
    let target = Target { page_size: None, ..Target::X86_64 };
    Side::new(Reading {
        name: name.into(),
        kind: Kind::Headers,
        model: Model { target, headers: Vec::new(), other_pages: Vec::new() },
        knows: Knows { nodes: false, ..Knows::ALL },
        gaps: Vec::new(),
    })
}

fn read(
    name: &str,
    files: &Files,
    options: &source::Options,
    memo: &PageMemo,
) -> Result<Side, SourceError> {
    if files.is_empty() {
        return Ok(nothing(name));
    }
    let mut side = open::of_files_with(name, files, options, memo)?;
    // Only headers that a patch removes are missing.
    side.reading.knows.headers = true;
    Ok(side)
}

/// Leaves out what is unrelated to the patch.
fn restrict_to_patch(report: &mut Report) {
    let flaw = |id: &str| {
        let mut rules = checks::REGISTRY.iter();
        rules.any(|rule| rule.rule.id == id && rule.class == Class::Flaw)
    };
    report.events.retain(|event| event.level != Level::Note || !flaw(&event.rule));
    let of_headers = Kind::Headers.plural();
    report.not_checked.retain(|gap| !gap.why.starts_with(of_headers));
}
