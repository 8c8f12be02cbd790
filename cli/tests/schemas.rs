// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The JSON Schemas in the repository are those of the types, and each command's JSON conforms to
//! its own.

use jsonschema::Validator;
use kho_abi_inspect::synth::{container::raw_in, corrupt::CORRUPTIONS, sample};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

/// Standard output; a command that cannot run fails the test.
fn kho_abi(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
    let output = command.current_dir(directory).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(2), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Each schema by name, as the program prints it.
fn schemas() -> BTreeMap<String, String> {
    let list = kho_abi(&checkout(), &["schema"]);
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names.map(|name| (name.to_string(), kho_abi(&checkout(), &["schema", name]))).collect()
}

#[test]
fn the_schemas_of_the_repository_are_those_of_the_types() {
    let dir = checkout().join("docs/schemas");
    let schemas = schemas();
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        for (name, text) in &schemas {
            fs::write(dir.join(format!("{name}.json")), text).unwrap();
        }
    }
    let files = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeMap<String, String> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_string();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(files.keys().eq(schemas.keys()), "docs/schemas has {:?}", files.keys());
    for (name, text) in &schemas {
        let help = "another form needs another number, and `make bless` writes it";
        assert!(files[name] == *text, "docs/schemas/{name}.json is not what the types say; {help}");
    }
}

/// The paths of all values, with list positions left out.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    found.insert(at.to_string());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| paths(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}/*"), found)),
        _ => {}
    }
}

#[test]
fn what_is_printed_keeps_to_its_schema() {
    let place = tempfile::tempdir().unwrap();
    let here = place.path();
    let (ram, _) = sample(4096);
    raw_in(&here.join("guest.raw"), &ram).unwrap();
    for (number, corruption) in CORRUPTIONS.iter().enumerate() {
        let (mut ram, places) = sample(4096);
        (corruption.apply)(&mut ram, &places);
        raw_in(&here.join(format!("{number}.bad")), &ram).unwrap();
    }
    let tree = |name: &str, field: &str| {
        let dir = here.join(name).join("include/linux/kho/abi");
        fs::create_dir_all(&dir).unwrap();
        let text = format!(
            "#ifndef _PORT_H\n#define _PORT_H\n#include <linux/types.h>\n\
             #define PORT_COMPATIBLE \"port-v1\"\n#define PORT_MAX 4\n\
             struct port_ser {{\n\t{field};\n\tu32 speed;\n\tcpumask_t cpus;\n}};\n#endif\n"
        );
        fs::write(dir.join("port.h"), text).unwrap();
    };
    tree("old", "u16 lane");
    tree("new", "u32 lane");
    let patch = "From: A Dev <a@example.org>\nSubject: [PATCH] port: wider\n\n---\n\
         diff --git a/include/linux/kho/abi/port.h b/include/linux/kho/abi/port.h\n\
         --- a/include/linux/kho/abi/port.h\n+++ b/include/linux/kho/abi/port.h\n\
         @@ -6,3 +6,3 @@\n struct port_ser {\n-\tu16 lane;\n+\tu32 lane;\n \tu32 speed;\n";
    fs::write(here.join("port.patch"), patch).unwrap();

    let mut documents: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut add = |directory: &Path, args: &[&str]| {
        let text = kho_abi(directory, &[args, &["--format", "json"]].concat());
        let document: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"));
        let id = document["schema"].as_str().expect("a document names its schema").to_string();
        documents.entry(id).or_default().push(document);
    };
    let root = checkout();
    add(&root, &["check"]);
    add(&root, &["generate", "--check"]);
    add(here, &["explain"]);
    add(here, &["layout"]);
    add(here, &["layout", "--source", "new"]);
    add(here, &["diff", "old", "new"]);
    add(&root, &["diff", "abi", "snapshots"]);
    add(here, &["lint", "new"]);
    add(here, &["review", "port.patch"]);
    add(here, &["review", "port.patch", "--base", "old"]);
    add(here, &["preflight", "old", "new"]);
    add(here, &["preflight", "old", "new", "--both"]);
    add(here, &["verify", "new"]);
    // A copy of a machine of which nothing is known.
    fs::create_dir_all(here.join("proc")).unwrap();
    add(here, &["status", "--root", "."]);
    add(here, &["inspect", "guest.raw", "--all"]);
    add(here, &["inspect", "guest.raw"]);
    for number in (0..CORRUPTIONS.len()).step_by(3) {
        add(here, &["inspect", &format!("{number}.bad")]);
    }
    add(here, &["inspect", "diff", "guest.raw", "0.bad"]);
    add(here, &["inspect", "guest.raw", "--extract", "0x2", "--session", "vm0", "-o", "memfd"]);

    // Each line is an object, and the first names the schema.
    let text = kho_abi(here, &["inspect", "guest.raw", "--format", "jsonl"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[1..].iter().all(|line| line.get("schema").is_none()));
    documents.insert(lines[0]["schema"].as_str().unwrap().to_string(), lines);
    for number in (0..CORRUPTIONS.len()).step_by(5) {
        let text = kho_abi(here, &["inspect", &format!("{number}.bad"), "--format", "jsonl"]);
        let all = documents.get_mut("kho-abi/inspect-lines/1").unwrap();
        all.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }

    let schemas: Vec<Value> =
        schemas().values().map(|text| serde_json::from_str(text).unwrap()).collect();
    let mut used = BTreeSet::new();
    for (id, documents) in &documents {
        let says = |schema: &&Value| {
            let is = &schema["properties"]["schema"];
            let one_of = is["enum"].as_array().into_iter().flatten();
            is["const"] == **id || one_of.into_iter().any(|other| other == id)
        };
        let schema = schemas.iter().find(says).unwrap_or_else(|| panic!("no schema says {id}"));
        used.insert(schema["$id"].as_str().unwrap());
        let validator: Validator = jsonschema::validator_for(schema).unwrap();
        for document in documents {
            let errors: Vec<_> = validator
                .iter_errors(document)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{id}: {}\n{document:#}", errors.join("\n"));
        }
        // The check can fail: a required field is missing, or has another type.
        let mut other = documents[0].clone();
        // Each kind of line requires the fields of every line.
        let name = schema["required"][0].as_str().unwrap_or("object");
        other.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&other), "{id} without {name}");
        other = documents[0].clone();
        other["schema"] = "kho-abi/other/1".into();
        assert!(!validator.is_valid(&other), "{id} with another name");
    }
    let all: BTreeSet<_> = schemas.iter().map(|schema| schema["$id"].as_str().unwrap()).collect();
    assert_eq!(used, all, "a schema was not tried");

    // Readers of JSON do not have 64-bit integers: addresses and tokens are text.
    let mut found = BTreeSet::new();
    documents["kho-abi/inspect/2"].iter().for_each(|document| paths(document, "", &mut found));
    let session = &documents["kho-abi/inspect/2"][0]["luo"]["sessions"][0];
    assert!(session["at"].is_string() && session["files"][0]["token"].is_string(), "{session:#}");
    assert!(found.len() > 60, "{found:?}");
}
