// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `padding_in_struct`.

use super::{Check, Class, Hit, Level, Looked, PolicyRule, Rule};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "padding_in_struct",
        summary: "A struct of the ABI has padding.",
        reason: "No code writes padding, so it hands old content of memory to the next kernel. Its place depends on alignment, which differs between machines and compilers.",
        example: "`struct { u64 size; u8 order; }` without `__packed` has 7 bytes of padding after `order`.",
        remedy: "Declare the struct as __packed, or name the bytes (`u8 reserved[7]`) and write zeroes to them.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (_, record) in side.model().records().filter(|(_, record)| !record.bit_fields_unknown) {
        for (offset, size) in record.holes() {
            let before =
                record.fields.iter().filter(|field| field.offset() + field.size() <= offset);
            let before =
                before.max_by_key(|field| field.bit_offset).map_or("the start", |f| &f.name);
            let bytes = if size == 1 { "1 byte".into() } else { format!("{size} bytes") };
            hits.push(Hit {
                item: format!("{}+{offset}", record.name),
                place: side.place(&record.name, None),
                what: format!(
                    "struct {} has {bytes} of padding at byte {offset}, after {before}",
                    record.name
                ),
                help: Some(format!(
                    "declare the struct as __packed, or name the bytes (`u8 reserved[{size}]`) and \
                     write zeroes to them"
                )),
                ..Hit::default()
            });
        }
    }
    hits
}
