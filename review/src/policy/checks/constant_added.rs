// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `constant_added`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::{Comparison, ConstantChange, ConstantKind, Side};
use crate::policy::Hit;
use kho_abi_model::compare::Words;
use kho_abi_model::version;
use kho_abi_model::{Constant, Item, Model};
use std::collections::BTreeSet;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "constant_added",
        summary: "A contract has a new constant, or another set of enumerators.",
        reason: "A kernel that does not know a new flag or a new kind of object cannot read it from preserved memory. Constants from which others are computed, and lengths of arrays, do no harm: what they affect is compared. Features that readers may ignore do no harm, either.",
        example: "memfd.h gets MEMFD_LUO_FOLIO_LARGE, a third flag in memfd_luo_folio_ser.flags, under \"memfd-v2\".",
        remedy: "Bump the version that promises the constant, or move the constant out of the ABI if preserved memory never has it.",
    },
    class: Class::Meaning,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for constant in &comparison.constants {
        let name = &constant.change.name;
        let (place, side) = match &constant.change.kind {
            ConstantKind::Added(_) => (comparison.new.constant_place(name), comparison.new),
            ConstantKind::Removed(_) if constant.enumerator => {
                (comparison.old.constant_place(name), comparison.old)
            }
            _ => continue,
        };
        hits.push(Hit {
            item: name.clone(),
            place,
            what: constant.change.tell(Words::Change),
            pairs: constant.pairs.clone(),
            remark: is_harmless(comparison, side, constant),
            ..Hit::default()
        });
    }
    hits
}

/// Whether a constant never gets into preserved memory, as far as its side shows.
fn is_harmless(comparison: &Comparison<'_>, side: &Side, constant: &ConstantChange) -> bool {
    let name = constant.change.name.as_str();
    if constant.enumerator {
        let is_gone = matches!(constant.change.kind, ConstantKind::Removed(_));
        return is_for_computing(side, name, is_gone);
    }
    let model = side.model();
    let optional = constant.pairs.iter().all(|pair| {
        comparison.pairs[*pair].new.is_some_and(|(_, contract)| {
            version::of(comparison.new.model(), contract).1.optional.contains(name)
        })
    });
    let sizes_an_array = || {
        let fields = model.records().flat_map(|(_, record)| {
            record.fields.iter().map(move |field| (&record.name, &field.name))
        });
        fields.into_iter().any(|(record, field)| comparison.gives_length(name, record, field))
    };
    optional || model.constant(name).is_some_and(|c| is_derived(model, c)) || sizes_an_array()
}

/// Whether a constant is computed only from items that are compared themselves.
fn is_derived(model: &Model, constant: &Constant) -> bool {
    const NEUTRAL: &[&str] = &[
        "sizeof",
        "offsetof",
        "struct",
        "union",
        "u8",
        "u16",
        "u32",
        "u64",
        "unsigned",
        "long",
        "int",
        "ALIGN",
        "ALIGN_DOWN",
        "DIV_ROUND_UP",
        "min",
        "max",
        "ilog2",
        "order_base_2",
    ];
    const BASES: &[&str] = &["PAGE_SIZE", "PAGE_SHIFT"];
    let Some(expr) = &constant.expr else { return false };
    let mut stands_on_something = false;
    for word in expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let compared = || {
            word != constant.name
                && (model.constant(word).is_some() || model.record(word).is_some())
        };
        if BASES.contains(&word) || compared() {
            stands_on_something = true;
        } else if !NEUTRAL.contains(&word) {
            return false;
        }
    }
    stands_on_something
}

/// Whether an enumerator exists for computing: for one that is gone, another item of the header is computed
/// from it; for one that is new, one of its enumeration is used so.
///
/// Where nothing shows that, only the code may use it: as the depth of a tree.
fn is_for_computing(side: &Side, name: &str, is_gone: bool) -> bool {
    let model = side.model();
    let mut items = model.headers.iter().flat_map(|header| &header.items);
    let mut members: BTreeSet<&str> = items
        .find(|item| item.constants().any(|constant| constant.name == name))
        .into_iter()
        .flat_map(Item::constants)
        .map(|constant| constant.name.as_str())
        .collect();
    if is_gone {
        members = [name].into();
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let texts = side.texts.values().map(|text| text.outline.code.as_str());
    let Some(code) = texts.into_iter().find(|code| code.split(|c| !is_word(c)).any(|w| w == name))
    else {
        let items = model.headers.iter().flat_map(|header| &header.items);
        let exprs = items.flat_map(Item::constants).filter_map(|constant| constant.expr.as_deref());
        let mut words = exprs.flat_map(|expr| expr.split(|c| !is_word(c)));
        return words.any(|word| members.contains(word));
    };
    // Each member occurs once where it is declared; another occurrence is a use.
    let mut seen = BTreeSet::new();
    let words = code.split(|c| !is_word(c)).filter(|word| members.contains(word));
    words.into_iter().any(|word| !seen.insert(word))
}
