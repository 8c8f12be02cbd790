// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The meaning of colours, and the look of a finding of any command.

use anstyle::{AnsiColor, Style};
use kho_abi_model::finding::Finding;
use kho_abi_model::put;

/// Style of what is right.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Style of what is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Style of what was not checked.
pub const OPEN: Style = AnsiColor::Yellow.on_default();
/// Style of what matters.
pub const STRONG: Style = Style::new().bold();

/// Style of minor details.
pub const FAINT: Style = Style::new().dimmed();

/// Writes findings, one after the other.
pub fn findings(out: &mut String, findings: &[Finding]) {
    for finding in findings {
        let Finding { rule, what, consequences, diff, help, .. } = finding;
        let place = finding.shown_place();
        put!(out, "{STRONG}{place}{STRONG:#}: {BAD}{what}{BAD:#} [{rule}]");
        for consequence in consequences {
            put!(out, "  consequence: {consequence}");
        }
        for line in diff.lines() {
            let style = match line.bytes().next() {
                Some(b'+') => GOOD,
                Some(b'-') => AnsiColor::Red.on_default(),
                Some(b'@') => AnsiColor::Cyan.on_default(),
                _ => Style::new(),
            };
            put!(out, "{style}{line}{style:#}");
        }
        put!(out, "  help: {help}");
    }
}
