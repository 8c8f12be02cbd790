// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `not_compared`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::is_in_code_alone;
use crate::policy::{Hit, Judged, Verdict};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "not_compared",
        summary: "Whether something changed is unknown: one side does not show it, not even as text.",
        reason: "What was not compared may have changed under the same version. Neither a layout nor a text settles it, so the answer is unknown, and unknown is not a yes.",
        example: "A kernel image without types has the string \"memfd-v2\", and nothing in it says what struct memfd_luo_ser is.",
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
                    format!(
                        "{touched} is different, and only the code has the number of the version"
                    )
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
            what: format!("whether \"{}\" changed is unknown: {why}", contract.compatible),
            pairs: vec![index],
            ..Hit::default()
        });
    }
    hits.extend(comparison.unread.iter().map(|gap| Hit {
        item: gap.item.clone(),
        what: format!("whether something in {} changed is unknown: {}", gap.item, gap.why),
        ..Hit::default()
    }));
    hits
}
