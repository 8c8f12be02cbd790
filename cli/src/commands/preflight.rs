// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi preflight`: will the next kernel understand what this one writes?

use super::judging::Reading;
use crate::complete::words;
use crate::output::{Failure, Format, Inputs, Outcome as Exit, Output};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_read::source::{self, SourceError};
use kho_abi_review::preflight::{answer, Answer, Kernel, Outlook};
use kho_abi_review::report;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const AFTER_HELP: &str = "\
CURRENT and NEXT are a vmlinux, a bzImage, a unified kernel image, BTF, a kernel tree, or any other source. The kernel matches \
compatible strings exactly and then trusts the bytes:
  yes          the same strings, and the same layouts of all their structs
  no           other strings: what is handed over under them is lost; the report says how
  DANGEROUS    the same string and other bytes, which nothing else catches
  no handover  one of the two is built without Kexec HandOver
  unknown      a string or a layout could not be compared: do not rely on it

Defects that a kernel's release is known to have are findings as well; where it may have the fix from \
its distributor, they say which commit to look for.

Examples:
  kho-abi preflight vmlinux-7.3 vmlinux-7.4     from one kernel to another
  kho-abi preflight --running /boot/vmlinuz     from the kernel that runs
  kho-abi preflight --both old.btf new.btf      and back
  kho-abi preflight --matrix a b c              each of a fleet to each other

Exit status: 0 when each answer is a yes without known defects, 1 when one is not, 2 when a kernel cannot be read.";

/// Ask before a kexec whether the next kernel will understand this one
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// CURRENT and then each NEXT; each NEXT alone with --running
    #[arg(required = true, value_name = "KERNEL", add = ArgValueCompleter::new(words::sources))]
    kernels: Vec<String>,
    /// The current kernel is the one that this machine runs
    #[arg(long)]
    running: bool,
    /// Ask for the way back, too: can each NEXT be rolled back to CURRENT?
    #[arg(long)]
    both: bool,
    /// Ask for each pair of the kernels, and print a table: rows are current, columns are next
    #[arg(long, conflicts_with = "both")]
    matrix: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    reading: Reading,
}

/// The schema of a document.
pub(crate) const SCHEMA: &str = "kho-abi/preflight/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    answers: &'a [Answer],
    unreadable: &'a [Unreadable],
}

/// A kernel that has no answer.
#[derive(JsonSchema, Serialize)]
struct Unreadable {
    next: String,
    why: String,
    help: String,
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    Inputs::of(&args.kernels).guard_stdout()?;
    let options = args.reading.options()?;
    let nexts = match args.kernels.as_slice() {
        all if args.running => all,
        [_, nexts @ ..] if !nexts.is_empty() => nexts,
        _ => return Err(no_next()),
    };
    let (current, read) = read_all(args, nexts, &options);
    let current = current?;
    let (mut kernels, mut unreadable) = (vec![current], Vec::new());
    for (word, next) in nexts.iter().zip(read) {
        match next {
            Ok(next) => kernels.push(next),
            // The other kernels of a fleet still get their answers.
            Err(error) => unreadable.push(Unreadable {
                next: word.clone(),
                why: error.to_string(),
                help: error.help(),
            }),
        }
    }
    let answers: Vec<Answer> = pairs(args, kernels.len())
        .into_iter()
        .map(|(now, then)| answer(&kernels[now], &kernels[then]))
        .collect();
    if args.format == Format::Json {
        let (answers, unreadable) = (answers.as_slice(), unreadable.as_slice());
        out.json(&Document { schema: SCHEMA, answers, unreadable });
    } else if args.matrix {
        let names: Vec<&str> = kernels.iter().map(|k| k.side.reading.name.as_str()).collect();
        out.raw(&report::matrix(&names, &answers));
    } else {
        out.raw(&report::answers(&answers));
    }
    if let Some(Unreadable { why, help, .. }) = unreadable.into_iter().next() {
        return Err(Failure { message: why, help });
    }
    let wrong =
        |answer: &&Answer| answer.outlook != Outlook::Understood || !answer.defects.is_empty();
    Ok(Exit::of(answers.iter().filter(wrong).count()))
}

/// The pairs to ask about, by the numbers of the kernels; the first is the current one.
fn pairs(args: &Args, kernels: usize) -> Vec<(usize, usize)> {
    if args.matrix {
        let all = (0..kernels).flat_map(|now| (0..kernels).map(move |then| (now, then)));
        return all.filter(|(now, then)| now != then).collect();
    }
    let back = |next| [(0, next), (next, 0)].into_iter().take(if args.both { 2 } else { 1 });
    (1..kernels).flat_map(back).collect()
}

/// Reads the current kernel and each next one, several at a time.
fn read_all(
    args: &Args,
    nexts: &[String],
    options: &source::Options,
) -> (Result<Kernel, SourceError>, Vec<Result<Kernel, SourceError>>) {
    let next_to_read = AtomicUsize::new(0);
    let read: Mutex<Vec<Option<Result<Kernel, SourceError>>>> =
        Mutex::new(nexts.iter().map(|_| None).collect());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(nexts.len());
    let work = || loop {
        let index = next_to_read.fetch_add(1, Ordering::Relaxed);
        let Some(word) = nexts.get(index) else { break };
        let kernel = Kernel::open(word, options);
        read.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(kernel);
    };
    let current = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
        match args.kernels.first() {
            Some(current) if !args.running => Kernel::open(current, options),
            _ => Kernel::running(options),
        }
    });
    let read = read.into_inner().unwrap_or_else(PoisonError::into_inner);
    // All kernels have been read when the threads end.
    (current, read.into_iter().flatten().collect())
}

fn no_next() -> Failure {
    Failure {
        message: "no next kernel was given".into(),
        help: "give CURRENT and at least one NEXT, or --running and at least one NEXT".into(),
    }
}
