// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds the frozen layouts that a word names: a project's, by its file or its directory, or their own directory.

use super::{at, Found, Project, ProjectError, FILE};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::SourceError;
use kho_abi_read::{checkout, snapshots};
use std::path::{Path, PathBuf};

/// The catalogue that a word names, and the directory of its layouts.
///
/// # Errors
///
/// A word that names none, and layouts that cannot be read or contradict each other.
pub fn open(word: &Path) -> Result<(Catalogue, PathBuf), ProjectError> {
    let about = std::fs::metadata(word).map_err(checkout::at(word))?;
    let dir = if about.is_file() {
        // The file of a project, and of nothing else.
        if word.file_name().is_none_or(|name| name != FILE) {
            return Err(no_catalogue(word).into());
        }
        let top = word.parent().filter(|top| *top != Path::new("")).unwrap_or(Path::new("."));
        Project::at(top)?.layouts().dir().to_path_buf()
    } else if Layouts::at(word, Path::new("")).files()?.is_empty() {
        match at(word) {
            Ok(Found::Project(project)) => project.layouts().dir().to_path_buf(),
            Ok(Found::Checkout(checkout)) => checkout.snapshots_dir(),
            Err(ProjectError::NotFound { .. }) => return Err(no_catalogue(word).into()),
            Err(error) => return Err(error),
        }
    } else {
        word.to_path_buf()
    };
    if !dir.is_dir() {
        return Err(SourceError::NotASource {
            name: word.display().to_string(),
            why: format!("there is no frozen layout in {}", dir.display()),
            help: "run `kho-abi freeze` there first".into(),
        }
        .into());
    }
    Ok((snapshots::catalogue(&dir)?, dir))
}

fn no_catalogue(word: &Path) -> SourceError {
    SourceError::NotASource {
        name: word.display().to_string(),
        why: "it is not a catalogue".into(),
        help: format!("give a {FILE}, a directory with one, or a directory with frozen layouts"),
    }
}
