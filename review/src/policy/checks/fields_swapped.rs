// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `fields_swapped`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "fields_swapped",
        summary: "Two fields of the same type swapped their names.",
        reason: "Neither sizes nor offsets differ, so no compiler and no comparison by type notices. Each kernel reads one field as the other.",
        example: "vfio_pci_core_device_ser: {u16 bdf; u16 domain} becomes {u16 domain; u16 bdf}.",
        remedy: "Bump the string that promises the struct, or restore the order.",
    },
    class: Class::Meaning,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldsSwapped(..)))
    }),
};
