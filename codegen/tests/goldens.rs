// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Rendered text, as goldens: `cargo insta review` shows a change, and may accept it.
//!
//! Frozen layouts are not goldens; nothing here can change one.

mod common;

use kho_abi_codegen::{generate, write};
use kho_abi_model::reading::Knows;
use kho_abi_model::Model;
use kho_abi_read::frozen::Status;
use kho_abi_read::truth;

/// Goldens are beside the frozen layouts.
fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/goldens");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn text_of(model: &Model) -> String {
    let records = model.records().map(|(_, r)| write::text::render(model, r, &Knows::ALL));
    let nodes = model.contracts().filter(|(_, contract)| !contract.nodes.is_empty());
    let nodes = nodes.map(|(_, contract)| write::text::render_nodes(contract));
    records.chain(nodes).collect::<Vec<_>>().join("\n")
}

#[test]
fn headers_of_the_truth() {
    for generated in generate::render(&truth::current().unwrap()) {
        let name = generated.path.file_name().unwrap().to_str().unwrap().to_string();
        golden(&name, &generated.text);
    }
}

#[test]
fn unit_tests_of_the_truth() {
    for generated in generate::render_unit_tests(&truth::current().unwrap()) {
        let name = generated.path.file_name().unwrap().to_str().unwrap().to_string();
        golden(&name, &generated.text);
    }
}

#[test]
fn layout_text_of_the_truth() {
    golden("layout.txt", &text_of(&truth::current().unwrap()));
}

#[test]
fn json_of_the_truth() {
    golden("layout.json", &write::json::render(&truth::current().unwrap(), None));
}

#[test]
fn everything_that_a_header_can_have() {
    let model = common::everything();
    golden("everything.h", &generate::render(&model)[0].text);
    let tests = generate::render_unit_tests(&model);
    let tests = tests.iter().filter(|generated| generated.path.extension().is_some());
    let tests: Vec<_> = tests.map(|generated| generated.text.as_str()).collect();
    golden("everything_kunit", &tests.join("\n"));
    golden("everything.txt", &text_of(&model));
    golden("everything.json", &write::json::render(&model, None));
    for generated in generate::render_bindings(&model) {
        let extension = generated.path.extension().unwrap().to_str().unwrap();
        golden(&format!("everything.{extension}"), &generated.text);
    }
    let frozen = write::frozen::of(&model, &model.headers[0], "every-v1", Status::Draft).unwrap();
    golden("everything.layout", &write::frozen::render(&frozen));
}
