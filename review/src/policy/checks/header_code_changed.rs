// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `header_code_changed`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{Comparison, DeclarationChange};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "header_code_changed",
        summary: "A macro or a function of an ABI header changed, which may write or read preserved bytes.",
        reason: "Code decides what a field holds: KHOSER_STORE_PTR() writes an address, and would write a page number after one more shift. No layout shows it, so whether the bytes changed is unknown, and unknown is not a yes. The same goes for code outside of the headers (code_not_judged).",
        example: "KHOSER_STORE_PTR() stores `virt_to_phys(v) >> 12`, and KHO_FDT_COMPATIBLE is what it was.",
        remedy: "Read what it writes and reads; bump the version if the bytes or their meaning changed.",
    },
    class: Class::Code,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let changes = comparison.declarations.iter();
    changes.filter(|change| change.is_changed_code()).map(hit).collect()
}

fn hit(change: &DeclarationChange) -> Hit {
    let any = change.any();
    Hit {
        item: any.name.clone(),
        place: any.place.clone(),
        what: format!(
            "{} changed, which is code: what it writes and reads is not compared",
            any.title()
        ),
        consequences: super::declaration_changed::differing(&change.old, &change.new)
            .into_iter()
            .collect(),
        pairs: change.pairs.clone(),
        ..Hit::default()
    }
}
