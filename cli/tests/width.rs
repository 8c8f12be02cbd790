// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Text for people fits the terminal, between words; elsewhere nothing depends on any width.

mod support;

use kho_abi_inspect::synth::container::raw_in;
use kho_abi_inspect::synth::sample;
use std::process::{Command, Stdio};
use support::terminal::{path, Terminal};
use support::tree::{Tree, ABI, ONE};

/// A tree that was changed, with a history, layouts and an image.
fn place() -> Tree {
    let tree = Tree::of("x", ONE);
    tree.git(&["init", "-q", "-b", "trunk"]);
    tree.commit("one");
    tree.git(&["tag", "v1"]);
    tree.init(&["--released", "v1"]);
    let header = ONE.replace("u32 b", "u64 a_field_with_a_long_name");
    tree.write(&format!("{ABI}/x.h"), &format!("{header}struct y_ser {{\n\tvoid *p;\n}};\n"));
    tree.commit("a subject that says what this commit does to the bytes that are handed over");
    let (ram, _) = sample(4096);
    raw_in(&tree.root().join("image"), &ram).unwrap();
    tree
}

/// Each report for people, and help.
const LINES: &[&str] = &[
    "diff git:v1 .",
    "diff git:v1 . --explain",
    "review v1..HEAD",
    "lint .",
    "log",
    "log --full",
    "preflight git:v1 .",
    "preflight --matrix git:v1 git:HEAD .",
    "verify git:v1 .",
    "verify --against . git:v1 .",
    "layout",
    "layout memfd-v2 luo-v5 --root /",
    "check",
    "freeze",
    "freeze y-v9",
    "explain",
    "explain compatible_not_bumped",
    "schema",
    "status --root .",
    "inspect image",
    "inspect image --map",
    "inspect image --all",
    "inspect diff image image --places",
    "inspect absent --format text",
    "kernel-patch absent --tree .",
    "help",
    "help inspect",
    "diff --help",
    "diff -h",
    "nothing",
];

#[test]
fn text_fits_the_terminal() {
    let tree = place();
    let cache = tree.root().join(".git/cache").display().to_string();
    for columns in [60, 80, 120] {
        let mut broken = 0;
        for line in LINES {
            let name = format!("{line} in {columns} columns");
            let envs = [("XDG_CACHE_HOME", cache.as_str())];
            let line = format!("kho-abi {line}");
            let terminal = Terminal::run(tree.root(), columns, &envs, &line);
            let shown = plain(&terminal.end().0);
            let mut command = Command::new("sh");
            let command = command.args(["-c", &format!("{line} 2>&1")]).current_dir(tree.root());
            let command = command.env("PATH", path()).envs(envs).stdin(Stdio::null());
            let piped = String::from_utf8(command.output().unwrap().stdout).unwrap();
            for line in shown.lines().filter(|line| line.chars().count() > columns) {
                // A single word may be as long as it is.
                let words = line.split_whitespace().count();
                assert!(words == 1, "{name}: {line:?}");
            }
            broken += shown.lines().count().saturating_sub(piped.lines().count());
            // Nothing is lost, and no word is broken. A picture and what lists names as far as they fit is other text.
            if !line.contains("--map") && !line.contains("verify") {
                assert_eq!(words(&shown), words(&piped), "{name}");
            }
        }
        assert!(broken > 0, "{columns} columns");
    }
}

#[test]
fn what_is_piped_does_not_depend_on_any_width() {
    let tree = place();
    let run = |line: &str, columns: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        let command = command.args(line.split(' ')).current_dir(tree.root());
        let command = command.env("XDG_CACHE_HOME", tree.root().join(".git/cache"));
        let output = command.env("COLUMNS", columns).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), output.stdout, output.stderr)
    };
    for line in LINES {
        assert_eq!(run(line, "40"), run(line, "200"), "{line}");
    }
    // Standard error is a terminal, and standard output is not.
    let cache = tree.root().join(".git/cache").display().to_string();
    for line in ["help diff", "verify git:v1 .", "inspect image --map"] {
        let shell = format!("kho-abi {line} >out");
        Terminal::run(tree.root(), 50, &[("XDG_CACHE_HOME", &cache)], &shell).end();
        assert_eq!(tree.read("out").as_bytes(), run(line, "200").1, "{line}");
    }
}

#[test]
fn what_is_for_programs_stays_as_it_is_on_a_terminal() {
    let tree = place();
    for line in [
        "diff git:v1 . --format json",
        "diff git:v1 . --terse",
        "diff git:v1 . --format mail",
        "layout --format markdown",
        "schema diff-1",
        "completions bash",
        "man",
        "inspect image --format json",
    ] {
        let line = format!("kho-abi {line}");
        let terminal = Terminal::run(tree.root(), 60, &[("SOURCE_DATE_EPOCH", "0")], &line);
        let shown = plain(&terminal.end().0);
        let mut command = Command::new("sh");
        let command = command.args(["-c", &line]).current_dir(tree.root()).env("PATH", path());
        let piped = command.env("SOURCE_DATE_EPOCH", "0").output().unwrap();
        let stderr = String::from_utf8(piped.stderr).unwrap();
        assert_eq!(shown, String::from_utf8(piped.stdout).unwrap() + &stderr, "{line}");
    }
}

/// What a terminal was given, without colours.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.replace("\r\n", "\n");
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(['m', 'K']).map_or(rest.len(), |end| at + end + 1);
        rest = rest.split_off(end);
    }
    // A line that was taken back is what was written last.
    (out + &rest)
        .lines()
        .map(|line| line.rsplit('\r').next().unwrap_or_default().to_string() + "\n")
        .collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}
