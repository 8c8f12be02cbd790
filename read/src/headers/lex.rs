// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Splits the text of a header into tokens, and keeps directives apart.

use std::ops::Range;

/// A word, a number, a string or a punctuator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 1.
    pub(super) line: usize,
}

impl Token<'_> {
    pub(super) fn is_word(&self) -> bool {
        super::spelling::is_word(self.text)
    }
}

/// A token outside of directives, or a whole directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lexed<'t> {
    Token(Token<'t>),
    /// The first token is the `#`.
    Directive {
        tokens: Vec<Token<'t>>,
        span: Range<usize>,
        lines: (usize, usize),
    },
}

/// Splits a text. Comments and the ends of continued lines are dropped.
pub(super) fn lex(text: &str) -> Vec<Lexed<'_>> {
    let bytes = text.as_bytes();
    let mut lexed = Vec::new();
    let mut directive: Option<Vec<Token<'_>>> = None;
    let (mut at, mut line, mut line_is_empty) = (0, 1, true);
    while at < bytes.len() {
        match bytes[at] {
            b'\n' => {
                lexed.extend(directive.take().and_then(ended));
                line += 1;
                line_is_empty = true;
                at += 1;
            }
            b'\\' if continues(bytes, at).is_some() => {
                at = continues(bytes, at).unwrap_or(at + 1);
                line += 1;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                let end = text[at + 2..].find("*/").map_or(text.len(), |found| at + 2 + found + 2);
                line += text[at..end].matches('\n').count();
                at = end;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                let end = line_end(bytes, at);
                line += text[at..end].matches('\n').count();
                at = end;
            }
            byte if byte.is_ascii_whitespace() => at += 1,
            byte => {
                let end = token_end(text, at);
                let token = Token { text: &text[at..end], start: at, end, line };
                line += text[at..end].matches('\n').count();
                match &mut directive {
                    Some(tokens) => tokens.push(token),
                    None if byte == b'#' && line_is_empty => directive = Some(vec![token]),
                    None => lexed.push(Lexed::Token(token)),
                }
                line_is_empty = false;
                at = end;
            }
        }
    }
    lexed.extend(directive.and_then(ended));
    lexed
}

fn ended(tokens: Vec<Token<'_>>) -> Option<Lexed<'_>> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    let (span, lines) = (first.start..last.end, (first.line, last.line));
    Some(Lexed::Directive { tokens, span, lines })
}

/// The position after a line break that a backslash removes.
fn continues(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'\n' => Some(at + 2),
        b'\r' if bytes.get(at + 2) == Some(&b'\n') => Some(at + 3),
        _ => None,
    }
}

/// The end of a line comment, which a backslash may continue.
fn line_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'\n' {
        at = if bytes[at] == b'\\' { continues(bytes, at).unwrap_or(at + 1) } else { at + 1 };
    }
    at.min(bytes.len())
}

fn token_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match bytes[at] {
        byte if is_word(byte) => {
            bytes[at..].iter().position(|byte| !is_word(*byte)).map_or(text.len(), |len| at + len)
        }
        quote @ (b'"' | b'\'') => {
            let mut end = at + 1;
            while end < bytes.len() && bytes[end] != quote && bytes[end] != b'\n' {
                end += if bytes[end] == b'\\' { 2 } else { 1 };
            }
            end += usize::from(bytes.get(end) == Some(&quote));
            // An escape may have ended inside a character, or past the text.
            (end.min(text.len())..=text.len())
                .find(|end| text.is_char_boundary(*end))
                .unwrap_or(text.len())
        }
        b'<' if bytes[at..].starts_with(b"<<") => at + 2,
        b'>' if bytes[at..].starts_with(b">>") => at + 2,
        b'#' if bytes[at..].starts_with(b"##") => at + 2,
        b'&' if bytes[at..].starts_with(b"&&") => at + 2,
        b'|' if bytes[at..].starts_with(b"||") => at + 2,
        b'=' | b'!' | b'<' | b'>' if bytes.get(at + 1) == Some(&b'=') => at + 2,
        b'-' if bytes.get(at + 1) == Some(&b'>') => at + 2,
        b'.' if bytes[at..].starts_with(b"...") => at + 3,
        _ => at + text[at..].chars().next().map_or(1, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_strings_are_told_apart() {
        let text = "a /* b\n */ \"c \\\" // d\" // e \\\n f\n # define G(h) \\\n  (h)\n'\\''<<\n";
        let lexed = lex(text);
        let told: Vec<_> = lexed
            .iter()
            .map(|lexed| match lexed {
                Lexed::Token(token) => format!("{}:{}", token.line, token.text),
                Lexed::Directive { tokens, lines, .. } => {
                    let words: Vec<_> = tokens.iter().map(|token| token.text).collect();
                    format!("{lines:?}:{}", words.join(" "))
                }
            })
            .collect();
        assert_eq!(
            told,
            ["1:a", "2:\"c \\\" // d\"", "(4, 5):# define G ( h ) ( h )", "6:'\\''", "6:<<",]
        );
    }

    #[test]
    fn any_text_has_tokens_within_it() {
        for text in ["\"\\", "'\\é", "\"é\\", "#", "\\", "/*", "//", "é", "\\\r\n", "\"a\nb\""] {
            for lexed in lex(text) {
                if let Lexed::Token(token) = lexed {
                    assert_eq!(&text[token.start..token.end], token.text);
                }
            }
        }
    }
}
