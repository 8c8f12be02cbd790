// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `compatible_went_backwards`.

use super::{contract_place, Check, Class, PolicyRule, Rule};
use crate::policy::{step, Hit, Judged};
use kho_abi_model::version::{self, Step};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "compatible_went_backwards",
        summary: "A contract has an earlier version than before.",
        reason: "The earlier version stands for earlier bytes, which kernels may still write. Versions are ordered by number: v10 comes after v9.",
        example: "MEMFD_LUO_FH_COMPATIBLE goes from \"memfd-v2\" to \"memfd-v1\".",
        remedy: "Use a version that no contract has ever had. A revert also needs a bump.",
    },
    class: Class::Version,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let comparison = judged.comparison;
    let mut hits = Vec::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((old, new)) = pair.both() else { continue };
        if step(comparison, old, new) == Step::Backwards {
            let (_, before) = version::of(comparison.old.model(), old);
            let (_, after) = version::of(comparison.new.model(), new);
            let what = if before.spelling == after.spelling {
                let gone = before.features.difference(&after.features);
                let gone: Vec<_> = gone.map(String::as_str).collect();
                format!("\"{}\" has lost features: {}", new.compatible, gone.join(", "))
            } else {
                format!("the version went back from {:?} to {:?}", before.spelling, after.spelling)
            };
            hits.push(Hit {
                item: new.macro_name.clone(),
                place: contract_place(comparison, index),
                what,
                pairs: vec![index],
                ..Hit::default()
            });
        }
    }
    hits
}
