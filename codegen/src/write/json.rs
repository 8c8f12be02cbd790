// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes a model as JSON, for other programs.

use kho_abi_model::{schema_of, Model};
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// Names the shape of the document; a change of the shape changes it.
pub const SCHEMA: &str = "kho-abi/layout/1";

#[derive(JsonSchema, Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    model: &'a Model,
}

/// The JSON Schema of what is written.
#[must_use]
pub fn schema() -> Schema {
    schema_of::<Document<'static>>()
}

/// Renders a model. Offsets and sizes of fields are in bits, sizes of structs in bytes.
#[must_use]
pub fn render(model: &Model) -> String {
    let document = Document { schema: SCHEMA, model };
    // Only a map with keys that are no strings could fail, and the model has none.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
