// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi preflight`: will the next kernel understand what this one writes?

use super::judging::Reading;
use crate::output::{Failure, Format, Inputs, Outcome as Exit, Output, BAD, GOOD, OPEN, STRONG};
use anstyle::Style;
use kho_abi_read::source::{self, SourceError};
use kho_abi_review::preflight::{answer, Answer, Kernel, Outcome, Outlook};
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const AFTER_HELP: &str = "\
CURRENT and NEXT are a vmlinux, a bzImage, BTF, a kernel tree, or any other source. The kernel matches \
compatible strings exactly and then trusts the bytes:
  yes          the same strings, and the same layouts of all structs behind them
  no           other strings: what is handed over under them is lost, in the way that is told
  DANGEROUS    the same string and other bytes, which nothing else catches
  no handover  one of the two is built without Kexec HandOver
  unknown      a string or a layout could not be compared: do not rely on it

Exit status: 0 when each NEXT is a yes, 1 when one is not, 2 when a kernel cannot be read.";

/// Ask before a kexec whether the next kernel will understand this one
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// CURRENT and then each NEXT; each NEXT alone with --running
    #[arg(required = true, value_name = "KERNEL")]
    kernels: Vec<String>,
    /// The current kernel is the one that this machine runs
    #[arg(long)]
    running: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    answers: &'a [Answer],
    unreadable: &'a [Unreadable],
}

/// A kernel that has no answer.
#[derive(Serialize)]
struct Unreadable {
    next: String,
    why: String,
    help: String,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Failure> {
    Inputs::of(&args.kernels).guard_stdout()?;
    let options = args.reading.options();
    let nexts = match args.kernels.as_slice() {
        all if args.running => all,
        [_, nexts @ ..] if !nexts.is_empty() => nexts,
        _ => return Err(no_next()),
    };
    let (current, read) = read_all(args, nexts, &options);
    let current = current?;
    let (mut answers, mut unreadable) = (Vec::new(), Vec::new());
    for (word, next) in nexts.iter().zip(read) {
        match next {
            Ok(next) => answers.push(answer(&current, &next)),
            // The others of a fleet have their answers all the same.
            Err(error) => unreadable.push(Unreadable {
                next: word.clone(),
                why: error.to_string(),
                help: error.help(),
            }),
        }
    }
    if args.format == Format::Json {
        let (answers, unreadable) = (answers.as_slice(), unreadable.as_slice());
        out.json(&Document { schema: "kho-abi/preflight/1", answers, unreadable });
    } else {
        for (index, answer) in answers.iter().enumerate() {
            if index > 0 {
                out.line("");
            }
            table(answer, out);
        }
    }
    if let Some(Unreadable { why, help, .. }) = unreadable.into_iter().next() {
        return Err(Failure { message: why, help });
    }
    Ok(Exit::of(answers.iter().filter(|answer| answer.outlook != Outlook::Understood).count()))
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
    // Each has been read when the threads have come to their end.
    (current, read.into_iter().flatten().collect())
}

fn no_next() -> Failure {
    Failure {
        message: "there is no next kernel to ask about".into(),
        help: "give CURRENT and at least one NEXT, or --running and at least one NEXT".into(),
    }
}

fn style_of(outlook: Outlook) -> Style {
    match outlook {
        Outlook::Understood => GOOD,
        Outlook::Unknown => OPEN,
        Outlook::Dangerous | Outlook::NoHandover | Outlook::Lost => BAD,
    }
}

fn table(answer: &Answer, out: &mut Output) {
    let style = style_of(answer.outlook);
    out.line(format_args!(
        "{STRONG}{} -> {}{STRONG:#}: {style}{}{style:#}",
        answer.current,
        answer.next,
        answer.outlook.tell()
    ));
    if !answer.why.is_empty() {
        out.line(format_args!("  {}", answer.why));
    }
    let text = |string: &Option<String>| string.clone().unwrap_or_else(|| "-".into());
    let rows: Vec<_> = answer
        .contracts
        .iter()
        .map(|contract| (text(&contract.current), text(&contract.next), contract))
        .collect();
    let width = |cell: fn(&(String, String, &_)) -> usize, least: usize| {
        rows.iter().map(cell).max().unwrap_or(0).max(least)
    };
    let (left, right) = (width(|row| row.0.len(), 7), width(|row| row.1.len(), 4));
    if !rows.is_empty() {
        out.line(format_args!("  {:left$}  {:right$}  {:9}  in the field", "current", "next", ""));
    }
    for (current, next, contract) in &rows {
        let (word, style) = match contract.outcome {
            Outcome::Dangerous => ("DANGEROUS", BAD),
            Outcome::Lost => ("lost", BAD),
            Outcome::Unknown => ("unknown", OPEN),
            Outcome::Understood => ("yes", GOOD),
            Outcome::OnlyNext => ("new", Style::new()),
            Outcome::CurrentUntold => ("not told", OPEN),
        };
        let mut happens = contract.happens.clone();
        if happens.is_empty() && !contract.open.is_empty() {
            happens = format!("as far as checked (not {})", contract.open.join(", "));
        }
        let cells = format!("  {current:left$}  {next:right$}  {style}{word}{style:#}");
        let gap = 9_usize.saturating_sub(word.len()) + 2;
        match happens.as_str() {
            "" => out.line(cells),
            happens => out.line(format_args!("{cells}{:gap$}{happens}", "")),
        }
        for evidence in &contract.evidence {
            out.line(format_args!("  {:left$}  {:right$}             {evidence}", "", ""));
        }
    }
    // The reason why there is no handover has been said.
    let said = |feature: &&String| !answer.why.is_empty() && feature.starts_with(&answer.why);
    for feature in answer.features.iter().filter(|feature| !said(feature)) {
        out.line(format_args!("  {feature}"));
    }
    for gap in &answer.not_checked {
        let item = if gap.item.is_empty() { "all of it" } else { &gap.item };
        out.line(format_args!("  {OPEN}not checked{OPEN:#}  {item}: {}", gap.why));
    }
}
