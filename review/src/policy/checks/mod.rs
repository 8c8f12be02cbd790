// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The rules of a comparison, one file each. To add one, add a file and a line in [`REGISTRY`].

mod array_resized;
mod bitfield_changed;
mod compatible_bumped_needlessly;
mod compatible_in_two_contracts;
mod compatible_not_bumped;
mod compatible_reused;
mod compatible_too_long;
mod compatible_went_backwards;
mod constant_added;
mod constant_changed;
mod declaration_changed;
mod embedded_struct_changed;
mod field_added;
mod field_moved;
mod field_redocumented;
mod field_removed;
mod field_renamed;
mod field_resized;
mod field_retyped;
mod fields_swapped;
mod format_redocumented;
mod header_code_changed;
mod header_unreadable;
mod node_changed;
mod not_compared;
mod owner_unclear;
mod prose_names_other_version;
mod struct_added;
mod struct_packing_changed;
mod struct_removed;
mod struct_resized;
mod struct_without_contract;
mod version_field_moved;

pub(crate) use header_unreadable::failed_assertion;

use super::{Check, Class, Hit, PolicyRule};
use crate::diff::{Change, Comparison};
use kho_abi_model::compare::{self, pages, Words};
use kho_abi_model::rule::Rule;
use kho_abi_model::{Contract, Model, Place};

/// Every rule of a comparison, sorted by id.
pub const REGISTRY: &[PolicyRule] = &[
    array_resized::RULE,
    bitfield_changed::RULE,
    compatible_bumped_needlessly::RULE,
    compatible_in_two_contracts::RULE,
    compatible_not_bumped::RULE,
    compatible_reused::RULE,
    compatible_too_long::RULE,
    compatible_went_backwards::RULE,
    constant_added::RULE,
    constant_changed::RULE,
    declaration_changed::RULE,
    embedded_struct_changed::RULE,
    field_added::RULE,
    field_moved::RULE,
    field_redocumented::RULE,
    field_removed::RULE,
    field_renamed::RULE,
    field_resized::RULE,
    field_retyped::RULE,
    fields_swapped::RULE,
    format_redocumented::RULE,
    header_code_changed::RULE,
    header_unreadable::RULE,
    node_changed::RULE,
    not_compared::RULE,
    owner_unclear::RULE,
    prose_names_other_version::RULE,
    struct_added::RULE,
    struct_packing_changed::RULE,
    struct_removed::RULE,
    struct_resized::RULE,
    struct_without_contract::RULE,
    version_field_moved::RULE,
];

/// The changes of structs that `wanted` picks, each with its consequences.
fn struct_hits(comparison: &Comparison<'_>, wanted: fn(&Change) -> bool) -> Vec<Hit> {
    let mut hits = Vec::new();
    for record in comparison.structs.iter().filter(|record| record.follows.is_none()) {
        for (index, change) in record.change.causes.iter().enumerate() {
            if !wanted(change) {
                continue;
            }
            let name = &record.name;
            let field = change.field().map(|field| field.name.as_str());
            let gone = matches!(change, Change::FieldRemoved(_) | Change::StructRemoved);
            let side = if gone { comparison.old } else { comparison.new };
            let mut consequences = Vec::new();
            // Consequences are reported once, with the first cause.
            if index == 0 {
                let own = record.change.consequences.iter();
                consequences.extend(own.map(|change| change.tell(Words::Change)));
                for other in comparison.followers(record) {
                    let all = other.change.tell(Words::Change);
                    consequences.extend(all.map(|what| format!("struct {}: {what}", other.name)));
                }
            }
            // Two headers may have a struct of the same name: use the place of the change itself,
            // if it has one.
            let own = match change.field() {
                Some(field) => field.place.clone(),
                None => if gone { &record.old } else { &record.new }
                    .as_ref()
                    .and_then(|record| record.place.clone()),
            };
            hits.push(Hit {
                item: match (field, change.field().and_then(|field| field.ty.embedded())) {
                    (None, _) => name.clone(),
                    // A number without a name is called by its type.
                    (Some(""), Some(embedded)) => embedded.into(),
                    (Some(field), _) => format!("{name}.{field}"),
                },
                place: own.or_else(|| side.place(name, field)),
                what: format!(
                    "struct {name}{}: {}",
                    pages(record.page_size),
                    change.tell(Words::Change)
                ),
                consequences,
                pairs: record.pairs.clone(),
                ..Hit::default()
            });
        }
    }
    hits
}

/// Where a contract's string is written.
fn contract_place(comparison: &Comparison<'_>, pair: usize) -> Option<Place> {
    let pair = &comparison.pairs[pair];
    let (_, contract) = pair.any();
    let side = if pair.new.is_some() { comparison.new } else { comparison.old };
    side.constant_place(&contract.macro_name)
}

/// Items in a row without duplicates; the first few, and the count of the rest.
fn listed(items: &[String]) -> String {
    const SHOWN: usize = 4;
    let mut each: Vec<&str> = Vec::new();
    for item in items {
        if !each.contains(&item.as_str()) {
            each.push(item);
        }
    }
    let shown = each.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match each.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// How many words of a text to show.
const SHOWN: usize = 12;

/// The words around one of them, with a mark where others are left out.
fn cut_around(words: &[&str], at: usize) -> String {
    // Where all of them are shown, and the last ones where nothing is behind that word.
    let start = if words.len() > SHOWN { at.saturating_sub(SHOWN / 3) } else { 0 };
    let start = start.min(words.len().saturating_sub(SHOWN));
    let end = words.len().min(start + SHOWN);
    let before = if start > 0 { "… " } else { "" };
    let behind = if end < words.len() { " …" } else { "" };
    format!("{before}{}{behind}", words[start..end].join(" "))
}

/// The words in which two texts differ, and some around them.
fn differing_words(old: &str, new: &str) -> (String, String) {
    let (a, b): (Vec<_>, Vec<_>) =
        (old.split_whitespace().collect(), new.split_whitespace().collect());
    let at = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    (cut_around(&a, at), cut_around(&b, at))
}

/// Whether two contracts promise the same bytes.
fn same_promise(old_model: &Model, old: &Contract, new_model: &Model, new: &Contract) -> bool {
    compare::same(&old_model.closure(old), &new_model.closure(new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_is_registered_and_the_registry_is_sorted() {
        assert!(REGISTRY.is_sorted_by(|a, b| a.rule.id < b.rule.id));
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/checks");
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect();
        names.retain(|name| name != "mod");
        names.sort_unstable();
        let ids: Vec<_> = REGISTRY.iter().map(|rule| rule.rule.id).collect();
        assert_eq!(names, ids);
    }
}
