// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds the ABI headers of a directory, and reads them within bounds.

use super::scan::{scan, Scan};
use super::split::{split, Split};
use super::HeaderError;
use crate::catalogue::Catalogue;
use crate::contracts;
use crate::options::Tree;
use kho_abi_model::reading::Gap;
use kho_abi_model::ABI_DIR;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File as Opened};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// How long a header may be, in bytes. The longest of Linux 7.3 has about ten thousand.
const LENGTH: u64 = 1 << 20;

/// How many headers a directory may have. Linux 7.3 has six.
const COUNT: usize = 128;

/// Headers beside the ABI's that have a part of it, by the name to include them by.
///
/// Until Linux 6.19 `struct kho_vmalloc`, which memfd embeds, was in the interface of Kexec HandOver.
pub(crate) const COMPANIONS: &[&str] = &["linux/kexec_handover.h"];

/// The ABI headers that are to be read.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The headers, in the order of their names.
    pub(super) abi: Vec<File>,
    /// Headers beside them that they include, by the name to include them by.
    pub(super) companions: BTreeMap<&'static str, File>,
    /// What is there and is not read.
    pub(super) gaps: Vec<Gap>,
}

/// An ABI header.
#[derive(Debug)]
pub(super) struct File {
    /// Base name without an extension, as `luo`.
    pub(super) name: String,
    /// What it is called in places.
    pub(super) shown: String,
    /// Its text; bytes that are no UTF-8 are replaced, which no wire type depends on.
    pub(super) text: String,
    /// What is in it.
    pub(super) scan: Scan,
    /// Its pieces.
    pub(super) split: Split,
}

/// The base name of a header, where it is one that C code could include.
fn header_name(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".h")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!name.is_empty() && name.len() <= 100 && name.bytes().all(plain)).then_some(name)
}

/// The gap that a header leaves whose name no C code could include; hidden files are no headers.
fn odd_header(file: &str, shown: &str) -> Option<Gap> {
    let is_header = file.strip_suffix(".h").is_some() && !file.starts_with('.');
    let why = || format!("{shown}: not a name that a kernel header has");
    is_header.then(|| Gap { item: format!("{ABI_DIR}/{file}"), why: why() })
}

/// What a directory has of ABI headers.
struct Walked {
    /// What was given, without links: nothing beyond it is read.
    root: PathBuf,
    /// The directory that they are in.
    place: PathBuf,
    /// Whether that is the directory which was given.
    itself: bool,
    /// Their names, with the path and the content of each.
    headers: Vec<(String, PathBuf, Vec<u8>)>,
    /// What is there and is not read.
    gaps: Vec<Gap>,
}

fn walk(dir: &Path) -> Result<Walked, HeaderError> {
    let root = dir.canonicalize().map_err(at(dir))?;
    let include = format!("include/{ABI_DIR}");
    let places = [include.as_str(), ABI_DIR].map(|below| dir.join(below));
    let place = places.into_iter().find(|place| place.is_dir());
    let (place, itself) = place.map_or((dir.to_path_buf(), true), |place| (place, false));
    let mut walked = Walked { root, place, itself, headers: Vec::new(), gaps: Vec::new() };
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(&walked.place).map_err(at(&walked.place))? {
        let name = entry.map_err(at(&walked.place))?.file_name();
        let Some(name) = name.to_str().and_then(header_name) else {
            let shown = walked.place.join(&name).display().to_string();
            walked.gaps.extend(odd_header(&name.to_string_lossy(), &shown));
            continue;
        };
        names.insert(name.to_string());
        if names.len() > COUNT {
            return Err(HeaderError::TooMany { dir: walked.place, limit: COUNT });
        }
    }
    for name in names {
        let path = walked.place.join(format!("{name}.h"));
        // A link to a file elsewhere is not followed, and what is no file is not opened.
        let why = match path.canonicalize() {
            Ok(real) if !real.starts_with(&walked.root) => {
                "it is a link that leads elsewhere".into()
            }
            Ok(real) if !real.is_file() => "it is not a regular file".into(),
            Ok(real) => {
                let bytes = read_bounded(&real, &path)?;
                walked.headers.push((name, path, bytes));
                continue;
            }
            Err(error) => error.to_string(),
        };
        let (item, shown) = (format!("{ABI_DIR}/{name}.h"), path.display());
        walked.gaps.push(Gap { item, why: format!("{shown}: {why}") });
    }
    Ok(walked)
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> HeaderError {
    let path = path.to_path_buf();
    move |source| HeaderError::Io { path: path.clone(), source }
}

/// The headers of a directory that can be read, by their paths in a kernel tree; none is no error.
pub(super) fn by_path(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, HeaderError> {
    let headers = walk(dir)?.headers.into_iter();
    Ok(headers.map(|(name, _, bytes)| (format!("include/{ABI_DIR}/{name}.h"), bytes)).collect())
}

/// The headers of a directory.
pub(super) fn of_dir(dir: &Path, catalogue: &Catalogue) -> Result<Files, HeaderError> {
    let Walked { root, place, itself, headers, gaps } = walk(dir)?;
    let file = |(name, path, bytes): (String, PathBuf, Vec<u8>)| {
        file(name, path.display().to_string(), &bytes)
    };
    let abi = headers.into_iter().map(file).collect();
    let mut files = Files { abi, companions: BTreeMap::new(), gaps };
    for name in COMPANIONS {
        if itself || !files.includes(name) {
            continue;
        }
        let shown = include_root(&place).join(name);
        if let Some(real) = shown.canonicalize().ok().filter(|real| real.starts_with(&root)) {
            if real.is_file() {
                let bytes = read_bounded(&real, &shown)?;
                files.companions.insert(name, file(((*name).into(), shown, bytes)));
            }
        }
    }
    require_abi(files, itself, dir, catalogue)
}

/// The tree that a directory is, where it is the top of one.
pub(super) fn tree(dir: &Path) -> Option<Tree> {
    let root = dir.canonicalize().ok()?;
    if !root.join("include").join(ABI_DIR).is_dir() {
        return None;
    }
    let get = move |path: &String| {
        // A link to a file elsewhere is not followed, and what is no file is not opened.
        let real = root.join(path).canonicalize().ok().filter(|real| real.starts_with(&root))?;
        let is_file = real.is_file();
        is_file.then(|| read_bounded(&real, &real).ok()).flatten()
    };
    let shown = format!("{}/", dir.display());
    Some(Tree::new(&shown, move |paths| paths.iter().map(&get).collect()))
}

/// The directory that `linux/kho/abi` is in.
fn include_root(abi: &Path) -> &Path {
    abi.ancestors().nth(Path::new(ABI_DIR).components().count()).unwrap_or(abi)
}

impl Files {
    /// Whether one of the headers includes that one.
    fn includes(&self, name: &str) -> bool {
        let mut includes = self.abi.iter().flat_map(|file| &file.scan.includes);
        includes.any(|include| include.target.as_deref() == Some(name))
    }
}

fn read_bounded(real: &Path, shown: &Path) -> Result<Vec<u8>, HeaderError> {
    let mut bytes = Vec::new();
    Opened::open(real)
        .map_err(at(shown))?
        .take(LENGTH + 1)
        .read_to_end(&mut bytes)
        .map_err(at(shown))?;
    bounded(bytes, shown)
}

fn bounded(bytes: Vec<u8>, shown: &Path) -> Result<Vec<u8>, HeaderError> {
    if bytes.len() as u64 > LENGTH {
        return Err(HeaderError::TooLong { path: shown.into(), limit: LENGTH });
    }
    Ok(bytes)
}

/// The headers among files in memory.
pub(super) fn of_memory(
    files: &BTreeMap<String, Vec<u8>>,
    prefix: &str,
    tree: Option<&Tree>,
    catalogue: &Catalogue,
) -> Result<Files, HeaderError> {
    let in_abi_dir = |path: &str| {
        path.rsplit_once('/')
            .is_some_and(|(dir, _)| dir == ABI_DIR || dir.ends_with(&format!("/{ABI_DIR}")))
    };
    // Names alone are headers where no path says which of the files are.
    let itself = !files.keys().any(|path| in_abi_dir(path));
    let mut found = Files::default();
    for (path, bytes) in files {
        if !itself && !in_abi_dir(path) {
            continue;
        }
        let last = path.rsplit('/').next().unwrap_or(path);
        let Some(name) = header_name(last) else {
            found.gaps.extend(odd_header(last, &format!("{prefix}{path}")));
            continue;
        };
        if found.abi.len() == COUNT {
            return Err(HeaderError::TooMany { dir: PathBuf::new(), limit: COUNT });
        }
        if bytes.len() as u64 > LENGTH {
            return Err(HeaderError::TooLong { path: path.into(), limit: LENGTH });
        }
        if found.abi.iter().any(|file| file.name == name) {
            let why = format!("{path}: there is another header of that name");
            found.gaps.push(Gap { item: format!("{ABI_DIR}/{name}.h"), why });
            continue;
        }
        found.abi.push(file(name.into(), format!("{prefix}{path}"), bytes));
    }
    found.abi.sort_by(|a, b| a.name.cmp(&b.name));
    for name in COMPANIONS {
        if itself || !found.includes(name) {
            continue;
        }
        let is_it = |path: &str| path == *name || path.ends_with(&format!("/{name}"));
        let given = files.iter().find(|(path, _)| is_it(path));
        let given = given.map(|(path, bytes)| (format!("{prefix}{path}"), bytes.clone()));
        let of_tree = || {
            let path = format!("include/{name}");
            let bytes = tree?.get(std::slice::from_ref(&path)).pop().flatten()?;
            Some((tree?.shown(&path), bytes))
        };
        let Some((shown, bytes)) = given.or_else(of_tree) else { continue };
        if bytes.len() as u64 > LENGTH {
            return Err(HeaderError::TooLong { path: shown.into(), limit: LENGTH });
        }
        found.companions.insert(name, file((*name).into(), shown, &bytes));
    }
    require_abi(found, itself, Path::new("the set of files"), catalogue)
}

fn file(name: String, shown: String, bytes: &[u8]) -> File {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (scan, split) = (scan(&text), split(&text));
    File { name, shown, text, scan, split }
}

/// Makes sure that there are ABI headers: any directory has some headers.
fn require_abi(
    files: Files,
    itself: bool,
    dir: &Path,
    catalogue: &Catalogue,
) -> Result<Files, HeaderError> {
    let is_abi = |file: &File| {
        let known = catalogue.headers().iter().any(|header| header.name == file.name);
        let mut defines = file.scan.defines.iter();
        known || defines.any(|define| define.name.ends_with(contracts::SUFFIX))
    };
    if files.abi.is_empty() || itself && !files.abi.iter().any(is_abi) {
        return Err(HeaderError::NoHeaders { dir: dir.into() });
    }
    Ok(files)
}
