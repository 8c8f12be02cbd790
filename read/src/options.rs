// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! How sources are read: for which machine, with which repository, tree and catalogue.

use crate::catalogue::Catalogue;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// The machines that headers are read for: those that support live update, and a big-endian one.
pub const TRIPLES: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "riscv64-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
];

/// A kernel tree, for other headers that its ABI headers use.
#[derive(Clone)]
pub struct Tree {
    shown: String,
    get: Get,
}

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeFile {
    /// Its content.
    Content(Vec<u8>),
    /// The tree has no such file.
    Missing,
    /// The tree has it, or may have it, but it was not read, with the reason.
    Unread(String),
}

impl From<Option<Vec<u8>>> for TreeFile {
    fn from(content: Option<Vec<u8>>) -> Self {
        content.map_or(Self::Missing, Self::Content)
    }
}

/// Files of a tree by path.
type Get = Arc<dyn Fn(&[String]) -> Vec<TreeFile> + Send + Sync>;

impl Tree {
    /// A tree whose files are named by `shown` and their path in it.
    #[must_use]
    pub fn new(
        shown: &str,
        get: impl Fn(&[String]) -> Vec<TreeFile> + Send + Sync + 'static,
    ) -> Self {
        Self { shown: shown.into(), get: Arc::new(get) }
    }

    /// Files by their paths, as `include/linux/types.h`.
    #[must_use]
    pub fn get(&self, paths: &[String]) -> Vec<TreeFile> {
        (self.get)(paths)
    }

    /// The same tree, with files named by their path below `top`, which ends with a slash.
    pub(crate) fn below(&self, top: &str) -> Self {
        let shown = self.shown.strip_prefix(top).unwrap_or(&self.shown);
        Self { shown: shown.into(), get: Arc::clone(&self.get) }
    }

    /// The name of a file in messages.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.shown)
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("shown", &self.shown).finish_non_exhaustive()
    }
}

/// How to read sources.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The machine that C headers are read for, as clang names it; by default this machine.
    pub triple: Option<String>,
    /// The page size that C headers are read for, in bytes; by default the machine's smallest.
    pub page_size: Option<u64>,
    /// The repository for `git:REV`; by default the one around the current directory.
    pub git_dir: Option<PathBuf>,
    /// The frozen layouts for `snapshots`.
    pub snapshots: Option<PathBuf>,
    /// Whether to prefer BTF over DWARF.
    pub prefer_btf: bool,
    /// The base of a module's BTF: raw, or in a vmlinux.
    pub btf_base: Option<PathBuf>,
    /// The tree that headers in memory are from, if there is one.
    pub tree: Option<Tree>,
    /// Structs to search for in an image, in addition to those of the catalogue.
    pub structs: BTreeSet<String>,
    /// What is known before anything is read.
    pub catalogue: Arc<Catalogue>,
}
