// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds the frozen layouts that a word names: a project's, by its file or its directory, or their own directory.

use super::{at, find, Found, Project, ProjectError, FILE};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::source::SourceError;
use kho_abi_read::{checkout, snapshots};
use kho_abi_show::names;
use std::path::{Path, PathBuf};

/// The catalogue that a word names, and the directory of its layouts. What the project's file says of owners
/// is a part of it.
///
/// # Errors
///
/// A word that names none, and layouts that cannot be read or contradict each other.
pub fn open(word: &Path) -> Result<(Catalogue, PathBuf), ProjectError> {
    let about = std::fs::metadata(word).map_err(checkout::at(word))?;
    let mut declared = Vec::new();
    let dir = if about.is_file() {
        // The file of a project, and of nothing else.
        if word.file_name().is_none_or(|name| name != FILE) {
            return Err(no_catalogue(word).into());
        }
        let top = word.parent().filter(|top| *top != Path::new("")).unwrap_or(Path::new("."));
        let project = Project::at(top)?;
        declared = project.config().declared();
        project.layouts().dir().to_path_buf()
    } else if Layouts::at(word, Path::new("")).files()?.is_empty() {
        match at(word) {
            Ok(Found::Project(project)) => {
                declared = project.config().declared();
                project.layouts().dir().to_path_buf()
            }
            Ok(Found::Checkout(checkout)) => checkout.snapshots_dir(),
            Err(ProjectError::NotFound { .. }) => return Err(no_catalogue(word).into()),
            Err(error) => return Err(error),
        }
    } else {
        if let Some(project) = project_of(word) {
            declared = project.config().declared();
        }
        word.to_path_buf()
    };
    if !dir.is_dir() {
        return Err(SourceError::NotASource {
            name: names::shown(word),
            why: format!("no frozen layout in {}", names::shown(&dir)),
            help: "run `kho-abi freeze` there first".into(),
        }
        .into());
    }
    Ok((snapshots::catalogue(&dir)?.owning(declared), dir))
}

/// The project whose layouts are in that directory.
fn project_of(layouts: &Path) -> Option<Project> {
    let layouts = layouts.canonicalize().ok()?;
    let Ok(Found::Project(project)) = find(&layouts) else { return None };
    let own = project.layouts().dir().canonicalize().ok()?;
    (own == layouts).then_some(project)
}

fn no_catalogue(word: &Path) -> SourceError {
    SourceError::NotASource {
        name: names::shown(word),
        why: "not a catalogue".into(),
        help: format!("give a {FILE}, a directory with one, or a directory with frozen layouts"),
    }
}
