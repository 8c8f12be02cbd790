// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the headers of a project, or of one of its releases: for every page size and machine at
//! once.

use super::config::{Config, Owner};
use super::held::Held;
use super::{Project, ProjectError};
use crate::diff::{pages, HeaderText};
use kho_abi_model::finding::Finding;
use kho_abi_model::{compare, Model, Place, ABI_DIR};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::git::{revision, Git};
use kho_abi_read::headers;
use kho_abi_read::outline;
use kho_abi_read::owners::{self, Declared};
use kho_abi_read::source::{Options, Reading, SourceError};
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A release: a revision of the project's repository, or a tree of it.
#[derive(Clone, Debug)]
pub enum Release {
    /// A tag, or another revision.
    Revision(String),
    /// The top of a tree.
    Tree(PathBuf),
}

impl Release {
    /// The release that a word names: a directory that exists, else a revision; `git:REV` is always
    /// a revision.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word.strip_prefix("git:") {
            Some(revision) => Self::Revision(revision.into()),
            None if names::path(word).is_dir() => Self::Tree(names::path(word)),
            None => Self::Revision(word.into()),
        }
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Revision(revision) => f.write_str(revision),
            Self::Tree(dir) => names::shown(dir).fmt(f),
        }
    }
}

/// The headers of a project as they are now.
///
/// # Errors
///
/// Headers that do not exist, or a missing clang.
pub fn headers(project: &Project) -> Result<Held, ProjectError> {
    let config = project.config();
    let loaded = headers::load_dir(&base(project.root(), config), &options())?;
    let loaded = loaded.below(project.root());
    let mut held = read(config, |options| loaded.read(options))?;
    let text = |(name, shown, text): (&str, &str, &str)| {
        (name.to_string(), HeaderText { file: shown.into(), outline: outline::read(text) })
    };
    held.texts = loaded.texts().map(text).collect();
    Ok(held)
}

/// The headers of a release of a project.
///
/// # Errors
///
/// A release that does not exist or has no headers; as [`headers()`].
pub fn release(project: &Project, release: &Release) -> Result<Held, ProjectError> {
    let config = project.config();
    match release {
        Release::Tree(dir) => {
            let same = |a: &Path, b: &Path| a.canonicalize().ok() == b.canonicalize().ok();
            if same(dir, project.root()) {
                return Err(ProjectError::ItsOwnRelease { tree: names::shown(dir) });
            }
            let loaded = headers::load_dir(&base(dir, config), &options())?;
            Ok(read(config, |options| loaded.read(options))?)
        }
        Release::Revision(revision) => {
            let options = Options { git_dir: Some(project.root().into()), ..options() };
            let git = Git::new(Some(project.root()));
            git.commit(revision)?;
            // What a branch has today says nothing about what a kernel was released with.
            let name = git.run(revision, &["rev-parse", "--symbolic-full-name", revision])?;
            let name = names::lossless(&name);
            if ["HEAD", "refs/heads/", "refs/remotes/"].iter().any(|kind| name.starts_with(kind)) {
                return Err(ProjectError::BranchAsRelease { name: revision.clone() });
            }
            // The project may be a subdirectory of the repository.
            let prefix = git.run(revision, &["rev-parse", "--show-prefix"])?;
            let prefix = names::lossless(&prefix).trim().to_string();
            let below = names::shown(base(Path::new(""), config));
            let dir = format!("{prefix}{below}");
            let word = match dir.trim_end_matches('/') {
                "" => revision.clone(),
                dir => format!("{revision}:{dir}"),
            };
            let files = revision::files_of_rev(&word, &options)?;
            let tree = Some(revision::tree_of_rev(&word, &options)?);
            let with_tree = |options: &Options| {
                headers::read_files(&files, &Options { tree: tree.clone(), ..options.clone() })
            };
            Ok(read(config, with_tree)?)
        }
    }
}

fn options() -> Options {
    Options { catalogue: Arc::new(Catalogue::owners_alone()), ..Options::default() }
}

/// The directory to give a reader of headers: the top of a tree that is laid out like a kernel, so
/// that it finds what they use of that tree, or else the headers' own directory.
fn base(root: &Path, config: &Config) -> PathBuf {
    let top = config.headers.strip_suffix(&format!("include/{ABI_DIR}"));
    match top.filter(|top| top.is_empty() || top.ends_with('/')) {
        Some(top) => root.join(top.trim_end_matches('/')),
        None => root.join(&config.headers),
    }
}

fn read(
    config: &Config,
    read: impl Fn(&Options) -> Result<Reading, SourceError> + Sync,
) -> Result<Held, SourceError> {
    let first = &config.targets[0];
    // Every page size for the first machine. The other machines are read for one, and compared with
    // it.
    let sizes = config.page_sizes.iter().map(|size| (first, *size));
    let others = config.targets[1..].iter().map(|target| (target, config.page_sizes[0]));
    let wanted: Vec<(&String, u64)> = sizes.chain(others).collect();
    let of = |target: &str, size: u64| {
        read(&Options { triple: Some(target.into()), page_size: Some(size), ..options() })
    };
    let of = &of;
    let mut readings = std::thread::scope(|scope| {
        let threads: Vec<_> =
            wanted.iter().map(|(target, size)| scope.spawn(move || of(target, *size))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect::<Result<Vec<Reading>, SourceError>>()
    })?;
    let mut stale = Vec::new();
    for reading in &mut readings {
        stale = give(&mut reading.model, &config.owners);
    }
    let others = readings.split_off(config.page_sizes.len());
    let mut readings = readings.into_iter();
    let Some(Reading { mut model, mut gaps, .. }) = readings.next() else {
        unreachable!("a configuration has at least one page size");
    };
    let mut machines: Vec<(String, Finding)> = Vec::new();
    for (reading, triple) in others.into_iter().zip(&config.targets[1..]) {
        for (place, what) in compare::differences(&model, &reading.model) {
            let item = what.split(':').next().unwrap_or_default().to_string();
            let known = model.record(&item).and_then(|record| record.place.clone());
            let place = known.unwrap_or_else(|| Place::from(place));
            let what = format!("{what} (for {triple}, where the truth means {first})");
            let help = "use types with the same size on every machine: u8 to u64, but not pointers";
            machines.push((item, Finding::new("layout_depends_on_machine", place, what, help)));
        }
        gaps.extend(reading.gaps);
    }
    let mut others = Vec::new();
    for (size, reading) in config.page_sizes[1..].iter().zip(readings) {
        // What could not be read for one page size counts as not read.
        gaps.extend(reading.gaps.iter().cloned());
        others.push((*size, Ok(reading)));
    }
    let mut seen = BTreeSet::new();
    gaps.retain(|gap| {
        let of_it = if gap.item.is_empty() { &gap.why } else { &gap.item };
        seen.insert(of_it.clone())
    });
    pages::merge(&mut model, config.page_sizes[0], others)?;
    let texts = BTreeMap::new();
    Ok(Held { model, gaps, machines, owners: stale, texts, from_kernel: None })
}

/// Gives contracts what a project says that they own, and returns owners that make no sense.
fn give(model: &mut Model, owners: &[Owner]) -> Vec<(String, Finding)> {
    let mut stale = Vec::new();
    for Owner { owned, place } in owners {
        let Declared { macro_name, structs, constants } = owned;
        let mut say = |item: &str, what: String| {
            let help = "correct the entry, or remove it";
            stale.push((item.to_string(), Finding::new("owner_stale", place, what, help)));
        };
        let all = || model.headers.iter().flat_map(|header| &header.contracts);
        if !all().any(|contract| contract.is_carrier(macro_name)) {
            say(macro_name, format!("no header has a version in {macro_name}"));
            continue;
        }
        let declared = |name: &str| {
            let mut all = model.headers.iter().flat_map(|header| &header.declarations);
            all.any(|declaration| declaration.names().contains(&name))
        };
        let is_there = |name: &&String| {
            model.record(name).is_some() || model.constant(name).is_some() || declared(name)
        };
        let missing: Vec<&String> =
            structs.iter().chain(constants).filter(|name| !is_there(name)).collect();
        for name in missing {
            say(name, format!("{macro_name} is to own {name}, but no header defines it"));
        }
    }
    let declared: Vec<Declared> = owners.iter().map(|owner| owner.owned.clone()).collect();
    owners::give(model, &declared);
    stale
}
