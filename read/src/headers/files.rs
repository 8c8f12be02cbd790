// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds the ABI headers of a directory, and reads them within limits.

use super::scan::{scan, Scan};
use super::split::{split, Split};
use super::HeaderError;
use crate::catalogue::Catalogue;
use crate::contracts;
use crate::options::{Tree, TreeFile};
use kho_abi_model::reading::Gap;
use kho_abi_model::ABI_DIR;
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File as Opened};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The longest header to read, in bytes. The longest of Linux 7.3 has about ten thousand.
pub(super) const LENGTH: u64 = 1 << 20;

/// The most headers to read in a directory. Linux 7.3 has six.
const COUNT: usize = 128;

/// Headers outside of the ABI's directory that have a part of the ABI, by the name to include them
/// by.
///
/// Until Linux 6.19, `struct kho_vmalloc`, which memfd embeds, was in the public header of Kexec
/// HandOver.
pub(crate) const COMPANIONS: &[&str] = &["linux/kexec_handover.h"];

/// The ABI headers to read.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The headers, sorted by name.
    pub(super) abi: Vec<File>,
    /// Other headers that they include, by the name to include them by.
    pub(super) companions: BTreeMap<&'static str, File>,
    /// What exists but was not read.
    pub(super) gaps: Vec<Gap>,
}

/// An ABI header.
#[derive(Debug)]
pub(super) struct File {
    /// Base name without an extension, as `luo`.
    pub(super) name: String,
    /// Its name in places.
    pub(super) shown: String,
    /// Its text. Bytes that are not UTF-8 are replaced: no wire type depends on them.
    pub(super) text: String,
    /// The result of scanning it.
    pub(super) scan: Scan,
    /// Its pieces.
    pub(super) split: Split,
}

impl File {
    /// What it includes.
    pub(super) fn includes(&self) -> impl Iterator<Item = String> + '_ {
        self.scan.includes.iter().filter_map(|include| include.target.clone())
    }
}

/// The base name of a header, if C code could include it.
fn header_name(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".h")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!name.is_empty() && name.len() <= 100 && name.bytes().all(plain)).then_some(name)
}

/// The gap for a header whose name no C code could include; hidden files are not headers.
fn odd_header(file: &str, shown: &str) -> Option<Gap> {
    let is_header = file.strip_suffix(".h").is_some() && !file.starts_with('.');
    let why = || format!("{shown}: not a valid name for a kernel header");
    is_header.then(|| Gap { item: format!("{ABI_DIR}/{file}"), why: why() })
}

/// Whether a directory has headers, of those entries that are looked at.
fn has_headers(dir: &Path) -> bool {
    let entries = fs::read_dir(dir).into_iter().flatten().take(COUNT);
    entries.flatten().any(|entry| super::is_header(Path::new(&entry.file_name())))
}

/// The gap for what lies in a directory below that of the ABI headers, by its name there.
fn further_down(name: &str, shown: &str) -> Gap {
    let why = format!("{shown}: headers are read only directly in {ABI_DIR}, not below it");
    Gap { item: format!("{ABI_DIR}/{name}"), why }
}

/// The ABI headers of a directory.
struct Walked {
    /// The given directory, with links resolved: nothing outside of it is read.
    root: PathBuf,
    /// The directory that contains them.
    place: PathBuf,
    /// Whether that is the given directory itself.
    itself: bool,
    /// Their names, with the path and the content of each.
    headers: Vec<(String, PathBuf, Vec<u8>)>,
    /// What exists but was not read.
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
            let path = walked.place.join(&name);
            let (name, shown) = (names::shown(&name), names::shown(&path));
            walked.gaps.extend(odd_header(&name, &shown));
            if !walked.itself && has_headers(&path) {
                walked.gaps.push(further_down(&name, &shown));
            }
            continue;
        };
        names.insert(name.to_string());
        if names.len() > COUNT {
            return Err(HeaderError::TooMany { dir: walked.place, limit: COUNT });
        }
    }
    for name in names {
        let path = walked.place.join(format!("{name}.h"));
        // Do not follow a link to a file elsewhere, and only open regular files.
        let why = match path.canonicalize() {
            Ok(real) if !real.starts_with(&walked.root) => {
                "it is a link that leads out of the directory".into()
            }
            Ok(real) if !real.is_file() => "it is not a regular file".into(),
            Ok(real) => {
                let bytes = read_bounded(&real, &path)?;
                walked.headers.push((name, path, bytes));
                continue;
            }
            Err(error) => error.to_string(),
        };
        let (item, shown) = (format!("{ABI_DIR}/{name}.h"), names::shown(&path));
        walked.gaps.push(Gap { item, why: format!("{shown}: {why}") });
    }
    Ok(walked)
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> HeaderError {
    let path = path.to_path_buf();
    move |source| HeaderError::Io { path: path.clone(), source }
}

/// The readable headers of a directory, by their paths in a kernel tree; there may be none.
pub(super) fn by_path(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, HeaderError> {
    let headers = walk(dir)?.headers.into_iter();
    Ok(headers.map(|(name, _, bytes)| (format!("include/{ABI_DIR}/{name}.h"), bytes)).collect())
}

/// The headers of a directory.
pub(super) fn of_dir(dir: &Path, catalogue: &Catalogue) -> Result<Files, HeaderError> {
    let (files, itself) = read_dir(dir)?;
    require_abi(files, itself, dir, catalogue)
}

/// The headers of a directory, and whether that is the directory which was given.
fn read_dir(dir: &Path) -> Result<(Files, bool), HeaderError> {
    let Walked { root, place, itself, headers, gaps } = walk(dir)?;
    let file =
        |(name, path, bytes): (String, PathBuf, Vec<u8>)| file(name, names::shown(&path), &bytes);
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
    Ok((files, itself))
}

/// The directory to read for the sake of one header, where it lies among ABI headers, and its name; `None` where
/// no C code could include it.
pub(super) fn place_of(path: &Path) -> Option<(Option<PathBuf>, &str)> {
    let name = path.file_name()?.to_str().and_then(header_name)?;
    let dir = path.parent().filter(|dir| dir.ends_with(ABI_DIR));
    // The top of the tree knows more than the directory itself.
    let top = dir.map(|dir| match include_root(dir) {
        include if include.ends_with("include") => include.parent().unwrap_or(include),
        _ => dir,
    });
    let top = top.map(|top| if top == Path::new("") { Path::new(".") } else { top });
    Some((top.map(Into::into), name))
}

/// The headers of a directory in which one was asked for, whatever that one has in it.
pub(super) fn of_dir_with(dir: &Path, name: &str) -> Result<Files, HeaderError> {
    let files = read_dir(dir)?.0;
    if files.abi.iter().any(|file| file.name == name) {
        return Ok(files);
    }
    let item = format!("{ABI_DIR}/{name}.h");
    let why = files.gaps.into_iter().find(|gap| gap.item == item).map(|gap| gap.why);
    let source = std::io::Error::other(why.unwrap_or_else(|| "it is missing".into()));
    Err(HeaderError::Io { path: dir.join(name).with_extension("h"), source })
}

/// One header by itself.
pub(super) fn of_file(path: &Path, name: &str) -> Result<Files, HeaderError> {
    let bytes = read_bounded(path, path)?;
    let abi = vec![file(name.into(), names::shown(path), &bytes)];
    Ok(Files { abi, ..Files::default() })
}

/// The tree whose top is this directory, if it is one.
pub(super) fn tree(dir: &Path) -> Option<Tree> {
    let root = dir.canonicalize().ok()?;
    if !root.join("include").join(ABI_DIR).is_dir() {
        return None;
    }
    let get = move |path: &String| {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        // Do not follow a link to a file elsewhere, and only open regular files.
        let real = match root.join(path).canonicalize() {
            Ok(real) if !real.starts_with(&root) => {
                return TreeFile::Unread("it is a link out of the tree".into());
            }
            Ok(real) => real,
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
                return TreeFile::Missing;
            }
            Err(error) => return TreeFile::Unread(error.to_string()),
        };
        if real.is_dir() {
            return TreeFile::Missing;
        }
        if !real.is_file() {
            return TreeFile::Unread("it is not a regular file".into());
        }
        match read_bounded(&real, &real) {
            Ok(content) => TreeFile::Content(content),
            Err(HeaderError::Io { source, .. }) => TreeFile::Unread(source.to_string()),
            Err(HeaderError::TooLong { .. }) => TreeFile::Unread(too_long()),
            Err(error) => TreeFile::Unread(error.to_string()),
        }
    };
    let shown = format!("{}/", names::shown(dir));
    Some(Tree::new(&shown, move |paths| paths.iter().map(&get).collect()))
}

/// The directory that contains `linux/kho/abi`.
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

/// What is said of a header of a tree that is over the limit.
pub(super) fn too_long() -> String {
    format!("it is longer than {} MiB", LENGTH >> 20)
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
    // If no path shows which of the files are headers, the names alone decide.
    let itself = !files.keys().any(|path| in_abi_dir(path));
    let mut found = Files::default();
    for (path, bytes) in files {
        if !itself && !in_abi_dir(path) {
            let below = path
                .split_once(&format!("{ABI_DIR}/"))
                .filter(|(top, _)| top.is_empty() || top.ends_with('/'));
            if let Some((_, name)) = below.filter(|(_, name)| super::is_header(Path::new(name))) {
                found.gaps.push(further_down(name, &format!("{prefix}{path}")));
            }
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
            let why = format!("{path}: another header has the same name");
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
            match tree?.get(std::slice::from_ref(&path)).pop()? {
                TreeFile::Content(bytes) => Some((tree?.shown(&path), bytes)),
                // It counts as a missing one, which is said of each companion.
                TreeFile::Missing | TreeFile::Unread(_) => None,
            }
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

/// Checks that there are ABI headers: any directory has some headers.
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
