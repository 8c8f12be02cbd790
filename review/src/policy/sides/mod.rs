// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The rules that look at one side alone, one file each.
//!
//! To add one, add a file here, a line in [`REGISTRY`], and an example in `tests/lint/`. If clang
//! laid a struct out, its layout counts. What no layout shows, or what could not be laid out, is
//! read from the text (`written`). A comparison runs the same rules, and reports what the change
//! adds.

mod bitfield_not_filled;
mod bool_in_struct;
mod enum_in_struct;
mod foreign_type_in_struct;
mod kernel_object_in_struct;
mod layout_depends_on_configuration;
mod long_in_struct;
pub(crate) mod not_linted;
mod padding_in_struct;
mod pointer_in_struct;
mod prose_names_missing_macro;
mod struct_not_packed;
mod version_field_not_first;
mod written;

use super::{Check, Class, Hit, Level, PolicyRule};
use crate::diff::Side;
pub(super) use bool_in_struct::find as bools;
use kho_abi_model::rule::Rule;
use kho_abi_model::Place;
use std::cell::OnceCell;
use std::ops::Deref;
use written::{Field, Sort, Texts, Written};

/// The rules of one side in this directory, sorted by id.
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

/// A side, and its text as most rules want it, which is read once.
#[derive(Debug)]
pub struct Looked<'s> {
    side: &'s Side,
    written: OnceCell<Texts>,
}

impl<'s> Looked<'s> {
    /// Reads the text when the first rule asks for it.
    #[must_use]
    pub fn at(side: &'s Side) -> Self {
        Self { side, written: OnceCell::new() }
    }

    fn written(&self) -> &Texts {
        self.written.get_or_init(|| written::read(self.side))
    }
}

impl Deref for Looked<'_> {
    type Target = Side;

    fn deref(&self) -> &Side {
        self.side
    }
}

/// The hits for the fields that `wanted` picks, as the text declares them.
fn fields(side: &Looked<'_>, wanted: fn(&Field, &Sort, &Texts) -> Option<String>) -> Vec<Hit> {
    let texts = side.written();
    let of_abi = |name: &str| side.model().record(name).is_some() || is_known(side, name);
    let mut hits: Vec<Hit> = Vec::new();
    for record in &texts.records {
        for field in &record.fields {
            let sort = texts.sort(field, &of_abi);
            let Some(what) = wanted(field, &sort, texts) else { continue };
            let item = format!("{}.{}", record.name, field.path);
            // Each branch of an `#if` may declare it.
            if hits.iter().all(|hit| hit.item != item) {
                let place = place(side, record, field);
                hits.push(Hit { what: format!("`{item}` {what}"), item, place, ..Hit::default() });
            }
        }
    }
    hits
}

/// Whether a struct belongs to the ABI although no header of the side has it: a single header was
/// given.
fn is_known(side: &Side, name: &str) -> bool {
    side.catalogue.current().is_ok_and(|model| model.record(name).is_some())
}

/// The place of a field, or of its struct.
fn place(side: &Side, record: &Written, field: &Field) -> Option<Place> {
    let text = side.texts.get(&record.header)?;
    let mut known = text.outline.records.iter().filter(|known| known.name == record.name);
    let last = field.path.rsplit('.').next().unwrap_or_default();
    let line = known.clone().flat_map(|r| &r.fields).find(|f| f.name == last).map(|f| f.line);
    let line = line.or_else(|| known.next().map(|record| record.line));
    Some(Place { file: text.file.clone(), line: line.unwrap_or(1) })
}

/// Whether the text of a struct is available; otherwise only its layout is.
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
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/sides");
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect();
        names.retain(|name| !matches!(name.as_str(), "mod" | "written"));
        names.sort_unstable();
        let ids: Vec<_> = REGISTRY.iter().map(|rule| rule.rule.id).collect();
        assert_eq!(names, ids);
    }
}
