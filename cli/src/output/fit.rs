// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Text for people fits the terminal: lines are broken between words, and go on below what they are about.
//!
//! Only a terminal has a width. In a pipe or a file each line is whole, whatever `COLUMNS` says.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Narrower than this, text is not broken: nothing would be readable.
const LEAST: usize = 20;

/// How wide the terminal is that something is written to; `None` where it is no terminal.
pub(crate) fn columns(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let said = || std::env::var("COLUMNS").ok()?.parse().ok();
    let size = terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
    size.or_else(said).filter(|columns| *columns >= LEAST)
}

/// A text whose lines fit.
pub(crate) fn fit(text: &str, columns: Option<usize>) -> Cow<'_, str> {
    let Some(columns) = columns.filter(|width| text.lines().any(|l| display_width(l) > *width))
    else {
        return text.into();
    };
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if display_width(line) <= columns {
            out.push_str(line);
        } else {
            let indent = " ".repeat(indent(line, columns));
            let options = Options::new(columns)
                .subsequent_indent(&indent)
                .break_words(false)
                .word_separator(WordSeparator::AsciiSpace)
                .word_splitter(WordSplitter::NoHyphenation)
                .wrap_algorithm(WrapAlgorithm::FirstFit);
            out.push_str(&textwrap::wrap(line, options).join("\n"));
        }
        out.push_str(end);
    }
    out.into()
}

/// Where a broken line goes on: below its last column, if that leaves a third of the terminal, or else further right
/// than it begins.
fn indent(line: &str, columns: usize) -> usize {
    let begin = line.len() - line.trim_start_matches(' ').len();
    let mut last = begin + 4;
    let mut rest = line;
    let mut at = 0;
    while let Some(gap) = rest.find("  ") {
        let after = rest[gap..].trim_start_matches(' ');
        at += display_width(&rest[..rest.len() - after.len()]);
        if at > columns * 2 / 3 {
            break;
        }
        if at > begin {
            last = at;
        }
        rest = after;
    }
    last.min(columns * 2 / 3)
}

/// A writer whose lines fit; each is written when it ends.
pub(crate) struct Fitted<W: Write> {
    out: W,
    columns: Option<usize>,
    line: Vec<u8>,
}

impl<W: Write> Fitted<W> {
    pub(crate) fn new(out: W, columns: Option<usize>) -> Self {
        Self { out, columns, line: Vec::new() }
    }
}

impl<W: Write> Write for Fitted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.columns.is_none() {
            return self.out.write(bytes);
        }
        self.line.extend(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.line.split_off(end + 1);
            let whole = std::mem::replace(&mut self.line, rest);
            self.out.write_all(fit(&String::from_utf8_lossy(&whole), self.columns).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.out.write_all(fit(&String::from_utf8_lossy(&rest), self.columns).as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_goes_on_below() {
        let fits = |text: &str| fit(text, Some(30)).into_owned();
        assert_eq!(fits("short\n"), "short\n");
        assert_eq!(
            fits("  help: one two three four five six\n"),
            "  help: one two three four\n      five six\n"
        );
        assert_eq!(
            fits("  luo-v5  equal   the string, 6 structs, 4 constants"),
            "  luo-v5  equal   the string,\n                  6 structs, 4\n                  constants"
        );
        let long = "a/very/long/path/that/no/terminal/of/thirty/has";
        assert_eq!(fits(&format!("at {long} is")), format!("at\n    {long}\n    is"));
        assert_eq!(fits("well-known words are not broken"), "well-known words are not\n    broken");
        // Wide and narrow characters.
        let map = format!("0x000000  {}", "\u{2588}".repeat(20));
        assert_eq!(fits(&map), map);
        assert_eq!(fit("as it was, whatever that is, and longer", None).lines().count(), 1);
    }

    #[test]
    fn colours_have_no_width() {
        let line = "\u{1b}[1mx_ser\u{1b}[0m: \u{1b}[31mthirty columns of text\u{1b}[0m";
        assert_eq!(fit(line, Some(30)), line);
        assert!(fit(&format!("{line} more"), Some(30)).contains("\u{1b}[0m\n    more"));
    }

    #[test]
    fn what_is_written_in_parts_is_what_is_written_at_once() {
        let text =
            "  help: one two three four five six\nthe end, which has no line break behind it";
        let mut parts = Fitted::new(Vec::new(), Some(30));
        for part in text.as_bytes().chunks(7) {
            parts.write_all(part).unwrap();
        }
        parts.flush().unwrap();
        assert_eq!(parts.out, fit(text, Some(30)).as_bytes());
    }
}
