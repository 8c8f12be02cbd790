// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Text for man(7): escaped, and no input line is longer than 80 bytes where words allow it.

use std::fmt::Write as _;

/// Where words of running text are put on the next line.
const LINE_LIMIT: usize = 76;

/// A manual page that grows.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A page with its title line.
    pub(super) fn new(title: &str, date: &str, version: &str) -> Self {
        let title = escape(&title.to_uppercase());
        Self {
            text: format!(
                ".TH {title} 1 \"{date}\" \"kho\\-abi {version}\" \"kho\\-abi manual\"\n"
            ),
        }
    }

    /// A section.
    pub(super) fn section(&mut self, name: &str) {
        let _ = writeln!(self.text, ".SH {name}");
    }

    /// Begins a new paragraph.
    pub(super) fn paragraph(&mut self) {
        self.text.push_str(".PP\n");
    }

    /// An entry of a list: what stands out, and then text that is indented.
    pub(super) fn entry(&mut self, head: &str) {
        let _ = writeln!(self.text, ".TP\n{head}");
    }

    /// A further paragraph of an entry.
    pub(super) fn more(&mut self) {
        self.text.push_str(".IP\n");
    }

    /// What follows is indented until `close`.
    pub(super) fn open(&mut self) {
        self.text.push_str(".RS\n");
    }

    /// Ends what `open` began.
    pub(super) fn close(&mut self) {
        self.text.push_str(".RE\n");
    }

    /// Running text: spaces and line ends are alike, and what stands in backticks is bold.
    pub(super) fn prose(&mut self, text: &str) {
        let mut line = String::new();
        for word in bold(&escape(text)).split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > LINE_LIMIT {
                self.line(&line);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.line(&line);
        }
    }

    /// A line that is escaped already.
    pub(super) fn line(&mut self, line: &str) {
        // A line that begins so would be taken for a request.
        if line.starts_with(['.', '\'']) {
            self.text.push_str("\\&");
        }
        let _ = writeln!(self.text, "{line}");
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// The text with everything escaped that means something to roff.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            '"' => escaped.push_str("\\(dq"),
            '`' => escaped.push('`'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Escaped text, with what stands in backticks bold.
fn bold(escaped: &str) -> String {
    let parts: Vec<&str> = escaped.split('`').collect();
    // Without its partner, a backtick is itself.
    let pairs = (parts.len() - 1) / 2 * 2;
    let mut text = parts[0].to_string();
    for (index, part) in parts.iter().enumerate().skip(1) {
        text.push_str(match (index <= pairs, index % 2) {
            (false, _) => "\\(ga",
            (true, 1) => "\\fB",
            (true, _) => "\\fR",
        });
        text.push_str(part);
    }
    text
}

/// A word in bold, escaped.
pub(super) fn strong(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

/// A word in italics, escaped: a placeholder for a value.
pub(super) fn variable(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_broken_between_words() {
        let mut page = Page::default();
        page.prose(&format!(". `a-b` 'c' \\ `d {}", "word ".repeat(30)));
        let text = page.finish();
        assert!(text.starts_with("\\&. \\fBa\\-b\\fR \\(aqc\\(aq \\e \\(gad word"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80 && !line.ends_with(' ')), "{text}");
        assert_eq!(text.matches("word").count(), 30);
    }
}
