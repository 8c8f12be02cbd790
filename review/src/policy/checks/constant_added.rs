// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `constant_added`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{Comparison, ConstantKind};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "constant_added",
        summary: "A contract has a constant that it did not have, or another set of enumerators.",
        reason: "A new flag in preserved memory means nothing to a kernel that does not know it. An enumerator that is there for computing others does no harm: those others are compared.",
        example: "memfd.h gets MEMFD_LUO_FOLIO_LARGE, a third flag of memfd_luo_folio_ser.flags.",
        remedy: "Bump the string if preserved memory holds the constant.",
    },
    class: Class::Remark,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for constant in &comparison.constants {
        let (what, place) = match &constant.kind {
            ConstantKind::Added(value) => (
                format!("is new, with the value {value}"),
                comparison.new.constant_place(&constant.name),
            ),
            ConstantKind::Removed(value) if constant.enumerator => (
                format!("is gone, and was {value}; its users are compared"),
                comparison.old.constant_place(&constant.name),
            ),
            _ => continue,
        };
        hits.push(Hit {
            item: constant.name.clone(),
            place,
            what: format!("constant {} {what}", constant.name),
            pairs: constant.pairs.clone(),
            ..Hit::default()
        });
    }
    hits
}
