// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What clang sees of a header: its pieces at their lines, without the removed ones.

use super::split::{Split, What};
use std::collections::BTreeSet;

/// The text of a header, with blanks in place of comments, broken pieces and removed pieces.
///
/// Lines keep their numbers. A removed condition is false.
pub(super) fn text(text: &str, split: &Split, out: &BTreeSet<usize>) -> String {
    let mut bytes: Vec<u8> =
        text.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect();
    for (at, piece) in split.pieces.iter().enumerate() {
        match &piece.what {
            What::Broken(_) => continue,
            // A line directive would attribute the rest to another file.
            What::Directive if is_line(text, &piece.spans) => continue,
            What::Conditional(word) if out.contains(&at) => {
                let Some(span) = piece.spans.first() else { continue };
                let off = match word.as_str() {
                    "if" | "ifdef" | "ifndef" => "#if 0",
                    "elif" | "elifdef" | "elifndef" => "#elif 0",
                    _ => &text[span.clone()],
                };
                // It fits: `#if` has a condition, or clang would not have rejected it.
                let len = off.len().min(span.len());
                bytes[span.start..span.start + len].copy_from_slice(&off.as_bytes()[..len]);
                continue;
            }
            _ if out.contains(&at) => continue,
            _ => {}
        }
        for span in &piece.spans {
            bytes[span.clone()].copy_from_slice(&text.as_bytes()[span.clone()]);
        }
    }
    // Spans end at the ends of tokens, so characters are whole.
    let mut shown = String::from_utf8(bytes).unwrap_or_default();
    for _ in &split.unended {
        shown.push_str("\n#endif");
    }
    // A header without a guard is still read only once.
    shown.push_str("\n#pragma once\n");
    shown
}

/// Whether a directive sets the file and line of the next line: `#line 1 "x"`, or `# 1 "x"`.
fn is_line(text: &str, spans: &[std::ops::Range<usize>]) -> bool {
    let directive = spans.first().map_or("", |span| &text[span.clone()]);
    let rest = directive.trim_start_matches('#').trim_start();
    rest.starts_with("line") || rest.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::split::split;
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_what_is_out_is_blank() {
        let text_of = |header: &str, out: &[usize]| {
            text(header, &split(header), &out.iter().copied().collect())
        };
        let header =
            "/* é\n */ struct a { u8 x; };\n#if BAD(1)\nstruct b {\n\tu8 y; /* { */\n};\n#line 7\n";
        assert_eq!(
            text_of(header, &[]),
            "     \n    struct a { u8 x; };\n#if BAD(1)\nstruct b {\n\tu8 y; /* { */\n};\n       \n\n#endif\n#pragma once\n"
        );
        assert_eq!(
            text_of(header, &[0, 1]),
            "     \n                       \n#if 0     \nstruct b {\n\tu8 y; /* { */\n};\n       \n\n#endif\n#pragma once\n"
        );
        assert_eq!(text_of("#endif\nstruct a {\n", &[]), "      \n          \n\n#pragma once\n");
    }
}
