// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Rust text as rustfmt has it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Formats the text of a file of the checkout at `root`, by its `rustfmt.toml`.
///
/// The text comes back as it is where there is no rustfmt, or rustfmt cannot read it: it is Rust all the
/// same, and `cargo fmt --check` is for whoever has rustfmt.
#[must_use]
pub fn format(root: &Path, text: &str) -> String {
    formatted(root, text).unwrap_or_else(|| text.into())
}

fn formatted(root: &Path, text: &str) -> Option<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2021", "--emit", "stdout", "--config-path"])
        .arg(root)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take()?;
    let text = text.to_string();
    // A pipe holds so much and no more: rustfmt may answer before it has read everything.
    let writer = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().ok()?;
    writer.join().ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}
