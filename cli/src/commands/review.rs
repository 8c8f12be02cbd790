// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi review`: what patches do to the handover ABI.

use super::judging::{Judging, Reading};
use super::{drafts_of, word};
use crate::complete::words;
use crate::output::{Failure, Outcome, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_review::patch::{open, Inbox, PatchError};
use kho_abi_review::policy::Baseline;
use kho_abi_review::review::{self, Base};
use kho_abi_show::names;

const AFTER_HELP: &str = "\
Patches are applied in memory: no work tree is touched. Of several versions of a series, the newest is \
judged, and the others are named. Each series is judged by itself: one thread, one set of numbers, the \
commits of git log -p, a quilt series.

A string that the base has is released: a change of what it promises needs a new string. A string that the \
series itself adds may change until it is merged. Without a base, only the hunks are read, and what they do \
not show is a finding. A patch that does not apply to the base is a finding, too. What code writes is not \
compared: a patch that changes it exits with 1, unless the version that covers it also changes.

Examples:
  kho-abi review 0001-fix.patch --base git:v7.3      a patch, with the base it applies to
  kho-abi review series.mbox --format mail           a reply that can be sent
  kho-abi review v7.3..topic                         the commits of a branch
  git diff --cached | kho-abi review - --base git:HEAD

Exit status: 0 when every change is covered by a new version, 1 with findings or when something is not \
judged, 2 when a patch or the base cannot be read.";

/// Review patches: which contracts they touch, and whether a bump is missing
///
/// Takes mails as they were sent (an mbox, gzipped or not, a .patch, a directory of them, a maildir, what
/// b4 am writes), the output of git diff, git show or git log -p, a commit, or a range of commits.
/// `--format mail` writes a reply that can be sent, or an mbox with a reply to each patch that needs one;
/// what only the reviewer needs goes to standard error.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Files or directories with patches (- is standard input), or one commit or range, such as git:A or
    /// A..B
    #[arg(required = true, value_name = "PATCH|RANGE", add = ArgValueCompleter::new(words::patches), value_parser = word())]
    patches: Vec<String>,
    /// What the patches apply to: a tree, or git:REV
    #[arg(long, value_name = "TREE|git:REV", add = ArgValueCompleter::new(words::sources), value_parser = word())]
    base: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    judging: Judging,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let sources: Vec<&str> = args.patches.iter().chain(&args.base).map(String::as_str).collect();
    let to = args.judging.destination(&args.reading, &sources)?;
    let reading = args.reading.options()?;
    let mut options = args.judging.options(Baseline::Old, &reading.catalogue)?;
    if let [word] = args.patches.as_slice() {
        let range = (word != "-" && !names::path(word).exists())
            .then(|| review::revision_range(word, &reading))
            .flatten();
        if let Some(range) = range {
            if args.base.is_some() {
                return Err(Failure {
                    message: "a range includes its base".into(),
                    help: "leave out --base, or give patches".into(),
                });
            }
            let base = range.split_once("..").map_or("", |(base, _)| base);
            options.drafts = drafts_of(&format!("git:{base}"), &reading);
            let document = review::range(&range, &reading, &options)?;
            return args.judging.report(&document, &to, out);
        }
    }
    let mut inbox = Inbox::default();
    for path in &args.patches {
        if path == "-" {
            inbox.add(path, &open::bounded("standard input", std::io::stdin().lock())?)?;
            continue;
        }
        inbox.add_path(&names::path(path))?;
    }
    let series = inbox.series()?;
    let base = args.base.as_ref().map(|word| Base::open(word, &reading)).transpose()?;
    if let Some(base) = &base {
        options.drafts = drafts_of(&base.name, &reading);
    }
    let document = review::series(&series, base.as_ref(), &reading, &options)?;
    args.judging.report(&document, &to, out)
}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}
