// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi log`: the life of a contract through a git history.

use super::judging::{Judging, Reading};
use super::{drafts_of, word};
use crate::complete::words;
use crate::output::{Failure, Outcome, Output};
use crate::progress::Shown;
use clap_complete::engine::ArgValueCompleter;
use kho_abi_review::history::{self, Commits, Look, Wanted};
use kho_abi_review::policy::Baseline;

const AFTER_HELP: &str = "\
Each commit is compared with its parent, as if a kernel had been released in between; with --released, \
only tags are releases. Merges show only what differs from all of their parents. Commits that only \
change comments are left out; commits that change what the ABI headers use of other headers are not. \
Judgements are kept in $XDG_CACHE_HOME/kho-abi (or ~/.cache/kho-abi), keyed by the ids of commits and of \
the headers' contents, and the version of this program.

Examples:
  kho-abi log luo-v5                                a contract, whatever its version
  kho-abi log include/linux/kho/abi/luo.h --full    a header, with layouts
  kho-abi log --released v7.* --rev v7.4            only releases count

Exit status: 0 when every change came with a new version, 1 with findings or when the history is cut off, \
2 when it cannot be read or has nothing by that name.";

/// Show the history of a contract: each commit that changed its bytes or its string, with the verdict
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// A header's path, or a contract by its string in any version or by its macro; all if none is given
    #[arg(value_name = "PATH|CONTRACT", add = ArgValueCompleter::new(words::contracts_and_paths), value_parser = word())]
    of: Option<String>,
    /// The last revision to look at
    #[arg(long, value_name = "REV", default_value = "HEAD", add = ArgValueCompleter::new(words::revisions), value_parser = word())]
    rev: String,
    /// Only tags that match this pattern are releases, such as v7.*; what no earlier release has may
    /// still change
    #[arg(long, value_name = "PATTERN")]
    released: Option<String>,
    /// Show layouts before and after, as diff does
    #[arg(long)]
    full: bool,
    /// Judge everything again, and keep no judgements
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    judging: Judging,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let wanted = args.of.as_deref().map_or(Wanted::All, Wanted::of);
    let to = args.judging.destination(&args.reading, args.of.as_deref().as_slice())?;
    let reading = args.reading.options()?;
    let mut options = args.judging.options(Baseline::Old, &reading.catalogue)?;
    let dir = history::cache_dir().filter(|_| !args.no_cache);
    let shown = Shown::begin();
    let (commits, drafts) = std::thread::scope(|scope| {
        // git is asked for the drafts while it lists the commits.
        let drafts = scope.spawn(|| drafts_of(&format!("git:{}", args.rev), &reading));
        let commits = Commits::up_to(&args.rev, &reading, dir.as_deref(), shown.progress());
        (commits, drafts.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let commits = commits?;
    // What is a draft at the end was one all along.
    options.drafts = drafts;
    // Allowances depend on the day, so their results are not cached.
    let cache = dir.as_deref().filter(|_| options.allowances.is_empty());
    let look =
        Look { cache, released: args.released.as_deref(), progress: shown.progress().clone() };
    let life = history::life(&commits, &wanted, &look, &reading, &options);
    drop(shown);
    let life = life?;
    if args.judging.is_plain_text() && !args.full {
        out.text(&history::brief(&life));
        return Ok(Outcome::of(life.document.findings()));
    }
    args.judging.report(&life.document, &to, out)
}
