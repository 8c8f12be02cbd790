// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_redocumented`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Comparison;
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_redocumented",
        summary: "The comment on a field changed.",
        reason: "The meaning of bytes is part of the format, but no layout shows it. If the version changed as well, the comment may be the reason. If it did not, only a person can judge whether the words changed or the meaning did.",
        example: "pci_dev_ser.refcount was 1 while in use, and now counts preserved devices: PCI_LUO_FLB_VERSION goes from 1 to 2.",
        remedy: "Bump the version if the meaning of the field changed.",
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
                "the comment on `{}` said \"{}\", and now says \"{}\"",
                other.item, other.old, other.new
            ),
            pairs: other.pairs.clone(),
            ..Hit::default()
        }
    };
    comparison.reworded.iter().map(hit).collect()
}
