// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Numbers, macros and lists of names, as a wire file writes them.

use std::fmt::Write as _;

/// A number, as C has it where that is an integer of its own.
pub(super) fn literal(value: i128, c: Option<&str>) -> String {
    let hex = c.is_some_and(|c| c.starts_with("0x") || c.starts_with("0X"));
    let group = |digits: String, by: usize| -> String {
        let first = digits.len() % by;
        let mut parts: Vec<&str> = Vec::new();
        if first > 0 {
            parts.push(&digits[..first]);
        }
        let mut at = first;
        while at < digits.len() {
            parts.push(&digits[at..at + by]);
            at += by;
        }
        parts.join("_")
    };
    let sign = if value < 0 { "-" } else { "" };
    let size = value.unsigned_abs();
    if hex {
        let digits = format!("{size:x}");
        return format!("{sign}0x{}", if digits.len() > 4 { group(digits, 4) } else { digits });
    }
    let digits = size.to_string();
    format!("{sign}{}", if digits.len() > 5 { group(digits, 3) } else { digits })
}

/// The text of a macro that is defined on a line, with the shape that its lines have; `known` is the same
/// without it.
pub(super) fn body(bare: &str, line: usize, known: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (at, text) in bare.lines().skip(line - 1).enumerate() {
        let text = text.trim_end();
        let (text, more) = match text.strip_suffix('\\') {
            Some(text) => (text.trim_end(), true),
            None => (text, false),
        };
        if at == 0 {
            // Behind the list of arguments.
            lines.extend(text.split_once(')').map(|(_, rest)| rest.trim().to_string()));
        } else {
            lines.push(text.replace('\t', "        "));
        }
        if !more {
            break;
        }
    }
    let first = lines.first().is_some_and(|first| !first.is_empty());
    let rest = &lines[1.min(lines.len())..];
    let spaces = |line: &String| line.len() - line.trim_start().len();
    let least = rest.iter().filter(|line| !line.trim().is_empty()).map(spaces).min().unwrap_or(0);
    let shaped = rest.iter().map(|line| {
        let line = line.get(least..).unwrap_or_default();
        let tabs = (line.len() - line.trim_start().len()) / 8;
        format!("{}{}", "\t".repeat(tabs), line.trim_start())
    });
    let mut all: Vec<String> = lines.first().filter(|_| first).cloned().into_iter().collect();
    all.extend(shaped);
    let shaped = all.join("\n");
    let squeezed = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect()
    };
    if squeezed(&shaped) == squeezed(known) {
        shaped
    } else {
        known
            .lines()
            .map(|line| line.trim_end_matches('\\').trim_end())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A text as a string of Rust, a line for each of its own where it has several.
pub(super) fn text_of(text: &str, indent: usize) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    if lines.len() == 1 {
        return format!("{text:?}");
    }
    let pad = " ".repeat(indent + 4);
    let mut out = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        let quoted = format!("{line:?}");
        let inside = &quoted[1..quoted.len() - 1];
        let end = if at + 1 < lines.len() { "\\n\\" } else { "\"" };
        // White space at the start of a line that goes on would be lost.
        let _ = write!(
            out,
            "{}{inside}{end}",
            if at == 0 { String::new() } else { format!("\n{pad}") }
        );
    }
    out
}

/// `a`, `b` and `c`.
pub(super) fn and(names: &[String]) -> String {
    match names {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        names => names.concat(),
    }
}
