// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A rule: something that can be wrong, as data.

use schemars::JsonSchema;
use serde::Serialize;

/// Something that can be found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Rule {
    /// Names the event, such as `frozen_layout_changed`.
    pub id: &'static str,
    /// What is found, in one sentence.
    pub summary: &'static str,
    /// Why it matters.
    pub reason: &'static str,
    /// An example.
    pub example: &'static str,
    /// What to do.
    pub remedy: &'static str,
}
