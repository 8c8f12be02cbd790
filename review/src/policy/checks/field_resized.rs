// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `field_resized`.

use super::{struct_hits, Check, Class, PolicyRule, Rule};
use crate::diff::Change;

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "field_resized",
        summary: "The size of a field changed.",
        reason:
            "Everything after the field moves, and the other kernel reads too many or too few bytes \
             of it.",
        example: "vfio_pci_core_device_ser.domain goes from u16 to u32 under \"vfio-pci-v1\".",
        remedy: "Bump the string that promises the struct, or restore the type.",
    },
    class: Class::Bytes,
    check: Check::Changes(|comparison| {
        // If an embedded struct changed, that change is reported instead, unless it is invisible.
        let resized = |change: &Change| {
            matches!(change, Change::FieldResized(..) | Change::EmbeddedResized(..))
        };
        struct_hits(comparison, resized)
    }),
};
