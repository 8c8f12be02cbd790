// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_bumped_needlessly`.

use super::{contract_place, Check, Class, PolicyRule, Rule};
use crate::policy::{Hit, Judged, Verdict};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_bumped_needlessly",
        summary: "A contract has a new version, and nothing that was compared differs.",
        reason: "Kernels with the two versions refuse each other's state. That is right where the same bytes mean something else now, which code and comments show and no layout does; and without such a reason the state is lost for nothing.",
        example: "KHO_FDT_COMPATIBLE goes from \"kho-v3\" to \"kho-v4\", and no struct of it differs, nor what is said about one.",
        remedy: "Say in the commit message, and beside the field, what the same bytes mean now.",
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
                    "\"{}\" became \"{}\", and neither layouts nor comments on fields differ",
                    old.compatible, new.compatible
                ),
                pairs: vec![index],
                ..Hit::default()
            });
        }
    }
    hits
}
