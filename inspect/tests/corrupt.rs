// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every kind of damage is found, by its rule, and at an address.

use kho_abi_inspect::image::Image;
use kho_abi_inspect::rules::RULES;
use kho_abi_inspect::synth::container::raw;
use kho_abi_inspect::synth::corrupt::CORRUPTIONS;
use kho_abi_inspect::synth::sample;
use kho_abi_inspect::{inspect, Options};
use std::collections::BTreeSet;

#[test]
fn every_corruption_ends_with_its_finding() {
    let (clean, places) = sample(4096);
    let options = Options { page_size: Some(4096), threads: 1, ..Options::default() };
    let mut names = BTreeSet::new();
    let mut missed = Vec::new();
    for corruption in CORRUPTIONS {
        assert!(names.insert(corruption.name), "{} is there twice", corruption.name);
        let mut ram = clean.clone();
        (corruption.apply)(&mut ram, &places);
        let image = Image::from_bytes(raw(&ram)).unwrap();
        let state = inspect(&image, &options);
        let found: Vec<_> =
            state.findings.list().iter().map(|finding| (finding.rule.id, &finding.what)).collect();
        if !found.iter().any(|(rule, _)| *rule == corruption.rule.id) {
            missed.push(format!("{}: not {}, but {found:#?}", corruption.name, corruption.rule.id));
        }
        // One cause gives few findings, which must be about the damage. Only a list of ten thousand
        // blocks that are not preserved gives as many.
        let total = state.findings.total();
        let many = corruption.name == "the list of sessions is too long";
        if total > 12 && !many {
            missed.push(format!(
                "{} has {total} findings: {:?}",
                corruption.name,
                found.iter().take(4).collect::<Vec<_>>()
            ));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_rule_is_shown_by_a_corruption() {
    let shown: BTreeSet<&str> = CORRUPTIONS.iter().map(|corruption| corruption.rule.id).collect();
    let missing: Vec<&str> =
        RULES.iter().map(|rule| rule.id).filter(|rule| !shown.contains(rule)).collect();
    // These are about files, and tests/files.rs has them.
    assert_eq!(
        missing,
        ["address_excluded", "image_malformed", "kho_search_incomplete", "offsets_not_addresses"]
    );
}
