// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Runs the kernel's unit tests as user-space programs, with stand-ins for the kernel's headers.

use kho_abi_codegen::generate;
use kho_abi_model::Model;
use kho_abi_read::headers::STAND_IN;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The result of a suite.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its whole output.
    pub(crate) said: String,
    /// Each case by name.
    pub(crate) cases: BTreeMap<String, Outcome>,
}

/// The outcome of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Ran {
    /// The cases with this outcome.
    pub(crate) fn that(&self, outcome: Outcome) -> Vec<&str> {
        self.cases.iter().filter(|(_, is)| **is == outcome).map(|(name, _)| name.as_str()).collect()
    }
}

/// A directory in which suites are compiled and run.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    /// The names of the suites' files, without an extension.
    pub(crate) suites: Vec<String>,
}

impl Bench {
    /// Creates the unit tests of a model's headers, and the stand-ins that the headers need, but no
    /// header.
    pub(crate) fn new(model: &Model) -> Self {
        let files = generate::render_unit_tests(model).into_iter().map(|generated| {
            let name = generated.path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            (name.to_string(), generated.text)
        });
        Self::of(files)
    }

    /// The same with unit tests that are there already: file names, and texts.
    pub(crate) fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut suites = Vec::new();
        for (name, text) in files {
            if let Some(suite) = name.strip_suffix(".c") {
                suites.push(suite.into());
            }
            put(&dir.path().join(name), &text);
        }
        for (name, text) in STAND_IN {
            put(&dir.path().join("stand-in").join(name), text);
        }
        Self { dir, suites }
    }

    /// Adds the headers of a model without their assertions, as if they were written by hand.
    pub(crate) fn put_headers(&self, model: &Model) {
        for generated in generate::render(model) {
            put(&self.dir.path().join(generated.path), &without_assertions(&generated.text));
        }
    }

    /// Adds another tree's header.
    pub(crate) fn put_header(&self, path: &str, text: &str) {
        put(&self.dir.path().join("include").join(path), text);
    }

    /// Adds a program of the test's own beside the suites.
    pub(crate) fn put_program(&self, name: &str, text: &str) {
        put(&self.dir.path().join(format!("{name}.c")), text);
    }

    /// Compiles a suite and runs it.
    pub(crate) fn run(&self, compiler: Command, suite: &str, more: &[&str]) -> Ran {
        let out = self.output(compiler, suite, more);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let cases: BTreeMap<_, _> = said.lines().filter_map(case).collect();
        assert!(said.contains(&format!("\n1..{}\n", cases.len())), "{suite}:\n{said}");
        let failed = cases.values().filter(|outcome| **outcome == Outcome::Failed).count();
        assert_eq!(out.status.code(), i32::try_from(failed).ok(), "{suite}:\n{said}");
        Ran { said, cases }
    }

    /// Compiles a program and runs it. One that does not compile fails the test.
    pub(crate) fn output(&self, mut compiler: Command, suite: &str, more: &[&str]) -> Output {
        let stand_in =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../codegen/tests/kunit/stand-in");
        let out = compiler
            .current_dir(self.dir.path())
            .env("LC_ALL", "C")
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Wno-type-limits", "-Werror", "-nostdinc"])
            .arg("-I")
            .arg(stand_in)
            .args(["-Istand-in", "-Iinclude"])
            .args(more)
            .args([&format!("{suite}.c"), "-o", suite])
            .output()
            .expect("the compiler was found");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{suite} does not compile:\n{said}");
        Command::new(self.dir.path().join(suite)).output().expect("it was compiled")
    }
}

/// Parses a line with the outcome of a case.
fn case(line: &str) -> Option<(String, Outcome)> {
    let (line, skipped) = match line.strip_suffix(" # SKIP") {
        Some(line) => (line, true),
        None => (line, false),
    };
    let (rest, outcome) = match (line.strip_prefix("not ok "), line.strip_prefix("ok ")) {
        (Some(rest), _) => (rest, Outcome::Failed),
        (None, Some(rest)) if skipped => (rest, Outcome::Skipped),
        (None, rest) => (rest?, Outcome::Passed),
    };
    let (_, name) = rest.split_once(' ')?;
    Some((name.into(), outcome))
}

/// C text without its static assertions.
fn without_assertions(text: &str) -> String {
    let mut out = String::new();
    let mut within = false;
    for line in text.lines() {
        within |= line.starts_with("static_assert(");
        if !within {
            out.push_str(line);
            out.push('\n');
        }
        within &= !line.ends_with(';');
    }
    out
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
    fs::write(path, text).expect("it is ours");
}
