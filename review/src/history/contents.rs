// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads sets of headers: their contents from git, and what the compiler makes of them.

use super::commits::Set;
use crate::diff::open::{self, Files};
use crate::diff::pages::PageMemo;
use crate::diff::Side;
use kho_abi_model::ABI_DIR;
use kho_abi_read::git::history::{is_abi_header, Blobs};
use kho_abi_read::git::Git;
use kho_abi_read::outline;
use kho_abi_read::source::{self, SourceError, Tree, TreeFile};
use kho_abi_show::{Progress, Unit};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Whether git could not give a file of a tree: another time it may, so nothing that was found out is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Lacks(Arc<AtomicBool>);

impl Lacks {
    fn note(&self, files: &[TreeFile]) {
        if files.iter().any(|file| matches!(file, TreeFile::Unread(_))) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The contents of headers, each requested from git once.
pub(super) struct Contents<'a> {
    git: &'a Git,
    blobs: Option<Blobs>,
    /// By id: the content, and its code.
    known: HashMap<String, (Vec<u8>, String)>,
    /// What stands before the paths of the kernel's tree; `None` if the headers are not in one.
    top: Option<&'a str>,
    lacks: Lacks,
}

/// What the compiler reads of a set.
pub(super) struct Input {
    files: Files,
    tree: Option<Tree>,
}

impl<'a> Contents<'a> {
    /// Those of headers in a directory.
    pub(super) fn new(git: &'a Git, dir: &'a str, lacks: Lacks) -> Self {
        Self { git, blobs: None, known: HashMap::new(), top: top(dir), lacks }
    }

    fn get(&mut self, id: &str) -> Result<&(Vec<u8>, String), SourceError> {
        if !self.known.contains_key(id) {
            if self.blobs.is_none() {
                self.blobs = Some(self.git.blobs()?);
            }
            let bytes = match &mut self.blobs {
                Some(blobs) => blobs.get(id)?,
                None => Vec::new(),
            };
            let code = outline::read(&String::from_utf8_lossy(&bytes)).code;
            self.known.insert(id.into(), (bytes, code));
        }
        Ok(&self.known[id])
    }

    /// The code of a set, as the compiler sees it.
    pub(super) fn code(&mut self, set: &Set) -> Result<String, SourceError> {
        let mut all = String::new();
        for (path, id) in &set.ids {
            all.push_str(path);
            all.push('\n');
            match self.get(id) {
                Ok((_, code)) => all.push_str(code),
                // Another header that is too long is read by nobody, but it differs from others.
                Err(_) if !is_abi_header(path) => all.push_str(id),
                Err(error) => return Err(error),
            }
            all.push('\u{1}');
        }
        Ok(all)
    }

    pub(super) fn input(&mut self, set: &Set) -> Result<Input, SourceError> {
        let own = set.ids.iter().filter(|(path, _)| is_abi_header(path));
        let files = own.map(|(path, id)| Ok((path.clone(), self.get(id)?.0.clone())));
        Ok(Input { files: files.collect::<Result<_, SourceError>>()?, tree: self.tree(set) })
    }

    /// The tree that a set is of.
    fn tree(&self, set: &Set) -> Option<Tree> {
        let top = self.top.filter(|_| !set.commit.is_empty())?.to_string();
        let (git, set, lacks) = (self.git.clone(), set.clone(), self.lacks.clone());
        let shown = top.clone();
        let get = move |paths: &[String]| {
            let name = |path: &String| {
                let path = format!("{top}{path}");
                set.ids.get(&path).cloned().unwrap_or_else(|| format!("{}:{path}", set.commit))
            };
            let names: Vec<_> = paths.iter().map(name).collect();
            let files = git.tree_files(&set.commit, &names);
            lacks.note(&files);
            files
        };
        Some(Tree::new(&shown, get))
    }
}

/// What stands before the paths of the kernel's tree, if the ABI headers in a directory are in one.
pub(super) fn top(dir: &str) -> Option<&str> {
    dir.strip_suffix(ABI_DIR)?.strip_suffix("include/")
}

/// Reads sets of headers, several at a time.
pub(super) fn read_all(
    sets: &BTreeMap<String, Input>,
    reading: &source::Options,
    progress: &Progress,
) -> HashMap<String, Result<Side, String>> {
    progress.begin("reading the headers of commits", Unit::Items, Some(sets.len() as u64));
    let next = AtomicUsize::new(0);
    let all: Vec<_> = sets.iter().collect();
    let done = Mutex::new(HashMap::new());
    let workers = thread::available_parallelism().map_or(1, usize::from).min(16);
    let memo = PageMemo::default();
    let one = |Input { files, tree }: &Input| -> Result<Side, String> {
        if files.is_empty() {
            return Ok(crate::review::nothing("nothing"));
        }
        let reading = source::Options { tree: tree.clone(), ..reading.clone() };
        open::of_files_with("headers", files, &reading, &memo).map_err(|error| error.to_string())
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((code, input)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let side = one(input);
                    progress.advance(1);
                    if let Ok(mut done) = done.lock() {
                        done.insert((*code).clone(), side);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    for code in sets.keys() {
        done.entry(code.clone()).or_insert_with(|| Err("the reader stopped".into()));
    }
    done
}
