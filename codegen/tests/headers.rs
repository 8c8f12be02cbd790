// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The reader of C headers says what the truth says, of headers that were generated from it.

use kho_abi_codegen::compare;
use kho_abi_codegen::generate;
use kho_abi_codegen::model::{Contract, Model, Record};
use kho_abi_codegen::read::headers::{self, TRIPLES};
use kho_abi_codegen::read::truth;
use kho_abi_codegen::source::{Options, Reading};
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

/// What a header can tell of a contract: everything but nodes.
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
            assert!(reading.model.records().all(|(_, record)| !record.bit_fields_untold));
            assert_eq!(told(&reading.model), told(&truth), "{context}");
        }
    }
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
            // What the truth has beyond that kernel.
            truth.headers.retain(|header| header.name != "vfio_pci");
            assert_eq!(truth.headers.len(), 6);
            for dir in [tree, &tree.join("include"), &bare] {
                let reading = headers::read_dir(dir, &options(triple, page_size))
                    .unwrap_or_else(|error| panic!("{error}"));
                let context = format!("{}, {triple}, {page_size}", dir.display());
                assert_eq!(reading.gaps, [], "{context}");
                assert_eq!(compare::differences(&truth, &reading.model), [], "{context}");
                assert_eq!(told(&reading.model), told(&truth), "{context}");
                let items = |model: &Model| -> Vec<Vec<String>> {
                    let names = |header: &kho_abi_codegen::model::Header| {
                        header.items.iter().map(|item| item.name().to_string()).collect()
                    };
                    model.headers.iter().map(names).collect()
                };
                assert_eq!(items(&reading.model), items(&truth), "{context}");
            }
        }
    }
}
