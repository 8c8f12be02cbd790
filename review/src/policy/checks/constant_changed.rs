// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `constant_changed`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison, ConstantChange, ConstantKind};
use crate::policy::Hit;
use kho_abi_model::compare::Words;
use kho_abi_model::version;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "constant_changed",
        summary: "A constant that a string promises changed its value, or is gone.",
        reason: "Flags, names of device-tree nodes and computed sizes are as much part of the format as structs. Computed constants are compared by value, for every page size. How they are computed does not count, nor does the name of an enumerator.",
        example: "KHO_TREE_MAX_DEPTH goes from 6 to 5 for pages of 4096 bytes.",
        remedy: "Bump the string that promises the constant, or restore its value.",
    },
    class: Class::Meaning,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for constant in &comparison.constants {
        // If it is the length of an array, another rule reports the array: one finding for each
        // cause.
        let mut resized = comparison
            .structs
            .iter()
            .flat_map(|record| record.change.causes.iter().map(move |change| (record, change)));
        let told = resized.any(|(record, change)| match change {
            Change::ArrayResized(_, field) => {
                comparison.gives_length(&constant.change.name, &record.name, &field.name)
            }
            _ => false,
        });
        if told {
            continue;
        }
        let name = &constant.change.name;
        let place = match &constant.change.kind {
            ConstantKind::Changed(_) => comparison.new.constant_place(name),
            // A flag or a name that is gone. An enumerator is reported by its users.
            ConstantKind::Removed(_) if !constant.enumerator => comparison.old.constant_place(name),
            _ => continue,
        };
        hits.push(Hit {
            item: name.clone(),
            place,
            what: constant.change.tell(Words::Change),
            remark: is_told(comparison, constant) || gained_optional(comparison, constant),
            pairs: constant.pairs.clone(),
            ..Hit::default()
        });
    }
    hits
}

/// Whether it counts enumerators, which another rule reports.
fn is_told(comparison: &Comparison<'_>, constant: &ConstantChange) -> bool {
    const LAST: &[&str] = &["MAX", "NR", "NUM", "COUNT", "LAST", "END"];
    let counts =
        constant.enumerator && constant.change.name.split('_').any(|word| LAST.contains(&word));
    let joined = |other: &ConstantChange| {
        other.enumerator
            && matches!(other.change.kind, ConstantKind::Added(_) | ConstantKind::Removed(_))
            && other.pairs == constant.pairs
    };
    counts && comparison.constants.iter().any(joined)
}

/// Whether it is a set of features that gained one that a reader may lack.
fn gained_optional(comparison: &Comparison<'_>, constant: &ConstantChange) -> bool {
    let required = constant
        .change
        .name
        .split('_')
        .any(|w| matches!(w, "REQ" | "REQUIRED" | "INCOMPAT" | "MANDATORY"));
    let gained = |pair: &usize| {
        comparison.pairs[*pair].both().is_some_and(|(old, new)| {
            let (_, before) = version::of(comparison.old.model(), old);
            let (_, after) = version::of(comparison.new.model(), new);
            !after.optional.is_subset(&before.optional)
        })
    };
    version::features::is_set(&constant.change.name)
        && !required
        && constant.pairs.iter().all(gained)
}
