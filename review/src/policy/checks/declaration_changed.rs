// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `declaration_changed`.

use super::{cut_around, Check, Class, PolicyRule, Rule};
use crate::diff::{Comparison, DeclarationChange};
use crate::policy::Hit;
use kho_abi_model::{Declaration, DeclarationKind};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "declaration_changed",
        summary: "A declaration changed, and its layout or value is unknown, or no version covers it.",
        reason: "If a struct contains a type that is missing or depends on the configuration, no compiler can lay it out. Only its text can be compared, and other text may mean other bytes. If no version on both sides covers a change, the next kernel cannot refuse it.",
        example: "struct cpu_luo_ser, which contains a cpumask_t, gets a field under \"cpu-v1\". The size of cpumask_t depends on the configuration.",
        remedy: "Bump the version that covers the declaration, or undo the change.",
    },
    class: Class::Bytes,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let changes = comparison.declarations.iter();
    changes.filter(|change| !change.is_changed_code()).filter_map(hit).collect()
}

fn hit(change: &DeclarationChange) -> Option<Hit> {
    let any = change.any();
    // A new struct that no version covers is another rule's, if its layout is known.
    let is_type = matches!(any.kind, DeclarationKind::Struct | DeclarationKind::Union);
    if change.unversioned && is_type && change.old.is_empty() && change.why.is_none() {
        return None;
    }
    let title = any.title();
    let (became, consequences) = match (change.old.as_slice(), change.new.as_slice()) {
        (old, []) => ("is gone", first(old).map(|text| format!("was `{text}`"))),
        ([], new) => ("is new", first(new).map(|text| format!("is `{text}`"))),
        (old, new) => ("changed", differing(old, new)),
    };
    let why = match &change.why {
        Some(_) if change.is_code => ", which is code: it may write or read preserved bytes".into(),
        Some(why) => format!(", but its {} cannot be computed: {why}", what_of(any.kind)),
        None => ", and no version on both sides covers it".into(),
    };
    // A macro with an empty body has no bytes.
    let is_empty = any.tokens.is_empty() && (change.old.is_empty() || change.new.is_empty());
    let remark = change.is_code || is_empty;
    Some(Hit {
        item: any.name.clone(),
        place: any.place.clone(),
        what: format!("{title} {became}{why}"),
        consequences: consequences.into_iter().collect(),
        pairs: change.pairs.clone(),
        remark,
        unversioned: change.unversioned && !remark,
        help: (change.unversioned && !remark)
            .then(|| "give it a version that the next kernel compares, or undo the change".into()),
        ..Hit::default()
    })
}

fn what_of(kind: DeclarationKind) -> &'static str {
    match kind {
        DeclarationKind::Constant | DeclarationKind::Enum => "value",
        _ => "layout",
    }
}

fn first(side: &[Declaration]) -> Option<String> {
    let declaration = side.first()?;
    Some(cut(&declaration.tokens.split_whitespace().collect::<Vec<_>>()))
}

fn cut(words: &[&str]) -> String {
    cut_around(words, 0)
}

/// The words in which the text differs.
pub(super) fn differing(old: &[Declaration], new: &[Declaration]) -> Option<String> {
    let text = |side: &[Declaration], other: &[Declaration]| -> Option<(String, String)> {
        let same = |a: &Declaration, b: &Declaration| {
            (&a.tokens, &a.condition) == (&b.tokens, &b.condition)
        };
        let found = side.iter().find(|one| !other.iter().any(|b| same(one, b)))?;
        Some((found.tokens.clone(), found.condition.clone()))
    };
    match (text(old, new), text(new, old)) {
        (Some((was, before)), Some((is, after))) if was == is => {
            let tell = |condition: &str| match condition {
                "" => "always".to_string(),
                condition => format!("where `{condition}`"),
            };
            Some(format!("it existed {}, and now exists {}", tell(&before), tell(&after)))
        }
        (Some((was, _)), Some((is, _))) => {
            let (was, is): (Vec<_>, Vec<_>) =
                (was.split_whitespace().collect(), is.split_whitespace().collect());
            let same = was.iter().zip(&is).take_while(|(a, b)| a == b).count();
            let (a, b) = (&was[same..], &is[same..]);
            let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
            // Show whole members: from the first that differs to the last.
            let is_end = |word: &&str| matches!(*word, ";" | "{" | "}" | ",");
            let from = was[..same].iter().rposition(is_end).map_or(0, |at| at + 1);
            let until = |words: &[&str]| {
                let last = (words.len() - end).max(from);
                let ended = last > from && is_end(&words[last - 1]);
                let more = words[last..].iter().position(is_end).filter(|_| !ended);
                last + more.unwrap_or(0) - usize::from(ended)
            };
            let (a, b) = (&was[from..until(&was)], &is[from..until(&is)]);
            Some(match (a, b) {
                ([], b) => format!("`{}` is new", cut(b)),
                (a, []) => format!("`{}` is gone", cut(a)),
                (a, b) => {
                    // What differs is among the words that are shown.
                    let at = same - from;
                    format!("was `{}`, is `{}`", cut_around(a, at), cut_around(b, at))
                }
            })
        }
        (Some((was, _)), None) => Some(format!("one form is gone: `{}`", shown(&was))),
        (None, Some((is, _))) => Some(format!("one form is new: `{}`", shown(&is))),
        (None, None) => None,
    }
}

fn shown(text: &str) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>())
}
