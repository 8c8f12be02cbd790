// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_bumped_needlessly`.

use super::{contract_place, Check, Class, PolicyRule, Rule};
use crate::policy::{Hit, Judged, Verdict};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_bumped_needlessly",
        summary: "A contract has a new version, and nothing that it promises changed.",
        reason: "Kernels that would understand each other do not hand over: all state is lost at the next live update. It may be meant, where the code that reads the bytes changed.",
        example: "KHO_FDT_COMPATIBLE goes from \"kho-v3\" to \"kho-v4\", and no struct of it differs.",
        remedy: "Keep the string, or say in the commit what about the bytes is new.",
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
                    "\"{}\" became \"{}\", and nothing that was compared differs",
                    old.compatible, new.compatible
                ),
                pairs: vec![index],
                ..Hit::default()
            });
        }
    }
    hits
}
