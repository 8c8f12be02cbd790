// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a model as JSON, for other programs.

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
}

/// The JSON Schema of the output.
#[must_use]
pub fn schema() -> Schema {
    schema_of::<Document<'static>>()
}

/// Renders a model. Offsets and sizes of fields are in bits, sizes of structs in bytes.
#[must_use]
pub fn render(model: &Model) -> String {
    let document = Document { schema: SCHEMA, model };
    // This can only fail on map keys that are not strings, and the model has none.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
