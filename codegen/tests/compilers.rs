// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! gcc and clang compile the generated headers without a warning, and lay the structs out as the
//! truth does, using only stand-ins for the kernel's base headers.

#[allow(dead_code)] // Each test uses another part of it.
mod c;

use c::{assertions, checkout, include, Compiler, COMPILERS};
use kho_abi_codegen::generate;
use kho_abi_model::{Constant, Item, Model, Record, Type, Value};
use kho_abi_read::headers::TRIPLES;
use kho_abi_read::truth;
use std::fs;
use std::path::Path;

/// The kernel's dialect, and the standard's, in which 64-bit bit-fields are an extension.
const DIALECTS: &[&[&str]] = &[&["-std=gnu11"], &["-std=c11"]];

fn truth() -> Model {
    truth::current().expect("the truth is whole")
}

/// The flags of every compilation: every warning is an error, and system headers are not available.
fn strict() -> Vec<String> {
    ["-Wall", "-Wextra", "-Werror", "-nostdinc"].map(Into::into).into()
}

/// Compiles text against the headers in a directory. `Err` is the compiler's output.
fn compile(compiler: &Compiler, headers: &Path, text: &str, more: &[&str]) -> Result<(), String> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut args = strict();
    args.extend([include(&checkout("read/stand-in")), include(headers)]);
    args.extend(more.iter().map(ToString::to_string));
    compiler.compile(dir.path(), text, &args)
}

/// Compiles text against the headers of the checkout.
fn compile_checkout(compiler: &Compiler, text: &str, more: &[&str]) -> Result<(), String> {
    compile(compiler, &checkout("c-headers/include"), text, more)
}

#[test]
fn both_compilers_lay_the_headers_out_as_the_truth_says() {
    let text = assertions(&truth());
    for compiler in COMPILERS {
        for dialect in DIALECTS {
            if let Err(said) = compile_checkout(compiler, &text, dialect) {
                panic!("{} {dialect:?} refuses the headers:\n{said}", compiler.name);
            }
        }
    }
}

#[test]
fn each_header_stands_alone() {
    for header in truth().headers {
        let text = format!("#include <{}>\n", header.include_path());
        for compiler in COMPILERS {
            if let Err(said) = compile_checkout(compiler, &text, DIALECTS[0]) {
                panic!("{} refuses {}:\n{said}", compiler.name, header.include_path());
            }
        }
    }
}

#[test]
fn clang_agrees_for_other_machines() {
    let clang = COMPILERS.iter().find(|compiler| compiler.name == "clang").expect("it is listed");
    let text = assertions(&truth());
    for triple in TRIPLES {
        let target = format!("--target={triple}");
        if let Err(said) = compile_checkout(clang, &text, &[&target, "-fsyntax-only"]) {
            panic!("clang {target} refuses the headers:\n{said}");
        }
    }
}

/// Every way in which a model can be wrong about one item, each with the item's name.
fn wrong_models(model: &Model) -> Vec<(String, Model)> {
    let mut wrong = Vec::new();
    for (h, header) in model.headers.iter().enumerate() {
        for (i, item) in header.items.iter().enumerate() {
            let mut with = |what: String, item: Item| {
                let mut model = model.clone();
                model.headers[h].items[i] = item;
                wrong.push((what, model));
            };
            match item {
                Item::Constant(constant) => {
                    with(constant.name.clone(), Item::Constant(wrong_constant(constant)));
                }
                Item::Enum(enumeration) => {
                    for (m, member) in enumeration.members.iter().enumerate() {
                        let mut changed = enumeration.clone();
                        changed.members[m] = wrong_constant(member);
                        with(member.name.clone(), Item::Enum(changed));
                    }
                }
                // A macro with arguments does not have a value that could be wrong.
                Item::Macro(_) => {}
                Item::Record(record) => {
                    for (what, record) in wrong_records(record) {
                        with(what, Item::Record(record));
                    }
                }
            }
        }
    }
    wrong
}

fn wrong_constant(constant: &Constant) -> Constant {
    let mut changed = constant.clone();
    match &mut changed.value {
        Value::Int(value) => *value += 1,
        // As long as the right one, so that only the comparison can fail.
        Value::Str(value) => {
            value.pop();
            value.push('?');
        }
    }
    changed
}

fn wrong_records(record: &Record) -> Vec<(String, Record)> {
    let name = &record.name;
    let mut wrong = vec![
        (name.clone(), Record { size: record.size + 1, ..record.clone() }),
        (name.clone(), Record { align: record.align * 2, ..record.clone() }),
    ];
    for (f, field) in record.fields.iter().enumerate().filter(|(_, field)| !field.bit_field) {
        let mut with = |change: &dyn Fn(&mut kho_abi_model::Field)| {
            let mut record = record.clone();
            change(&mut record.fields[f]);
            wrong.push((format!("{name}.{}", field.name), record));
        };
        with(&|field| field.bit_offset += 8);
        with(&|field| field.bit_size += 8);
        if let Type::Int { bits, signed } = field.ty {
            with(&|field| field.ty = Type::Int { bits, signed: !signed });
        }
    }
    wrong
}

#[test]
fn both_compilers_refuse_every_wrong_number() {
    let wrong = wrong_models(&truth());
    // A constant, the size and alignment of a struct, and three facts about each of two fields.
    assert!(wrong.len() >= 9, "{} wrong models", wrong.len());
    for (what, model) in wrong {
        for compiler in COMPILERS {
            let said = compile_checkout(compiler, &assertions(&model), DIALECTS[0])
                .expect_err(&format!("{} accepts a wrong {what}", compiler.name));
            assert!(said.contains("static assertion failed"), "{what}: {said}");
            assert!(said.contains(&what), "{what} is not named: {said}");
        }
    }
}

/// A kernel tree that edits the header does not build: the header itself prevents it.
#[test]
fn both_compilers_refuse_a_header_that_drifted() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let model = truth();
    let mut drifted = 0;
    for (header, generated) in model.headers.iter().zip(generate::render(&model)) {
        for record in header.records() {
            // An extra field at the end moves nothing, but changes the size.
            let end = format!("static_assert(sizeof({} {})", record.kind.keyword(), record.name);
            let (before, after) = generated.text.split_once(&end).expect("the size is asserted");
            let (fields, close) = before.rsplit_once('}').expect("a struct ends");
            let text = format!("{fields}\tu8 one_more;\n}}{close}{end}{after}");
            // The headers that it includes are correct.
            for other in generate::render(&model) {
                let path = dir.path().join(&other.path);
                fs::create_dir_all(path.parent().expect("it is below include"))
                    .expect("it is ours");
                fs::write(&path, other.text).expect("it is ours");
            }
            fs::write(dir.path().join(&generated.path), text).expect("it is ours");
            let include = format!("#include <{}>\n", header.include_path());
            for compiler in COMPILERS {
                let headers = dir.path().join("include");
                let said = compile(compiler, &headers, &include, DIALECTS[0])
                    .expect_err(&format!("{} accepts a drifted header", compiler.name));
                assert!(said.contains("static assertion failed"), "{said}");
                assert!(said.contains(&record.name), "{said}");
            }
            drifted += 1;
        }
    }
    assert!(drifted > 0, "the truth has structs");
}
