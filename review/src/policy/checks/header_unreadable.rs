// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `header_unreadable`.

use super::{Check, Class, PolicyRule, Rule};
use crate::diff::Side;
use crate::policy::Hit;
use kho_abi_model::Place;
use kho_abi_read::source::{Gap, Kind};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "header_unreadable",
        summary: "A static assertion in a header fails.",
        reason: "A struct has another layout than its author believes, and a kernel with this header does not compile.",
        example: "A struct in vfio_pci.h gets a field, but the header still asserts the old size.",
        remedy: "Change the assertion together with the struct.",
    },
    class: Class::Flaw,
    check: Check::Side(find),
};

fn find(side: &Side) -> Vec<Hit> {
    if side.reading.kind != Kind::Headers {
        return Vec::new();
    }
    // What could not be read is compared as text: another rule reports how that changed.
    let hit = |(place, message): (Place, String)| {
        let what = format!("the compiler rejects it: {message}");
        Hit { item: message, place: Some(place), what, ..Hit::default() }
    };
    side.reading.gaps.iter().filter_map(failed_assertion).map(hit).collect()
}

/// The failed assertion of a header about itself that a gap describes, with its place.
#[must_use]
pub(crate) fn failed_assertion(gap: &Gap) -> Option<(Place, String)> {
    let place = gap.item.is_empty().then(|| place_in(&gap.why))??;
    let message = gap.why.splitn(3, ':').nth(2)?.trim().to_string();
    let of_a_check = ["static assertion failed", "static_assert failed", "no member named"];
    of_a_check.iter().any(|said| message.starts_with(said)).then_some((place, message))
}

/// The place that a reason begins with, as `luo.h:12: ...`.
fn place_in(why: &str) -> Option<Place> {
    let mut parts = why.splitn(3, ':');
    let (file, line) = (parts.next()?, parts.next()?);
    Some(Place { file: file.into(), line: line.parse().ok()? })
}
