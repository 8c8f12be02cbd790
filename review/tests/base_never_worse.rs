// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A base never makes a verdict worse than that of the same patch without it, for every old/new
//! pair.
//!
//! A patch on its base is judged as the two trees are. Without the base, less is known, so the
//! verdict is never better. If the hunks show a change that no version covers, the base does not
//! hide it.

mod common;

use common::on_all_cores;
use kho_abi_read::source;
use kho_abi_review::diff::{self, open};
use kho_abi_review::patch;
use kho_abi_review::policy::{self, Options};
use kho_abi_review::report::Document;
use kho_abi_review::review::{self, Base};
use std::path::{Path, PathBuf};

/// Rules about things that hunks do not show: another header has the string, too, or a comment
/// elsewhere; and, for a struct that is shown in part, its field offsets, which the review reports
/// as unknown.
fn is_out_of_sight(rule: &str, context: usize) -> bool {
    match rule {
        "compatible_in_two_contracts" => true,
        "prose_names_other_version" => context == 0,
        "version_field_moved" => context < 3,
        _ => false,
    }
}

fn reading() -> source::Options {
    source::Options { page_size: Some(4096), ..source::Options::default() }
}

fn files(dir: &Path) -> open::Files {
    let abi = dir.join("include/linux/kho/abi");
    let dir = if abi.is_dir() { abi } else { dir.into() };
    let entries =
        std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let headers = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    headers
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (format!("include/linux/kho/abi/{name}"), std::fs::read(&path).unwrap())
        })
        .collect()
}

/// Each pair of trees: those of the rules, and those in the directory that `KHO_ABI_PAIRS` names.
fn pairs() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let more = std::env::var_os("KHO_ABI_PAIRS").map(PathBuf::from);
    let mut found = Vec::new();
    for dir in [Some(own), more].into_iter().flatten() {
        found.extend(std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()));
    }
    found.sort();
    found
}

/// The output of `git diff`, with that many lines of context.
fn patch_of(old: &open::Files, new: &open::Files, context: usize) -> String {
    let mut text = String::from("From: A Dev <a@example.org>\nSubject: [PATCH] change\n\n---\n");
    let empty = Vec::new();
    let mut paths: Vec<_> = old.keys().chain(new.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let [before, after] = [old, new].map(|files| files.get(path));
        if before == after {
            continue;
        }
        let [one, two] = [before, after]
            .map(|bytes| String::from_utf8_lossy(bytes.unwrap_or(&empty)).into_owned());
        text.extend(["diff --git a/", path, " b/", path, "\n"]);
        let name = |side: Option<&Vec<u8>>, prefix: &str| match side {
            Some(_) => format!("{prefix}/{path}"),
            None => "/dev/null".into(),
        };
        let diff = similar::TextDiff::from_lines(&one, &two);
        let diff = diff
            .unified_diff()
            .context_radius(context)
            .header(&name(before, "a"), &name(after, "b"))
            .to_string();
        text.push_str(&diff);
    }
    text
}

fn rules(document: &Document) -> Vec<String> {
    let events = document.sections.iter().flat_map(|section| &section.report.events);
    let findings = events.filter(|event| event.level == policy::Level::Finding);
    findings.map(|event| event.rule.clone()).collect()
}

/// The result for a pair: how many patches were tried, how many have a finding without a base, and
/// what is wrong.
#[derive(Default)]
struct Tried {
    patches: usize,
    found_without: usize,
    wrong: Vec<String>,
}

fn try_pair(pair: &Path) -> Tried {
    let mut tried = Tried::default();
    let name = pair.file_name().unwrap().to_str().unwrap().to_string();
    let (old, new) = (files(&pair.join("old")), files(&pair.join("new")));
    let sides = [&old, &new].map(|files| open::of_files("side", files, &reading()).unwrap());
    let report = policy::judge(&diff::compare(&sides[0], &sides[1]), &Options::default());
    let of_trees = rules(&Document::of("diff", report));
    for context in [0, 1, 3] {
        let text = patch_of(&old, &new, context);
        let Ok(patches) = patch::read("pair", text.as_bytes()) else { continue };
        let base = Base { name: "base".into(), files: old.clone(), tree: None };
        let judged = |base: Option<&Base>| {
            rules(&review::patches(&patches, base, &reading(), &Options::default()).unwrap())
        };
        let (with, without) = (judged(Some(&base)), judged(None));
        tried.patches += 1;
        tried.found_without += usize::from(!without.is_empty());
        let mut wrong = |what: String| tried.wrong.push(format!("{name} -U{context}: {what}"));
        if with.is_empty() != of_trees.is_empty() {
            wrong(format!("base {with:?}, trees {of_trees:?}"));
        }
        let seen: Vec<_> = with.iter().filter(|rule| !is_out_of_sight(rule, context)).collect();
        if without.is_empty() && !seen.is_empty() {
            wrong(format!("without a base fine, with it {seen:?}"));
        }
        // What is unknown without the base proves nothing.
        let proven: Vec<_> = without.iter().filter(|rule| *rule != "change_not_judged").collect();
        if with.is_empty() && !proven.is_empty() {
            wrong(format!("the base hides {proven:?}"));
        }
    }
    tried
}

#[test]
fn a_base_never_makes_a_verdict_worse() {
    let each = on_all_cores(&pairs(), |_, pair| try_pair(pair));
    let tried: usize = each.iter().map(|pair| pair.patches).sum();
    let found_without: usize = each.iter().map(|pair| pair.found_without).sum();
    let wrong: Vec<_> = each.into_iter().flat_map(|pair| pair.wrong).collect();
    assert!(tried > 60 && found_without > 40, "{tried} tried, {found_without} found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
