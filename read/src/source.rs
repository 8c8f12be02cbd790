// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The words for sources on the command line: each names something from which the ABI can be read.
//!
//! | Word | What is read |
//! |---|---|
//! | `abi` | the truth that this program was compiled with |
//! | `snapshots` | the frozen layouts of the checkout, the newest version of each contract |
//! | a directory | a kernel tree, or one that holds `include/linux/kho/abi`, or that directory itself |
//! | a file | a vmlinux, a module, a bzImage, raw BTF, a frozen layout: recognised by content |
//! | a file `*.h` | that header, with the ABI headers that it includes |
//! | `git:REV` | the kernel tree, or the headers, in a revision of a git repository |
//!
//! Every word leads to a [`Reading`]: a model, and what this kind of source can show. What it
//! cannot show is not compared, and is reported as not checked.

pub use crate::error::SourceError;
pub use crate::options::{Options, Tree, TreeFile};
pub use kho_abi_model::reading::{Gap, Kind, Knows, Reading};

use crate::bytes::{Bytes as _, FileBytes};
use crate::checkout::Checkout;
use crate::git::revision;
use crate::{headers, image, snapshots};
use kho_abi_show::names;
use std::path::{Path, PathBuf};

/// Reads a source. A path in a word is as [`names::shown`] shows it.
///
/// # Errors
///
/// [`SourceError`] for a word that is not a source, and for a source that cannot be read.
pub fn open(word: &str, options: &Options) -> Result<Reading, SourceError> {
    match word {
        "abi" => {
            return Ok(Reading {
                name: word.into(),
                kind: Kind::Truth,
                model: options.catalogue.current()?.clone(),
                knows: Knows::ALL,
                gaps: Vec::new(),
            })
        }
        "snapshots" => return snapshots::read_dir(word, &snapshots_dir(word, options)?),
        _ => {}
    }
    if let Some(rev) = word.strip_prefix("git:") {
        return revision::read_rev(rev, options);
    }
    let path = names::path(word);
    let path = path.as_path();
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => SourceError::NotASource {
            name: word.into(),
            why: "no such file, and not a known source".into(),
            help: match alike(path) {
                Some(name) => format!("did you mean {name}?"),
                None => "give the path of a file or directory, or abi, snapshots, git:REV".into(),
            },
        },
        _ => SourceError::io(path, error),
    })?;
    if about.is_dir() {
        return headers::read_dir(path, options);
    }
    if !about.is_file() {
        return Err(SourceError::NotASource {
            name: word.into(),
            why: "it is neither a file nor a directory".into(),
            help: "give the path of a file or directory".into(),
        });
    }
    file(word, path, options)
}

/// The file beside a missing one whose name differs by a letter or two, or by their case.
fn alike(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?.to_lowercase();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let entries = std::fs::read_dir(dir.unwrap_or(Path::new("."))).ok()?;
    let names =
        entries.take(MAX_ENTRIES).flatten().filter_map(|e| e.file_name().into_string().ok());
    let by_distance = names.map(|name| (distance(&wanted, &name.to_lowercase()), name));
    let near = by_distance.filter(|(distance, _)| *distance <= 2 && *distance * 3 <= wanted.len());
    let (_, name) = near.min()?;
    Some(names::shown(path.with_file_name(name)))
}

/// How many entries of a directory to look at for a name.
const MAX_ENTRIES: usize = 10_000;

/// How many letters have to be added, removed or changed.
fn distance(one: &str, other: &str) -> usize {
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.bytes().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (index, b) in other.bytes().enumerate() {
            let changed = before + usize::from(a != b);
            before = row[index + 1];
            row[index + 1] = changed.min(before + 1).min(row[index] + 1);
        }
    }
    row[other.len()]
}

/// Reads a file, whose kind its content shows.
fn file(word: &str, path: &Path, options: &Options) -> Result<Reading, SourceError> {
    let bytes = FileBytes::open(path).map_err(|error| SourceError::io(path, error))?;
    let head = bytes.take_up_to(0, 4096).map_err(|error| SourceError::io(path, error))?;
    if image::is_image(&head) {
        return Ok(image::read(path, &bytes, options)?.reading);
    }
    if snapshots::is_frozen(&head) {
        return snapshots::read_file(word, path);
    }
    if headers::is_header(path) {
        return headers::load_file(path, options)?.read(options);
    }
    let is_code =
        path.extension().is_some_and(|end| ["c", "S", "rs"].iter().any(|code| end == *code));
    let why = match (head.is_empty(), is_code) {
        (true, _) => "it is empty",
        (_, true) => "it is code, not a header",
        _ => "not a kernel, a module, a header or a frozen layout",
    };
    Err(SourceError::NotASource {
        name: word.into(),
        why: why.into(),
        help: "give a vmlinux, a module, a bzImage, raw BTF, a header or a frozen layout".into(),
    })
}

/// The frozen layouts that the user named, or those of the checkout around the current directory.
fn snapshots_dir(word: &str, options: &Options) -> Result<PathBuf, SourceError> {
    if let Some(dir) = &options.snapshots {
        return Ok(dir.clone());
    }
    let here = std::env::current_dir().map_err(|error| SourceError::io(Path::new("."), error))?;
    let checkout = Checkout::find(&here).map_err(|error| SourceError::NotASource {
        name: word.into(),
        why: error.to_string(),
        help: error.help(),
    })?;
    Ok(checkout.snapshots_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_that_of_a_file_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["bzImage-7.3.4", "vmlinux", "x"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let of = |name: &str| alike(&dir.path().join(name));
        for (word, name) in
            [("bzimage-7.3.4", "bzImage-7.3.4"), ("vmlinus", "vmlinux"), ("vmliux", "vmlinux")]
        {
            assert_eq!(of(word), Some(names::shown(dir.path().join(name))), "{word}");
        }
        for word in ["vmlinuz-9.9", "y", "typo", "initrd"] {
            assert_eq!(of(word), None, "{word}");
        }
        assert_eq!(distance("kitten", "sitten"), 1);
        assert_eq!(distance("abc", ""), usize::MAX);
    }
}
