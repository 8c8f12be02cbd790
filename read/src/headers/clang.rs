// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Runs clang on untrusted text.
//!
//! clang runs in a process of its own, so a crash or an endless loop of clang does no harm. It sees
//! a file system with only the given files, so that no `#include` leads anywhere else. Its time,
//! its memory and the length of its output are limited.

use super::ast::{self, Answer};
use super::HeaderError;
use crate::process::{run, Answered, Bounds, RunError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs, io};

/// The time limit of a reading, for all calls of clang.
pub(super) const TIME: Duration = Duration::from_secs(10);

/// The limit on clang's output, in bytes. The headers of Linux 7.3 need less than one million.
const ANSWER: u64 = 64 << 20;

/// The limit on clang's error output, in bytes; the rest is discarded.
const SAID: u64 = 1 << 20;

/// The limit on clang's memory, in bytes.
const MEMORY: u64 = 1 << 30;

/// The file that clang compiles.
pub(super) const UNIT: &str = "/unit.c";

/// clang's answer, and the errors that it found.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) answer: Answer,
    pub(super) errors: Vec<Diagnostic>,
}

/// An error that clang found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnostic {
    /// The file, by the name that clang uses; empty if the error is not about a file.
    pub(super) file: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The byte of the line, from 1.
    pub(super) column: usize,
    /// What is wrong.
    pub(super) message: String,
    /// Whether clang stopped there.
    pub(super) fatal: bool,
}

/// A program that answers.
#[derive(Clone, Debug)]
pub(super) struct Clang {
    program: PathBuf,
}

impl Clang {
    /// The clang of this machine: the one that `CLANG_PATH` names, the one beside the library in
    /// `LIBCLANG_PATH`, or the newest in `PATH`.
    pub(super) fn find() -> Result<Self, HeaderError> {
        if let Some(program) = env::var_os("CLANG_PATH").filter(|path| !path.is_empty()) {
            return Ok(Self { program: program.into() });
        }
        let beside = env::var_os("LIBCLANG_PATH").map(PathBuf::from).into_iter();
        let beside = beside.flat_map(|path| {
            path.ancestors().map(|dir| dir.join("bin/clang")).take(3).collect::<Vec<_>>()
        });
        let path = env::var_os("PATH").unwrap_or_default();
        let dirs: Vec<_> = env::split_paths(&path).filter(|dir| dir.is_absolute()).collect();
        let names = std::iter::once("clang".to_string())
            .chain((OLDEST..=NEWEST).rev().map(|version| format!("clang-{version}")));
        let in_path =
            names.flat_map(|name| dirs.iter().map(move |dir| dir.join(&name)).collect::<Vec<_>>());
        let program = beside.chain(in_path).find(|path| path.is_file());
        program.map(|program| Self { program }).ok_or(HeaderError::NoClang)
    }

    /// Asks about a unit, for a machine. `files` are all the files that exist, by the path that
    /// clang sees.
    pub(super) fn ask(
        &self,
        triple: &str,
        files: &BTreeMap<String, String>,
        search: &[&str],
        until: Instant,
    ) -> Result<Asked, HeaderError> {
        let dir = scratch().map_err(|source| HeaderError::Io { path: env::temp_dir(), source })?;
        let view = show(dir.path(), files)?;
        let mut command = Command::new(&self.program);
        // Not the driver, which would look for the compilers and libraries of the machine.
        command.args(["-cc1", "-triple", triple, "-ivfsoverlay"]).arg(&view);
        command.args(["-nostdsysteminc", "-nobuiltininc", "-std=gnu11", "-x", "c"]);
        // As the kernel is built: anonymous members with a tag, and unsigned characters.
        command.args(["-fms-extensions", "-fno-signed-char"]);
        command.args(search.iter().map(|dir| format!("-I{dir}")));
        command.args([
            "-w",
            "-fno-spell-checking",
            "-ferror-limit",
            "0",
            "-fno-caret-diagnostics",
            "-fmessage-length=0",
        ]);
        command.args(["-fdump-record-layouts-simple", "-ast-dump=json", UNIT]);
        command.current_dir(dir.path()).env("LC_ALL", "C");
        let bounds = Bounds { until, answer: ANSWER, said: SAID, memory: Some(MEMORY) };
        let answered = run(command, Vec::new(), bounds).map_err(|error| match error {
            RunError::TimedOut => HeaderError::TimedOut { seconds: TIME.as_secs() },
            RunError::TooMuch => HeaderError::TooMuch { bytes: ANSWER },
            RunError::Io(error) if error.kind() == io::ErrorKind::NotFound => HeaderError::NoClang,
            RunError::Io(source) => HeaderError::Io { path: self.program.clone(), source },
        })?;
        let Answered { status, answer, said } = answered;
        let errors = diagnostics(&said);
        // With errors the status is 1, but there is still an answer.
        if !matches!(status.code(), Some(0 | 1)) {
            let said = said.lines().next().unwrap_or_default();
            return Err(HeaderError::Crashed { said: format!("{status}: {said}") });
        }
        let answer = if answer.is_empty() {
            Answer::default()
        } else {
            let answer = String::from_utf8_lossy(&answer);
            ast::parse(&answer).map_err(|why| HeaderError::Answer { why })?
        };
        if answer.declarations.is_empty() && errors.is_empty() {
            let said = said.lines().next().unwrap_or("no output");
            return Err(HeaderError::Answer { why: said.into() });
        }
        Ok(Asked { answer, errors })
    }
}

/// The versions of clang to look for by name.
const OLDEST: u32 = 14;
const NEWEST: u32 = 40;

/// A directory for what clang reads, in memory if the machine offers that and the environment does
/// not name another: on a disk, its files take a tenth of the time of a reading.
fn scratch() -> io::Result<tempfile::TempDir> {
    let in_memory = || tempfile::tempdir_in("/dev/shm").ok();
    match env::var_os("TMPDIR") {
        None => in_memory().map_or_else(tempfile::tempdir, Ok),
        Some(_) => tempfile::tempdir(),
    }
}

/// Writes the files, and the description of a file system that has only those.
fn show(dir: &Path, files: &BTreeMap<String, String>) -> Result<PathBuf, HeaderError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| HeaderError::Io { path, source }
    };
    let mut roots = Vec::with_capacity(files.len());
    for (index, (name, text)) in files.iter().enumerate() {
        let path = dir.join(index.to_string());
        fs::write(&path, text).map_err(at(&path))?;
        roots.push(serde_json::json!({
            "type": "file", "name": name, "external-contents": index.to_string(),
        }));
    }
    let view = serde_json::json!({
        "version": 0, "case-sensitive": true, "fallthrough": false, "use-external-names": false,
        "roots": roots,
    });
    let path = dir.join("view.yaml");
    fs::write(&path, view.to_string()).map_err(at(&path))?;
    Ok(path)
}

/// The errors in clang's output: `file:line:column: error: message`.
fn diagnostics(said: &str) -> Vec<Diagnostic> {
    let parse = |line: &str| {
        let (place, message, fatal) = match line.split_once(": fatal error: ") {
            Some((place, message)) => (place, message, true),
            None => match line.split_once(": error: ") {
                Some((place, message)) => (place, message, false),
                None => ("", line.strip_prefix("error: ")?, true),
            },
        };
        let mut parts = place.rsplitn(3, ':');
        let column = parts.next().and_then(|column| column.parse().ok()).unwrap_or(0);
        let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        let file = parts.next().unwrap_or_default().to_string();
        let message = super::spelling::printable(message);
        Some(Diagnostic { file, line, column, message, fatal })
    };
    said.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_from_other_lines() {
        let said = "In file included from /unit.c:3:\n/d/x.h:4:7: error: unknown type name 'u65'\n\
                    /d/x.h:4:7: note: did you mean it\n/d/x.h:9:10: fatal error: 'y.h' file not found\n\
                    2 errors generated.\nerror: unknown target triple 'x'\n";
        let found = diagnostics(said);
        let told: Vec<_> = found.iter().map(|d| (d.file.as_str(), d.line, d.fatal)).collect();
        assert_eq!(told, [("/d/x.h", 4, false), ("/d/x.h", 9, true), ("", 0, true)]);
        assert_eq!(found[0].message, "unknown type name 'u65'");
    }

    #[test]
    fn clang_sees_no_other_file_and_does_not_go_on_forever() {
        let clang = Clang::find().expect("clang is installed");
        let ask = |text: &str, until| {
            let files = BTreeMap::from([(UNIT.to_string(), text.to_string())]);
            clang.ask("x86_64-unknown-linux-gnu", &files, &[], until)
        };
        let soon = || Instant::now() + TIME;
        for name in ["/etc/passwd", "/dev/zero", "/proc/self/environ", "../../etc/passwd"] {
            let asked = ask(&format!("#include \"{name}\"\n"), soon()).unwrap();
            assert_eq!(asked.errors[0].message, format!("'{name}' file not found"));
        }
        // Two to the power of sixty, by doubling sixty times.
        let doubled = (1..60).map(|level| format!("#define A{level} A{0} A{0}\n", level - 1));
        let text = format!("#define A0\n{}enum e {{ X A59 }};\n", doubled.collect::<String>());
        let error = ask(&text, Instant::now() + Duration::from_millis(300)).unwrap_err();
        assert!(matches!(error, HeaderError::TimedOut { .. }), "{error}");
    }
}
