// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a word on the command line asks to judge: a header, a tree, another source, patches.

use super::{event, judge};
use crate::diff::open::{self, Files};
use crate::patch::{self, apply, FilePatch, Inbox, Line, Patch, PatchError};
use crate::policy::sides::not_linted;
use crate::policy::{Finding, Hit, Level, Options, Report};
use crate::review::{nothing, Base};
use kho_abi_model::{Header, Place, ABI_DIR};
use kho_abi_read::git::history::is_abi_header;
use kho_abi_read::headers;
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::names;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Why a word cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// It is not a source, or cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is not a patch that can be read.
    #[error(transparent)]
    Patch(#[from] PatchError),
}

impl LintError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Source(error) => error.help(),
            Self::Patch(error) => error.help(),
        }
    }
}

/// Judges what a word names: a header, a directory or any other source, a file with patches, or `-`
/// for patches on standard input.
///
/// # Errors
///
/// A word that names none of these, and input that cannot be read.
pub fn lint(
    word: &str,
    base: Option<&Base>,
    reading: &source::Options,
    options: &Options,
) -> Result<Report, LintError> {
    let path = names::path(word);
    let path = path.as_path();
    if word == "-" || path.is_file() && !headers::is_header(path) && is_text(path)? {
        let bytes = bytes_of(word, patch::MAX_BYTES as u64 + 1)?;
        let mut inbox = Inbox::default();
        return match inbox.add(word, &bytes).and_then(|()| inbox.series()) {
            Ok(mut series) if !series.errors.is_empty() => Err(series.errors.remove(0).into()),
            Ok(series) => {
                let mut report = patched(word, &series.patches, base, reading, options)?;
                let left_out = series.notes.into_iter().chain(series.unknown);
                let gap = |why| source::Gap { item: word.into(), why };
                report.not_checked.extend(left_out.map(gap));
                Ok(report)
            }
            // A frozen layout is text, too.
            Err(PatchError::NoPatch { .. }) if word != "-" => of_source(word, reading, options),
            Err(error) => Err(error.into()),
        };
    }
    if path.is_file() && headers::is_header(path) {
        return header(word, reading, options);
    }
    of_source(word, reading, options)
}

fn of_source(
    word: &str,
    reading: &source::Options,
    options: &Options,
) -> Result<Report, LintError> {
    Ok(judge(&open::open(word, reading)?, options))
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> SourceError + '_ {
    move |source| SourceError::Io { path: path.into(), source }
}

/// Whether a file is text: its first bytes contain no zero byte, unlike an image.
fn is_text(path: &Path) -> Result<bool, SourceError> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(io_error(path))?;
    file.take(512).read_to_end(&mut start).map_err(io_error(path))?;
    Ok(!start.contains(&0) && !start.starts_with(b"\x7fELF"))
}

fn bytes_of(word: &str, limit: u64) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let path = names::path(word);
    let path = path.as_path();
    if word == "-" {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(io_error(path))?;
    } else {
        let file = File::open(path).map_err(io_error(path))?;
        file.take(limit).read_to_end(&mut bytes).map_err(io_error(path))?;
    }
    Ok(bytes)
}

/// Judges one header. Its neighbours serve its includes.
fn header(word: &str, reading: &source::Options, options: &Options) -> Result<Report, LintError> {
    let side = open::open(word, reading)?;
    let mut report = judge(&side, options);
    let path = names::path(word);
    let stem = path.file_stem().map(names::shown).unwrap_or_default();
    let (own, others): (Vec<&Header>, Vec<&Header>) =
        side.model().headers.iter().partition(|header| header.name == stem);
    let is_own = |place: &Place| own.iter().any(|header| header.file == place.file);
    report.events.retain(|event| event.place.as_ref().is_none_or(is_own));
    for event in &mut report.events {
        if let Some(place) = &mut event.place {
            place.file = word.into();
        }
    }
    report.not_checked.retain(|gap| others.iter().all(|other| other.include_path() != gap.item));
    Ok(report)
}

/// Judges the headers that patches touch, as the patches leave them; with a base, only what they
/// add.
fn patched(
    word: &str,
    patches: &[Patch],
    base: Option<&Base>,
    reading: &source::Options,
    options: &Options,
) -> Result<Report, LintError> {
    let before = base.map(|base| base.files.clone()).unwrap_or_default();
    let mut files = before.clone();
    let mut open = Vec::new();
    let mut hunks = Vec::new();
    let mut touched = 0;
    let tree_path = |path: &Option<String>| {
        let path = path.as_ref().filter(|path| is_abi_header(path))?;
        Some(format!("include/{ABI_DIR}/{}", path.rsplit('/').next().unwrap_or(path)))
    };
    for file in patches.iter().flat_map(|patch| &patch.files) {
        let (old, new) = (tree_path(&file.old), tree_path(&file.new));
        if old.is_none() && new.is_none() {
            continue;
        }
        touched += 1;
        let text = old.as_ref().and_then(|old| files.get(old));
        let text = text.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        match apply::apply(file, text.as_deref()) {
            Ok(made) => {
                if let Some(old) = &old {
                    files.remove(old);
                }
                if let (Some(new), Some(made)) = (new, made) {
                    files.insert(new, made.into_bytes());
                }
            }
            Err(error) => {
                let path = new.or(old).unwrap_or_default();
                hunks.extend(of_hunks(&path, file, options));
                open.push((path, error.to_string()));
            }
        }
    }
    let mut report = judge(&side(word, &files, reading)?, options);
    if !before.is_empty() {
        let was = judge(&side(word, &before, reading)?, options);
        report.events.retain(|event| {
            let same = |other: &&Finding| (&other.rule, &other.item) == (&event.rule, &event.item);
            !was.events.iter().any(|other| same(&other))
        });
    }
    report.events.extend(hunks);
    for (file, why) in open {
        let what = format!("{file} was not checked: {why}");
        let help = match base {
            Some(_) => "give the tree that the patch is made for as --base",
            None => "give the tree that the patch changes as --base",
        };
        let hit = Hit {
            place: Some(Place { file: file.clone(), line: 1 }),
            item: file,
            what,
            help: Some(help.into()),
            ..Hit::default()
        };
        report.events.push(event(&not_linted::RULE, hit, Level::Finding));
    }
    if touched == 0 {
        report.not_checked.push(source::Gap {
            item: word.into(),
            why: "it touches no header of the handover ABI".into(),
        });
    }
    Ok(report)
}

/// Judges the added lines of a patch by themselves, if the header is not available.
fn of_hunks(path: &str, file: &FilePatch, options: &Options) -> Vec<Finding> {
    // The lines do not show whether a type is part of the ABI, or what no version covers.
    const SHOWN: &[&str] = &[
        "bool_in_struct",
        "enum_in_struct",
        "kernel_object_in_struct",
        "layout_depends_on_configuration",
        "long_in_struct",
        "pointer_in_struct",
    ];
    let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".h")).unwrap_or(path);
    let mut found: Vec<Finding> = Vec::new();
    for hunk in &file.hunks {
        let text = hunk.text(true);
        let inside = hunk.heading.trim_end().ends_with('{');
        let begin = if inside { format!("{}\n", hunk.heading) } else { String::new() };
        let mut side = nothing(path);
        side.add_text(name, path, &format!("{begin}{text}\n"));
        for mut event in judge(&side, options).events {
            let field = event.item.rsplit('.').next().unwrap_or_default();
            let at = hunk.lines.iter().filter(|line| !matches!(line, Line::Removed(_)));
            let at = at.enumerate().find(|(_, line)| match line {
                Line::Added(line) => {
                    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    line.split(|c| !is_word(c)).any(|word| word == field)
                }
                _ => false,
            });
            let Some((line, _)) = at else { continue };
            if SHOWN.contains(&event.rule.as_str()) {
                event.place = Some(Place { file: path.into(), line: hunk.new_start + line });
                found.push(event);
            }
        }
    }
    found
}

fn side(
    name: &str,
    files: &Files,
    reading: &source::Options,
) -> Result<crate::diff::Side, SourceError> {
    if files.is_empty() {
        return Ok(nothing(name));
    }
    open::of_files(name, files, reading)
}
