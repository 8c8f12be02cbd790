// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `array_resized`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::{Change, Comparison};
use crate::policy::Hit;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "array_resized",
        summary: "The number of elements of an array changed.",
        reason: "Everything after the array moves, and a longer entry does not fit where a shorter one did. The constant with the number may be in another header.",
        example: "luo_file_ser.compatible goes from char[48] to char[64] because LIVEUPDATE_HNDL_COMPAT_LENGTH changed.",
        remedy: "Bump the string that promises the struct, or restore the length.",
    },
    class: Class::Bytes,
    check: Check::Changes(find),
};

fn find(comparison: &Comparison<'_>) -> Vec<Hit> {
    let mut hits = struct_hits(comparison, |change| matches!(change, Change::ArrayResized(..)));
    for hit in &mut hits {
        let Some((record, field)) = hit.item.split_once('.') else { continue };
        let sized = comparison
            .constants
            .iter()
            .map(|constant| &constant.change.name)
            .find(|constant| comparison.gives_length(constant, record, field));
        if let Some(constant) = sized {
            hit.what.push_str(", by ");
            hit.what.push_str(constant);
        }
    }
    hits
}
