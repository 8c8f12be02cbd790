// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What memory cannot hand over, in the structs of a project: the rules of one side alone, as `lint`
//! runs them.
//!
//! What a frozen layout has already is not found again: it was decided when it was frozen, or the
//! tree had it before. What is not frozen yet can be mended.

use super::frozen::Found;
use super::held::Held;
use super::ProjectError;
use crate::diff::Side;
use crate::lint;
use crate::policy::sides::{Looked, REGISTRY};
use crate::policy::{Check, Level};
use kho_abi_codegen::layouts::Layouts;
use kho_abi_model::reading::{Kind, Knows, Reading};
use kho_abi_model::{Model, Record, Type};
use kho_abi_read::catalogue::Catalogue;
use std::sync::Arc;

/// What is found.
#[derive(Default)]
pub(super) struct Flaws {
    /// What another kernel cannot live with, each with the item by which an exception names it.
    pub(super) found: Vec<Found>,
    /// What is only worth a note.
    pub(super) notes: Vec<String>,
    /// What is not found again since a frozen layout has it: rule and item.
    pub(super) frozen: Vec<(&'static str, String)>,
}

/// The flaws that no frozen layout has: those that another kernel cannot live with as findings, each
/// with the item by which an exception names it, and the others as notes. A kernel has none: what it
/// does not say cannot be judged.
///
/// # Errors
///
/// A frozen layout that exists but cannot be read.
pub(super) fn of(held: &Held, layouts: &Layouts) -> Result<Flaws, ProjectError> {
    if held.from_kernel.is_some() {
        return Ok(Flaws::default());
    }
    let side = side(held);
    let looked = Looked::at(&side);
    let mut hits = Vec::new();
    for rule in REGISTRY {
        // Another check reports what was not read.
        if rule.rule.id == "not_linted" {
            continue;
        }
        let found = rule.check.of_side(&looked).into_iter().filter(|hit| !hit.remark);
        hits.extend(found.map(|hit| (rule, hit)));
    }
    let frozen = if hits.is_empty() { Vec::new() } else { layouts.readable()? };
    let frozen: Vec<Record> = frozen.into_iter().flat_map(|frozen| frozen.records).collect();
    let mut report = Flaws::default();
    for (rule, hit) in hits {
        if is_frozen(&held.model, &frozen, &hit.item) {
            report.frozen.push((rule.rule.id, hit.item));
            continue;
        }
        if matches!(rule.check, Check::Lint(_, Level::Note)) {
            let place = hit.place.map(|place| format!("{place}: ")).unwrap_or_default();
            report.notes.push(format!("{place}{} [{}]", hit.what, rule.rule.id));
        } else {
            let item = hit.item.clone();
            report.found.push((item, lint::event(rule, hit, Level::Finding)));
        }
    }
    Ok(report)
}

/// Whether a frozen layout has what an item names: a struct, a field of it with the same type
/// (`x_ser.at.phys`), or the same padding (`x_ser+6`).
fn is_frozen(model: &Model, frozen: &[Record], item: &str) -> bool {
    let name = item.split(['.', '+']).next().unwrap_or_default();
    let last = item.rsplit(['.', '+']).next().unwrap_or_default();
    // What is declared within a struct is named after it.
    let below = format!("{name}.");
    let is_of_it = |record: &&Record| record.name == name || record.name.starts_with(&below);
    let now = || model.records().map(|(_, record)| record).filter(is_of_it);
    let then = || frozen.iter().filter(is_of_it);
    if item.contains('+') {
        let hole =
            |record: &Record| record.holes().into_iter().find(|(at, _)| at.to_string() == last);
        let holes: Vec<_> = now().filter_map(hole).collect();
        return !holes.is_empty()
            && holes.iter().all(|known| then().any(|r| hole(r) == Some(*known)));
    }
    if !item.contains('.') {
        return then().next().is_some();
    }
    let fields = |record: &Record| -> Vec<(Type, bool)> {
        let named = record.fields.iter().filter(|field| field.name == last);
        named.map(|field| (field.ty.by_value(), field.bit_field)).collect()
    };
    let wanted: Vec<_> = now().flat_map(fields).collect();
    let known: Vec<_> = then().flat_map(fields).collect();
    !wanted.is_empty() && wanted.iter().all(|field| known.contains(field))
}

fn side(held: &Held) -> Side {
    let reading = Reading {
        name: String::new(),
        kind: Kind::Headers,
        model: held.model.clone(),
        knows: Knows::ALL,
        gaps: held.gaps.clone(),
    };
    let catalogue = Arc::new(Catalogue::owners_alone());
    Side { reading, texts: held.texts.clone(), catalogue }
}
