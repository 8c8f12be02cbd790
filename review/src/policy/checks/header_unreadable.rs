// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `header_unreadable`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use kho_abi_model::{Place, ABI_DIR};
use kho_abi_read::source::Kind;
use std::collections::BTreeMap;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "header_unreadable",
        summary: "A header, or something in it, can no longer be read.",
        reason: "What cannot be read cannot be compared: a change of it would pass unseen. A header that asserts its layout and does not have it any more is the usual case, and a compiler refuses it, too.",
        example: "vfio_pci.h gets a field, and still asserts the old size of the struct.",
        remedy: "Correct the header until a compiler accepts it.",
    },
    class: Class::Flaw,
    check: Check::Side(find),
};

fn find(side: &Side) -> Vec<Hit> {
    if side.reading.kind != Kind::Headers {
        return Vec::new();
    }
    let read = |path: &str| side.model().headers.iter().any(|header| header.include_path() == path);
    // One reason is one finding, however many names it takes away; a header's is told by its path.
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for gap in &side.reading.gaps {
        // Of a header that was read, what is left open is who owns it, which is another rule's.
        // Where a reason names no line, nothing in the header is wrong: an include is not there.
        if read(&gap.item) || gap.item.is_empty() && place_in(&gap.why).is_none() {
            continue;
        }
        let item = reasons.entry(&gap.why).or_insert(&gap.item);
        if gap.item.starts_with(ABI_DIR) {
            *item = &gap.item;
        }
    }
    let hit = |(why, item): (&str, &str)| {
        // The place is told once.
        let message = why.splitn(3, ':').nth(2).filter(|_| place_in(why).is_some());
        let message = message.map_or(why, str::trim);
        let what = match item {
            "" => format!("a compiler refuses it: {message}"),
            item => format!("{item} cannot be read: {message}"),
        };
        let item = if item.is_empty() { message } else { item };
        Hit { item: item.into(), place: place_in(why), what, ..Hit::default() }
    };
    reasons.into_iter().map(hit).collect()
}

/// The place that a reason begins with, as `luo.h:12: ...`.
fn place_in(why: &str) -> Option<Place> {
    let mut parts = why.splitn(3, ':');
    let (file, line) = (parts.next()?, parts.next()?);
    Some(Place { file: file.into(), line: line.parse().ok()? })
}
