// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Makes text from outside a part of a document.
//!
//! Names and comments come from anybody's headers. In SVG and HTML, [`maud`] escapes what is put into
//! elements and attributes; [`clean`] takes out what XML does not have at all.

use std::borrow::Cow;

/// The text without characters that no XML document has, and that steer a terminal.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let bad = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}') || is_direction(c)
    };
    if text.contains(bad) {
        text.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect::<String>().into()
    } else {
        text.into()
    }
}

/// Whether a character turns the direction of the text behind it, so that it looks like other text.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A part of an anchor: letters, digits, hyphens and underscores.
#[must_use]
pub fn anchor(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// Text in Markdown that stands for itself. What is in backquotes stays so.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for c in clean(text).chars() {
        match c {
            '`' => in_code = !in_code,
            // A column of a table ends with it, also in code.
            '|' => out.push('\\'),
            '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '#' | '~' | '&' | '$' if !in_code => {
                out.push('\\');
            }
            '\n' => {
                out.push(' ');
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    if in_code {
        out.push('`');
    }
    out
}

/// Code in Markdown, in one line.
#[must_use]
pub fn markdown_code(text: &str) -> String {
    format!("`{}`", clean(text).replace('`', "'").replace('\n', " ").replace('|', "\\|"))
}

/// Text in reStructuredText that stands for itself, in one line. What is in backquotes becomes a literal.
#[must_use]
pub fn rst(text: &str) -> String {
    let text = clean(text).replace('\n', " ");
    let mut out = String::new();
    let parts: Vec<&str> = text.trim().split('`').collect();
    let last = parts.len() - 1;
    for (index, part) in parts.iter().enumerate() {
        // A backquote without its partner is a character like any other.
        if index % 2 == 1 && index < last {
            // An empty escape begins a literal behind a letter, and ends one in front of a letter.
            if out.ends_with(|c: char| !c.is_whitespace() && !"(\"'-/".contains(c)) {
                out.push_str("\\ ");
            }
            out.push_str(&rst_code(part));
            if parts[index + 1].starts_with(|c: char| !c.is_whitespace() && !".,;!?)-/".contains(c))
            {
                out.push_str("\\ ");
            }
            continue;
        }
        if index % 2 == 1 {
            out.push_str("\\`");
        }
        for c in part.chars() {
            let is_second_colon = c == ':' && out.ends_with(':');
            if matches!(c, '*' | '_' | '|' | '\\' | '<' | '>' | '[' | ']') || is_second_colon {
                out.push('\\');
            }
            out.push(c);
        }
    }
    unlisted(&out)
}

/// The text without what would make it a list, a comment or a line under a heading.
fn unlisted(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or_default();
    let is_number = word.len() > 1 && word.ends_with(['.', ')']) && !word.starts_with('\\');
    if is_number {
        let (word, end) = text.split_at(word.len() - 1);
        return format!("{}\\{end}", unlisted(word));
    }
    match text.chars().next() {
        Some(c) if !c.is_alphanumeric() && !"\\`".contains(c) => format!("\\{text}"),
        _ => text.into(),
    }
}

/// A literal in reStructuredText, in one line.
#[must_use]
pub fn rst_code(text: &str) -> String {
    // Within a literal nothing is escaped, so that it must neither begin nor end with a space or hold a backquote.
    let text = clean(text).replace(['\n', '\t'], " ").replace('`', "'");
    let text = text.trim();
    // A backslash in front of the marks at the end would hide them.
    let text = text.replace('\\', "\u{2216}");
    if text.is_empty() {
        return String::from("\\ ");
    }
    format!("``{text}``")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_does_not_have_is_replaced() {
        assert_eq!(clean("a\u{0}\u{1b}[31m\u{202e}b\n"), "a\u{fffd}\u{fffd}[31m\u{fffd}b\n");
        assert!(matches!(clean("luo-v5 <é>"), Cow::Borrowed(_)));
        assert_eq!(anchor("pci@2 \"x\""), "pci-2--x-");
    }

    #[test]
    fn markdown_keeps_code_and_escapes_the_rest() {
        assert_eq!(markdown("a_b `c_d` <e>|"), "a\\_b `c_d` \\<e\\>\\|");
        assert_eq!(markdown("a `b"), "a `b`");
        assert_eq!(markdown_code("a`b|c\nd"), "`a'b\\|c d`");
    }

    #[test]
    fn rst_keeps_code_and_escapes_the_rest() {
        assert_eq!(rst("a_b* `c_d`s"), "a\\_b\\* ``c_d``\\ s");
        assert_eq!(rst("x`c`, (`d`)"), "x\\ ``c``, (``d``)");
        assert_eq!(rst("`c` is it: a::"), "``c`` is it: a:\\:");
        assert_eq!(rst("- x"), "\\- x");
        assert_eq!(rst("1. x"), "1\\. x");
        assert_eq!(rst(".. x"), "\\.\\. x");
        assert_eq!(rst("a `b"), "a \\`b");
        assert_eq!(rst_code(" a`\\ "), "``a'\u{2216}``");
    }
}
