// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Which contracts of an old source are drafts, which no kernel has: its own frozen layouts say it.
//!
//! A layout that cannot be read makes no draft, so that a change of its contract needs a new version. The
//! same holds for a version that a kernel is known to have: a tree that was just taken in has only drafts.

use super::{at, find, Found};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::frozen::Status;
use kho_abi_read::source::Options;
use kho_abi_show::names;
use std::collections::BTreeSet;
use std::path::Path;

/// The drafts of an old source: a tree, or `git:REV` of the repository around `here` or of the one that the
/// options name.
#[must_use]
pub fn drafts(word: &str, here: &Path, options: &Options) -> BTreeSet<String> {
    let frozen = match word.strip_prefix("git:") {
        Some(rev) => {
            let start = options.git_dir.as_deref().unwrap_or(here);
            find(start).ok().and_then(|found| found.layouts().readable_at(rev).ok())
        }
        None => at(&names::path(word)).ok().and_then(|found| found.layouts().readable().ok()),
    };
    let drafts = frozen.unwrap_or_default().into_iter().filter(|one| one.status == Status::Draft);
    let drafts = drafts.map(|one| one.contract.compatible);
    drafts.filter(|compatible| !Catalogue::a_kernel_has(compatible)).collect()
}

impl Found {
    fn layouts(&self) -> Layouts {
        match self {
            Self::Checkout(checkout) => Layouts::of(checkout),
            Self::Project(project) => project.layouts(),
        }
    }
}
