// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The only comparer: structs, constants and device-tree nodes, by value.
//!
//! It only needs the model. Every comparison uses its wording: `diff` and what is built on it,
//! `verify`, `freeze`, `check`. Documentation and places do not count; names do.
//!
//! - [`record`] and `records`: what differs in a struct, causes separate from consequences;
//! - [`causes`]: which struct changed only because an embedded struct did;
//! - [`constant`], `nodes`: values by page size, properties of device trees;
//! - [`differences`]: two whole models, header by header.

mod constants;
mod follow;
mod models;
mod nodes;
mod records;
mod words;

pub use constants::{constant, drop_renamed, ConstantChange, ConstantKind, Differs, Values};
pub use follow::{causes, Cause};
pub use models::differences;
pub use nodes::{nodes, PropertyChange};
pub use records::{
    record, records, records_in, same, same_field, Change, Move, RecordChange, Scope,
};
pub use words::{pages, Words};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FdtNode, FdtProperty, Packing, Record, RecordKind, Type, Value};

    fn named(name: &str, fields: &[(&str, Type, u64)]) -> Record {
        let mut record = Record::empty(RecordKind::Struct, name);
        for (name, ty, bits) in fields {
            record.push(name, ty.clone(), *bits);
        }
        record
    }

    fn laid_out(fields: &[(&str, Type, u64)]) -> Record {
        named("x", fields)
    }

    fn int(name: &str, bits: u16) -> (&str, Type, u64) {
        (name, Type::unsigned(bits), u64::from(bits))
    }

    fn told_in(words: Words, old: &Record, new: &Record) -> (Vec<String>, Vec<String>) {
        let tell = |changes: &[Change]| changes.iter().map(|change| change.tell(words)).collect();
        record(old, new, Scope::ALL)
            .map_or((vec![], vec![]), |change| (tell(&change.causes), tell(&change.consequences)))
    }

    fn told(old: &Record, new: &Record) -> (Vec<String>, Vec<String>) {
        told_in(Words::Change, old, new)
    }

    #[test]
    fn each_change_is_told_once_and_its_consequences_apart() {
        let old = laid_out(&[int("bdf", 16), int("domain", 16)]);
        assert_eq!(told(&old, &old), (vec![], vec![]));

        let (causes, consequences) = told(&old, &laid_out(&[int("bdf", 32), int("domain", 16)]));
        assert_eq!(causes, ["field `bdf` was u16, 2 bytes at byte 0, is u32, 4 bytes at byte 0"]);
        assert_eq!(
            consequences,
            [
                "field `domain` moved from byte 2 to byte 4",
                "the struct's size went from 4 to 6 bytes"
            ]
        );

        let (causes, _) = told(&old, &laid_out(&[int("bdf", 16), int("segment", 16)]));
        assert_eq!(causes, ["field `domain` is named `segment`: u16, 2 bytes at byte 2"]);

        let (causes, consequences) = told(&old, &laid_out(&[int("bdf", 16)]));
        assert_eq!(causes, ["field `domain` is gone: u16, 2 bytes at byte 2"]);
        assert_eq!(consequences, ["the struct's size went from 4 to 2 bytes"]);
    }

    #[test]
    fn the_truth_and_a_source_are_told_from_the_source() {
        let old = laid_out(&[int("a", 16), int("b", 16), int("c", 32)]);
        let new = laid_out(&[int("b", 16), int("a", 16), int("d", 8), int("c", 64)]);
        let (causes, consequences) = told_in(Words::Truth, &old, &new);
        assert_eq!(
            causes,
            [
                "field `d` is not in the truth: u8, 1 byte at byte 4",
                "field `c` is u64, 8 bytes at byte 5, the truth says u32, 4 bytes at byte 4",
                "field `b` is at byte 0 and `a` at byte 2, both u16; the truth has them the other way round",
            ]
        );
        assert_eq!(consequences, ["its size is 13 bytes, the truth says 8"]);
    }

    #[test]
    fn what_moves_by_one_distance_is_one_line() {
        let old: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|name| int(name, 32)).into();
        let mut new = old.clone();
        new.insert(1, int("x", 64));
        let (causes, consequences) = told(&laid_out(&old), &laid_out(&new));
        assert_eq!(causes, ["field `x` is new: u64, 8 bytes at byte 4"]);
        assert_eq!(
            consequences,
            ["5 fields moved by +8: b, c, d, e, f", "the struct's size went from 24 to 32 bytes"]
        );
        let (_, consequences) = told_in(Words::Truth, &laid_out(&old), &laid_out(&new));
        assert_eq!(consequences[0], "5 fields are off by +8: b, c, d, e, f");
    }

    #[test]
    fn an_exchange_is_one_change_and_a_reordering_is_not() {
        let old = laid_out(&[int("a", 16), int("b", 16), int("c", 32)]);
        let (causes, _) = told(&old, &laid_out(&[int("b", 16), int("a", 16), int("c", 32)]));
        assert_eq!(causes, ["fields `a` and `b`, both u16, swapped places: `b` is now at byte 0"]);
        let (causes, _) = told(&old, &laid_out(&[int("c", 32), int("a", 16), int("b", 16)]));
        assert_eq!(causes, ["field `c` moved from byte 4 to byte 0; 2 fields moved by +4: a, b"]);
    }

    #[test]
    fn kinds_of_retyping_are_told_apart() {
        let array = |len| Type::Array { elem: Box::new(Type::unsigned(8)), len, len_name: None };
        let kind = |old: (&str, Type, u64), new: (&str, Type, u64)| {
            let change = record(&laid_out(&[old]), &laid_out(&[new]), Scope::ALL);
            change.unwrap().causes.remove(0)
        };
        let signed = Type::Int { bits: 32, signed: true };
        let embedded = Type::structure("y");
        assert!(matches!(kind(int("a", 32), int("a", 64)), Change::FieldResized(..)));
        assert!(matches!(kind(int("a", 32), ("a", signed, 32)), Change::FieldRetyped(..)));
        assert!(matches!(kind(("a", array(4), 32), ("a", array(8), 64)), Change::ArrayResized(..)));
        assert!(matches!(
            kind(("a", embedded.clone(), 32), ("a", embedded, 64)),
            Change::EmbeddedResized(..)
        ));
        assert!(matches!(
            kind(("a", Type::unsigned(64), 52), ("a", Type::unsigned(64), 51)),
            Change::BitFieldsChanged(..)
        ));
    }

    #[test]
    fn what_one_side_cannot_tell_is_no_change() {
        let old = laid_out(&[int("a", 32)]);
        let mut new = old.clone();
        new.packing = Packing::Natural;
        new.align = 4;
        assert_eq!(told(&old, &new).0, ["the struct is no longer packed"]);
        assert_eq!(record(&old, &new, Scope { packing: false }), None);
        // Bit-fields that a reader could not read are not gone.
        let old = laid_out(&[int("a", 32), ("bits", Type::unsigned(32), 31)]);
        let mut new = laid_out(&[int("a", 32)]);
        (new.size, new.bit_fields_unknown) = (old.size, true);
        assert_eq!(record(&old, &new, Scope::ALL), None);
    }

    #[test]
    fn what_embeds_follows_through_any_number_of_structs() {
        let embeds = |name: &'static str, inner: &str, bits: u64| {
            named(name, &[("inner", Type::structure(inner), bits)])
        };
        let old = [embeds("c", "b", 32), embeds("b", "a", 32), named("a", &[int("n", 32)])];
        let new = [embeds("c", "b", 64), embeds("b", "a", 64), named("a", &[int("n", 64)])];
        let changes = records(&old, &new);
        let all: Vec<_> = changes.iter().collect();
        assert_eq!(causes(&all), [Cause { change: 2, followers: vec![1, 0] }]);
        // Without their causes, they are causes themselves.
        assert_eq!(
            causes(&all[..2]),
            [Cause { change: 1, followers: vec![0] }],
            "what `b` follows from is not among them"
        );
        // The same holds for structs that embed each other, and for all that embed them.
        let around =
            |bits| [embeds("a", "b", bits), embeds("b", "a", bits), embeds("c", "a", bits)];
        let changes = records(&around(32), &around(64));
        let all: Vec<_> = changes.iter().collect();
        let alone = |change| Cause { change, followers: vec![] };
        assert_eq!(causes(&all), [alone(0), alone(1), alone(2)]);
    }

    #[test]
    fn constants_differ_for_the_page_sizes_that_they_differ_for() {
        let sizes = [Some(4096), Some(65536)];
        let int = |value| Some(Value::Int(value));
        let told = |old: [Option<Value>; 2], new: [Option<Value>; 2], words| {
            constant("N", &sizes, old.into(), new.into()).map(|change| change.tell(words))
        };
        let change = |old, new| told(old, new, Words::Change);
        assert_eq!(change([int(1), int(2)], [int(1), int(2)]), None);
        assert_eq!(change([None, None], [None, None]), None);
        assert_eq!(
            change([int(1), int(2)], [int(1), int(3)]).unwrap(),
            "constant N was 2, is 3 (pages of 65536 bytes)"
        );
        assert_eq!(change([int(1), int(1)], [int(3), int(3)]).unwrap(), "constant N was 1, is 3");
        assert_eq!(
            change([int(1), int(1)], [int(1), None]).unwrap(),
            "constant N was 1, is missing (pages of 65536 bytes)"
        );
        assert_eq!(change([int(1), int(1)], [None, None]).unwrap(), "constant N was 1, is missing");
        assert_eq!(
            told([int(1), int(1)], [int(2), int(2)], Words::Truth).unwrap(),
            "N is 2, the truth says 1"
        );
        let gone = |name: &str, value| constant(name, &[None], vec![int(value)], vec![None]);
        let new = |name: &str, value| constant(name, &[None], vec![None], vec![int(value)]);
        let mut changes: Vec<_> =
            [gone("OLD", 1), new("NEW", 1), gone("LEFT", 2)].into_iter().flatten().collect();
        drop_renamed(&mut changes);
        assert_eq!(changes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["LEFT"]);
    }

    #[test]
    fn properties_differ_by_name_and_size_in_any_order() {
        let property =
            |name: &str, size| FdtProperty { name: name.into(), size, doc: String::new() };
        let node = |properties: &[FdtProperty]| {
            vec![FdtNode { path: "/x".into(), properties: properties.into() }]
        };
        let (text, size) = (property("compatible", None), property("size", Some(8)));
        let told = |old: &[FdtNode], new: &[FdtNode]| -> Vec<String> {
            nodes(old, new).iter().map(|change| change.tell(Words::Change)).collect()
        };
        let old = node(&[text.clone(), size.clone()]);
        assert_eq!(told(&old, &node(&[size, text.clone()])), Vec::<String>::new());
        assert_eq!(
            told(&old, &node(&[text, property("size", Some(4))])),
            ["the device-tree property `size` of /x was 8 bytes, is 4 bytes"]
        );
        assert_eq!(told(&node(&[]), &[]), ["the device-tree node /x was there, is missing"]);
    }
}
