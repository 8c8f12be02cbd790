// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi diff`: what changed between two sources, and whether each contract says so.

use super::judging::{Judging, Reading};
use super::{drafts_of, word};
use crate::complete::words;
use crate::output::{Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_read::git::Git;
use kho_abi_read::source;
use kho_abi_review::diff::{compare, open};
use kho_abi_review::policy::{self, judge, Baseline};
use kho_abi_review::report::Document;
use kho_abi_review::review;

const AFTER_HELP: &str = "\
A source is `abi` (the types of this program), `snapshots` (the frozen layouts), a kernel tree or any \
directory with include/linux/kho/abi, one header, a vmlinux, module, bzImage or BTF file, or git:REV. If \
OLD is a tree without ABI headers, every contract is new.

Examples:
  kho-abi diff git:v7.3 .                     what changed since the tag v7.3
  kho-abi diff git:v7.3..git:v7.4             between two revisions
  kho-abi diff ~/linux ~/linux-next           between two trees
  kho-abi diff snapshots vmlinux              from the frozen layouts to a kernel
  kho-abi diff git:v7.3 . --format markdown   for a forge's comment

Exit status: 0 when every change is covered by a new version, 1 with findings, 2 when a source cannot be \
read. What neither layouts nor text can decide is unknown, which is a finding: not_compared.";

/// Compare two sources, and say which contracts need a bump
///
/// Every struct, constant and device-tree property that a compatible string promises is compared,
/// with all that they embed. Each contract gets a verdict: unchanged, changed and bumped, bump
/// missing, bumped without change, new, or removed.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The old source, a range of revisions (git:A..git:B), or one revision to compare with its parent
    #[arg(add = ArgValueCompleter::new(words::sources), value_parser = word())]
    old: String,
    /// The new source
    #[arg(add = ArgValueCompleter::new(words::sources), value_parser = word())]
    new: Option<String>,
    /// OLD is an unmerged series: no kernel was released with its strings
    #[arg(long, conflicts_with = "released")]
    unmerged: bool,
    /// A third source; only the strings in it count as released
    #[arg(long, value_name = "SOURCE", add = ArgValueCompleter::new(words::sources), value_parser = word())]
    released: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    judging: Judging,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let sources = [Some(&args.old), args.new.as_ref(), args.released.as_ref()];
    let sources: Vec<&str> = sources.into_iter().flatten().map(String::as_str).collect();
    let to = args.judging.destination(&args.reading, &sources)?;
    let options = args.reading.options()?;
    let (old, new) = match &args.new {
        Some(new) => (review::source_word(&args.old, &options), review::source_word(new, &options)),
        None => revisions(&args.old, &options)?,
    };
    let old_word = old.clone();
    let (old, new) = if review::is_without_headers(&old, &options) {
        // In a tree without ABI headers so far, everything is new.
        (review::nothing(&old), open::open(&new, &options)?)
    } else {
        open::both(&old, &new, &options)?
    };
    let baseline = match &args.released {
        Some(word) => {
            let word = review::source_word(word, &options);
            Baseline::Released(Box::new(open::open(&word, &options)?.reading))
        }
        None if args.unmerged => Baseline::Nothing,
        None => Baseline::Old,
    };
    let drafts = drafts_of(&old_word, &options);
    let options = policy::Options { drafts, ..args.judging.options(baseline, &options.catalogue)? };
    let report = judge(&compare(&old, &new), &options);
    args.judging.report(&Document::of("diff", report), &to, out)
}

/// The two sources that one word names.
fn revisions(word: &str, options: &source::Options) -> Result<(String, String), Failure> {
    let range = review::revision_range(word, options);
    let is_one = range.as_ref().filter(|_| !word.contains(".."));
    if let Some((parent, rev)) = is_one.and_then(|range| range.split_once("..")) {
        let git = Git::new(options.git_dir.as_deref());
        if git.commit(rev).is_ok() && git.commit(parent).is_err() {
            return Err(Failure {
                message: format!("git:{rev} has no parent to compare it with"),
                help: format!("give the new source as well: kho-abi diff git:{rev} NEW"),
            });
        }
    }
    let sides = range.as_deref().and_then(|range| range.split_once(".."));
    match sides {
        Some((old, new)) if !old.is_empty() && !new.is_empty() && !new.starts_with('.') => {
            Ok((format!("git:{old}"), format!("git:{new}")))
        }
        _ => Err(Failure {
            message: format!("{word}: nothing to compare it with"),
            help: "give the new source as well, or a range such as git:A..git:B".into(),
        }),
    }
}
