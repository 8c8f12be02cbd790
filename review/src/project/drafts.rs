// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Which contracts of an old source are drafts, which no kernel has: its own frozen layouts say it.
//!
//! A layout that cannot be read makes no draft, so that a change of its contract needs a new version.

use super::{at, find, Found};
use kho_abi_codegen::layouts::{self, Layouts};
use kho_abi_read::frozen::{self, Frozen, Status};
use kho_abi_read::git::Git;
use kho_abi_read::source::Options;
use kho_abi_show::names;
use std::collections::BTreeSet;
use std::path::Path;

/// The drafts of an old source: a tree, or `git:REV` of the repository around `here` or of the one that the
/// options name.
#[must_use]
pub fn drafts(word: &str, here: &Path, options: &Options) -> BTreeSet<String> {
    let frozen = match word.strip_prefix("git:") {
        Some(rev) => at_revision(rev, options.git_dir.as_deref().unwrap_or(here)),
        None => at(&names::path(word)).ok().and_then(|found| found.layouts().readable().ok()),
    };
    let drafts = frozen.unwrap_or_default().into_iter().filter(|one| one.status == Status::Draft);
    drafts.map(|one| one.contract.compatible).collect()
}

fn at_revision(rev: &str, start: &Path) -> Option<Vec<Frozen>> {
    let found = find(start).ok()?;
    let layouts = found.layouts();
    // git takes names as relative to the directory that it works in.
    let git = Git::new(Some(layouts.root()));
    let below = layouts.dir().strip_prefix(layouts.root()).ok()?;
    let commit = git.commit(rev).ok()?;
    let below = format!("./{}/", names::shown(below));
    let list = git.run(rev, &["ls-tree", "-z", "--name-only", &commit, "--", &below]).ok()?;
    let files = list.split(|byte| *byte == 0).map(names::lossless);
    let files = files.filter(|file| layouts::is_layout(Path::new(file)));
    let files: Vec<String> = files.map(|file| format!("{commit}:./{file}")).collect();
    let texts = git.contents(rev, &files).ok()?.into_iter().flatten();
    Some(texts.filter_map(|text| frozen::parse(&String::from_utf8_lossy(&text)).ok()).collect())
}

impl Found {
    fn layouts(&self) -> Layouts {
        match self {
            Self::Checkout(checkout) => Layouts::of(checkout),
            Self::Project(project) => project.layouts(),
        }
    }
}
