// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `kho-abi inspect --format jsonl` and `json-compact` have the content of `--format json`.

use kho_abi_inspect::synth::container::raw_in;
use kho_abi_inspect::synth::corrupt::CORRUPTIONS;
use kho_abi_inspect::synth::sample;
use serde_json::{json, Map, Value};
use std::path::Path;
use std::process::Command;

fn inspect(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
    let output = command.current_dir(directory).arg("inspect").args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A line for an object: its kind, and its fields without those that have lines of their own.
fn line(object: &str, value: &Value, without: &[&str]) -> Value {
    let mut fields = Map::from_iter([("object".to_string(), json!(object))]);
    let all = value.as_object().unwrap().iter();
    fields.extend(
        all.filter(|(name, _)| !without.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    Value::Object(fields)
}

/// The lines that a document should become.
fn lines_of(document: &Value) -> Vec<Value> {
    let mut lines = vec![line("image", &document["image"], &[])];
    let each = |object: &str, list: &Value, without: &[&str]| {
        let list = list.as_array().into_iter().flatten();
        list.map(|item| line(object, item, without)).collect::<Vec<_>>()
    };
    lines.extend(each("candidate", &document["candidates"], &[]));
    let kho = &document["kho"];
    if kho.is_object() {
        let parts = ["entries", "reservations", "scratch", "kexec_metadata"];
        let mut head = line("kho", kho, &parts);
        if let Some(preserved) = head["preserved"].as_object_mut() {
            preserved.retain(|name, _| !["orders", "runs"].contains(&name.as_str()));
        }
        lines.push(head);
        lines.extend(each("entry", &kho["entries"], &[]));
        lines.extend(each("order", &kho["preserved"]["orders"], &[]));
        lines.extend(each("run", &kho["preserved"]["runs"], &[]));
        lines.extend(each("reservation", &kho["reservations"], &[]));
        lines.extend(each("scratch", &kho["scratch"], &[]));
        if kho["kexec_metadata"].is_object() {
            lines.push(line("kexec_metadata", &kho["kexec_metadata"], &[]));
        }
    }
    let luo = &document["luo"];
    if luo.is_object() {
        lines.push(line("luo", luo, &["sessions", "flbs"]));
        for session in luo["sessions"].as_array().unwrap() {
            lines.push(line("session", session, &["files"]));
            for file in session["files"].as_array().unwrap() {
                let mut head = line("file", file, &[]);
                head["session"] = session["name"].clone();
                head["payload"].as_object_mut().unwrap().remove("extents");
                lines.push(head);
                for extent in each("extent", &file["payload"]["extents"], &[]) {
                    let mut extent = extent;
                    extent["session"] = session["name"].clone();
                    extent["token"] = file["token"].clone();
                    lines.push(extent);
                }
            }
        }
        lines.extend(each("flb", &luo["flbs"], &[]));
    }
    let notes = document["notes"].as_array().unwrap().iter();
    lines.extend(notes.map(|text| json!({ "object": "note", "text": text })));
    lines.extend(each("finding", &document["findings"], &[]));
    let end = ["findings_total", "findings_by_rule", "unknown_total"]
        .map(|name| (name.to_string(), document[name].clone()));
    lines.push(line("end", &Value::Object(Map::from_iter(end)), &[]));
    lines[0]["schema"] = json!("kho-abi/inspect-lines/1");
    lines
}

fn parse_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn lines_and_the_compact_form_are_the_same_report() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    raw_in(&here.join("0.raw"), &sample(4096).0).unwrap();
    let mut objects = std::collections::BTreeSet::new();
    for number in 0..=CORRUPTIONS.len() / 4 {
        let name = format!("{number}.raw");
        if number > 0 {
            let (mut ram, places) = sample(4096);
            (CORRUPTIONS[number * 4 - 1].apply)(&mut ram, &places);
            raw_in(&here.join(&name), &ram).unwrap();
        }
        let pretty = inspect(here, &[&name, "--format", "json"]);
        let document: Value = serde_json::from_str(&pretty).unwrap();
        let compact = inspect(here, &[&name, "--format", "json-compact"]);
        assert_eq!(compact.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&compact).unwrap(), document, "{name}");
        let lines = parse_lines(&inspect(here, &[&name, "--format", "jsonl"]));
        assert_eq!(lines, lines_of(&document), "{name}");
        objects.extend(lines.iter().map(|line| line["object"].as_str().unwrap().to_string()));
    }
    // For a state without damage and for damaged ones: each kind, except what a raw image cannot
    // have.
    let expected = [
        "candidate",
        "end",
        "entry",
        "extent",
        "file",
        "finding",
        "image",
        "kexec_metadata",
        "kho",
        "luo",
        "note",
        "order",
        "reservation",
        "run",
        "session",
    ];
    assert!(expected.iter().all(|object| objects.contains(*object)), "{objects:?}");

    let only = inspect(here, &["0.raw", "--format", "jsonl", "--session", "vm1", "--token", "2"]);
    let only = parse_lines(&only);
    let files: Vec<_> = only.iter().filter(|line| line["object"] == "file").collect();
    assert_eq!(files.len(), 1);
    assert_eq!(only.iter().filter(|line| line["object"] == "extent").count(), 512);
}

#[test]
fn all_device_trees_are_one_document_or_one_stream() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let (mut ram, places) = sample(4096);
    let copy = ram.read(places.fdt, 4096);
    kho_abi_inspect::synth::Store::write(&mut ram, 0x300_0000, &copy);
    raw_in(&here.join("two.raw"), &ram).unwrap();
    let pretty = inspect(here, &["two.raw", "--all", "--format", "json"]);
    let document: Value = serde_json::from_str(&pretty).unwrap();
    let reports = document["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 2);
    let compact = inspect(here, &["two.raw", "--all", "--format", "json-compact"]);
    assert_eq!(compact.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&compact).unwrap(), document);
    let lines = parse_lines(&inspect(here, &["two.raw", "--all", "--format", "jsonl"]));
    assert_eq!(lines, reports.iter().flat_map(lines_of).collect::<Vec<_>>());
}

#[test]
fn the_account_of_an_extracted_memfd_is_text_or_json() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    raw_in(&here.join("guest.raw"), &sample(4096).0).unwrap();
    for format in ["jsonl", "json-compact", "html"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kho-abi"));
        command.current_dir(here).args([
            "inspect",
            "guest.raw",
            "--extract",
            "2",
            "--session",
            "vm0",
        ]);
        let output = command.args(["-o", "memfd", "--format", format]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert!(String::from_utf8_lossy(&output.stderr)
            .contains("--extract does not support this format"));
        assert!(!here.join("memfd").exists(), "{format}");
    }
}
