// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi init`: puts the headers of a tree under the tool's checks.

use super::{freeze, judging, word};
use crate::complete::words;
use crate::output::{note, Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_read::frozen::Status;
use kho_abi_review::history::cache_dir;
use kho_abi_review::project::init::{self, Begun};
use kho_abi_review::project::{self, read::Release};
use std::path::{Path, PathBuf};

const AFTER_HELP: &str = "\
Examples:
  kho-abi init                        in the top directory of a kernel tree
  kho-abi init --tree ~/linux         another tree
  kho-abi init --released v7.3        what the tag v7.3 has with the same bytes is frozen for good

Nothing is overwritten: a tree with a kho-abi.toml or frozen layouts is refused.

Exit status: 0 when everything was frozen, 1 when a contract could not be frozen, 2 when nothing was written.";

/// Start checking the headers of a tree: write kho-abi.toml, and freeze the tree's layouts
///
/// Layouts are frozen as drafts, which may change until a kernel is released with them. With --released,
/// those that the release has with the same bytes are frozen for good.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Top directory of the tree, instead of the current directory
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// A release that has these bytes: a tag or another revision of the tree's repository, or a tree
    #[arg(long, value_name = "TAG|REV|TREE", add = ArgValueCompleter::new(words::releases), value_parser = word())]
    released: Option<String>,
}

pub(crate) fn run(args: &Args, root: Option<&Path>, out: &mut Output) -> Result<Outcome, Failure> {
    let root = match args.tree.as_deref().or(root) {
        Some(root) => root.to_path_buf(),
        None => std::env::current_dir().map_err(|error| Failure {
            message: format!("cannot find the current directory: {error}"),
            help: "name the tree with --tree DIR".into(),
        })?,
    };
    let release = args.released.as_deref().map(Release::of);
    let Begun { project, file, outcomes, flaws, held } = init::init(&root, release.as_ref())?;
    let layouts = project.layouts();
    out.line(layouts.display(&file));
    let refused = freeze::report(&layouts, &outcomes, out);
    for flaw in &flaws {
        note(format_args!("note: frozen as it is: {flaw}", flaw = flaw.what));
    }
    let count = |status| outcomes.iter().filter(|one| one.status == Some(status)).count();
    let (drafts, released) = (count(Status::Draft), count(Status::Released));
    note(format_args!(
        "{drafts} draft{}, {released} released; next steps:",
        if drafts == 1 { "" } else { "s" }
    ));
    let dir = layouts.display(layouts.dir());
    note(format_args!("  1. commit them: `git add {} {dir}`", project::FILE));
    note("  2. `kho-abi check` before each commit and in CI");
    if drafts > 0 {
        note("  3. once a kernel is released: `kho-abi freeze --release TAG`");
    }
    let checks = project::check::run(&project, &held, judging::today(), cache_dir().as_deref())?;
    let findings: usize = checks.iter().map(|check| check.findings.len()).sum();
    if findings > 0 {
        let s = if findings == 1 { "" } else { "s" };
        note(format_args!("`kho-abi check` already has {findings} finding{s}"));
    }
    Ok(Outcome::of(refused))
}
