// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Bindings for other tools agree with the truth, for each field and each page size.
//!
//! Python runs here. Kaitai Struct and drgn come from package registries: see
//! `tools/check-bindings.sh`.

#[path = "bindings/pattern.rs"]
mod pattern;

#[allow(dead_code)] // Other tests use more of it.
mod common;

use kho_abi::wire::block::kho_block_header_ser;
use kho_abi::wire::luo::luo_session_ser;
use kho_abi::wire::phys::PhysAddr;
use kho_abi_codegen::{generate, write};
use kho_abi_model::{Header, Model, Record, Type, Value};
use kho_abi_read::truth;
use pattern::{number, Leaf, Pattern};
use serde_json::{json, Value as Json};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use zerocopy::{FromZeros as _, IntoBytes as _};

fn models() -> [(&'static str, Model); 2] {
    [("the truth", truth::current().unwrap()), ("everything", common::everything())]
}

fn python(script: &Path, arguments: &[&Path], input: &str) -> Output {
    let mut child = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is installed (tools/setup.sh check)");
    let mut stdin = child.stdin.take().unwrap();
    // A module that fails to load ends before it reads.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// The model's content, for the probe.
fn expected(model: &Model) -> Json {
    let one = |size: u64| {
        let model = model.with_page_size(size).unwrap_or_else(|| model.clone());
        let constants = model.headers.iter().flat_map(Header::constants);
        let constants: Vec<_> = constants
            .map(|constant| match &constant.value {
                Value::Int(value) => json!([constant.name, i64::try_from(*value).unwrap()]),
                Value::Str(value) => json!([constant.name, value]),
            })
            .collect();
        let structs: Vec<_> = model
            .records()
            .map(|(_, record)| {
                let fields = record.fields.iter();
                let fields: Vec<_> =
                    fields.map(|f| json!([f.name, f.bit_offset, f.bit_size])).collect();
                json!([record.name, record.size, fields])
            })
            .collect();
        let contracts = model.contracts().map(|(_, contract)| {
            let closure = model.closure(contract);
            let names: Vec<_> = closure.iter().map(|record| record.name.clone()).collect();
            json!([contract.compatible, names])
        });
        let contracts: Vec<_> = contracts.collect();
        json!([size, { "constants": constants, "structs": structs, "contracts": contracts }])
    };
    model.page_sizes().into_iter().map(one).collect()
}

/// Runs the probe on a module's text.
fn probe(module: &str, expected: &Json) -> Output {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("kho_abi.py"), module).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bindings/probe.py");
    python(&script, &[dir.path()], &expected.to_string())
}

#[test]
fn python_reads_each_field_where_the_truth_has_it() {
    for (what, model) in models() {
        let ran = probe(&write::python::render(&model), &expected(&model));
        let said = String::from_utf8_lossy(&ran.stdout);
        assert_eq!(said, "all as expected\n", "{what}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// The module asserts its own layout, and the probe compares it with the truth.
#[test]
fn a_module_that_says_something_else_is_not_imported_or_found() {
    let model = truth::current().unwrap();
    let text = write::python::render(&model);
    let expected = expected(&model);
    let changed = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        probe(&text.replacen(from, to, 1), &expected)
    };
    for (from, to) in [
        ("(\"pfn\", _u64, 52)", "(\"pfn\", _u64, 51)"),
        ("(\"domain\", _u16)", "(\"domain\", _u32)"),
        ("    _pack_ = 1", "    _pack_ = 8"),
        ("(\"count\", _u64)", "(\"counts\", _u64)"),
    ] {
        let ran = changed(from, to);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(said.contains("ImportError: "), "{from}: {said}");
    }
    let (_, memfd) = model.contracts().find(|(header, _)| header.name == "memfd").unwrap();
    let memfd = format!("b\"{}\"", memfd.compatible);
    for (from, to, found) in [
        ("KHO_BLOCK_SIZE_16K = 16384", "KHO_BLOCK_SIZE_16K = 4096", "KHO_BLOCK_SIZE is 4096"),
        (&memfd, "b\"memfd-v99\"", "MEMFD_LUO_FH_COMPATIBLE is 'memfd-v99'"),
        (
            "\"kho_radix_leaf\": kho_radix_leaf_64k",
            "\"kho_radix_leaf\": kho_radix_leaf",
            "has 4096",
        ),
    ] {
        let ran = changed(from, to);
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains(found), "{from}: {said}");
    }
}

/// The fields of a record in the form of the pattern's reader: an array of integers is one field.
fn leaves(model: &Model, record: &Record, path: &str, at: u64, out: &mut Vec<Leaf>) {
    for field in &record.fields {
        let dot = if path.is_empty() { "" } else { "." };
        leaves_of(
            model,
            &field.ty,
            &format!("{path}{dot}{}", field.name),
            at + field.bit_offset,
            field.bit_size,
            out,
        );
    }
}

fn leaves_of(model: &Model, ty: &Type, path: &str, at: u64, size: u64, out: &mut Vec<Leaf>) {
    match ty {
        Type::Struct { name } | Type::Union { name } => {
            leaves(model, model.record(name).unwrap(), path, at, out);
        }
        Type::Array { elem, len, .. } if elem.embedded().is_some() => {
            for index in 0..*len {
                let (path, size) = (format!("{path}[{index}]"), size / len);
                leaves_of(model, elem, &path, at + index * size, size, out);
            }
        }
        _ => out.push((path.into(), at, size)),
    }
}

#[test]
fn the_pattern_lays_each_field_out_as_the_truth_does() {
    for (what, model) in models() {
        let pattern = Pattern::read(&write::imhex::render(&model));
        let mut seen = 0;
        for size in model.page_sizes() {
            let paged = model.with_page_size(size).unwrap_or_else(|| model.clone());
            // The plain name belongs to the smallest size.
            let suffix = |depends: bool| {
                let other = depends && Some(size) != model.target.page_size;
                if other {
                    format!("_{}k", size / 1024)
                } else {
                    String::new()
                }
            };
            for (_, record) in paged.records() {
                let name = format!("{}{}", record.name, suffix(record.page_size.is_some()));
                let (mut found, bits) = pattern.place(&name, &[]);
                found.retain(|(path, _, _)| !path.contains("hole"));
                let mut wanted = Vec::new();
                leaves(&paged, record, "", 0, &mut wanted);
                assert_eq!(found, wanted, "{what}: {name}");
                assert_eq!(bits, record.size * 8, "{what}: {name}");
                seen += 1;
            }
            for constant in paged.headers.iter().flat_map(Header::constants) {
                let name = &constant.name;
                let named =
                    format!("{name}{}", suffix(constant.page_size.is_some()).to_uppercase());
                let value = match &constant.value {
                    Value::Int(value) => value.to_string(),
                    Value::Str(value) => format!("\"{}\"", value.escape_default()),
                };
                let found = pattern.defines.get(&named).or_else(|| pattern.members.get(&named));
                // The two spell a non-ASCII byte differently.
                let found = found.map(|found| found.replace("\\001", "\\u{1}"));
                assert_eq!(found, Some(value), "{what}: {named}");
            }
        }
        assert!(seen >= 5, "{what} has {seen} structs");
        for (name, size) in &pattern.asserted {
            assert_eq!(pattern.place(name, &[]).1, size * 8, "{what}: {name}");
        }
        assert!(pattern.asserted.len() >= 4, "{what}");
    }
}

#[test]
fn the_pattern_reads_a_block_of_sessions() {
    let mut page = Vec::new();
    let mut header = kho_block_header_ser::new_zeroed();
    (header.next, header.count) = (PhysAddr::new(0x1234_5000), 3);
    page.extend_from_slice(header.as_bytes());
    for index in 0..3 {
        let mut session = luo_session_ser::new_zeroed();
        session.file_set_ser.files = PhysAddr::new(0x10_0000 + index * 0x1000);
        session.file_set_ser.count = index;
        page.extend_from_slice(session.as_bytes());
    }
    page.resize(4096, 0);
    let pattern = Pattern::read(&write::imhex::render(&truth::current().unwrap()));
    let (leaves, bits) = pattern.place("luo_session_block", &page);
    assert_eq!(bits, (16 + 3 * 80) * 8);
    let value = |path: &str| {
        let (_, at, size) = leaves.iter().find(|leaf| leaf.0 == path).unwrap();
        number(&page, *at, *size)
    };
    assert_eq!(value("header.next"), 0x1234_5000);
    for index in 0..3 {
        assert_eq!(
            value(&format!("entries[{index}].file_set_ser.files")),
            0x10_0000 + index * 0x1000
        );
        assert_eq!(value(&format!("entries[{index}].file_set_ser.count")), index);
    }
}

/// Lists are named by hand, so check that the truth has their structs.
#[test]
fn the_truth_has_the_structs_of_each_list() {
    let model = truth::current().unwrap();
    let pattern = Pattern::read(&write::imhex::render(&model));
    let kaitai = write::kaitai::render(&model);
    for list in ["luo_session_block", "luo_file_block", "luo_flb_list"] {
        assert!(pattern.has(list), "{list}");
        assert!(kaitai.contains(&format!("\n  {list}:\n")), "{list}");
    }
}

#[test]
fn the_checkout_has_what_is_generated() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bindings");
    let generated = generate::render_bindings(&truth::current().unwrap());
    assert_eq!(generated.len(), 3);
    for file in generated {
        assert_eq!(fs::read_to_string(dir.join(&file.path)).unwrap(), file.text, "{:?}", file.path);
    }
}
