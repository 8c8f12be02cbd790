// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A tree whose C headers are the truth: a kernel tree, or any repository with a `kho-abi.toml`.
//!
//! ```text
//!   config   kho-abi.toml, or the defaults
//!     │
//!   read     the headers, for every page size and machine; who owns what
//!   kernel   a kernel that somebody built, in their place
//!     │
//!   check    everything that must hold; frozen: the headers against the layouts; flaws: the
//!            structs that memory cannot hand over
//!   freeze   a layout, as a draft or with a proof that it was released
//!   init     kho-abi.toml and the first layouts
//!   drafts   what no kernel has, as the layouts of an old source say
//!   catalogue  the frozen layouts, as what other sources are held against
//! ```
//!
//! Nothing here uses the types that this program was compiled with, except for one thing: which
//! macro of the kernel's own headers owns what, if the headers do not say it.

pub mod catalogue;
pub mod check;
pub mod config;
mod contract;
mod drafts;
mod expected;
mod flaws;
pub mod freeze;
mod frozen;
mod held;
pub mod init;
pub mod kernel;
pub mod read;
pub mod suites;

pub use drafts::drafts;
pub use held::{FromKernel, Held};

use crate::nearest;
use config::{Config, ConfigError};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_model::ABI_DIR;
use kho_abi_read::checkout::{Checkout, CheckoutError};
use kho_abi_read::source::{Options, SourceError};
use kho_abi_show::names;
use std::path::{Path, PathBuf};

/// The name of a project's configuration file.
pub const FILE: &str = "kho-abi.toml";

/// A tree whose C headers are the truth.
#[derive(Debug)]
pub struct Project {
    root: PathBuf,
    config: Box<Config>,
    has_file: bool,
}

/// What a directory belongs to.
#[derive(Debug)]
pub enum Found {
    /// A checkout of this repository: its Rust types are the truth.
    Checkout(Checkout),
    /// Anything else: its C headers are the truth.
    Project(Project),
}

/// Why a project cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Neither this directory nor any above it is a project.
    #[error("{} is not in a tree of ABI headers: neither {FILE} nor include/{ABI_DIR} is above it", names::shown(.start))]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// Its file is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] CheckoutError),
    /// Its headers, or a release, cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file exists already.
    #[error("{path} exists already")]
    Exists {
        /// The file.
        path: String,
        /// What to do about it.
        help: String,
    },
    /// A directory inside a tree was to become a project of its own.
    #[error("{dir} is inside a tree with ABI headers, {tree}")]
    Inside {
        /// The directory.
        dir: String,
        /// The top of the tree.
        tree: String,
    },
    /// A tree was named as its own release.
    #[error("{tree} is this tree itself, which proves nothing")]
    ItsOwnRelease {
        /// The tree, as it was named.
        tree: String,
    },
    /// The release is a branch.
    #[error("{name} is not a release: it is a branch, whose commits change")]
    BranchAsRelease {
        /// The revision, as it was named.
        name: String,
    },
    /// No contract has that name.
    #[error("these headers have no contract \"{name}\"")]
    NoContract {
        /// The name.
        name: String,
        /// The contracts that exist.
        known: Vec<String>,
    },
}

impl ProjectError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotFound { .. } => {
                "run this in a kernel tree, give one with --root DIR, or create kho-abi.toml with \
                 `kho-abi init`"
                    .into()
            }
            Self::Config(error) => error.help(),
            Self::Io(error) => error.help(),
            Self::Source(error) => error.help(),
            Self::Exists { help, .. } => help.clone(),
            Self::Inside { tree, .. } => {
                format!("begin at its top: --tree {tree}; or write {FILE} here by hand")
            }
            Self::ItsOwnRelease { .. } => {
                "give a tag or another revision of the release, or a tree that has it".into()
            }
            Self::BranchAsRelease { .. } => "name a tag, or the id of the commit".into(),
            Self::NoContract { known, .. } if known.is_empty() => {
                "define a compatible string in a header first".into()
            }
            Self::NoContract { name, known } => {
                let all: Vec<&str> = known.iter().map(String::as_str).collect();
                format!("{}give one of {}", nearest::question(name, &all), known.join(", "))
            }
        }
    }
}

/// What `start` belongs to: the nearest directory above with a `kho-abi.toml` or a checkout of this
/// repository; if there is neither, the nearest one with ABI headers.
///
/// # Errors
///
/// [`ProjectError::NotFound`], and a `kho-abi.toml` that cannot be read.
pub fn find(start: &Path) -> Result<Found, ProjectError> {
    for dir in start.ancestors() {
        if dir.join(FILE).is_file() {
            return Project::at(dir).map(Found::Project);
        }
        if let Ok(checkout) = Checkout::at(dir) {
            return Ok(Found::Checkout(checkout));
        }
    }
    let has_headers = |dir: &&Path| dir.join("include").join(ABI_DIR).is_dir();
    match start.ancestors().find(has_headers) {
        Some(dir) => Project::at(dir).map(Found::Project),
        None => Err(ProjectError::NotFound { start: start.into() }),
    }
}

/// As [`find`], for one directory, without looking further up.
///
/// # Errors
///
/// As [`find`].
pub fn at(root: &Path) -> Result<Found, ProjectError> {
    if !root.join(FILE).is_file() {
        if let Ok(checkout) = Checkout::at(root) {
            return Ok(Found::Checkout(checkout));
        }
        if !root.join("include").join(ABI_DIR).is_dir() {
            return Err(ProjectError::NotFound { start: root.into() });
        }
    }
    Project::at(root).map(Found::Project)
}

/// What a project holds: its headers, or the kernel that it names as its source.
///
/// # Errors
///
/// As [`read::headers`] and [`kernel::read`].
pub fn held(project: &Project) -> Result<Held, ProjectError> {
    match &project.config().source {
        Some(source) => {
            let word = kernel::path(project, source);
            kernel::read(project, &word, &[], &[], &Options::default())
        }
        None => read::headers(project),
    }
}

impl Project {
    /// The project whose top is exactly this directory, with or without its file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or is invalid.
    pub fn at(root: &Path) -> Result<Self, ProjectError> {
        let path = root.join(FILE);
        let has_file = path.is_file();
        let config = if has_file {
            let text = std::fs::read_to_string(&path).map_err(kho_abi_read::checkout::at(&path))?;
            config::parse(FILE, &text)?
        } else {
            Config::default()
        };
        Ok(Self { root: root.into(), config: Box::new(config), has_file })
    }

    /// The top directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its configuration, or the defaults.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether there is a `kho-abi.toml`.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.has_file
    }

    /// Its frozen layouts.
    #[must_use]
    pub fn layouts(&self) -> Layouts {
        Layouts::at(&self.root, Path::new(&self.config.layouts))
    }
}
