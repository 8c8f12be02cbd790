// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! All rules: those of a checkout, of a comparison, of a review and of a history.

use crate::policy::{checks, sides};
use crate::preflight::KNOWN_DEFECT;
use crate::{history, review};
use kho_abi_codegen::rules::RULES;
pub use kho_abi_model::rule::Rule;

/// The rule with that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    let of_comparisons = checks::REGISTRY.iter().chain(sides::REGISTRY).map(|rule| &rule.rule);
    let others = review::RULES.iter().chain(history::RULES).chain([&KNOWN_DEFECT]);
    RULES.iter().chain(of_comparisons).chain(others).find(|rule| rule.id == id)
}

/// Every rule, sorted by id.
#[must_use]
pub fn all() -> Vec<Rule> {
    let of_comparisons = checks::REGISTRY.iter().chain(sides::REGISTRY).map(|rule| rule.rule);
    let others = review::RULES.iter().chain(history::RULES).copied().chain([KNOWN_DEFECT]);
    let mut all: Vec<_> = RULES.iter().copied().chain(of_comparisons).chain(others).collect();
    all.sort_unstable_by_key(|rule| rule.id);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_and_complete() {
        assert!(RULES.is_sorted_by(|a, b| a.id < b.id));
        assert!(all().is_sorted_by(|a, b| a.id < b.id));
        for rule in &all() {
            assert!(rule.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", rule.id);
            for text in [rule.summary, rule.reason, rule.example, rule.remedy] {
                assert!(text.ends_with('.'), "{}: {text}", rule.id);
            }
            assert_eq!(find(rule.id), Some(rule));
        }
        assert_eq!(find("no_such_rule"), None);
    }
}
