// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Programs that are independent of the model's own reader and writer agree with them: cbindgen
//! lowers the Rust types to C by itself, and libclang, through bindgen, computes layouts from C
//! text.

mod bindgen_reader;

use bindgen_reader::{CHeaderError, Options};
use kho_abi_model::{compare, Endian, Field, Header, Item, Model, Type, Value};
use kho_abi_read::headers::TRIPLES;
use kho_abi_read::truth;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory of the checkout.
fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// `-I` for a directory.
fn include(dir: &Path) -> String {
    format!("-I{}", dir.display())
}

fn truth() -> Model {
    truth::current().expect("the truth is whole")
}

/// All headers of a model as one, since cbindgen lowers a crate into one text.
fn as_one_header(model: &Model, name: &str) -> Model {
    let items = model.headers.iter().flat_map(|header| header.items.clone()).collect();
    let header = Header { name: name.into(), items, ..Header::default() };
    Model { headers: vec![header], ..model.clone() }
}

fn computed_length(ty: &Type) -> bool {
    matches!(ty, Type::Array { len_name: Some(name), .. } if name.contains(' '))
}

/// The part of the truth that cbindgen can show, in its form.
///
/// It does not expand macros, and so sees no struct that depends on the page size. It does not know
/// bit-fields, or arrays whose length is an expression. To it, the type for `DECLARE_KHOSER_PTR()`
/// is an integer.
fn tellable(truth: &Model) -> Model {
    let mut model = truth.clone();
    let depends = |name: &str| truth.other_pages_of(name).next().is_some();
    for header in &mut model.headers {
        header.items.retain(|item| match item {
            Item::Record(record) => {
                let tells = |field: &Field| !field.bit_field && !computed_length(&field.ty);
                !depends(&record.name) && record.fields.iter().all(tells)
            }
            Item::Constant(constant) => constant.expr.is_none(),
            Item::Enum(_) | Item::Macro(_) => false,
        });
        for item in &mut header.items {
            let Item::Record(record) = item else { continue };
            for field in &mut record.fields {
                if matches!(field.ty, Type::KhoserPtr { .. }) {
                    field.ty = Type::unsigned(64);
                }
            }
        }
    }
    assert!(model.records().count() >= 8, "most structs of the truth are left");
    model
}

/// cbindgen's output for the crate that holds the truth.
///
/// It leaves out lengths of arrays that are expressions, so they are supplied.
fn lowered(model: &Model, truth: &Model) -> String {
    let lengths = truth.headers.iter().flat_map(Header::constants).filter(|c| c.expr.is_some());
    let lengths = lengths.filter_map(|constant| match &constant.value {
        Value::Int(value) => Some(format!("#define {} {value}\n", constant.name)),
        Value::Str(_) => None,
    });
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        cpp_compat: false,
        // Its integer types come from the compiler, so that any target can be read.
        no_includes: true,
        after_includes: Some(
            [("uint", "UINT"), ("int", "INT")]
                .iter()
                .flat_map(|(name, macro_name)| {
                    ["8", "16", "32", "64"].map(|bits| {
                        format!("typedef __{macro_name}{bits}_TYPE__ {name}{bits}_t;\n")
                    })
                })
                .chain(lengths)
                .collect(),
        ),
        style: cbindgen::Style::Tag,
        ..cbindgen::Config::default()
    };
    config.layout.packed = Some("__attribute__((__packed__))".into());
    // No function takes the types, so cbindgen needs their names.
    config.export.include = model.records().map(|(_, record)| record.name.clone()).collect();
    // Only the current versions: earlier ones have types of the same names, and cbindgen ignores
    // modules.
    let mut sources: Vec<_> = fs::read_dir(checkout("abi/src/wire"))
        .expect("the wire files are there")
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        // From the list of modules, cbindgen would go on to the earlier versions.
        .filter(|path| path.file_name().is_some_and(|name| name != "mod.rs"))
        .collect();
    sources.sort();
    assert!(sources.len() > model.headers.len(), "{sources:?}");
    let builder = sources.into_iter().fold(cbindgen::Builder::new(), cbindgen::Builder::with_src);
    let bindings = builder.with_config(config).generate().expect("cbindgen lowers the crate");
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).expect("C text is ASCII")
}

/// libclang's layouts of C text that needs no header.
fn read(name: &str, text: &str, triple: &str) -> Result<Model, CHeaderError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join(format!("{name}.h"));
    fs::write(&path, text).expect("the directory is ours");
    bindgen_reader::read(&[path], &Options { triple, clang_args: &["-nostdinc".into()] })
}

/// Whether the difference is that cbindgen lowered an associated constant, as
/// `PciAddress_MAX_DEVICE`.
///
/// Those belong to the Rust API beside the types. The ABI's own constants are in capitals.
fn associated(difference: &str) -> bool {
    difference
        .strip_suffix(" is not in the truth")
        .is_some_and(|name| name.contains(|c: char| c.is_ascii_lowercase()))
}

/// Whether a difference is a constant that [`tellable`] leaves out, or that belongs to another
/// kernel header, but that cbindgen lowered nevertheless.
fn beside(truth: &Model, difference: &str) -> bool {
    let elsewhere = fs::read_to_string(checkout("abi/src/wire/uapi.rs")).expect("it is there");
    difference.strip_suffix(" is not in the truth").is_some_and(|name| {
        truth.constant(name).is_some_and(|constant| constant.expr.is_some())
            || elsewhere.contains(&format!("pub const {name}: "))
    })
}

#[test]
fn cbindgen_and_libclang_lay_the_rust_types_out_as_the_truth_does() {
    let whole = truth();
    let truth = tellable(&whole);
    let text = lowered(&truth, &whole);
    // cbindgen skips strings. If it ever supports them, this list becomes empty, and they can be
    // compared.
    let strings: BTreeSet<_> = truth
        .headers
        .iter()
        .flat_map(Header::constants)
        .filter(|constant| matches!(constant.value, Value::Str(_)))
        .map(|constant| match &constant.value {
            Value::Str(value) => {
                format!("{} is missing, the truth says {value:?}", constant.name)
            }
            Value::Int(_) => unreachable!("they are strings"),
        })
        .collect();
    for triple in TRIPLES {
        let read = read("all", &text, triple).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let differences = compare::differences(&as_one_header(&truth, "all"), &read);
        let said: BTreeSet<_> = differences
            .into_iter()
            .map(|(_, what)| what)
            .filter(|what| !associated(what) && !beside(&whole, what))
            .collect();
        assert_eq!(said, strings, "{triple}: {text}");
        // Differences are searched from the truth's side, so check that nothing else is there.
        assert_eq!(read.records().count(), truth.records().count(), "{triple}: {text}");
    }
}

#[test]
fn cbindgen_disagrees_with_a_model_that_is_wrong() {
    let whole = truth();
    let truth = tellable(&whole);
    let text = lowered(&truth, &whole);
    let read = read("all", &text, TRIPLES[0]).expect("cbindgen writes C");
    for (what, wrong) in wrong_models(&truth) {
        let right = compare::differences(&as_one_header(&truth, "all"), &read).len();
        let found = compare::differences(&as_one_header(&wrong, "all"), &read);
        assert!(found.len() > right, "{what} is not found: {found:?}");
        let named = found.iter().any(|(_, said)| said.contains(&what));
        assert!(named, "{what} is not named: {found:?}");
    }
}

#[test]
fn libclang_reads_the_generated_headers_as_the_truth_on_every_machine() {
    let truth = truth();
    for triple in TRIPLES {
        let read =
            bindgen_reader::read_generated(&truth, triple).expect("clang accepts the headers");
        let found = compare::differences(&truth, &read);
        assert!(found.is_empty(), "{triple}: {found:?}");
        let big = triple.starts_with("s390x");
        assert_eq!(read.target.endian == Endian::Big, big, "{triple}");
    }
}

#[test]
fn libclang_reads_the_headers_of_the_checkout_as_the_truth() {
    let truth = truth();
    let headers = checkout("c-headers/include");
    let paths: Vec<_> = truth.headers.iter().map(|h| headers.join(h.include_path())).collect();
    let stand_in = include(&checkout("read/stand-in"));
    let clang_args = ["-nostdinc".into(), stand_in, include(&headers)];
    for triple in TRIPLES {
        let read = bindgen_reader::read(&paths, &Options { triple, clang_args: &clang_args })
            .expect("clang accepts the headers");
        let found = compare::differences(&truth, &read);
        assert!(found.is_empty(), "{triple}: {found:?}");
    }
}

/// A wrong offset in a model becomes a wrong assertion in its header, which clang refuses.
#[test]
fn libclang_disagrees_with_a_model_that_is_wrong() {
    let truth = truth();
    let read =
        bindgen_reader::read_generated(&truth, TRIPLES[0]).expect("clang accepts the headers");
    for (what, wrong) in wrong_models(&truth) {
        let found = compare::differences(&wrong, &read);
        assert!(found.iter().any(|(_, said)| said.contains(&what)), "{what}: {found:?}");
        match bindgen_reader::read_generated(&wrong, TRIPLES[0]) {
            Err(CHeaderError::Clang { message, .. }) => {
                assert!(message.contains("static assertion failed"), "{what}: {message}");
            }
            other => panic!("{what}: clang takes a wrong header: {other:?}"),
        }
    }
}

/// The truth with one field at a wrong offset, or one struct of a wrong size, and its name.
fn wrong_models(truth: &Model) -> Vec<(String, Model)> {
    let mut wrong = Vec::new();
    for (h, header) in truth.headers.iter().enumerate() {
        for (i, item) in header.items.iter().enumerate() {
            let Item::Record(record) = item else { continue };
            let mut with = |what: &str, change: &dyn Fn(&mut kho_abi_model::Record)| {
                let (mut model, mut record) = (truth.clone(), record.clone());
                change(&mut record);
                model.headers[h].items[i] = Item::Record(record);
                wrong.push((what.to_string(), model));
            };
            // A size that the header states as an expression is not wrong in the header.
            if record.size_expr.is_none() {
                with(&record.name, &|record| record.size += 1);
            }
            // bindgen does not report where a bit-field is.
            let told = |(_, field): &(usize, &Field)| !field.bit_field;
            // One field of each struct, since each wrong model is a run of clang over all headers.
            if let Some((f, field)) = record.fields.iter().enumerate().rfind(told) {
                with(&field.name, &|record| record.fields[f].bit_offset += 8);
            }
        }
    }
    assert!(wrong.len() >= 3, "a struct and its two fields are there to be wrong");
    wrong
}
