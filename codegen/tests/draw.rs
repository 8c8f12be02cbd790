// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Layouts as pictures and tables: whole, well-formed, and with nothing from outside that takes effect.

mod common;

use kho_abi_codegen::draw::{self, Part};
use kho_abi_model::{Item, Model, Type};
use kho_abi_read::truth;

fn part(model: &Model) -> Part<'_> {
    let contracts = model.promises().map(|(_, contract)| contract.compatible.clone()).collect();
    Part { whole: model, shown: model, contracts }
}

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/goldens");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The elements of a document of XML, which must close all that they open; with its text.
fn elements(document: &str) -> (Vec<String>, String) {
    let (mut open, mut all, mut text) = (Vec::new(), Vec::new(), String::new());
    let mut rest = document.trim();
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split(' ').next().expect("a name").to_string();
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        all.push(name.clone());
        open.push(name);
    }
    assert_eq!((open, rest), (Vec::new(), ""));
    for part in document.split('&').skip(1) {
        let entity = part.split(';').next().expect("a part");
        assert!(["amp", "lt", "gt", "quot"].contains(&entity), "&{entity}");
    }
    (all, text)
}

#[test]
fn a_model_with_one_of_everything() {
    let model = common::everything();
    golden("everything.svg", &draw::svg::render(&[part(&model)]));
    golden("everything.rst", &draw::rst::render(&[part(&model)]));
    golden("everything.md", &draw::markdown::render(&[part(&model)]));
}

#[test]
fn pictures_are_well_formed_and_every_struct_and_field_is_in_each_format() {
    let model = truth::current().unwrap();
    let svg = draw::svg::render(&[part(&model)]);
    let (all, text) = elements(&svg);
    assert!(all.contains(&"path".into()) && !all.contains(&"script".into()));
    let html = draw::html::render(&[part(&model)]);
    let rst = draw::rst::render(&[part(&model)]);
    let markdown = draw::markdown::render(&[part(&model)]);
    for (_, record) in model.records() {
        for document in [&text, &html, &rst, &markdown] {
            assert!(document.contains(&format!("struct {}", record.name)), "{}", record.name);
        }
        for field in &record.fields {
            for document in [&text, &html, &rst, &markdown] {
                assert!(document.contains(&field.name), "{}.{}", record.name, field.name);
            }
        }
    }
    for (_, contract) in model.contracts() {
        for document in [&html, &rst, &markdown] {
            assert!(document.contains(&contract.compatible), "{}", contract.compatible);
        }
    }
    // Nothing is loaded, and nothing runs.
    for sign in ["<script", "src=", "href=\"http", "url(", "@import", "onload="] {
        assert!(!html.contains(sign) && !svg.contains(sign), "{sign}");
    }
}

#[test]
fn links_within_a_page_lead_to_something() {
    let html = draw::html::render(&[part(&truth::current().unwrap())]);
    let links: Vec<&str> =
        html.split("href=\"#").skip(1).map(|at| at.split('"').next().unwrap()).collect();
    assert!(links.len() > 30, "{links:?}");
    for link in links {
        assert_eq!(html.matches(&format!("id=\"{link}\"")).count(), 1, "{link}");
    }
}

#[test]
fn names_and_comments_from_outside_are_text() {
    const BAD: &str =
        "</svg><script>alert(\"x\")</script>&amp;'`|*_\\\u{0}\u{1b}[31m\u{202e}\n- x\n====";
    let mut model = common::everything();
    for item in model.headers.iter_mut().flat_map(|header| &mut header.items) {
        if let Item::Record(record) = item {
            record.doc = format!("{BAD}\n@x: {BAD}");
            record.name += BAD;
            for field in &mut record.fields {
                field.name += BAD;
                field.doc = BAD.into();
                if let Type::Array { len_name, .. } = &mut field.ty {
                    *len_name = Some(BAD.into());
                }
                if let Type::KhoserPtr { to } = &mut field.ty {
                    *to += BAD;
                }
            }
        }
    }
    for contract in model.headers.iter_mut().flat_map(|header| &mut header.contracts) {
        contract.compatible += BAD;
        contract.macro_name += BAD;
        for root in &mut contract.roots {
            *root += BAD;
        }
        for node in &mut contract.nodes {
            node.path += BAD;
        }
    }
    model.headers[0].doc = BAD.into();
    let parts = [part(&model)];
    let svg = draw::svg::render(&parts);
    let (all, text) = elements(&svg);
    assert!(!all.contains(&"script".into()), "{svg}");
    assert!(text.contains("&lt;script&gt;"), "{text}");
    let (all, _) = elements(
        draw::html::render(&parts).split_once("<body>").unwrap().1.split_once("</body>").unwrap().0,
    );
    assert!(!all.contains(&"script".into()));
    for document in [svg, draw::rst::render(&parts), draw::markdown::render(&parts)] {
        assert!(!document.contains(|c: char| c.is_control() && c != '\n'), "{document:?}");
        // A line of a name's own would be a heading or a list.
        assert!(!document.lines().any(|line| line == "====" || line == "- x"), "{document}");
    }
    // Each row of a table has as many columns as its head.
    let markdown = draw::markdown::render(&parts);
    let mut columns = None;
    for line in markdown.lines() {
        let count = line.replace("\\|", "").matches('|').count();
        if line.starts_with('|') {
            assert_eq!(*columns.get_or_insert(count), count, "{line}");
        } else {
            columns = None;
        }
    }
}
