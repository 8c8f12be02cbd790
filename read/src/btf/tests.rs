// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Tests with BTF that is written by hand, word by word.

use super::{kind, Btf};
use crate::lower::Lowered;
use kho_abi_model::{RecordKind, Type, Value};
use std::collections::BTreeSet;

/// A builder of BTF.
struct Made {
    types: Vec<u8>,
    strings: Vec<u8>,
    first_string: u32,
}

impl Made {
    fn new() -> Self {
        Self { types: Vec::new(), strings: vec![0], first_string: 0 }
    }

    /// BTF that continues other BTF with that many bytes of strings.
    fn after(first_string: u32) -> Self {
        Self { types: Vec::new(), strings: Vec::new(), first_string }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.first_string + u32::try_from(self.strings.len()).expect("it is small");
        self.strings.extend(text.bytes().chain([0]));
        at
    }

    /// A type with these words after its head.
    fn ty(&mut self, name: &str, kind: u32, flag: bool, count: u32, size: u32, words: &[u32]) {
        let name = self.string(name);
        let info = u32::from(flag) << 31 | kind << 24 | count;
        for word in [name, info, size].iter().chain(words) {
            self.types.extend(word.to_le_bytes());
        }
    }

    /// An integer: its size in bytes, its encoding, the bits that it skips, and its width.
    fn int(&mut self, name: &str, size: u32, encoding: u32, skipped: u32, bits: u32) {
        self.ty(name, kind::INT, false, 0, size, &[encoding << 24 | skipped << 16 | bits]);
    }

    /// A struct or union with members: name, type, and offset as BTF encodes it.
    fn record(&mut self, name: &str, kind: u32, flag: bool, size: u32, m: &[(&str, u32, u32)]) {
        let mut words = Vec::new();
        for (name, ty, offset) in m {
            words.extend([self.string(name), *ty, *offset]);
        }
        let count = u32::try_from(m.len()).expect("they are few");
        self.ty(name, kind, flag, count, size, &words);
    }

    fn bytes(&self) -> Vec<u8> {
        let types = u32::try_from(self.types.len()).expect("it is small");
        let strings = u32::try_from(self.strings.len()).expect("it is small");
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }

    fn read(&self, wanted: &[&str]) -> Lowered {
        Btf::parse(self.bytes(), None).expect("it is whole").read(&wanted.iter().copied().collect())
    }
}

/// `typedef unsigned long u64` as types 1 and 2, `char` as type 3.
fn basics() -> Made {
    let mut made = Made::new();
    made.int("unsigned long", 8, 0, 0, 64);
    made.ty("u64", kind::TYPEDEF, false, 0, 1, &[]);
    made.int("char", 1, 1, 0, 8);
    made
}

/// Fields as (name, spelling, bit offset, bit size, whether it is a bit-field).
fn fields<'a>(lowered: &'a Lowered, name: &str) -> Vec<(&'a str, String, u64, u64, bool)> {
    let fields = lowered.records[name].fields.iter();
    fields
        .map(|f| (f.name.as_str(), f.ty.spelling(), f.bit_offset, f.bit_size, f.bit_field))
        .collect()
}

#[test]
fn fields_are_read_through_typedefs_qualifiers_and_arrays() {
    let mut made = basics();
    made.ty("", kind::CONST, false, 0, 3, &[]); // 4: const char
    made.ty("", kind::ARRAY, false, 0, 0, &[4, 1, 8]); // 5: const char [8]
    made.ty("", kind::VOLATILE, false, 0, 2, &[]); // 6
    made.ty("tag", kind::TYPE_TAG, false, 0, 6, &[]); // 7
    made.ty("", kind::ARRAY, false, 0, 0, &[7, 1, 3]); // 8: u64 [3]
    made.ty("", kind::ARRAY, false, 0, 0, &[8, 1, 2]); // 9: u64 [2][3]
    made.ty("", kind::PTR, false, 0, 0, &[]); // 10: void *
    made.int("_Bool", 1, 4, 0, 8); // 11
    made.int("int", 4, 1, 0, 32); // 12
    let members =
        [("name", 5, 0), ("rows", 9, 64), ("ptr", 10, 448), ("on", 11, 512), ("error", 12, 544)];
    made.record("x", kind::STRUCT, false, 72, &members);
    let lowered = made.read(&["x"]);
    assert_eq!(
        fields(&lowered, "x"),
        [
            ("name", "char[8]".into(), 0, 64, false),
            ("rows", "u64[2][3]".into(), 64, 384, false),
            ("ptr", "void *".into(), 448, 64, false),
            ("on", "u8".into(), 512, 8, false),
            ("error", "s32".into(), 544, 32, false),
        ]
    );
    assert_eq!((lowered.records["x"].size, lowered.records["x"].kind), (72, RecordKind::Struct));
}

#[test]
fn bit_fields_are_read_in_both_forms() {
    let mut made = basics();
    made.int("", 8, 0, 0, 52); // 4: an integer of 52 bits
    made.int("", 8, 0, 52, 12); // 5: one of 12, after 52 others
    let members = [("pfn", 2, 52 << 24), ("flags", 2, 0x0c00_0000 | 0x34), ("index", 2, 64)];
    made.record("new", kind::STRUCT, true, 16, &members);
    made.record(
        "old",
        kind::STRUCT,
        false,
        16,
        &[("pfn", 4, 0), ("flags", 5, 0), ("index", 2, 64)],
    );
    let lowered = made.read(&["new", "old"]);
    let expected = [
        ("pfn", "u64".to_string(), 0, 52, true),
        ("flags", "u64".into(), 52, 12, true),
        ("index", "u64".into(), 64, 64, false),
    ];
    assert_eq!(fields(&lowered, "new"), expected);
    assert_eq!(fields(&lowered, "old"), expected);
}

#[test]
fn an_address_and_a_pointer_on_top_of_it_are_one_type() {
    let mut made = basics();
    made.ty("chunk", kind::FWD, false, 0, 0, &[]); // 4: struct chunk;
    made.ty("", kind::PTR, false, 0, 4, &[]); // 5
    made.record("", kind::UNION, false, 8, &[("phys", 2, 0), ("ptr", 5, 0)]); // 6
    made.record("", kind::UNION, false, 8, &[("phys", 2, 0), ("other", 5, 0)]); // 7
    made.record("x", kind::STRUCT, false, 16, &[("first", 6, 0), ("second", 7, 64)]);
    let lowered = made.read(&["x"]);
    let first = &lowered.records["x"].fields[0];
    assert_eq!(first.ty, Type::KhoserPtr { to: "chunk".into() });
    // A similar type that does not match is a union without a tag.
    let second = &lowered.records["x"].fields[1];
    assert_eq!(second.ty, Type::Union { name: "x::second".into() });
    assert_eq!(fields(&lowered, "x::second").len(), 2);
}

#[test]
fn members_without_a_name_lend_theirs_to_the_struct() {
    let mut made = basics();
    made.record("", kind::STRUCT, false, 16, &[("a", 2, 0), ("b", 2, 64)]); // 4
    made.record("", kind::UNION, false, 16, &[("", 4, 0), ("c", 3, 0)]); // 5
    made.record("x", kind::STRUCT, false, 24, &[("first", 2, 0), ("", 5, 64)]);
    let lowered = made.read(&["x"]);
    let offsets: Vec<_> = fields(&lowered, "x").iter().map(|f| (f.0, f.2)).collect();
    assert_eq!(offsets, [("first", 0), ("a", 64), ("b", 128), ("c", 64)]);
}

#[test]
fn enumerators_of_both_widths_are_read_with_their_signs() {
    let mut made = basics();
    let (a, b) = (made.string("A"), made.string("B"));
    made.ty("narrow", kind::ENUM, false, 2, 4, &[a, 53, b, 0xffff_ffff]);
    made.ty("signed", kind::ENUM, true, 1, 4, &[a, 0xffff_ffff]);
    made.ty("wide", kind::ENUM64, false, 1, 8, &[b, 1, 1]);
    let lowered = made.read(&["narrow", "signed", "wide"]);
    let values = |name: &str| -> Vec<_> {
        lowered.enums[name].members.iter().map(|m| m.value.clone()).collect()
    };
    assert_eq!(values("narrow"), [Value::Int(53), Value::Int(0xffff_ffff)]);
    assert_eq!(values("signed"), [Value::Int(-1)]);
    assert_eq!(values("wide"), [Value::Int(0x1_0000_0001)]);
}

#[test]
fn btf_of_a_module_continues_numbers_and_strings() {
    let base = basics();
    let base_bytes = base.bytes();
    let mut module = Made::after(u32::try_from(base.strings.len()).expect("it is small"));
    module.record("inner", kind::STRUCT, false, 8, &[("a", 2, 0)]); // 4
    module.record("mine", kind::STRUCT, false, 16, &[("a", 2, 0), ("b", 4, 64)]); // 5
    let alone = Btf::parse(module.bytes(), None).expect_err("it continues other BTF");
    assert!(alone.needs_base(), "{alone}");
    let base = Btf::parse(base_bytes, None).expect("it is whole");
    let module = Btf::parse(module.bytes(), Some(&base)).expect("it is whole");
    let lowered = module.read(&BTreeSet::from(["mine"]));
    assert_eq!(
        fields(&lowered, "mine"),
        [("a", "u64".to_string(), 0, 64, false), ("b", "struct inner".to_string(), 64, 64, false)]
    );
    assert!(lowered.records.contains_key("inner"), "what is embedded comes along");
}

#[test]
fn btf_of_another_kernel_is_no_base() {
    let base = basics();
    let mut module = Made::after(u32::try_from(base.strings.len()).expect("it is small"));
    module.record("lane_ser", kind::STRUCT, false, 8, &[("size", 2, 0)]);
    module.int("more", 8, 0, 0, 64);
    let mut other = basics();
    other.int("another", 4, 0, 0, 32);
    let other = Btf::parse(other.bytes(), None).expect("it is whole");
    let refused = Btf::parse(module.bytes(), Some(&other)).expect_err("it is of another kernel");
    assert!(refused.to_string().contains("exactly the kernel"), "{refused}");
    assert!(!refused.needs_base());
    let base = Btf::parse(base.bytes(), None).expect("it is whole");
    assert!(Btf::parse(module.bytes(), Some(&base)).is_ok());
}

#[test]
fn kinds_that_came_later_are_passed_over_where_their_size_is_told() {
    let mut made = basics();
    made.ty("later", 20, false, 2, 0, &[1, 2, 3]);
    made.record("x", kind::STRUCT, false, 8, &[("a", 2, 0)]);
    let error = Btf::parse(made.bytes(), None).expect_err("the kind is unknown");
    assert!(error.to_string().contains("unknown kind 20"), "{error}");
    // With a list of sizes: 4 bytes after the head, and 4 for each of its elements.
    let mut bytes = made.bytes();
    bytes[4..8].copy_from_slice(&32_u32.to_le_bytes());
    let mut layout = [0; 21 * 4];
    (layout[80], layout[81]) = (4, 4);
    let at = u32::try_from(bytes.len() - 24).expect("it is small");
    let size = u32::try_from(layout.len()).expect("it is small");
    let more: Vec<u8> = [at, size].iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.splice(24..24, more);
    bytes.extend(layout);
    let btf = Btf::parse(bytes, None).expect("all sizes are told");
    assert_eq!(btf.read(&BTreeSet::from(["x"])).records.len(), 1);
}

#[test]
fn what_leads_nowhere_or_in_circles_is_an_error_of_its_struct_alone() {
    let mut made = basics();
    made.ty("a", kind::TYPEDEF, false, 0, 5, &[]); // 4
    made.ty("b", kind::TYPEDEF, false, 0, 4, &[]); // 5
    made.record("circle", kind::STRUCT, false, 8, &[("a", 4, 0)]); // 6
    made.record("self", kind::STRUCT, false, 8, &[("a", 7, 0)]); // 7
    made.record("missing", kind::STRUCT, false, 8, &[("a", 99, 0)]); // 8
    made.record("", kind::STRUCT, false, 8, &[("", 9, 0), ("", 9, 0)]); // 9
    made.record("many", kind::STRUCT, false, 8, &[("a", 9, 0)]); // 10
    made.ty("float", kind::FLOAT, false, 0, 8, &[]); // 11
    made.record("real", kind::STRUCT, false, 8, &[("a", 11, 0)]); // 12
    made.record("good", kind::STRUCT, false, 8, &[("a", 2, 0)]);
    let lowered = made.read(&["circle", "self", "missing", "many", "real", "good"]);
    for name in ["circle", "missing", "many", "real"] {
        assert!(lowered.undetermined.contains_key(name), "{name}: {lowered:?}");
        assert!(!lowered.records.contains_key(name), "{name}");
    }
    assert!(lowered.undetermined["real"].contains("floating-point"), "{:?}", lowered.undetermined);
    assert_eq!(fields(&lowered, "good").len(), 1);
}

#[test]
fn btf_that_is_cut_off_anywhere_is_an_error() {
    let mut made = basics();
    made.record("x", kind::STRUCT, true, 16, &[("pfn", 2, 52 << 24), ("index", 2, 64)]);
    let bytes = made.bytes();
    for end in 0..bytes.len() {
        assert!(Btf::parse(bytes[..end].to_vec(), None).is_err(), "{end} of {}", bytes.len());
    }
    assert!(Btf::parse(bytes, None).is_ok());
}

/// An edit of BTF, whose strings begin at that byte.
type Edit<'a> = &'a dyn Fn(&mut Vec<u8>, usize);

#[test]
fn a_name_that_is_not_among_the_strings_is_damage() {
    let with = |edit: &dyn Fn(&mut Vec<u8>, usize)| {
        let mut made = basics();
        made.record("x", kind::STRUCT, false, 8, &[("field", 2, 0)]);
        let mut bytes = made.bytes();
        let strings = bytes.len() - made.strings.len();
        edit(&mut bytes, strings);
        Btf::parse(bytes, None).map(|btf| btf.read(&BTreeSet::from(["x"])))
    };
    assert_eq!(fields(&with(&|_, _| {}).unwrap(), "x").len(), 1);
    // The last type's only member: its name is the first of three words.
    let name = |to: u32| {
        move |b: &mut Vec<u8>, strings: usize| {
            b[strings - 12..strings - 8].copy_from_slice(&to.to_le_bytes());
        }
    };
    let type_name = |b: &mut Vec<u8>, strings: usize| b[strings - 24 + 3] = 0x7f;
    let bytes = |b: &mut Vec<u8>, _: usize| {
        let at = b.len() - "field\0x\0".len();
        b[at] = 0xff;
    };
    let end = |b: &mut Vec<u8>, _: usize| *b.last_mut().unwrap() = b'y';
    let edits: [Edit; 4] = [&name(0x7fff_ffff), &type_name, &bytes, &end];
    for (index, edit) in edits.into_iter().enumerate() {
        let error = with(edit).expect_err("a name is lost").to_string();
        assert!(error.contains("not among its strings"), "{index}: {error}");
    }
    // No field of C is without a name: that one was lost.
    let lowered = with(&name(0)).unwrap();
    assert!(lowered.undetermined["x"].contains("has no name"), "{:?}", lowered.undetermined);
}
