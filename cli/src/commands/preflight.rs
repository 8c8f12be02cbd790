// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi preflight`: will the next kernel understand what this one writes?

use super::judging::Reading;
use super::word;
use crate::complete::words;
use crate::output::{note, Failure, Format, Inputs, Outcome as Exit, Output};
use crate::progress::Shown;
use clap_complete::engine::ArgValueCompleter;
use kho_abi_read::source::{self, SourceError};
use kho_abi_review::preflight::{answer, Answer, Kernel, Outlook};
use kho_abi_review::report;
use kho_abi_show::names;
use kho_abi_show::Unit;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const AFTER_HELP: &str = "\
CURRENT and NEXT are a vmlinux, a bzImage, a unified kernel image, a kernel tree, or any other source. \
The kernel matches compatible strings exactly and then trusts the bytes (in brackets: the word of --format json):
  yes          the same strings, and the same layouts of all their structs [understood]
  yes, with 1 known defect
               the same, but a release has or may have a known defect: the lines say which commit to look \
for [defective]
  no           different strings: what is handed over under them is lost; the report says how [lost]
  DANGEROUS    the same string but different bytes, which nothing else catches [dangerous]
  PANICS       a version at which the next kernel panics at boot: the machine is lost [panics]
  no handover  one of the two is built without Kexec HandOver, or they are for different machines [no_handover]
  unknown      a string or a layout could not be compared: do not rely on it. Try again with the vmlinux, \
which has types and strings; BTF alone has no strings, and never gives a yes [unknown]

Never checked in images, since they do not contain it: whether structs are packed, the values of macros, \
and what the code writes into device trees.

--running reads the running kernel from the first of /usr/lib/debug/boot/vmlinux-RELEASE, \
/boot/vmlinuz-RELEASE, /lib/modules/RELEASE/vmlinuz and /sys/kernel/btf/vmlinux, and its configuration \
from /proc/config.gz or /boot/config-RELEASE. Each KERNEL is then a NEXT.

Examples:
  kho-abi preflight vmlinux-7.3 vmlinux-7.4       from one kernel to another
  kho-abi preflight --running /boot/vmlinuz       from the running kernel
  kho-abi preflight --both vmlinux-old bzImage    and back
  kho-abi preflight --matrix a b c                every pair of a fleet

Exit status: 0 when every answer is a plain yes, 1 when one is not, 2 when a kernel cannot be read.";

/// Check before a kexec whether the next kernel will understand this one
#[allow(clippy::struct_excessive_bools)] // Each is an option of its own.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// CURRENT, then each NEXT; with --running, only each NEXT
    #[arg(required = true, value_name = "KERNEL", add = ArgValueCompleter::new(words::sources), value_parser = word())]
    kernels: Vec<String>,
    /// Take the running kernel as CURRENT
    #[arg(long)]
    running: bool,
    /// Also check the way back: whether each NEXT can be rolled back to CURRENT
    #[arg(long)]
    both: bool,
    /// Check every pair of kernels, and print a table: rows are current, columns are next
    #[arg(long, conflicts_with = "both")]
    matrix: bool,
    /// With --matrix: after the table, print the details of each pair that is not a yes
    #[arg(long, requires = "matrix")]
    details: bool,
    /// Print nothing; the exit status is the answer
    #[arg(short, long)]
    quiet: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten, next_help_heading = "Options for trees, headers and modules")]
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

/// A kernel without an answer.
#[derive(JsonSchema, Serialize)]
struct Unreadable {
    /// The kernel, whichever of the two it is.
    next: String,
    /// Which of the two it is.
    role: Role,
    why: String,
    help: String,
}

#[derive(Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Current,
    Next,
}

/// The JSON Schema of the output of `--format json`.
pub(crate) fn schema() -> schemars::Schema {
    kho_abi_model::schema_of::<Document<'static>>()
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    Inputs::of(args.kernels.iter().map(|word| names::path(word))).guard_stdout()?;
    let options = args.reading.options()?;
    let nexts = match args.kernels.as_slice() {
        all if args.running => all,
        [_, nexts @ ..] if !nexts.is_empty() => nexts,
        _ => return Err(no_next()),
    };
    let (current, read) = read_all(args, nexts, &options);
    let first = args.kernels.first().filter(|_| !args.running);
    let first = first.map_or("--running", String::as_str);
    let words = std::iter::once(first).chain(nexts.iter().map(String::as_str));
    let roles = std::iter::once(Role::Current).chain(std::iter::repeat(Role::Next));
    let (mut kernels, mut unreadable) = (Vec::new(), Vec::new());
    // The other kernels of a fleet still get their answers.
    for ((word, role), kernel) in words.zip(roles).zip(std::iter::once(current).chain(read)) {
        kernels.push(kernel.map_err(|error| {
            let (why, help) = (error.to_string(), error.help());
            unreadable.push(Unreadable { next: word.into(), role, why, help });
            word.to_string()
        }));
    }
    for kernel in kernels.iter().flatten() {
        let Kernel { side, .. } = kernel;
        if args.reading.lacks_btf(side.reading.kind) {
            note(format_args!("note: {} has no BTF: its DWARF was read", side.reading.name));
        }
    }
    let asked = pairs(args, kernels.len()).into_iter().filter_map(|(now, then)| {
        Some(((now, then), answer(kernels[now].as_ref().ok()?, kernels[then].as_ref().ok()?)))
    });
    let (places, answers): (Vec<_>, Vec<Answer>) = asked.unzip();
    let bad: Vec<&str> = unreadable.iter().map(|kernel| kernel.next.as_str()).collect();
    if args.quiet {
        // The exit status says it all.
    } else if args.format == Format::Json {
        let (answers, unreadable) = (answers.as_slice(), unreadable.as_slice());
        out.json(&Document { schema: SCHEMA, answers, unreadable });
    } else if args.matrix {
        let shown = |kernel: &Result<Kernel, String>| match kernel {
            Ok(kernel) => report::Shown {
                name: kernel.side.reading.name.clone(),
                release: kernel.release.clone(),
                is_read: true,
            },
            Err(word) => report::Shown { name: word.clone(), release: None, is_read: false },
        };
        let kernels: Vec<_> = kernels.iter().map(shown).collect();
        let cells: Vec<_> = places.into_iter().zip(&answers).collect();
        out.text(&report::matrix(&kernels, &cells));
        if args.details {
            let not_yes = |answer: &&Answer| answer.outlook != Outlook::Understood;
            let details: Vec<Answer> = answers.iter().filter(not_yes).cloned().collect();
            if !details.is_empty() {
                out.line("");
                out.text(&report::answers(&details));
            }
        }
        out.text(&report::tally(&answers, &bad));
    } else {
        out.text(&report::answers(&answers));
        if answers.len() > 1 || !bad.is_empty() && !answers.is_empty() {
            out.line("");
            out.text(&report::tally(&answers, &bad));
        }
    }
    if let Some(last) = unreadable.pop() {
        let failure = |Unreadable { why, help, .. }| Failure { message: why, help };
        for kernel in unreadable {
            failure(kernel).print();
        }
        return Err(failure(last));
    }
    let wrong = |answer: &&Answer| answer.outlook != Outlook::Understood;
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
    let shown = Shown::begin();
    shown.progress().begin("reading kernels", Unit::Items, Some(nexts.len() as u64 + 1));
    let next_to_read = AtomicUsize::new(0);
    let read: Mutex<Vec<Option<Result<Kernel, SourceError>>>> =
        Mutex::new(nexts.iter().map(|_| None).collect());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(nexts.len());
    let work = || loop {
        let index = next_to_read.fetch_add(1, Ordering::Relaxed);
        let Some(word) = nexts.get(index) else { break };
        let kernel = Kernel::open(word, options);
        shown.progress().advance(1);
        read.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(kernel);
    };
    let current = std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
        let current = match args.kernels.first() {
            Some(current) if !args.running => Kernel::open(current, options),
            _ => Kernel::running(options),
        };
        shown.progress().advance(1);
        current
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
