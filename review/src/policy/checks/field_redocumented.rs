// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_redocumented`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Comparison;
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_redocumented",
        summary: "The comment on a field says something else.",
        reason: "What the bytes mean is format, too, and no layout shows it. A version that changes with it changes for a reason; under a version that stays, only a person can judge whether the words are new or the meaning is.",
        example: "pci_dev_ser.refcount was 1 while in use, and counts preserved devices from now on: PCI_LUO_FLB_VERSION goes from 1 to 2.",
        remedy: "Bump the version if the field means something else than before.",
    },
    class: Class::Remark,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let hit = |other: &crate::diff::Reworded| {
        let (record, field) = other.item.split_once('.').unwrap_or((&other.item, ""));
        Hit {
            item: other.item.clone(),
            place: comparison.new.place(record, Some(field)),
            what: format!(
                "the comment on `{}` said \"{}\", and says \"{}\"",
                other.item, other.old, other.new
            ),
            pairs: other.pairs.clone(),
            ..Hit::default()
        }
    };
    comparison.reworded.iter().map(hit).collect()
}
