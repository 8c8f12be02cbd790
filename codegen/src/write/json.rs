// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a model as JSON, for other programs.

use kho_abi_model::reading::{Gap, Kind, Knows, Reading};
use kho_abi_model::{schema_of, Model};
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// The version of the document's form; it changes with the form.
pub const SCHEMA: &str = "kho-abi/layout/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    model: &'a Model,
    /// The source that was read, if it is not the truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
}

/// A source, and what it does not contain.
#[derive(JsonSchema, Serialize)]
struct Source<'a> {
    /// The source, as it was asked for.
    name: &'a str,
    /// What it turned out to be.
    kind: Kind,
    /// What this kind of source can contain. Anything else is not in the model, or means nothing there:
    /// without `packing`, the alignment and the packing of structs are those of their fields.
    knows: &'a Knows,
    /// What this particular source leaves open.
    gaps: &'a [Gap],
}

/// The JSON Schema of the output.
#[must_use]
pub fn schema() -> Schema {
    schema_of::<Document<'static>>()
}

/// Renders a model, and what its source is. Offsets and sizes of fields are in bits, sizes of structs in bytes.
#[must_use]
pub fn render(model: &Model, reading: Option<&Reading>) -> String {
    let source = reading.map(|Reading { name, kind, knows, gaps, .. }| Source {
        name,
        kind: *kind,
        knows,
        gaps,
    });
    let document = Document { schema: SCHEMA, model, source };
    // This can only fail on map keys that are not strings, and the model has none.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
