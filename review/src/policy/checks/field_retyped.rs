// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_retyped`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison, Side};
use crate::policy::sides::{bools, Looked};
use crate::policy::Hit;
use std::collections::BTreeSet;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_retyped",
        summary: "A field has another type of the same size: signed, in another byte order, a bool, or another struct.",
        reason: "No byte moves, but the same bytes are another number.",
        example: "luo_ser.liveupdate_num goes from u64 to s64, or to __le64.",
        remedy: "Bump the string that promises the struct, or restore the type.",
    },
    class: Class::Meaning,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = struct_hits(comparison, |change| matches!(change, Change::FieldRetyped(..)));
    hits.extend(bool_changes(comparison));
    hits
}

/// Fields that are a bool on one side alone: it has the layout of a u8, but only two values.
fn bool_changes(comparison: &Comparison<'_>) -> Vec<Hit> {
    let sides = [comparison.old, comparison.new];
    let has_bool = |side: &&Side| {
        let mut texts = side.texts.values();
        texts.any(|text| text.outline.code.split_whitespace().any(|word| word.contains("ool")))
    };
    if sides.iter().any(|side| side.texts.is_empty()) || !sides.iter().any(has_bool) {
        return Vec::new();
    }
    let [old, new]: [BTreeSet<String>; 2] =
        sides.map(|side| bools(&Looked::at(side)).into_iter().map(|hit| hit.item).collect());
    let mut hits = Vec::new();
    for item in old.symmetric_difference(&new) {
        let Some((record, field)) = item.split_once('.') else { continue };
        let name = field.rsplit('.').next().unwrap_or(field);
        let declared = |side: &Side| {
            let ty = |text: &crate::diff::HeaderText| {
                text.outline.field(record, name).map(|field| field.ty.clone())
            };
            side.texts.values().find_map(ty)
        };
        let (Some(was), Some(is)) = (declared(comparison.old), declared(comparison.new)) else {
            continue;
        };
        let told = |diff: &crate::diff::StructDiff| {
            let mut causes = diff.change.causes.iter();
            diff.name == record && causes.any(|cause| cause.field().is_some_and(|f| f.name == name))
        };
        if was == is || comparison.structs.iter().any(told) {
            continue;
        }
        let promises = |index: &usize| {
            let pair = &comparison.pairs[*index];
            let has = |side: &Side, of: Option<(_, &kho_abi_model::Contract)>| {
                of.is_some_and(|(_, contract): (&kho_abi_model::Header, _)| {
                    side.model().closure(contract).iter().any(|other| other.name == record)
                })
            };
            has(comparison.old, pair.old) || has(comparison.new, pair.new)
        };
        hits.push(Hit {
            item: item.clone(),
            place: comparison.new.place(record, Some(name)),
            what: format!("struct {record}: field `{field}` was {was}, is {is}"),
            pairs: (0..comparison.pairs.len()).filter(promises).collect(),
            // A u8 can hold what a bool was, but not the other way round.
            remark: old.contains(item),
            ..Hit::default()
        });
    }
    hits
}
