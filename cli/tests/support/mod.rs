// SPDX-License-Identifier: GPL-2.0-only OR MIT
#![allow(dead_code)] // Each test file uses a part of it.
//! A copy of this checkout to break, and the program run in it.

pub(crate) mod terminal;
pub(crate) mod tree;

use kho_abi_model::version::called::Called;
use kho_abi_model::Model;
use kho_abi_read::truth;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The present version of a contract, by the name in front of its number: of `memfd` it may be `memfd-v2`.
pub(crate) fn present(name: &str) -> String {
    let model = truth::current().unwrap();
    let mut contracts = model.contracts().map(|(_, contract)| contract.compatible.clone());
    contracts.find(|called| Called::parse(called).unwrap().name == name).unwrap()
}

/// Every version of a contract that this program knows, by the name in front of their numbers, sorted.
pub(crate) fn versions(name: &str) -> Vec<String> {
    let mut models = truth::earlier().unwrap();
    models.push(truth::current().unwrap());
    let contracts = models.iter().flat_map(Model::contracts);
    let all = contracts.map(|(_, contract)| contract.compatible.clone());
    let of_it = |called: &String| Called::parse(called).is_some_and(|called| called.name == name);
    let mut all: Vec<_> = all.filter(of_it).collect();
    all.sort();
    all
}

/// What the version after that one is called.
pub(crate) fn after(version: &str) -> String {
    Called::parse(version).unwrap().next().unwrap()
}

/// The number of a version.
pub(crate) fn number(version: &str) -> u64 {
    Called::parse(version).unwrap().number
}

/// A copy of the repository's files, without version control and build results.
pub(crate) struct Scratch {
    root: PathBuf,
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The parts that a copy needs to be compiled, generated from and checked.
const PARTS: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "abi",
    "codegen",
    "model",
    "show",
    "read",
    "review",
    "cli",
    "inspect",
    "c-headers",
    "bindings",
    "book",
    "snapshots",
    "rustfmt.toml",
    "clippy.toml",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Writes the headers of the checkout into a directory, with one replacement in one of them, and without
/// their assertions.
pub(crate) fn write_headers(abi: &Path, header: &str, from: &str, to: &str) {
    fs::create_dir_all(abi).unwrap();
    for entry in fs::read_dir(repository().join("c-headers/include/linux/kho/abi")).unwrap() {
        let path = entry.unwrap().path();
        let mut text = fs::read_to_string(&path).unwrap();
        if path.ends_with(header) {
            assert!(text.contains(from));
            text = text.replacen(from, to, 1);
        }
        let text = text.replace("static_assert(", "#define NOTHING_ASSERTED (");
        fs::write(abi.join(path.file_name().unwrap()), text).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            if name != "target" {
                copy(&from.join(&name), &to.join(&name));
            }
        }
    } else {
        fs::copy(from, to).unwrap();
    }
}

impl Scratch {
    /// A fresh copy, at its own path, which stays the same from run to run.
    pub(crate) fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch").join(name);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        for part in PARTS {
            let to = root.join(part);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            copy(&repository().join(part), &to);
        }
        Self { root }
    }

    /// A copy to compile. `number` must be unique: by it, cargo distinguishes its packages from
    /// those of other copies.
    pub(crate) fn to_compile(name: &str, number: u32) -> (Self, MutexGuard<'static, ()>) {
        // The copies share a target directory, in which the program has one name.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let scratch = Self::new(name);
        scratch.replace(
            "Cargo.toml",
            "\nversion = \"0.1.0\"",
            &format!("\nversion = \"0.1.{number}\""),
        );
        // The compiled program only runs for a moment.
        scratch.replace("Cargo.toml", "\nopt-level = 1\n", "\nopt-level = 0\n");
        // What its released layouts were is in its history.
        for args in
            [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message=copy"]]
        {
            let mut git = Command::new("git");
            let git = git.current_dir(&scratch.root).args(["-c", "user.name=x"]);
            let git = git.args(["-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"]);
            assert!(git.args(args).status().unwrap().success(), "{args:?}");
        }
        (scratch, guard)
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    /// Replaces the first occurrence in a file, which must have one.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// Runs this build's program in the copy.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        command.current_dir(&self.root).args(args).env_remove("NO_COLOR");
        command
    }

    /// Freezes a contract for good, if it is a draft: the generated headers stand for the kernel that has it.
    pub(crate) fn release(&self, contract: &str) {
        let ran = self.run(&["freeze", "--release", "c-headers", contract]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }

    /// Runs cargo in the copy, as a developer would.
    ///
    /// The output does not go to this build's directory, since both programs have the same name.
    pub(crate) fn cargo(&self, args: &[&str], envs: &[(&str, &str)]) -> Ran {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch-target");
        let output = Command::new(env!("CARGO"))
            .current_dir(&self.root)
            .args(args)
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_NET_OFFLINE", "true")
            // The binaries are never debugged, and linking takes most of the time.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .envs(envs.iter().copied())
            .output()
            .unwrap();
        Ran::of(&output)
    }

    /// Whether a file of the copy is formatted as rustfmt would.
    pub(crate) fn rustfmt(&self, file: &str) -> Ran {
        let mut command = Command::new("rustfmt");
        let command = command.current_dir(&self.root).args(["--check", "--config-path", "."]);
        // A list names other files, which rustfmt would follow.
        let input = fs::File::open(self.path(file)).unwrap();
        Ran::of(&command.stdin(input).output().unwrap())
    }

    /// Whether rustfmt accepts the format of the copy.
    pub(crate) fn cargo_fmt(&self) -> Ran {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(&self.root).args(["fmt", "--check"]);
        Ran::of(&command.output().unwrap())
    }
}
