// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_bumped_needlessly`.

use super::{contract_place, Check, Class, PolicyRule, Rule};
use crate::policy::{Hit, Judged, Verdict};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_bumped_needlessly",
        summary: "A contract has a new version, but nothing that was compared differs.",
        reason: "Kernels with the two versions refuse each other's state. That is right if the same bytes now mean something else, which code and comments show, but layouts do not. Without such a reason, the state is lost for nothing.",
        example: "KHO_FDT_COMPATIBLE goes from \"kho-v3\" to \"kho-v4\", but none of its structs differs, nor any comment on them.",
        remedy: "Say in the commit message, and in the comment on the field, what the bytes now mean.",
    },
    class: Class::Remark,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, pair) in judged.comparison.pairs.iter().enumerate() {
        let Some((old, new)) = pair.both() else { continue };
        if judged.verdicts[index] == Verdict::BumpedWithoutChange {
            hits.push(Hit {
                item: new.macro_name.clone(),
                place: contract_place(judged.comparison, index),
                what: format!(
                    "\"{}\" became \"{}\", but neither layouts nor comments on fields differ",
                    old.compatible, new.compatible
                ),
                pairs: vec![index],
                ..Hit::default()
            });
        }
    }
    hits
}
