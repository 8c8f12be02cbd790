// SPDX-License-Identifier: GPL-2.0
//! Foreign tests: suites inside the kernel, and the kernel's own test programs.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use kho_abi_live_plan::initramfs::{KHO_ABI, TESTS};
use kho_abi_live_plan::ktap::Results;
use kho_abi_live_plan::Message;
use nix::fcntl::OFlag;
use nix::kmod::{finit_module, ModuleInitFlags};

use crate::machine::Machine;
use crate::outcome::{failure, Failure, Outcome};
use crate::port::Port;

/// Enough for a record of the kernel's log.
const RECORD_BYTES: usize = 8192;
/// The exit status of a test program that had nothing to test.
const SKIPPED: i32 = 4;

/// Loads a module of unit tests. The kernel runs them before the call returns, and logs the
/// results.
pub fn load_unit_tests(
    machine: &Machine,
    port: &mut Port,
    module: &str,
    suite: &str,
    cases: &[String],
) -> Outcome {
    let mut log =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open("/dev/kmsg")?;
    log.seek(SeekFrom::End(0))?;
    let path = Path::new("/").join(TESTS).join(format!("{}-{module}.ko", machine.flavour().name()));
    finit_module(File::open(path)?, c"", ModuleInitFlags::empty())?;
    let mut results = Results::default();
    let (subtest, mut inside) = (format!("# Subtest: {suite}"), false);
    let mut verdict = None;
    for line in messages(&mut log)? {
        match line.strip_prefix("    ") {
            Some(line) if line == subtest => inside = true,
            // A line with further indentation belongs to a part of a case.
            Some(line) if inside && !line.starts_with(' ') => results.take(line),
            None if inside && line.ends_with(&format!("ok 1 {suite}")) => verdict = Some(line),
            _ => {}
        }
    }
    report(port, &results, cases)?;
    match verdict {
        Some(verdict) if verdict.starts_with("ok ") => Ok(results.summary()),
        other => Err(failure(format!("the kernel says of the suite: {other:?}"))),
    }
}

/// The messages since the log was last read. The other lines of a record are about devices.
fn messages(log: &mut File) -> Result<Vec<String>, Failure> {
    let mut messages = Vec::new();
    let mut record = [0; RECORD_BYTES];
    loop {
        let length = match log.read(&mut record) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(messages),
            Err(error) => return Err(error.into()),
        };
        let text = String::from_utf8_lossy(&record[..length]);
        let message = text.lines().next().and_then(|line| line.split_once(';'));
        // This is how the kernel writes line feeds inside a message.
        messages.extend(message.map(|(_, message)| message.replace("\\x0a", "\n")));
    }
}

/// Runs a test program. Its children keep running: they hold what should survive the live update.
pub fn run_selftest(
    port: &mut Port,
    program: &str,
    arguments: &[String],
    cases: &[String],
    says: &str,
) -> Outcome {
    let mut child = Command::new(Path::new("/").join(TESTS).join(program))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or_else(|| failure("no pipe from the program"))?;
    let mut results = Results::default();
    let (mut said, mut last) = (false, String::from("nothing"));
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{program}: {line}");
        said |= line.contains(says);
        results.take(&line);
        if !line.is_empty() {
            last = line;
        }
    }
    let status = child.wait()?;
    if !cases.is_empty() {
        report(port, &results, cases)?;
    }
    match status.code() {
        Some(0) if said => Ok(results.summary()),
        Some(0) => Err(failure(format!("it did not print \"{says}\", but at last \"{last}\""))),
        Some(SKIPPED) => Err(failure(format!("it tested nothing: \"{last}\""))),
        _ => Err(failure(format!("ended with {status} after printing \"{last}\""))),
    }
}

/// Runs `kho-abi`.
pub fn kho_abi(arguments: &[String], shows: &[String]) -> Outcome {
    let program = Path::new("/").join(TESTS).join(KHO_ABI);
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    // The port takes at most a page; the console has everything.
    if output.status.code() != Some(0) {
        let said = String::from_utf8_lossy(&output.stderr);
        println!("{said}");
        let last = said.lines().chain(text.lines()).last().unwrap_or_default();
        return Err(failure(format!("ended with {}: {last}", output.status)));
    }
    match shows.iter().find(|expected| !text.contains(*expected)) {
        Some(missing) => Err(failure(format!("it does not print \"{missing}\""))),
        None => Ok(String::new()),
    }
}

/// Reports the planned cases, each with its outcome.
fn report(port: &mut Port, results: &Results, planned: &[String]) -> Result<(), Failure> {
    for (name, outcome) in &results.cases {
        // An unplanned case fails the step below, and has no check of its own.
        if planned.contains(name) {
            port.send(Message::Case { name: name.clone(), outcome: outcome.clone() })?;
        }
    }
    match results.complaint(planned) {
        Some(complaint) => Err(failure(complaint)),
        None if results.any_failed() => Err(failure(results.summary())),
        None => Ok(()),
    }
}
