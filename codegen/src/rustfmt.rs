// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Rust text as rustfmt has it.

use kho_abi_read::process::{self, Bounds};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Formats the text of a file of the checkout at `root`, by its `rustfmt.toml`.
///
/// The text comes back as it is where there is no rustfmt, or rustfmt cannot read it: it is Rust all the
/// same, and `cargo fmt --check` shows the difference.
#[must_use]
pub fn format(root: &Path, text: &str) -> String {
    formatted(root, text).unwrap_or_else(|| text.into())
}

fn formatted(root: &Path, text: &str) -> Option<String> {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2021", "--emit", "stdout", "--config-path"]);
    command.arg(root).current_dir(root);
    let until = Instant::now() + Duration::from_secs(60);
    let bounds = Bounds { until, answer: 64 << 20, said: 1 << 16, memory: None };
    let output = process::run(command, text.into(), bounds).ok()?;
    let text = String::from_utf8(output.answer).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}
