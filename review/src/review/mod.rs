// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges patches: each by itself, and the series as a whole.
//!
//! On a base, each patch is applied in memory, and what it makes is compared with what was there. A
//! string that the base has is released; one that the series itself brings may still change in it.
//! Without a base, or where a patch does not fit it, the hunks are read as far as they reach
//! ([`hunks`]), and what could not be known is said.

pub mod hunks;

use crate::diff::open::{self, Files};
use crate::diff::pages::PageMemo;
use crate::diff::{compare, Side};
use crate::patch::{apply, FilePatch, Patch};
use crate::policy::{checks, judge, Baseline, Class, Level, Options, Report};
use crate::report::{Document, Section};
use kho_abi_model::{Model, Target, ABI_DIR};
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::git::revision;
use kho_abi_read::git::Git;
use kho_abi_read::source::{self, Kind, Knows, Reading, SourceError};

/// What patches are made for.
#[derive(Clone, Debug)]
pub struct Base {
    /// The source, as it was asked for.
    pub name: String,
    /// Its headers, by their path in a kernel tree.
    pub files: Files,
    /// The tree that they are from, where it is a whole one.
    pub tree: Option<source::Tree>,
}

impl Base {
    /// The base that a word names.
    ///
    /// # Errors
    ///
    /// A word that is neither a directory with headers nor a revision that has some.
    pub fn open(word: &str, options: &source::Options) -> Result<Self, SourceError> {
        let dir = std::path::Path::new(word);
        let (files, tree) = match word.strip_prefix("git:") {
            Some(rev) => {
                let tree = revision::tree_of_rev(rev, options)?;
                (revision::files_of_rev(rev, options)?, Some(tree))
            }
            None => (open::files_of_dir(dir)?, kho_abi_read::headers::tree_of_dir(dir)),
        };
        // What is beside the ABI's headers is looked up in the tree.
        let of_it = |path: &str| !kho_abi_read::headers::is_companion_path(path);
        let files = files.into_iter().filter(|(path, _)| of_it(path));
        let files = files.map(|(path, bytes)| (tree_path(&path), bytes)).collect();
        Ok(Self { name: word.into(), files, tree })
    }
}

/// The path of a header in a kernel tree, wherever it lies in another one.
fn tree_path(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("include/{ABI_DIR}/{name}")
}

/// One step of a series: what it is called, and the headers that it leaves.
struct Step {
    title: String,
    files: Files,
    /// What a patch without a base shows in part.
    partial: Vec<hunks::Partial>,
    /// What could not be known.
    unknown: Vec<String>,
}

/// Judges patches, in their order.
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
    let mut files = base.map(|base| base.files.clone()).unwrap_or_default();
    let start = files.clone();
    let mut steps = Vec::new();
    for patch in patches {
        let mut step = Step {
            title: patch.title(),
            files: files.clone(),
            partial: Vec::new(),
            unknown: Vec::new(),
        };
        let touched = |file: &&FilePatch| {
            [&file.old, &file.new].into_iter().flatten().any(|path| is_abi_header(path))
        };
        let mut any = false;
        for file in patch.files.iter().filter(touched) {
            any = true;
            one_file(file, base, &mut step);
        }
        if any {
            files.clone_from(&step.files);
            steps.push(step);
        }
    }
    let name = base.map_or("before the series", |base| base.name.as_str());
    let tree = base.and_then(|base| base.tree.clone());
    let reading = &source::Options { tree, ..reading.clone() };
    judged(name, &start, &steps, base.is_some(), patches.len(), reading, options)
}

/// Judges the commits of a range, oldest first.
///
/// # Errors
///
/// A range that there is not, and headers that the compiler refuses.
pub fn range(
    range: &str,
    reading: &source::Options,
    options: &Options,
) -> Result<Document, SourceError> {
    let git = Git::find(reading.git_dir.as_deref())?;
    let bad = |why: &str| SourceError::Git {
        rev: range.into(),
        why: why.into(),
        help: "give a range as BASE..TIP".into(),
    };
    let (from, to) = range.split_once("..").ok_or_else(|| bad("it is no range"))?;
    if to.starts_with('.') {
        return Err(bad("a range with three dots has no base"));
    }
    let (from, to) = (git.commit(from)?, git.commit(if to.is_empty() { "HEAD" } else { to })?);
    let headers = |commit: &str| -> Result<Files, SourceError> {
        let entries = git.entries(commit, commit)?;
        let mut blobs = git.blobs()?;
        let read = entries.iter().map(|(path, id)| Ok((tree_path(path), blobs.get(id)?)));
        read.collect()
    };
    // What headers use of others is looked up where the range ends.
    let tree = revision::tree_of_rev(&to, reading)?;
    let reading = &source::Options { tree: Some(tree), ..reading.clone() };
    let list = git.run(
        range,
        &["log", "--reverse", "--topo-order", "--format=%H %s", &format!("{from}..{to}")],
    )?;
    let list = String::from_utf8_lossy(&list).into_owned();
    let start = headers(&from)?;
    let mut latest = start.clone();
    let mut steps = Vec::new();
    let mut commits = 0;
    for line in list.lines() {
        commits += 1;
        let (commit, subject) = line.split_once(' ').unwrap_or((line, ""));
        let files = headers(commit)?;
        if files == latest {
            continue;
        }
        latest.clone_from(&files);
        let short = commit.get(..12).unwrap_or(commit);
        let title = format!("{short} {subject}");
        steps.push(Step { title, files, partial: Vec::new(), unknown: Vec::new() });
    }
    judged(range, &start, &steps, true, commits, reading, options)
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
            if let Some(old) = &old {
                step.files.remove(old);
            }
            if let (Some(new), Some(made)) = (new, made) {
                step.files.insert(new, made.into_bytes());
            }
        }
        Err(error) => {
            if base.is_some() {
                step.unknown.push(format!(
                    "it does not apply to the base: {error}; what follows is read from its hunks"
                ));
            }
            step.partial.push(hunks::read(file, &mut step.unknown));
        }
    }
}

/// A side that has nothing.
pub(crate) fn nothing(name: &str) -> Side {
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
    // What a patch removes is not there, and nothing else is.
    side.reading.knows.headers = true;
    Ok(side)
}

fn judged(
    name: &str,
    start: &Files,
    steps: &[Step],
    has_base: bool,
    patches: usize,
    reading: &source::Options,
    options: &Options,
) -> Result<Document, SourceError> {
    let memo = PageMemo::default();
    let first = read(name, start, reading, &memo)?;
    // What the base has is released, unless the caller says otherwise.
    let options = match &options.baseline {
        Baseline::Old => Options {
            baseline: Baseline::Released(Box::new(first.reading.clone())),
            ..options.clone()
        },
        _ => options.clone(),
    };
    let mut sections = Vec::new();
    let mut last = first.clone();
    for step in steps {
        let mut now = read(&step.title, &step.files, reading, &memo)?;
        let mut report = judge(&compare(&last, &now), &options);
        for partial in &step.partial {
            hunks::judge(partial, reading, &options, &mut report);
        }
        now.reading.name.clone_from(&step.title);
        of_the_patch(&mut report);
        let mut unknown = step.unknown.clone();
        if !has_base {
            unknown.push(
                "no base is given: whether a kernel has these strings already is not known".into(),
            );
        }
        sections.push(Section { title: step.title.clone(), report, unknown });
        last = now;
    }
    if steps.is_empty() {
        let report = judge(&compare(&first, &first), &options);
        let unknown = Vec::new();
        let title = format!("none of {patches} touches the headers of the handover ABI");
        return Ok(Document {
            command: "review",
            sections: vec![Section { title, report, unknown }],
        });
    }
    if steps.len() > 1 {
        let mut now = last;
        now.reading.name = "after the series".into();
        let mut report = judge(&compare(&first, &now), &options);
        of_the_patch(&mut report);
        for section in &sections {
            carry(&section.report, &mut report, steps);
        }
        for section in &mut sections {
            resolved(&mut section.report, &report);
        }
        sections.push(Section {
            title: "The series as a whole".into(),
            report,
            unknown: Vec::new(),
        });
    }
    Ok(Document { command: "review", sections })
}

/// Leaves out what the patch has nothing to do with.
fn of_the_patch(report: &mut Report) {
    let flaw = |id: &str| {
        let mut rules = checks::REGISTRY.iter();
        rules.any(|rule| rule.rule.id == id && rule.class == Class::Flaw)
    };
    report.events.retain(|event| event.level != Level::Note || !flaw(&event.rule));
    let of_headers = Kind::Headers.plural();
    report.not_checked.retain(|gap| !gap.why.starts_with(of_headers));
}

/// What was read from hunks alone belongs to the series as well: no later patch is known to undo it.
fn carry(from: &Report, to: &mut Report, steps: &[Step]) {
    let partial = steps.iter().flat_map(|step| &step.partial);
    let names: Vec<_> = partial.map(hunks::Partial::string).collect();
    for contract in
        from.contracts.iter().filter(|c| c.new.as_ref().is_some_and(|s| names.contains(s)))
    {
        if !to.contracts.iter().any(|other| other.new == contract.new) {
            to.contracts.push(contract.clone());
        }
    }
    for event in &from.events {
        let of_partial = event.contracts.iter().any(|name| names.contains(name));
        if of_partial && !to.events.contains(event) {
            to.events.push(event.clone());
        }
    }
}

/// What a later patch of the series puts right is a note: each patch is built, and may be shipped.
fn resolved(report: &mut Report, series: &Report) {
    for event in &mut report.events {
        let still = series.events.iter().any(|other| {
            (&other.rule, &other.item) == (&event.rule, &event.item)
                && matches!(other.level, Level::Finding | Level::Follows)
        });
        if matches!(event.level, Level::Finding | Level::Follows) && !still {
            event.level = Level::Note;
            event.help = "nothing: a later patch of the series puts it right".into();
        }
    }
}
