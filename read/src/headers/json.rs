// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads JSON piece by piece, however deeply it is nested.
//!
//! clang's syntax tree of a long expression is nested as deeply as the expression is long. A
//! recursive reader would refuse it, or run out of stack.

/// A piece of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// The key of the next value in an object.
    Key(String),
    /// A string, without its quotes.
    Text(String),
    /// A number or word, as written.
    Word(String),
}

/// The pieces of a text, up to the first error.
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn piece(&mut self) -> Result<Option<Piece>, String> {
        let between = |c: char| c.is_ascii_whitespace() || c == ',';
        self.rest = self.rest.trim_start_matches(between);
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        match first {
            '{' | '[' => {
                self.rest = &self.rest[1..];
                Ok(Some(Piece::Open))
            }
            '}' | ']' => {
                self.rest = &self.rest[1..];
                Ok(Some(Piece::Close))
            }
            '"' => {
                let text = self.string()?;
                let after = self.rest.trim_start();
                if let Some(after) = after.strip_prefix(':') {
                    self.rest = after;
                    return Ok(Some(Piece::Key(text)));
                }
                Ok(Some(Piece::Text(text)))
            }
            _ => {
                let end = self.rest.find(|c: char| between(c) || c == '}' || c == ']');
                let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                self.rest = rest;
                Ok(Some(Piece::Word(word.into())))
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let text = &self.rest[1..];
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let end = end.ok_or("a string does not end")?;
        self.rest = &text[end + 1..];
        if !text[..end].contains('\\') {
            return Ok(text[..end].into());
        }
        // Let the library decode escapes: a string is not nested.
        serde_json::from_str(&format!("\"{}\"", &text[..end])).map_err(|error| error.to_string())
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<Piece, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.piece().transpose();
        if matches!(piece, Some(Err(_))) {
            self.rest = "";
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Result<Vec<Piece>, String> {
        Pieces::new(text).collect()
    }

    #[test]
    fn pieces_are_told_apart() {
        use Piece::{Close, Key, Open, Text, Word};
        let found = pieces(r#" {"a": [1, -2.5,true], "b\"": "x\n\u00e9{"} "#).unwrap();
        let word = |word: &str| Word(word.into());
        assert_eq!(
            found,
            [
                Open,
                Key("a".into()),
                Open,
                word("1"),
                word("-2.5"),
                word("true"),
                Close,
                Key("b\"".into()),
                Text("x\n\u{e9}{".into()),
                Close,
            ]
        );
        assert!(pieces(r#"{"a"#).is_err());
        assert!(pieces(r#""\x""#).is_err());
        assert_eq!(pieces(&"[".repeat(100_000)).unwrap().len(), 100_000);
    }
}
