// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! SARIF 2.1.0, which forges show next to the code.

use super::{others, remarks, Document};
use crate::policy::{Finding, Level};
use crate::rules;
use kho_abi_show::names;
use serde_json::{json, Value};
use std::fmt::Write as _;

pub(super) fn write(document: &Document) -> String {
    let events = || document.sections.iter().flat_map(|section| &section.report.events);
    let all = rules::all();
    let used: Vec<_> =
        all.iter().filter(|rule| events().any(|event| event.rule == rule.id)).collect();
    let described: Vec<Value> = used
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.summary },
                "fullDescription": { "text": rule.reason },
                "help": { "text": format!("{} Example: {}", rule.remedy, rule.example) },
            })
        })
        .collect();
    // Changes that a version covers are not results of a check.
    let results: Vec<Value> = events()
        .filter(|event| event.level != Level::Fine)
        .map(|event| {
            let index = used.iter().position(|rule| rule.id == event.rule);
            result(event, index)
        })
        .collect();
    let remarks = document.sections.iter().flat_map(remarks);
    let notifications: Vec<Value> = remarks
        .map(|(label, what)| {
            let level = if label == "note" { "note" } else { "warning" };
            json!({ "level": level, "message": { "text": format!("{label}: {what}") } })
        })
        .collect();
    let sarif = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "kho-abi",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": described,
            } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    format!("{sarif:#}\n")
}

fn result(event: &Finding, rule_index: Option<usize>) -> Value {
    let mut text = event.what.clone();
    let others = others(event);
    for consequence in event.consequences.iter().chain((!others.is_empty()).then_some(&others)) {
        text.push_str("; consequence: ");
        text.push_str(consequence);
    }
    text.push_str("; help: ");
    text.push_str(&event.help);
    let mut result = json!({
        "ruleId": event.rule,
        "level": if matches!(event.level, Level::Finding | Level::Follows) { "error" } else { "note" },
        "message": { "text": text },
        "partialFingerprints": { "item/v1": format!("{} {}", event.rule, event.item) },
    });
    if let Some(index) = rule_index {
        result["ruleIndex"] = json!(index);
    }
    if let Some(place) = &event.place {
        result["locations"] = json!([{
            "physicalLocation": {
                "artifactLocation": location(&place.file),
                "region": { "startLine": place.line.max(1) },
            },
        }]);
    }
    if event.level == Level::Allowed {
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted" }]);
    }
    result
}

/// A file; one that is not named from the root of the file system is named from the repository's.
fn location(path: &str) -> Value {
    let uri = uri(path);
    if path.starts_with('/') {
        return json!({ "uri": format!("file://{uri}") });
    }
    json!({ "uri": uri, "uriBaseId": "%SRCROOT%" })
}

/// A path as a relative reference, with the bytes that it has on disk: those that are invalid in a URI as `%FF`.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in names::bytes(path) {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
