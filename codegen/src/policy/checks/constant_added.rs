// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `constant_added`.

use super::{Check, Class, PolicyRule, Rule};
use crate::compare::Words;
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
        let name = &constant.change.name;
        let told = constant.change.tell(Words::Change);
        let (what, place) = match &constant.change.kind {
            ConstantKind::Added(_) => (told, comparison.new.constant_place(name)),
            ConstantKind::Removed(_) if constant.enumerator => {
                (format!("{told}; its users are compared"), comparison.old.constant_place(name))
            }
            _ => continue,
        };
        hits.push(Hit {
            item: name.clone(),
            place,
            what,
            pairs: constant.pairs.clone(),
            ..Hit::default()
        });
    }
    hits
}
