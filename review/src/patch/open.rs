// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Where patches come from: files, packed archives, directories of patches, maildirs, quilt series.

use super::{PatchError, MAX_BYTES};
use kho_abi_show::names;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most files of a directory.
const MAX_FILES: usize = 1 << 16;

/// The files that a path names, each with its content: the file itself, or the files of a
/// directory, sorted by name or in the order of quilt's `series` file.
///
/// # Errors
///
/// A file that cannot be read, or exceeds a limit.
pub fn files(path: &Path) -> Result<Vec<(String, Vec<u8>)>, PatchError> {
    let io = |path: &Path, error: &std::io::Error| PatchError::Io {
        name: names::shown(path),
        why: error.to_string(),
    };
    let about = std::fs::metadata(path).map_err(|error| io(path, &error))?;
    let paths =
        if about.is_dir() { listed(path).map_err(|e| io(path, &e))? } else { vec![path.into()] };
    if paths.len() > MAX_FILES {
        let (what, limit) = ("the number of its files", MAX_FILES);
        return Err(PatchError::TooMuch { name: names::shown(path), what, limit });
    }
    let mut found = Vec::new();
    let mut total = 0;
    for path in paths {
        let name = names::shown(&path);
        let file = std::fs::File::open(&path).map_err(|error| io(&path, &error))?;
        let bytes = bounded(&name, file)?;
        total += bytes.len();
        if total > MAX_BYTES {
            return Err(PatchError::TooMuch { name, what: "its size", limit: MAX_BYTES });
        }
        found.push((name, bytes));
    }
    Ok(found)
}

/// What a reader returns, unpacked if it is packed with gzip, up to the limit.
///
/// # Errors
///
/// As [`files`].
pub fn bounded(name: &str, mut from: impl Read) -> Result<Vec<u8>, PatchError> {
    let io = |error: std::io::Error| PatchError::Io { name: name.into(), why: error.to_string() };
    let limit = MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    from.by_ref().take(limit).read_to_end(&mut bytes).map_err(io)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        let packed = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        packed.take(limit).read_to_end(&mut unpacked).map_err(io)?;
        bytes = unpacked;
    }
    if bytes.len() > MAX_BYTES {
        return Err(PatchError::TooMuch { name: name.into(), what: "its size", limit: MAX_BYTES });
    }
    Ok(bytes)
}

/// The files of a directory that may be patches.
fn listed(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let maildir: Vec<_> = ["cur", "new"]
        .map(|below| dir.join(below))
        .into_iter()
        .filter(|dir| dir.is_dir())
        .collect();
    if maildir.len() == 2 {
        let mut all = Vec::new();
        for below in maildir {
            all.extend(in_order(&below)?);
        }
        all.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        return Ok(all);
    }
    match quilt(dir) {
        found if !found.is_empty() => Ok(found),
        _ => in_order(dir),
    }
}

/// Whether a path is a directory of quilt's, with a `series` file.
#[must_use]
pub fn is_quilt(path: &Path) -> bool {
    !quilt(path).is_empty()
}

/// The files that quilt's `series` file of a directory lists.
fn quilt(dir: &Path) -> Vec<PathBuf> {
    let Ok(text) = std::fs::read_to_string(dir.join("series")) else { return Vec::new() };
    let named = text.lines().filter_map(|line| line.split_whitespace().next());
    let plain = |name: &&str| !name.starts_with('#') && !name.split('/').any(|part| part == "..");
    named.filter(plain).map(|name| dir.join(name)).filter(|path| path.is_file()).collect()
}

/// The files directly in a directory, without hidden ones.
fn in_order(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && entry.file_type()?.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
