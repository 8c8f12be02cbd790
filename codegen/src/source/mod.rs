// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The words for sources: each names something that an ABI can be read from.
//!
//! | Word | What is read |
//! |---|---|
//! | `abi` | the truth that this program was compiled with |
//! | `snapshots` | the frozen layouts of the checkout, the newest version of each contract |
//! | a directory | a kernel tree, or one that holds `include/linux/kho/abi`, or that directory itself |
//! | a file | a vmlinux, a module, a bzImage, raw BTF, a frozen layout: told apart by content |
//! | `git:REV` | the kernel tree, or the headers, in a revision of a git repository |
//!
//! Every word leads to a [`Reading`]: a model, and what this kind of source is able to tell. What it
//! cannot tell is not compared, and is reported as not checked.

mod error;
mod open;

pub use error::SourceError;
pub use open::open;

use crate::model::Model;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What was read of a source.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The source, as it was asked for.
    pub name: String,
    /// What it turned out to be.
    pub kind: Kind,
    /// Headers, types, constants and contracts, for the target that the source is made for.
    ///
    /// A source that has no headers of its own, such as an image, gets the ones that the types and
    /// contracts are known to belong to.
    pub model: Model,
    /// What this kind of source is able to tell.
    pub knows: Knows,
    /// What this very source leaves open, beyond its kind.
    pub gaps: Vec<Gap>,
}

/// What a source turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The Rust types that this program was compiled with.
    Truth,
    /// Frozen layouts.
    Snapshots,
    /// C headers, with a kernel's base headers or with stand-ins.
    Headers,
    /// Debugging information of an ELF file.
    Dwarf,
    /// BPF type format, raw or in an ELF file.
    Btf,
    /// An image without types: its strings alone.
    Strings,
}

impl Kind {
    /// Several such sources, in a sentence.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Truth => "the types",
            Self::Snapshots => "frozen layouts",
            Self::Headers => "headers",
            Self::Dwarf => "images with DWARF",
            Self::Btf => "images with BTF",
            Self::Strings => "images without types",
        }
    }
}

/// What a kind of source is able to tell; what it is not is not compared.
#[allow(clippy::struct_excessive_bools)] // Independent facts, each with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Knows {
    /// That a type or contract is not there. An image has only those that its code uses.
    pub absence: bool,
    /// That a header is not there. A few headers by themselves may be all that was given.
    pub headers: bool,
    /// Whether a struct is declared as packed, and its alignment.
    pub packing: bool,
    /// The values of macros.
    pub macros: bool,
    /// The values of enumerators.
    pub enumerators: bool,
    /// Which macro a compatible string comes from. Otherwise strings are told by their form.
    pub string_macros: bool,
    /// Which compatible strings there are, and which not.
    pub strings: bool,
    /// The nodes and properties of device trees.
    pub nodes: bool,
    /// Where things are written.
    pub places: bool,
}

impl Knows {
    /// Everything.
    pub const ALL: Self = Self {
        absence: true,
        headers: true,
        packing: true,
        macros: true,
        enumerators: true,
        string_macros: true,
        strings: true,
        nodes: true,
        places: true,
    };
}

/// Something that a source leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Gap {
    /// What cannot be told: a contract, a struct or a constant by name; empty for the source as a whole.
    pub item: String,
    /// Why.
    pub why: String,
}

/// A kernel tree, for what its ABI headers use of its other headers.
#[derive(Clone)]
pub struct Tree {
    shown: String,
    get: Get,
}

/// Files of a tree by their paths in it; `None` for one that is not there.
type Get = Arc<dyn Fn(&[String]) -> Vec<Option<Vec<u8>>> + Send + Sync>;

impl Tree {
    /// A tree whose files are called by `shown` and their path in it.
    #[must_use]
    pub fn new(
        shown: &str,
        get: impl Fn(&[String]) -> Vec<Option<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        Self { shown: shown.into(), get: Arc::new(get) }
    }

    /// Files by their paths, as `include/linux/types.h`.
    #[must_use]
    pub fn get(&self, paths: &[String]) -> Vec<Option<Vec<u8>>> {
        (self.get)(paths)
    }

    /// What messages call a file.
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
    /// The machine that C headers are read for, as clang names it; this machine's where not given.
    pub triple: Option<String>,
    /// The page size that C headers are read for, in bytes; the machine's smallest where not given.
    pub page_size: Option<u64>,
    /// The repository that `git:REV` means; the one around the current directory where not given.
    pub git_dir: Option<PathBuf>,
    /// The frozen layouts that `snapshots` means.
    pub snapshots: Option<PathBuf>,
    /// Whether to read BTF where there is DWARF too.
    pub prefer_btf: bool,
    /// The BTF that a module's continues: raw, or in a vmlinux.
    pub btf_base: Option<PathBuf>,
    /// The tree that headers in memory are from, where there is one.
    pub tree: Option<Tree>,
}
