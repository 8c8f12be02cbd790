// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `array_resized`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "array_resized",
        summary: "An array has another number of elements.",
        reason: "Everything behind it moves, and a longer entry does not fit where a shorter one did. The constant that gives the number may stand in another header.",
        example: "luo_file_ser.compatible goes from char[48] to char[64] because LIVEUPDATE_HNDL_COMPAT_LENGTH changed.",
        remedy: "Bump the string that promises the struct, or restore the length.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::ArrayResized(..)))
    }),
};
