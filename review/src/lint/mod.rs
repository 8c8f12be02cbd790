// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is wrong with one side alone, whatever came before it: a file for each rule.
//!
//! To add a rule is a file here, a line in [`REGISTRY`], and a pair in `tests/rules/`. Where clang laid
//! a struct out, its layout counts; what no layout shows, and what could not be laid out, is read
//! from the text (`written`). A comparison runs the same rules, and reports what the change brings.

mod bitfield_not_filled;
mod bool_in_struct;
mod enum_in_struct;
mod foreign_type_in_struct;
mod kernel_object_in_struct;
mod layout_depends_on_configuration;
mod long_in_struct;
mod not_linted;
mod padding_in_struct;
mod pointer_in_struct;
mod prose_names_missing_macro;
pub mod sources;
mod struct_not_packed;
mod version_field_not_first;
mod written;

use crate::diff::Side;
use crate::policy::{
    self, allow, checks, Check, Class, Event, Hit, Level, Options, PolicyRule, Report,
};
use kho_abi_model::rule::Rule;
use kho_abi_model::Place;
use written::{Field, Sort, Texts, Written};

/// Every rule of one side that has no other file, sorted by id.
pub const REGISTRY: &[PolicyRule] = &[
    bitfield_not_filled::RULE,
    bool_in_struct::RULE,
    enum_in_struct::RULE,
    foreign_type_in_struct::RULE,
    kernel_object_in_struct::RULE,
    layout_depends_on_configuration::RULE,
    long_in_struct::RULE,
    not_linted::RULE,
    padding_in_struct::RULE,
    pointer_in_struct::RULE,
    prose_names_missing_macro::RULE,
    struct_not_packed::RULE,
    version_field_not_first::RULE,
];

/// Judges one side: every rule that looks at one side alone.
#[must_use]
pub fn judge(side: &Side, options: &Options) -> Report {
    let mut allowed = allow::Book::new(&options.allowances, options.today);
    let mut events = Vec::new();
    for rule in checks::REGISTRY.iter().chain(REGISTRY) {
        let (Check::Side(find) | Check::Lint(find, _)) = rule.check else { continue };
        // What cannot be looked at is said by `not_linted`, once.
        if rule.rule.id == "header_unreadable" {
            continue;
        }
        for hit in find(side) {
            let level = if hit.remark {
                Level::Note
            } else if allowed.take(rule.rule.id, &hit.item) {
                Level::Allowed
            } else {
                Level::Finding
            };
            events.push(event(rule, hit, level));
        }
    }
    events.extend(allowed.stale());
    sort(&mut events);
    Report {
        old: policy::Named { name: String::new(), kind: side.reading.kind },
        new: policy::Named { name: side.reading.name.clone(), kind: side.reading.kind },
        policy: options.strictness,
        contracts: Vec::new(),
        events,
        not_checked: side.reading.gaps.clone(),
    }
}

/// In the order of the files.
fn sort(events: &mut [Event]) {
    events.sort_by_cached_key(|event| {
        let place = event.place.as_ref().map(|place| (place.file.clone(), place.line));
        (place, event.item.clone())
    });
}

fn event(rule: &PolicyRule, hit: Hit, level: Level) -> Event {
    Event {
        rule: rule.rule.id.into(),
        level,
        item: hit.item,
        place: hit.place,
        what: hit.what,
        consequences: hit.consequences,
        contracts: Vec::new(),
        help: hit.help.unwrap_or_else(|| policy::as_help(rule.rule.remedy)),
    }
}

/// The hits for the fields that `wanted` picks, as the text declares them.
fn fields(side: &Side, wanted: fn(&Field, &Sort, &Texts) -> Option<String>) -> Vec<Hit> {
    let texts = written::read(side);
    let of_abi = |name: &str| side.model().record(name).is_some() || is_known(side, name);
    let mut hits: Vec<Hit> = Vec::new();
    for record in &texts.records {
        for field in &record.fields {
            let sort = texts.sort(field, &of_abi);
            let Some(what) = wanted(field, &sort, &texts) else { continue };
            let item = format!("{}.{}", record.name, field.path);
            // Each branch of an `#if` may have it.
            if hits.iter().all(|hit| hit.item != item) {
                let place = place(side, record, field);
                hits.push(Hit { what: format!("`{item}` {what}"), item, place, ..Hit::default() });
            }
        }
    }
    hits
}

/// Whether a struct is one of the ABI although no header of the side has it: a single header was given.
fn is_known(side: &Side, name: &str) -> bool {
    side.catalogue.current().is_ok_and(|model| model.record(name).is_some())
}

/// Where a field is written, or its struct.
fn place(side: &Side, record: &Written, field: &Field) -> Option<Place> {
    let text = side.texts.get(&record.header)?;
    let mut known = text.outline.records.iter().filter(|known| known.name == record.name);
    let last = field.path.rsplit('.').next().unwrap_or_default();
    let line = known.clone().flat_map(|r| &r.fields).find(|f| f.name == last).map(|f| f.line);
    let line = line.or_else(|| known.next().map(|record| record.line));
    Some(Place { file: text.file.clone(), line: line.unwrap_or(1) })
}

/// Whether the text of a struct is at hand; otherwise its layout alone tells.
fn has_text(side: &Side, record: &str) -> bool {
    side.texts.values().any(|text| text.outline.records.iter().any(|known| known.name == record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_is_registered_and_the_registry_is_sorted() {
        assert!(REGISTRY.is_sorted_by(|a, b| a.rule.id < b.rule.id));
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lint");
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect();
        names.retain(|name| !matches!(name.as_str(), "mod" | "written" | "sources"));
        names.sort_unstable();
        let ids: Vec<_> = REGISTRY.iter().map(|rule| rule.rule.id).collect();
        assert_eq!(names, ids);
    }
}
