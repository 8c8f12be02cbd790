// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `not_linted`.

use super::{Check, Class, Hit, Level, Looked, PolicyRule, Rule};
use kho_abi_model::DeclarationKind;
use kho_abi_read::source::Gap;

pub(crate) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "not_linted",
        summary: "Something could not be checked, so its defects are unknown.",
        reason: "A struct that no compiler can lay out may have padding, a header that is a link or is cut off was not read, and a patch without its base shows only a part of a header. Without this finding, the result would look clean.",
        example: "A struct embeds a type that only a configured kernel tree defines.",
        remedy: "Give a whole kernel tree, or the base that the patch is made for (--base).",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Finding),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let unread = |gap: Gap| Hit {
        what: format!("{} was not read, or not to its end: {}", gap.item, gap.why),
        item: gap.item,
        help: Some(
            "make it a file of its own in the directory of the ABI, and end what it begins".into(),
        ),
        ..Hit::default()
    };
    let mut hits: Vec<_> = crate::diff::not_read(side).into_iter().map(unread).collect();
    for header in &side.model().headers {
        let open = header.declarations.iter().filter(|declaration| {
            matches!(declaration.kind, DeclarationKind::Struct | DeclarationKind::Union)
                && declaration.unproven.is_some()
        });
        hits.extend(open.map(|declaration| Hit {
            item: declaration.name.clone(),
            place: declaration.place.clone(),
            what: format!(
                "the layout of {} is unknown, and so is its padding: {}",
                declaration.title(),
                declaration.unproven.as_deref().unwrap_or_default()
            ),
            ..Hit::default()
        }));
    }
    hits
}
