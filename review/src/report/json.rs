// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! For programs: everything, with the version of the schema.

use super::Document;
use crate::policy::Report;
use kho_abi_model::schema_of;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// The JSON Schema of the output, which all commands share.
#[must_use]
pub fn schema() -> Schema {
    schema_of::<Root<'static>>()
}

#[derive(JsonSchema, Serialize)]
struct Root<'a> {
    schema: String,
    findings: usize,
    sections: Vec<Part<'a>>,
}

#[derive(JsonSchema, Serialize)]
struct Part<'a> {
    title: &'a str,
    unknown: &'a [String],
    notes: &'a [String],
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn write(document: &Document) -> String {
    let sections = document.sections.iter();
    let root = Root {
        schema: format!("kho-abi/{}/1", document.command),
        findings: document.findings(),
        sections: sections
            .map(|section| Part {
                title: &section.title,
                unknown: &section.unknown,
                notes: &section.notes,
                report: &section.report,
            })
            .collect(),
    };
    // Serialising only fails on map keys that are not strings, and there are none.
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}
