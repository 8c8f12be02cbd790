// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `layout_depends_on_configuration`.

use super::{fields, Check, Class, Hit, Level, Looked, PolicyRule, Rule, Sort};
use crate::diff::Side;
use kho_abi_model::{Declaration, DeclarationKind};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "layout_depends_on_configuration",
        summary: "The layout of a struct depends on the kernel's configuration.",
        reason: "Two kernels of the same release, with the same compatible string, then lay the struct out differently, and neither notices.",
        example: "`cpumask_t cpus;`, `u64 state[NR_CPUS];`, or a field between `#ifdef CONFIG_X` and `#endif`.",
        remedy: "Store a count, followed by the entries, and declare every field in every configuration.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Finding),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let mut hits = fields(side, |field, sort, texts| {
        if let Sort::Mask(name) = sort {
            return Some(format!("is a `{name}`, whose size the configuration decides"));
        }
        let length = texts.length(field);
        let word = length.iter().find(|word| is_configured(word))?;
        Some(format!("has the length {word}, which the configuration decides"))
    });
    for declaration in side.model().headers.iter().flat_map(|header| &header.declarations) {
        let Some(condition) = condition(declaration, side) else { continue };
        if hits.iter().all(|hit| hit.item != declaration.name) {
            hits.push(Hit {
                item: declaration.name.clone(),
                place: declaration.place.clone(),
                what: format!("the layout of {} depends on `{condition}`", declaration.title()),
                ..Hit::default()
            });
        }
    }
    hits
}

/// Constants that the kernel's configuration sets.
fn is_configured(word: &str) -> bool {
    const NAMES: &[&str] = &[
        "NR_CPUS",
        "MAX_NUMNODES",
        "NODES_SHIFT",
        "MAX_NR_ZONES",
        "MAX_PAGE_ORDER",
        "NR_PAGE_ORDERS",
        "HZ",
        "MAX_PHYSMEM_BITS",
        "SECTION_SIZE_BITS",
        "nr_cpu_ids",
        "nr_node_ids",
    ];
    word.starts_with("CONFIG_") || NAMES.contains(&word)
}

/// The condition that a layout depends on: inside the type, or between two forms of it.
fn condition<'a>(declaration: &'a Declaration, side: &'a Side) -> Option<&'a str> {
    use DeclarationKind::{Struct, Typedef, Union};
    if !matches!(declaration.kind, Struct | Union | Typedef) {
        return None;
    }
    let inside = declaration.tokens.lines().find(|line| {
        let condition = line.trim_start().strip_prefix("#");
        condition.is_some_and(|rest| rest.trim_start().starts_with("if"))
    });
    if inside.is_some() {
        return inside;
    }
    // A type that exists in only one configuration has only one layout.
    let mut all = side.model().headers.iter().flat_map(|header| &header.declarations);
    let other = all.any(|other| {
        other.kind.shares_names_with(declaration.kind)
            && other.name == declaration.name
            && other.condition != declaration.condition
            && other.tokens != declaration.tokens
            && other.place.as_ref().map(|p| &p.file) == declaration.place.as_ref().map(|p| &p.file)
    });
    (other && !declaration.condition.is_empty()).then_some(declaration.condition.as_str())
}
