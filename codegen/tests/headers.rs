// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The reader of C headers agrees with the truth, for headers that were generated from it.

mod bindgen_reader;

use kho_abi_codegen::generate;
use kho_abi_model::compare;
use kho_abi_model::{Contract, Header, Item, Model, Record};
use kho_abi_read::headers::{self, TRIPLES};
use kho_abi_read::source::{Gap, Options, Reading};
use kho_abi_read::truth;
use std::collections::BTreeMap;

fn truth() -> Model {
    truth::current().expect("the truth is whole")
}

fn generated(model: &Model) -> BTreeMap<String, Vec<u8>> {
    let files = generate::render(model).into_iter();
    files.map(|file| (file.path.display().to_string(), file.text.into_bytes())).collect()
}

fn options(triple: &str, page_size: u64) -> Options {
    Options { triple: Some(triple.into()), page_size: Some(page_size), ..Options::default() }
}

fn read(files: &BTreeMap<String, Vec<u8>>, options: &Options) -> Reading {
    headers::read_files(files, options).unwrap_or_else(|error| panic!("{error}"))
}

/// What a header can show of a contract: everything except nodes.
fn told(model: &Model) -> Vec<Contract> {
    let told = |contract: &Contract| {
        let mut contract = Contract { nodes: Vec::new(), ..contract.clone() };
        contract.roots.sort();
        contract.constants.sort();
        contract
    };
    model.contracts().map(|(_, contract)| told(contract)).collect()
}

#[test]
fn generated_headers_read_back_as_the_truth() {
    let truth = truth();
    let files = generated(&truth);
    for triple in TRIPLES {
        for page_size in truth.page_sizes() {
            let truth = truth.with_page_size(page_size).unwrap();
            let reading = read(&files, &options(triple, page_size));
            let context = format!("{triple}, pages of {page_size} bytes");
            assert_eq!(reading.gaps, [], "{context}");
            assert_eq!(compare::differences(&truth, &reading.model), [], "{context}");
            let bare = |model: &Model| -> Vec<Record> {
                let records = model.records().map(|(_, record)| record.bare());
                records.map(|record| Record { page_size: None, ..record }).collect()
            };
            assert_eq!(bare(&reading.model), bare(&truth), "{context}");
            assert!(reading.model.records().all(|(_, record)| !record.bit_fields_unknown));
            assert_eq!(told(&reading.model), told(&truth), "{context}");
        }
    }
}

/// Linux 7.2 and 7.3 hand over the same, but have two names for one number.
#[test]
fn another_name_for_the_same_bytes_is_no_difference() {
    // The version of which both names are known, wherever it is by now.
    let mut models = std::iter::once(truth()).chain(truth::earlier().expect("the truth is whole"));
    let truth = models.find(|model| model.contract("kho-v4").is_some()).unwrap();
    let present = truth.headers[0].name != "kexec_handover";
    let truth = if present { truth } else { alone(truth) };
    let mut files = generated(&truth);
    let path = "include/linux/kho/abi/kexec_handover.h";
    let text = String::from_utf8(files[path].clone()).unwrap();
    let before = text
        .replace("KHO_RADIX_KEY_WIDTH = 64 - PAGE_SHIFT + 1", "KHO_ORDER_0_LOG2 = 64 - PAGE_SHIFT")
        .replace("KHO_RADIX_KEY_WIDTH -", "KHO_ORDER_0_LOG2 + 1 -");
    assert!(!before.contains("KHO_RADIX_KEY_WIDTH =") && before.contains("KHO_ORDER_0_LOG2 ="));
    files.insert(path.into(), before.clone().into_bytes());
    let reading = read(&files, &Options::default());
    assert_eq!(compare::differences(&truth, &reading.model), []);
    assert_eq!(told(&reading.model), told(&truth));
    // Another number is a difference, and another version has its own names.
    let wrong = before.replace("KHO_ORDER_0_LOG2 = 64", "KHO_ORDER_0_LOG2 = 65");
    files.insert(path.into(), wrong.into_bytes());
    let found = compare::differences(&truth, &read(&files, &Options::default()).model);
    assert!(found.iter().any(|(_, what)| what.contains("KHO_RADIX_KEY_WIDTH")), "{found:?}");
    let other = before.replace("\"kho-v4\"", "\"kho-v3\"");
    files.insert(path.into(), other.into_bytes());
    let reading = read(&files, &Options::default());
    assert!(reading.model.constant("KHO_ORDER_0_LOG2").is_some());
}

/// An earlier version with the headers that it includes or takes a struct from, and no others: those are of
/// later kernels.
fn alone(mut model: Model) -> Model {
    let own = model.headers[0].clone();
    let roots: Vec<_> = own.contracts.iter().flat_map(|contract| &contract.roots).collect();
    let wanted = |header: &Header| {
        header.name == own.name
            || own.includes.contains(&header.include_path())
            || header.records().any(|record| roots.contains(&&record.name))
    };
    model.headers.retain(wanted);
    model
}

/// An older kernel's header is recognised as such, with all of its strings.
#[test]
fn earlier_versions_read_back_as_what_they_were() {
    let earlier = truth::earlier().expect("the truth is whole");
    assert!(earlier.len() >= 4);
    for model in earlier {
        for page_size in model.page_sizes() {
            let model = alone(model.with_page_size(page_size).unwrap());
            let reading = read(&generated(&model), &options(TRIPLES[1], page_size));
            let file = model.headers[0].file.clone();
            // Whose version covers another header may be in one that is not there.
            let other = |gap: &Gap| model.headers[1..].iter().any(|h| h.include_path() == gap.item);
            let gaps: Vec<_> = reading.gaps.iter().filter(|gap| !other(gap)).collect();
            assert!(gaps.is_empty(), "{file}: {gaps:?}");
            assert_eq!(compare::differences(&model, &reading.model), [], "{file}");
            let (own, found) = (told(&model), told(&reading.model));
            assert!(!own.is_empty());
            for contract in own {
                assert!(found.contains(&contract), "{file}: {contract:?} is not in {found:?}");
            }
        }
    }
}

/// The names of the headers in a directory, sorted.
fn in_dir(dir: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".h").map(String::from)).collect();
    names.sort_unstable();
    names
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn the_kernels_own_headers_read_as_the_truth() {
    let tree = std::env::var_os("LINUX_SRC").expect("LINUX_SRC is set");
    let tree = std::path::Path::new(&tree);
    let bare = tree.join("include/linux/kho/abi");
    for triple in TRIPLES {
        for page_size in truth().page_sizes() {
            let mut truth = truth().with_page_size(page_size).unwrap();
            // The truth has more than that kernel: proposed and future headers.
            let names = in_dir(&bare);
            truth.headers.retain(|header| names.contains(&header.name));
            let known: Vec<_> = truth.headers.iter().map(|header| header.name.clone()).collect();
            assert_eq!(known, names);
            for dir in [tree, &tree.join("include"), &bare] {
                let reading = headers::read_dir(dir, &options(triple, page_size))
                    .unwrap_or_else(|error| panic!("{error}"));
                let context = format!("{}, {triple}, {page_size}", dir.display());
                assert_eq!(reading.gaps, [], "{context}");
                assert_eq!(compare::differences(&truth, &reading.model), [], "{context}");
                assert_eq!(told(&reading.model), told(&truth), "{context}");
                let items = |model: &Model| -> Vec<Vec<String>> {
                    let names = |header: &Header| {
                        header.items.iter().map(|item| item.name().to_string()).collect()
                    };
                    model.headers.iter().map(names).collect()
                };
                assert_eq!(items(&reading.model), items(&truth), "{context}");
            }
        }
    }
}

/// A copy of only the kernel's ABI headers, one of them changed.
fn changed(header: &str, from: &str, to: &str) -> tempfile::TempDir {
    let tree = std::env::var_os("LINUX_SRC").expect("LINUX_SRC is set");
    let abi = std::path::Path::new(&tree).join("include/linux/kho/abi");
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(abi).unwrap() {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        if path.ends_with(header) {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(dir.path().join(path.file_name().unwrap()), text).unwrap();
    }
    dir
}

#[test]
#[ignore = "needs a Linux 7.3 tree in LINUX_SRC"]
fn a_changed_offset_is_found_at_its_line_with_the_contract_that_it_breaks() {
    let truth = truth();
    for (header, from, to, field, contract) in [
        ("luo.h", "\tu64 data;\n\tu64 token;", "\tu64 token;\n\tu64 data;", "token", "luo-v5"),
        (
            "luo.h",
            "\tu64 liveupdate_num;\n",
            "\tu64 hole;\n\tu64 liveupdate_num;\n",
            "hole",
            "luo-v5",
        ),
        (
            "memfd.h",
            "\tu64 pfn:52;\n\tu64 flags:12;",
            "\tu64 pfn:51;\n\tu64 flags:13;",
            "pfn",
            "memfd-v2",
        ),
        ("block.h", "\tu64 next;", "\tu64 pad;\n\tu64 next;", "pad", "kho-v4"),
    ] {
        let dir = changed(header, from, to);
        let reading = headers::read_dir(dir.path(), &Options::default()).unwrap();
        let path = dir.path().join(header);
        let text = std::fs::read_to_string(&path).unwrap();
        let name = header.trim_end_matches(".h");
        let records = |model: &Model| -> Vec<Record> {
            let header = model.headers.iter().find(|header| header.name == name).unwrap();
            header.records().map(|record| Record { page_size: None, ..record.clone() }).collect()
        };
        let changes = compare::records(&records(&truth), &records(&reading.model));
        let place = changes[0].place.clone().unwrap();
        let line = text.lines().position(|l| l.starts_with(&format!("\tu64 {field}"))).unwrap() + 1;
        let first = changes[0].causes[0].place().unwrap_or(&place);
        assert_eq!(first.to_string(), format!("{}:{line}", path.display()), "{changes:?}");
        assert_eq!(reading.model.owners(&changes[0].record), [contract]);
    }
}

/// One case goes through all readers that report C layouts, and makes one model.
#[test]
fn bindgen_and_clang_say_the_same() {
    let truth = truth();
    for page_size in truth.page_sizes() {
        let truth = truth.with_page_size(page_size).unwrap();
        for triple in TRIPLES {
            let ours = read(&generated(&truth), &options(triple, page_size)).model;
            let other = bindgen_reader::read_generated(&truth, triple).unwrap();
            assert_eq!(compare::differences(&ours, &other), [], "{triple}, {page_size}");
        }
    }
    // They would not agree if one of them were wrong.
    let mut wrong = read(&generated(&truth), &Options::default()).model;
    for item in wrong.headers.iter_mut().flat_map(|header| &mut header.items) {
        if let Item::Record(record) = item {
            record.size += 1;
        }
    }
    let other = bindgen_reader::read_generated(&truth, TRIPLES[0]).unwrap();
    assert!(compare::differences(&wrong, &other).len() >= other.records().count());
}
