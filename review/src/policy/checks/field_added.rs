// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_added`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_added",
        summary: "A struct that a string promises has a new field.",
        reason: "A kernel that knows the string but not the field reads and writes the struct without it. Too few bytes are handed over, or the bytes that follow are read as the field.",
        example: "u8 reset_works is added after vfio_pci_core_device_ser.domain under \"vfio-pci-v1\".",
        remedy: "Bump the string that promises the struct, or leave the field out.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        struct_hits(comparison, |change| matches!(change, Change::FieldAdded(_)))
    }),
};
