// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `bitfield_changed`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "bitfield_changed",
        summary:
            "The width of a bit-field changed, or a plain field became a bit-field, or the reverse.",
        reason:
            "The other kernel splits the same integer at another bit: page numbers end up in flags.",
        example: "memfd_luo_folio_ser.pfn goes from 52 to 54 bits under \"memfd-v2\".",
        remedy: "Bump the string that promises the struct, or restore the width.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::BitFieldsChanged(..)))
    }),
};
