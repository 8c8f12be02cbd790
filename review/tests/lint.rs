// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every rule of one side alone finds its event in `tests/lint/RULE/new`, and nothing in `old`.

use kho_abi_read::source;
use kho_abi_review::diff::{self, open, Side};
use kho_abi_review::lint::{self, sources};
use kho_abi_review::policy::{self, sides, Level, Options, Report};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn dir(rule: &str, which: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint").join(rule).join(which)
}

fn side(rule: &str, which: &str) -> Side {
    let text = std::fs::read(dir(rule, which).join("lane.h")).unwrap();
    let files = [("include/linux/kho/abi/lane.h".to_string(), text)].into();
    open::of_files(which, &files, &reading()).unwrap()
}

fn reading() -> source::Options {
    source::Options { page_size: Some(4096), ..source::Options::default() }
}

fn tell(out: &mut String, report: &Report) {
    for event in &report.events {
        let place = event.place.as_ref().map(ToString::to_string).unwrap_or_default();
        writeln!(out, "  {:?} {} {place}: {}", event.level, event.rule, event.what).unwrap();
    }
}

#[test]
fn every_rule_fires_on_its_example_and_where_else_is_written_down() {
    let mut told = String::new();
    for rule in sides::REGISTRY {
        let id = rule.rule.id;
        let (old, new) = (side(id, "old"), side(id, "new"));
        let fires = |report: &Report| report.events.iter().any(|event| event.rule == id);
        let options = Options::default();
        let (before, after) = (lint::judge(&old, &options), lint::judge(&new, &options));
        assert_eq!(before.events, vec![], "{id}: the old side has nothing wrong");
        writeln!(told, "{id}").unwrap();
        tell(&mut told, &after);
        assert!(fires(&after), "{id} does not fire: {told}");
        // A comparison reports what the change adds, once, and not what was there before.
        let brought = policy::judge(&diff::compare(&old, &new), &options);
        assert_eq!(fires(&brought), id != "not_linted", "{id}: {:?}", brought.events);
        let kept = policy::judge(&diff::compare(&new, &new), &options);
        assert!(!fires(&kept), "{id} is no news: {:?}", kept.events);
        let undone = policy::judge(&diff::compare(&new, &old), &options);
        assert!(!fires(&undone), "{id} is gone: {:?}", undone.events);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn every_rule_has_an_example() {
    let dirs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")).unwrap();
    let names: BTreeSet<_> =
        dirs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, sides::REGISTRY.iter().map(|rule| rule.rule.id.to_string()).collect());
}

#[test]
fn what_linux_does_on_purpose_is_no_finding() {
    // kho_vmalloc is not packed, KHOSER pointers are addresses, memfd's bit-fields fill their unit.
    let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../c-headers");
    for word in ["abi", headers.to_str().unwrap()] {
        let report = sources::lint(word, None, &reading(), &Options::default()).unwrap();
        assert_eq!(report.findings(), 0, "{word}: {:#?}", report.events);
        let notes: BTreeSet<_> = report.events.iter().map(|event| event.item.as_str()).collect();
        assert!(notes.contains("kho_vmalloc"), "{word}: {notes:?}");
    }
}

/// A patch that creates a header, or one that changes a line of it.
fn patch(old: Option<&str>, new: &str) -> String {
    let path = "include/linux/kho/abi/lane.h";
    let lines = |text: &str, sign: &str| -> String {
        text.lines().fold(String::new(), |all, line| format!("{all}{sign}{line}\n"))
    };
    let of = |text: &str| text.lines().count();
    match old {
        None => format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{} @@\n{}",
            of(new),
            lines(new, "+")
        ),
        Some(old) => format!(
            "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{} +1,{} @@\n{}{}",
            of(old),
            of(new),
            lines(old, "-"),
            lines(new, "+")
        ),
    }
}

#[test]
fn headers_and_patches_are_looked_at_as_far_as_they_show() {
    let text =
        |rule: &str, which: &str| std::fs::read_to_string(dir(rule, which).join("lane.h")).unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = tmp.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let run = |word: &str, base: Option<&str>| {
        let base = base.map(|base| kho_abi_review::review::Base::open(base, &reading()).unwrap());
        sources::lint(word, base.as_ref(), &reading(), &Options::default()).unwrap()
    };
    let rules = |report: &Report| -> BTreeSet<String> {
        let findings = report.events.iter().filter(|event| event.level == Level::Finding);
        findings.map(|event| event.rule.clone()).collect()
    };
    let (good, bad) = (text("bool_in_struct", "old"), text("bool_in_struct", "new"));
    let only = |rule: &str| BTreeSet::from([rule.to_string()]);

    // A single header; its place is the given file.
    let header = file("lane.h", &bad);
    let report = run(&header, None);
    assert_eq!(rules(&report), only("bool_in_struct"));
    assert_eq!(report.events[0].place.as_ref().unwrap().file, header);
    assert_eq!(rules(&run(&file("good.h", &good), None)), BTreeSet::new());

    // A patch that creates it.
    let made = file("made.patch", &patch(None, &bad));
    assert_eq!(rules(&run(&made, None)), only("bool_in_struct"));

    // One that changes it: with a base, what it adds; without, what its lines show, but never
    // silence.
    let base = tmp.path().join("base");
    std::fs::create_dir_all(&base).unwrap();
    std::fs::write(base.join("lane.h"), &good).unwrap();
    let base = base.to_str().unwrap();
    let changed = file("changed.patch", &patch(Some(&good), &bad));
    assert_eq!(rules(&run(&changed, Some(base))), only("bool_in_struct"));
    let both = BTreeSet::from(["bool_in_struct".to_string(), "not_linted".into()]);
    assert_eq!(rules(&run(&changed, None)), both);

    // The patch does not add what the base has already.
    std::fs::write(Path::new(base).join("lane.h"), &bad).unwrap();
    let more = bad.replace("u32 flags;", "u32 flags;\n\tu32 more;");
    let later = file("later.patch", &patch(Some(&bad), &more));
    assert_eq!(rules(&run(&later, Some(base))), BTreeSet::new());
}

#[test]
fn a_header_that_was_not_read_is_never_clean() {
    let good = std::fs::read_to_string(dir("bool_in_struct", "old").join("lane.h")).unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let abi = tmp.path().join("include/linux/kho/abi");
    std::fs::create_dir_all(&abi).unwrap();
    std::fs::write(abi.join("lane.h"), &good).unwrap();
    let unread = || -> Vec<String> {
        let word = tmp.path().to_str().unwrap();
        let report = sources::lint(word, None, &reading(), &Options::default()).unwrap();
        let found = report.events.into_iter().filter(|event| event.level == Level::Finding);
        found.map(|event| format!("{} {}", event.rule, event.item)).collect()
    };
    assert_eq!(unread(), Vec::<String>::new());

    // Below the directory, where no header is read.
    std::fs::create_dir(abi.join("below")).unwrap();
    std::fs::write(abi.join("below/other.h"), &good).unwrap();
    assert_eq!(unread(), ["not_linted linux/kho/abi/below"]);
    std::fs::remove_dir_all(abi.join("below")).unwrap();

    // A link out of the tree.
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::symlink(outside.path(), abi.join("link.h")).unwrap();
    assert_eq!(unread(), ["not_linted linux/kho/abi/link.h"]);
    std::fs::remove_file(abi.join("link.h")).unwrap();

    // Cut off within a comment, and not text.
    for text in ["/* SPDX */\n/* never ends", "\u{ff}\u{fe}\0struct"] {
        std::fs::write(abi.join("cut.h"), text).unwrap();
        assert_eq!(unread(), ["not_linted linux/kho/abi/cut.h"], "{text:?}");
    }
}
