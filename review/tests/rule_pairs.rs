// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every rule of a comparison runs over every old/new pair in `tests/rules`.

use kho_abi_model::FdtProperty;
use kho_abi_read::source;
use kho_abi_review::diff::{self, open, Side};
use kho_abi_review::policy::{self, checks, Level, Options, Report, Strictness, Verdict};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

fn side(pair: &str, which: &str) -> Side {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(pair).join(which);
    let files = std::fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (format!("include/linux/kho/abi/{name}"), std::fs::read(entry.path()).unwrap())
        })
        .collect();
    open::of_files(
        which,
        &files,
        &source::Options { page_size: Some(4096), ..source::Options::default() },
    )
    .unwrap()
}

fn judge(old: &Side, new: &Side, strictness: Strictness) -> Report {
    policy::judge(&diff::compare(old, new), &Options { strictness, ..Options::default() })
}

/// Headers do not show a device tree: the pair of `node_changed` is made by hand.
fn with_node(pair: &str, side: &mut Side, which: &str) {
    if pair != "node_changed" {
        return;
    }
    side.reading.knows.nodes = true;
    let bytes = if which == "old" { 8 } else { 4 };
    let property = FdtProperty { name: "size".into(), size: Some(bytes), doc: String::new() };
    let contract = &mut side.reading.model.headers[0].contracts[0];
    contract.nodes.push(kho_abi_model::FdtNode { path: "/".into(), properties: vec![property] });
}

fn pairs() -> BTreeSet<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn every_rule_fires_on_its_pair_and_where_else_is_written_down() {
    let mut told = String::new();
    for pair in pairs() {
        let (mut old, mut new) = (side(&pair, "old"), side(&pair, "new"));
        with_node(&pair, &mut old, "old");
        with_node(&pair, &mut new, "new");
        let report = judge(&old, &new, Strictness::Strict);
        writeln!(told, "{pair}").unwrap();
        for contract in &report.contracts {
            writeln!(told, "  {}: {}", contract.name(), contract.verdict.tell()).unwrap();
        }
        for event in &report.events {
            let place = event.place.as_ref().map(ToString::to_string).unwrap_or_default();
            writeln!(told, "  {:?} {} {}: {}", event.level, event.rule, place, event.what).unwrap();
            for consequence in &event.consequences {
                writeln!(told, "      consequence: {consequence}").unwrap();
            }
        }
        if pair == "unchanged" {
            assert_eq!(report.events, vec![], "nothing fires where nothing changed");
        } else {
            let fired: BTreeSet<_> =
                report.events.iter().map(|event| event.rule.as_str()).collect();
            assert!(fired.contains(pair.as_str()), "{pair} does not fire on its pair: {told}");
        }
        // In reverse, and with itself: no rule may panic, and a side equals itself.
        let _ = judge(&new, &old, Strictness::Wire);
        let same = judge(&new, &new, Strictness::Strict);
        assert_eq!(same.findings(), 0, "{pair} differs from itself: {:?}", same.events);
        assert!(same.contracts.iter().all(|c| c.verdict == Verdict::Unchanged), "{pair}");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn every_rule_has_a_pair() {
    let ids = checks::REGISTRY.iter().map(|rule| rule.rule.id.to_string());
    let mut wanted: BTreeSet<_> = ids.collect();
    wanted.insert("unchanged".into());
    assert_eq!(pairs(), wanted);
}

#[test]
fn what_leaves_the_bytes_alone_is_a_note_for_the_wire() {
    for (pair, strict, wire) in [
        ("field_renamed", Level::Finding, Level::Note),
        ("field_added", Level::Finding, Level::Finding),
        ("fields_swapped", Level::Finding, Level::Finding),
        ("field_retyped", Level::Finding, Level::Finding),
    ] {
        for (strictness, level) in [(Strictness::Strict, strict), (Strictness::Wire, wire)] {
            let report = judge(&side(pair, "old"), &side(pair, "new"), strictness);
            let event = report.events.iter().find(|event| event.rule == pair).unwrap();
            assert_eq!(event.level, level, "{pair} {strictness:?}");
            assert_eq!(report.findings() > 0, level == Level::Finding, "{pair} {strictness:?}");
        }
    }
}
