// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi review`: what patches do to the handover ABI.

use super::judging::{Judging, Reading};
use crate::output::{Failure, Outcome, Output};
use kho_abi_review::patch::{self, PatchError};
use kho_abi_review::policy::Baseline;
use kho_abi_review::review::{self, Base};
use std::io::Read as _;
use std::path::Path;

const AFTER_HELP: &str = "\
Nobody's work tree is touched: patches are applied in memory. A string that the base has is \
released, and a change of what it promises needs a new one; a string that the series itself brings \
may change until it is merged. Without a base, or where a patch does not fit it, the hunks are read \
as far as they reach, and what cannot be known from them is said.

Exit status: 0 when every change is covered by a new version, 1 with findings, 2 when a patch or the \
base cannot be read.";

/// Review patches: which contracts they touch, and whether a bump is missing
///
/// Takes mails as they were sent (an mbox or a .patch; quoted-printable, base64, format=flowed and
/// multipart bodies are decoded), the output of git diff, or a range of commits. `--format mail` is a
/// plain text to reply with.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Files with patches, in the order of the series; - is standard input; or one range, as A..B
    #[arg(required = true, value_name = "PATCH|RANGE")]
    patches: Vec<String>,
    /// What the patches are made for: a tree, or git:REV
    #[arg(long, value_name = "TREE|git:REV")]
    base: Option<String>,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    judging: Judging,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Outcome, Failure> {
    let sources: Vec<&str> = args.patches.iter().chain(&args.base).map(String::as_str).collect();
    let to = args.judging.destination(&args.reading, &sources)?;
    let reading = args.reading.options();
    let options = args.judging.options(Baseline::Old)?;
    if let [range] = args.patches.as_slice() {
        if range.contains("..") && !Path::new(range).exists() {
            if args.base.is_some() {
                return Err(Failure {
                    message: "a range has its base in it".into(),
                    help: "leave --base out, or give patches".into(),
                });
            }
            let document = review::range(range, &reading, &options)?;
            return args.judging.report(&document, &to, out);
        }
    }
    let mut patches = Vec::new();
    for path in &args.patches {
        let bytes = bytes_of(path)?;
        patches.extend(patch::read(path, &bytes)?);
    }
    let base = args.base.as_ref().map(|word| Base::open(word, &reading)).transpose()?;
    let document = review::patches(&patches, base.as_ref(), &reading, &options)?;
    args.judging.report(&document, &to, out)
}

/// What is in a file, or on standard input; no more than is looked at.
fn bytes_of(path: &str) -> Result<Vec<u8>, Failure> {
    let limit = patch::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let read = if path == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure {
        message: format!("cannot read {path}: {error}"),
        help: "check the path and the permissions".into(),
    })?;
    Ok(bytes)
}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Self {
        Self { message: error.to_string(), help: error.help() }
    }
}
