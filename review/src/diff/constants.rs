// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Constants that contracts promise, compared by value for every page size.

use super::Comparison;
use kho_abi_model::{Item, Model, Value};
use std::collections::BTreeSet;

/// What became of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantChange {
    /// Its name.
    pub name: String,
    /// The pairs that promise it, by index.
    pub pairs: Vec<usize>,
    /// Whether its name is an enumerator's, whose users count rather than itself.
    pub enumerator: bool,
    /// What became of it.
    pub kind: Kind,
}

/// What became of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has other values: each with the page size where that decides.
    Changed(Vec<(Option<u64>, String, String)>),
    /// It is new, with that value.
    Added(String),
    /// It is gone, and had that value.
    Removed(String),
}

/// The values of a constant, one for each page size.
type Values = Vec<Option<Value>>;

pub(super) fn compare(comparison: &Comparison<'_>) -> Vec<ConstantChange> {
    let sizes = comparison.page_sizes();
    let models: Vec<_> = sizes
        .iter()
        .map(|size| {
            (
                Comparison::model_for(comparison.old, *size),
                Comparison::model_for(comparison.new, *size),
            )
        })
        .collect();
    let is_carrier_anywhere = |name: &str| {
        let both = [comparison.old.model(), comparison.new.model()].into_iter();
        both.flat_map(Model::contracts).any(|(_, contract)| contract.is_carrier(name))
    };
    let mut found: Vec<ConstantChange> = Vec::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((old, new)) = pair.both() else { continue };
        let names: BTreeSet<&String> = old.constants.iter().chain(&new.constants).collect();
        let mut changes = Vec::new();
        for name in names {
            // The string is what versions are compared by, not a constant among others.
            if old.is_carrier(name) || new.is_carrier(name) || is_carrier_anywhere(name) {
                continue;
            }
            // Of one that is another contract's now, that one answers.
            let elsewhere = |(at, other): (usize, &super::Pair<'_>)| {
                at != index
                    && other.new.is_some_and(|(_, c)| !c.unversioned && c.constants.contains(name))
            };
            if !new.constants.contains(name) && comparison.pairs.iter().enumerate().any(elsewhere) {
                continue;
            }
            let before: Values = models.iter().map(|(old, _)| value(old, name)).collect();
            let after: Values = models.iter().map(|(_, new)| value(new, name)).collect();
            let enumerator = models
                .iter()
                .any(|(old, new)| is_enumerator(old, name) || is_enumerator(new, name));
            let knows = |side: &super::Side| {
                let knows = side.reading.knows;
                let kind = if enumerator { knows.enumerators } else { knows.macros };
                kind && side.knows_absence_of(name)
            };
            let kind = match (told(&before), told(&after)) {
                (Some(_), Some(_)) => {
                    let differ = sizes.iter().zip(before.iter().zip(&after)).filter_map(
                        |(size, (before, after))| match (before, after) {
                            (Some(a), Some(b)) if a != b => Some((*size, spell(a), spell(b))),
                            _ => None,
                        },
                    );
                    let mut differ: Vec<_> = differ.collect();
                    // The same for every page size: the page size does not decide.
                    if differ.len() == sizes.len()
                        && differ.iter().all(|(_, a, b)| (a, b) == (&differ[0].1, &differ[0].2))
                    {
                        differ.truncate(1);
                        differ[0].0 = None;
                    }
                    if differ.is_empty() {
                        continue;
                    }
                    Kind::Changed(differ)
                }
                (None, Some(value)) if knows(comparison.old) => Kind::Added(value),
                (Some(value), None) if knows(comparison.new) => Kind::Removed(value),
                // It is nowhere, or one side cannot tell its kind, which is said once for the side.
                _ => continue,
            };
            changes.push((
                ConstantChange { name: name.clone(), pairs: vec![index], enumerator, kind },
                before,
                after,
            ));
        }
        drop_renamed(&mut changes);
        for (change, ..) in changes {
            match found
                .iter_mut()
                .find(|other| other.name == change.name && other.kind == change.kind)
            {
                Some(other) => other.pairs.extend(change.pairs),
                None => found.push(change),
            }
        }
    }
    found
}

/// A name that is gone and one that is new with the same values are one constant.
fn drop_renamed(changes: &mut Vec<(ConstantChange, Values, Values)>) {
    let mut at = 0;
    while at < changes.len() {
        let partner = match &changes[at] {
            (ConstantChange { kind: Kind::Removed(_), .. }, before, _) => changes
                .iter()
                .position(|(c, _, after)| matches!(c.kind, Kind::Added(_)) && after == before),
            _ => None,
        };
        match partner {
            Some(partner) => {
                changes.remove(at.max(partner));
                changes.remove(at.min(partner));
                at = 0;
            }
            None => at += 1,
        }
    }
}

fn value(model: &Model, name: &str) -> Option<Value> {
    model.constant(name).map(|constant| constant.value.clone())
}

fn told(values: &Values) -> Option<String> {
    values.iter().flatten().next().map(spell)
}

fn spell(value: &Value) -> String {
    match value {
        Value::Int(value) => value.to_string(),
        Value::Str(value) => format!("{value:?}"),
    }
}

fn is_enumerator(model: &Model, name: &str) -> bool {
    model.headers.iter().flat_map(|header| &header.items).any(|item| {
        matches!(item, Item::Enum(_)) && item.constants().any(|constant| constant.name == name)
    })
}
