// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `not_compared`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::is_in_code_alone;
use crate::policy::{Hit, Judged, Verdict};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "not_compared",
        summary: "Unknown whether something changed: one side does not show it, not even as text.",
        reason: "What was not compared may have changed under the same version. Unknown is not a yes.",
        example: "A kernel image without types has the string \"memfd-v2\", but does not show struct memfd_luo_ser.",
        remedy: "Give a source that shows it: the whole header, the kernel's tree, or an image with types.",
    },
    class: Class::Flaw,
    check: Check::Versions(find),
};

fn find(judged: &Judged<'_>) -> Vec<Hit> {
    let comparison = judged.comparison;
    let mut hits = Vec::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        if judged.verdicts[index] != Verdict::NotChecked {
            continue;
        }
        let (header, contract) = pair.any();
        let why = if let Some(why) = comparison.undetermined.get(&index) {
            why.clone()
        } else {
            let open = comparison.open.get(&index).into_iter().flatten();
            let open: Vec<_> =
                open.filter(|item| !is_in_code_alone(item)).map(String::as_str).collect();
            match open.as_slice() {
                [] => {
                    let touched = judged.touched[index].join(", ");
                    format!("{touched} changed, and only the code contains the version number")
                }
                open => format!("one side does not say {}", open.join(", ")),
            }
        };
        let is_here = comparison.unread.iter().any(|gap| gap.item == header.include_path());
        // It is reported once, with its header.
        if is_here && comparison.undetermined.contains_key(&index) {
            continue;
        }
        hits.push(Hit {
            item: contract.compatible.clone(),
            place: super::contract_place(comparison, index),
            what: format!("unknown whether \"{}\" changed: {why}", contract.compatible),
            pairs: vec![index],
            ..Hit::default()
        });
    }
    hits.extend(comparison.unread.iter().map(|gap| Hit {
        item: gap.item.clone(),
        what: format!("unknown whether something in {} changed: {}", gap.item, gap.why),
        ..Hit::default()
    }));
    hits
}
