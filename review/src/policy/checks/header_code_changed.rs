// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `header_code_changed`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{Comparison, DeclarationChange};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "header_code_changed",
        summary: "A macro or function of an ABI header changed. It may write or read preserved bytes.",
        reason: "Code decides what a field contains: KHOSER_STORE_PTR() writes an address, but with one more shift it would write a page number. No layout shows that, so whether the bytes changed is unknown, and unknown is not a yes. For code outside the headers, see code_not_judged.",
        example: "KHOSER_STORE_PTR() now stores `virt_to_phys(v) >> 12`, but KHO_FDT_COMPATIBLE did not change.",
        remedy: "Check what the code writes and reads. Bump the version if the bytes or their meaning changed.",
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
            "{} is code, and changed: what it writes and reads was not compared",
            any.title()
        ),
        consequences: super::declaration_changed::differing(&change.old, &change.new)
            .into_iter()
            .collect(),
        pairs: change.pairs.clone(),
        ..Hit::default()
    }
}
