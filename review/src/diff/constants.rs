// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The constants that contracts promise, compared by value for every page size.

use super::{Comparison, Side};
use kho_abi_model::compare::{self, ConstantKind, Values};
use kho_abi_model::Model;
use std::collections::BTreeSet;

/// How a constant differs between the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantChange {
    /// Its name, and what differs.
    pub change: compare::ConstantChange,
    /// The pairs that promise it, by index.
    pub pairs: Vec<usize>,
    /// Whether its name is an enumerator's: then its users count, not the enumerator itself.
    pub enumerator: bool,
}

/// What comparing the constants came to.
#[derive(Default)]
pub(super) struct Compared {
    /// Those that differ.
    pub(super) found: Vec<ConstantChange>,
    /// Enumerators that a side may have under another name: the pair, by index, and the name.
    pub(super) open: Vec<(usize, String)>,
}

pub(super) fn compare(comparison: &Comparison<'_>) -> Compared {
    let sizes = comparison.page_sizes();
    let models = |side| sizes.iter().map(move |size| Comparison::model_for(side, *size));
    let olds: Vec<_> = models(comparison.old).collect();
    let news: Vec<_> = models(comparison.new).collect();
    let values = |models: &[std::borrow::Cow<'_, Model>], header: &str, name: &str| -> Values {
        let found = models.iter().map(|model| model.constant_in(header, name));
        found.map(|constant| constant.map(|constant| constant.value.clone())).collect()
    };
    let is_enumerator =
        |name: &str| olds.iter().chain(&news).any(|model| model.enumeration_of(name).is_some());
    let is_carrier_anywhere = |name: &str| {
        let both = [comparison.old.model(), comparison.new.model()].into_iter();
        both.flat_map(Model::contracts).any(|(_, contract)| contract.is_carrier(name))
    };
    let Compared { mut found, mut open } = Compared::default();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((old, new)) = pair.both() else { continue };
        let headers = [pair.old, pair.new].map(|side| side.map_or("", |(h, _)| h.name.as_str()));
        let names: BTreeSet<&String> = old.constants.iter().chain(&new.constants).collect();
        // Versions are compared by their string, so the string is not compared again as a constant.
        let names = names.into_iter().filter(|name| {
            !old.is_carrier(name) && !new.is_carrier(name) && !is_carrier_anywhere(name)
        });
        // A constant that moved to another contract is that contract's to report.
        let names = names.filter(|name| {
            let elsewhere = |(at, other): (usize, &super::Pair<'_>)| {
                at != index
                    && other.new.is_some_and(|(_, c)| !c.unversioned && c.constants.contains(name))
            };
            new.constants.contains(name) || !comparison.pairs.iter().enumerate().any(elsewhere)
        });
        let knows = |side: &Side, name: &str| {
            let knows = side.reading.knows;
            let kind = if is_enumerator(name) { knows.enumerators } else { knows.macros };
            kind && side.is_known_absent(name)
        };
        let mut changes = Vec::new();
        for name in names {
            let (before, after) =
                (values(&olds, headers[0], name), values(&news, headers[1], name));
            let nowhere = before.iter().chain(&after).all(Option::is_none);
            if nowhere && [comparison.old, comparison.new].into_iter().any(shows_by_types) {
                open.push((index, name.clone()));
            }
            changes.extend(compare::constant(name, &sizes, before, after));
        }
        let lacking = |change: &compare::ConstantChange| match &change.kind {
            ConstantKind::Changed(_) => None,
            ConstantKind::Added(_) => Some(comparison.old),
            ConstantKind::Removed(_) => Some(comparison.new),
        };
        // A side that does not know what a macro is says so once, for the whole side.
        let doubtful = |side: &Side, name: &str| shows_by_types(side) && is_enumerator(name);
        changes.retain(|change| {
            let name = &change.name;
            lacking(change).is_none_or(|side| knows(side, name) || doubtful(side, name))
        });
        compare::drop_renamed(&mut changes);
        for change in changes {
            if lacking(&change).is_some_and(|side| !knows(side, &change.name)) {
                open.push((index, change.name));
                continue;
            }
            match found.iter_mut().find(|other| other.change == change) {
                Some(other) => other.pairs.push(index),
                None => found.push(ConstantChange {
                    enumerator: is_enumerator(&change.name),
                    change,
                    pairs: vec![index],
                }),
            }
        }
    }
    Compared { found, open }
}

/// Whether a side has the enumerators of the types that it shows, and cannot say that there are no others: an
/// image.
fn shows_by_types(side: &Side) -> bool {
    let knows = side.reading.knows;
    knows.enumerators && !knows.macros && !knows.absence
}
