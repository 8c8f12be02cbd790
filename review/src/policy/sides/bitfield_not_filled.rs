// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `bitfield_not_filled`.

use super::{fields, place, Check, Class, Hit, Level, Looked, PolicyRule, Rule};
use kho_abi_model::{Field, Record};

pub(super) const RULE: PolicyRule = PolicyRule {
    rule: Rule {
        id: "bitfield_not_filled",
        summary: "Bit-fields leave bits of their storage unit unnamed, or their type is not an unsigned integer of fixed width.",
        reason: "The compiler decides where the storage unit is and what the unnamed bits contain: they have no defined value. For a signed, enum or bool type, it also decides what value is read.",
        example: "`u32 sign_extend:1;` leaves 31 bits unnamed.",
        remedy: "Name every bit (`u32 reserved:31`), or use an integer with masks.",
    },
    class: Class::Flaw,
    check: Check::Lint(find, Level::Note),
};

fn find(side: &Looked<'_>) -> Vec<Hit> {
    let mut hits = fields(side, |field, _, _| {
        field.width.as_ref()?;
        let word = field.words.last()?;
        let fixed = ["u8", "u16", "u32", "u64", "__u8", "__u16", "__u32", "__u64"];
        let plain = fixed.contains(&word.as_str())
            || word.starts_with("uint")
            || word.starts_with("u_int")
            || field.words.iter().any(|w| w == "unsigned") && word != "long";
        let known = ["int", "long", "short", "char", "signed", "bool", "_Bool"];
        let bad = field.words[0] == "enum" || known.contains(&word.as_str()) && !plain;
        let bad = bad || word.starts_with('s') && word[1..].parse::<u8>().is_ok();
        bad.then(|| format!("is a bit-field of `{}`", field.words.join(" ")))
    });
    // Use the text of structs that clang could not lay out.
    let texts = side.written();
    for record in texts.records.iter().filter(|r| side.model().record(&r.name).is_none()) {
        for run in record.fields.chunk_by(|a, b| a.width.is_some() == b.width.is_some()) {
            let width = |field: &super::Field| field.width.as_ref()?.parse::<u64>().ok();
            let Some(bits) = run.iter().map(width).sum::<Option<u64>>() else { continue };
            let digits =
                run[0].words.last().map(|word| word.replace(|c: char| !c.is_ascii_digit(), ""));
            let unit = digits.and_then(|digits| digits.parse().ok()).unwrap_or(32);
            let item = format!("{}.{}", record.name, run[0].path);
            if bits % unit != 0 && hits.iter().all(|hit| hit.item != item) {
                hits.push(Hit {
                    place: place(side, record, &run[0]),
                    what: unnamed(&item, run.last().map_or("", |field| &field.path), bits),
                    item,
                    ..Hit::default()
                });
            }
        }
    }
    for (_, record) in side.model().records().filter(|(_, record)| !record.bit_fields_unknown) {
        for (first, last, bits) in runs(record) {
            let item = format!("{}.{}", record.name, first.name);
            if hits.iter().any(|hit| hit.item == item) {
                continue;
            }
            hits.push(Hit {
                place: side.place(&record.name, Some(&last.name)),
                what: unnamed(&item, &last.name, bits),
                item,
                ..Hit::default()
            });
        }
    }
    hits
}

fn unnamed(first: &str, last: &str, bits: u64) -> String {
    let what = if first.ends_with(&format!(".{last}")) {
        format!("the bit-field `{first}` takes")
    } else {
        format!("the bit-fields `{first}` to `{last}` take")
    };
    let bits = if bits == 1 { "1 bit".into() } else { format!("{bits} bits") };
    format!("{what} {bits}, but no field names the rest of the unit")
}

/// Consecutive bit-fields that do not fill their unit: the first, the last, and their width in
/// bits.
fn runs(record: &Record) -> Vec<(&Field, &Field, u64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < record.fields.len() {
        let first = &record.fields[at];
        if !first.bit_field {
            at += 1;
            continue;
        }
        let mut last = first;
        while let Some(next) = record.fields.get(at + 1).filter(|next| {
            next.bit_field && next.bit_offset == last.bit_offset.saturating_add(last.bit_size)
        }) {
            last = next;
            at += 1;
        }
        at += 1;
        let end = last.bit_offset.saturating_add(last.bit_size);
        let bits = end.saturating_sub(first.bit_offset);
        let unit = match &first.ty {
            kho_abi_model::Type::Int { bits, .. } => u64::from(*bits).max(8),
            _ => 8,
        };
        let starts = first.bit_offset.is_multiple_of(8);
        if !starts || !bits.is_multiple_of(unit) {
            found.push((first, last, bits));
        }
    }
    found
}
