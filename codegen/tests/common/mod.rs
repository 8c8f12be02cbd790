// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A model with one item of each kind, for the tests of readers and writers.

use kho_abi_model::{
    Constant, Contract, Enumeration, FdtNode, FdtProperty, Header, Item, Macro, Model, Packing,
    PageVariant, Record, RecordKind, Target, Type, Value,
};

/// A field that follows the previous one, with its documentation.
fn push(record: &mut Record, name: &str, ty: Type, bits: u64, doc: &str) {
    record.push(name, ty, bits).doc = doc.into();
}

fn record(
    kind: RecordKind,
    name: &str,
    packing: Packing,
    size: u64,
    align: u64,
    doc: &str,
) -> Record {
    Record { packing, size, align, doc: doc.into(), ..Record::empty(kind, name) }
}

fn array(elem: Type, len: u64, len_name: Option<&str>) -> Type {
    Type::Array { elem: Box::new(elem), len, len_name: len_name.map(Into::into) }
}

/// One page of entries, for a page size.
fn page(page_size: u64) -> Record {
    let doc = "A page of entries.";
    let mut page = record(RecordKind::Struct, "every_page", Packing::Natural, page_size, 8, doc);
    page.size_expr = Some("PAGE_SIZE".into());
    page.page_size = Some(page_size);
    push(&mut page, "next", Type::KhoserPtr { to: "every_page".into() }, 64, "The next page.");
    let len = page_size / 8 - 1;
    let entries = array(Type::unsigned(64), len, Some("EVERY_PAGE_LEN"));
    push(&mut page, "entry", entries, len * 64, "The entries.");
    page
}

/// A constant that depends on the page size.
fn page_len(page_size: u64) -> Constant {
    Constant {
        name: "EVERY_PAGE_LEN".into(),
        value: Value::Int(i128::from(page_size / 8 - 1)),
        expr: Some("(PAGE_SIZE / sizeof(u64) - 1)".into()),
        page_size: Some(page_size),
        doc: "Number of entries in a page.".into(),
        place: None,
    }
}

/// An enumeration with a literal, and with an expression that is too long for its line.
fn shape() -> Enumeration {
    let member = |name: &str, value, expr: Option<&str>| Constant {
        name: name.into(),
        value: Value::Int(value),
        expr: expr.map(Into::into),
        page_size: None,
        doc: "One of them.".into(),
        place: None,
    };
    let expr = "FIRST(EVERY_SHAPE_NARROW, EVERY_SHAPE_NARROW, EVERY_SHAPE_NARROW, SECOND(1)) + 1";
    Enumeration {
        name: "every_shape".into(),
        members: vec![
            member("EVERY_SHAPE_NARROW", 1, None),
            member("EVERY_SHAPE_WIDE", 2, Some(expr)),
        ],
        doc: "Shapes.".into(),
        place: None,
    }
}

/// A struct that embeds the others, with prose of every kind.
fn root() -> Record {
    let mut root = record(
        RecordKind::Struct,
        "every_root_ser",
        Packing::Packed,
        16 + 6 + 16 * 2 + 8 + 8,
        1,
        "Root of it all, with a first line that is so long that it does not fit one line of a header.\n\
         \n\
         Refers to [`every_inner_ser`], to `EVERY_NAME_LEN`, to its own `name` and to `other` code.\n\
         \n\
         - the first entry of a list, which is long enough to be broken where a line of text ends\n\
         - the second\n\
         \n\
         ```text\n\
         kept   as it is\n\
         ```",
    );
    push(
        &mut root,
        "name",
        array(Type::Char, 16, Some("EVERY_NAME_LEN")),
        128,
        "Terminated by a NUL.",
    );
    push(
        &mut root,
        "grid",
        array(array(Type::unsigned(8), 3, None), 2, None),
        48,
        "Two rows of three.",
    );
    push(
        &mut root,
        "inner",
        array(Type::structure("every_inner_ser"), 2, None),
        256,
        "Two of them.",
    );
    push(
        &mut root,
        "a_field_with_quite_a_long_name_to_break_its_line",
        Type::Union { name: "every_either_ser".into() },
        64,
        "",
    );
    push(&mut root, "page", Type::structure("every_bits_ser"), 64, "The page.");
    root
}

/// A macro with arguments.
fn maker(name: &str, body: &str, option: &str) -> Item {
    Item::Macro(Macro {
        name: name.into(),
        arguments: "type, name".into(),
        body: body.into(),
        option: option.into(),
        doc: "Declares `name`.".into(),
        place: None,
    })
}

/// A property of a device-tree node.
fn property(name: &str, size: Option<u64>) -> FdtProperty {
    FdtProperty { name: name.into(), size, doc: "What it says.".into() }
}

/// Strings, numbers, nested and naturally aligned structs, a union, arrays, bit-fields, prose.
pub(crate) fn everything() -> Model {
    let mut inner = record(
        RecordKind::Struct,
        "every_inner_ser",
        Packing::Natural,
        16,
        8,
        "Has a hole after its first field.",
    );
    push(&mut inner, "kind", Type::unsigned(8), 8, "What it is.");
    push(&mut inner, "value", Type::Int { bits: 64, signed: true }, 64, "How much of it.");
    inner.fields[1].bit_offset = 64;

    let mut either =
        record(RecordKind::Union, "every_either_ser", Packing::Packed, 8, 1, "One of two.");
    push(&mut either, "pa", Type::unsigned(64), 64, "A physical address.");
    push(&mut either, "bytes", array(Type::unsigned(8), 4, None), 32, "Or some bytes.");

    let mut bits = record(RecordKind::Struct, "every_bits_ser", Packing::Packed, 8, 1, "A page.");
    push(&mut bits, "pfn", Type::unsigned(64), 52, "The page frame number.");
    push(&mut bits, "flags", Type::unsigned(64), 12, "See [`EVERY_FLAG`].");
    for field in &mut bits.fields {
        field.bit_field = true;
    }

    let root = root();
    let constant = |name: &str, value, doc: &str| {
        let (name, doc) = (name.into(), doc.into());
        Item::Constant(Constant { name, value, expr: None, page_size: None, doc, place: None })
    };
    Model {
        target: Target::X86_64,
        other_pages: vec![PageVariant {
            page_size: 65536,
            items: vec![Item::Constant(page_len(65536)), Item::Record(page(65536))],
        }],
        headers: vec![Header {
            name: "everything".into(),
            file: "abi/src/wire/everything.rs".into(),
            guard: "_LINUX_KHO_ABI_EVERYTHING_H".into(),
            includes: vec!["linux/compiler.h".into(), "linux/types.h".into()],
            doc: "Everything ABI\n\nWhat a header can have.".into(),
            items: vec![
                constant("EVERY_COMPATIBLE", Value::Str("every-v1".into()), "Names the version."),
                constant(
                    "EVERY_NAME_LEN",
                    Value::Int(16),
                    "Size of a name, in bytes.\n\nWith its NUL.",
                ),
                constant("EVERY_FLAG", Value::Int(1), ""),
                constant("EVERY_ODD", Value::Str("a\"b\\c\u{1}2".into()), "Needs escapes. */"),
                Item::Record(inner),
                Item::Record(either),
                Item::Record(bits),
                Item::Record(root),
                maker("EVERY_SHORT", "type name", "CONFIG_EVERY"),
                maker("EVERY_LONG", "({\n\ttype name;\n})", ""),
                Item::Enum(shape()),
                Item::Constant(page_len(4096)),
                Item::Record(page(4096)),
            ],
            contracts: vec![Contract {
                compatible: "every-v1".into(),
                macro_name: "EVERY_COMPATIBLE".into(),
                roots: vec!["every_root_ser".into(), "every_page".into()],
                constants: vec![
                    "EVERY_NAME_LEN".into(),
                    "EVERY_ODD".into(),
                    "EVERY_PAGE_LEN".into(),
                ],
                nodes: vec![FdtNode {
                    path: "/<name>".into(),
                    properties: vec![property("compatible", None), property("size", Some(8))],
                }],
                ..Contract::default()
            }],
            declarations: Vec::new(),
        }],
    }
}
