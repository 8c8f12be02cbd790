// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Applies a patch to files in memory.

use super::{FilePatch, Hunk, Line};

/// Why a patch does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The file is not there.
    #[error("{file} is not in the base")]
    NoFile {
        /// The file.
        file: String,
    },
    /// The file exists, but the patch creates it.
    #[error("{file} is already in the base")]
    Exists {
        /// The file.
        file: String,
    },
    /// The file's lines differ from those in the patch.
    #[error("{file}: the lines from {line} do not match the patch")]
    Differs {
        /// The file.
        file: String,
        /// The line that the hunk names.
        line: usize,
    },
    /// The diff does not show the content.
    #[error("{file}: the patch does not show its content")]
    Binary {
        /// The file.
        file: String,
    },
}

/// The most lines by which a hunk may be off its stated position.
const MAX_DRIFT: usize = 2000;

/// The content of a file after a patch; `None` if the patch removes it.
///
/// # Errors
///
/// [`ApplyError`] if the file is not the one that the patch was made for.
pub fn apply(patch: &FilePatch, base: Option<&str>) -> Result<Option<String>, ApplyError> {
    apply_where(patch, base, |a, b| a == b)
}

/// As [`apply`], for a patch whose white space was changed on its way: tabs are blanks, or blanks are
/// others. Lines that stay are the file's own.
///
/// # Errors
///
/// As [`apply`].
pub fn apply_loosely(patch: &FilePatch, base: Option<&str>) -> Result<Option<String>, ApplyError> {
    apply_where(patch, base, |a, b| a.split_whitespace().eq(b.split_whitespace()))
}

/// Whether a file has what a patch makes of it: the patch was applied before.
#[must_use]
pub fn is_applied(patch: &FilePatch, base: Option<&str>) -> bool {
    let undone = |hunk: &Hunk| Hunk {
        old_start: hunk.new_start,
        new_start: hunk.old_start,
        heading: hunk.heading.clone(),
        lines: hunk
            .lines
            .iter()
            .map(|line| match line {
                Line::Context(text) => Line::Context(text.clone()),
                Line::Removed(text) => Line::Added(text.clone()),
                Line::Added(text) => Line::Removed(text.clone()),
            })
            .collect(),
    };
    let (old, new) = (patch.new.clone(), patch.old.clone());
    let hunks: Vec<Hunk> = patch.hunks.iter().map(undone).collect();
    let is_change = !hunks.is_empty() && !patch.binary;
    let patch = FilePatch { old, new, hunks, ..FilePatch::default() };
    is_change && apply(&patch, base).is_ok()
}

fn apply_where(
    patch: &FilePatch,
    base: Option<&str>,
    same: fn(&str, &str) -> bool,
) -> Result<Option<String>, ApplyError> {
    let file = patch.old.as_ref().or(patch.new.as_ref()).cloned().unwrap_or_default();
    if patch.binary {
        return Err(ApplyError::Binary { file });
    }
    let base = match (&patch.old, base) {
        (None, None) => "",
        (None, Some(_)) => return Err(ApplyError::Exists { file }),
        (Some(_), None) => return Err(ApplyError::NoFile { file }),
        (Some(_), Some(base)) => base,
    };
    let mut lines: Vec<&str> = base.lines().collect();
    let mut drift: isize = 0;
    for hunk in &patch.hunks {
        let wanted = before(hunk);
        let at = hunk.old_start.saturating_sub(1).saturating_add_signed(drift);
        let Some(found) = find(&lines, &wanted, at, same) else {
            return Err(ApplyError::Differs { file, line: hunk.old_start });
        };
        let mut kept = lines[found..found + wanted.len()].iter().copied();
        let made: Vec<&str> = hunk
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Context(_) => kept.next(),
                Line::Removed(_) => kept.next().and(None),
                Line::Added(text) => Some(text.as_str()),
            })
            .collect();
        let (was, is) = (wanted.len(), made.len());
        lines.splice(found..found + was, made);
        let signed = |value: usize| isize::try_from(value).unwrap_or(isize::MAX);
        drift = signed(found) - signed(hunk.old_start.saturating_sub(1)) + signed(is) - signed(was);
    }
    if patch.new.is_none() {
        return Ok(None);
    }
    let mut text = lines.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(Some(text))
}

fn before(hunk: &Hunk) -> Vec<&str> {
    hunk.lines
        .iter()
        .filter_map(|line| match line {
            Line::Context(text) | Line::Removed(text) => Some(text.as_str()),
            Line::Added(_) => None,
        })
        .collect()
}

/// The position of the lines, nearest to the expected one.
fn find(lines: &[&str], wanted: &[&str], at: usize, same: fn(&str, &str) -> bool) -> Option<usize> {
    let fits = |start: usize| {
        lines
            .get(start..start.checked_add(wanted.len())?)
            .is_some_and(|found| found.iter().zip(wanted).all(|(a, b)| same(a, b)))
            .then_some(start)
    };
    if wanted.is_empty() {
        return (at <= lines.len()).then_some(at);
    }
    (0..=MAX_DRIFT).find_map(|distance| {
        fits(at.saturating_add(distance)).or_else(|| fits(at.checked_sub(distance)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(lines: &[(char, &str)], old_start: usize) -> FilePatch {
        let line = |(sign, text): &(char, &str)| match sign {
            '-' => Line::Removed((*text).into()),
            '+' => Line::Added((*text).into()),
            _ => Line::Context((*text).into()),
        };
        let lines = lines.iter().map(line).collect();
        let heading = String::new();
        let hunk = Hunk { old_start, new_start: old_start, heading, lines };
        FilePatch {
            old: Some("f".into()),
            new: Some("f".into()),
            hunks: vec![hunk],
            ..FilePatch::default()
        }
    }

    #[test]
    fn hunks_are_found_where_they_have_drifted_to() {
        let change = patch(&[(' ', "b"), ('-', "c"), ('+', "C"), ('+', "D")], 1);
        let made = apply(&change, Some("x\ny\nb\nc\nz\n")).unwrap();
        assert_eq!(made.as_deref(), Some("x\ny\nb\nC\nD\nz\n"));
        assert_eq!(
            apply(&change, Some("x\nc\n")),
            Err(ApplyError::Differs { file: "f".into(), line: 1 })
        );
        assert_eq!(apply(&change, None), Err(ApplyError::NoFile { file: "f".into() }));
    }

    #[test]
    fn what_a_mailer_did_and_what_is_there_already_are_recognised() {
        let change = patch(&[(' ', "    b"), ('-', "        c"), ('+', "        d")], 1);
        assert!(apply(&change, Some("\tb\n\tc\n")).is_err());
        let made = apply_loosely(&change, Some("\tb\n\tc\n")).unwrap();
        assert_eq!(made.as_deref(), Some("\tb\n        d\n"));
        assert!(apply_loosely(&change, Some("\tb\n\tcc\n")).is_err());
        assert!(is_applied(&change, Some("    b\n        d\n")));
        assert!(!is_applied(&change, Some("    b\n        c\n")));
        assert!(!is_applied(&change, None));
    }

    #[test]
    fn files_come_and_go() {
        let mut new = patch(&[('+', "a")], 1);
        new.old = None;
        assert_eq!(apply(&new, None).unwrap().as_deref(), Some("a\n"));
        assert_eq!(apply(&new, Some("a\n")), Err(ApplyError::Exists { file: "f".into() }));
        let mut gone = patch(&[('-', "a")], 1);
        gone.new = None;
        assert_eq!(apply(&gone, Some("a\n")).unwrap(), None);
    }

    #[test]
    fn several_hunks_shift_each_other() {
        let mut change = patch(&[('+', "0"), (' ', "a")], 1);
        change.hunks.push(Hunk {
            old_start: 3,
            new_start: 4,
            heading: String::new(),
            lines: vec![Line::Context("c".into()), Line::Added("d".into())],
        });
        assert_eq!(apply(&change, Some("a\nb\nc\n")).unwrap().as_deref(), Some("0\na\nb\nc\nd\n"));
    }
}
