// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `struct_not_packed`.

use super::{Check, Class, Hit, Level, Looked, PolicyRule, Rule};
use kho_abi_model::{Packing, RecordKind};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "struct_not_packed",
        summary: "A struct of the ABI is not declared as packed.",
        reason: "It has no padding today, but a new or moved field can add some unnoticed. Its alignment, which a packed struct does not have, becomes part of the ABI.",
        example: "`struct kho_vmalloc` of Linux 7.3 has its natural alignment.",
        remedy: "Declare a new struct as __packed. An accepted one may stay as it is: packing changes its alignment.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    if !side.reading.knows.packing {
        return Vec::new();
    }
    let open = |record: &kho_abi_model::Record| {
        // A single field, or fields of equal size, cannot have padding.
        let one = record.fields.iter().all(|field| field.bit_size == record.fields[0].bit_size);
        record.kind == RecordKind::Struct
            && record.packing == Packing::Natural
            && record.align > 1
            && !one
            && record.holes().is_empty()
    };
    let records = side.model().records().map(|(_, record)| record).filter(|record| open(record));
    let hit = |record: &kho_abi_model::Record| Hit {
        item: record.name.clone(),
        place: side.place(&record.name, None),
        what: format!("struct {} is not packed; it has no padding", record.name),
        remark: true,
        ..Hit::default()
    };
    records.map(hit).collect()
}
