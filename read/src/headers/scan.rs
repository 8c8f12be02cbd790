// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Scans the text of a C header for what to ask clang about, and for what clang does not report:
//! names, places and documentation.
//!
//! The result is only a list of candidates: clang decides what a name means, whether it is defined
//! at all, and how it is laid out. A name that the scan misses is not asked about.

/// The content of a header's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Each `#include`.
    pub(super) includes: Vec<Include>,
    /// The include guard, if the header begins with one.
    pub(super) guard: String,
    /// Each `#define`, in order.
    pub(super) defines: Vec<Define>,
    /// Each struct, union and enum with a tag and a body, in order.
    pub(super) tags: Vec<Tag>,
    /// Names that a `typedef` may give to a type without a tag, in order.
    pub(super) typedefs: Vec<Name>,
    /// The names in the bodies of enums, in order.
    pub(super) enumerators: Vec<Name>,
    /// The kernel options that parts of the header depend on, each with its line.
    pub(super) options: Vec<Name>,
    /// Every comment, in order.
    pub(super) comments: Vec<Comment>,
    /// The line of a comment that the header does not end.
    pub(super) open_comment: Option<usize>,
}

/// An `#include`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Include {
    /// The text between the brackets or quotes; `None` if a macro gives it.
    pub(super) target: Option<String>,
    /// The line.
    pub(super) line: usize,
}

/// A `#define`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Define {
    /// The macro.
    pub(super) name: String,
    /// Its arguments, if it has an argument list.
    pub(super) arguments: Option<String>,
    /// Its replacement, line by line, without comments.
    pub(super) body: String,
    /// The option that it depends on; empty if it is unconditional.
    pub(super) option: String,
    /// The line.
    pub(super) line: usize,
    /// The comment before it.
    pub(super) doc: String,
}

/// A struct, union or enum with a tag and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// `struct`, `union` or `enum`.
    pub(super) keyword: String,
    /// The tag.
    pub(super) name: String,
    /// The line of the tag.
    pub(super) line: usize,
    /// The comment before it.
    pub(super) doc: String,
}

/// A name and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The name.
    pub(super) name: String,
    /// The line.
    pub(super) line: usize,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// The line where it begins.
    pub(super) line: usize,
    /// The line where it ends.
    pub(super) last: usize,
    /// Its text, line by line, without comment markers.
    pub(super) text: String,
}

/// Accepts any bytes. Input that is not a header yields an empty scan.
pub(super) fn scan(text: &str) -> Scan {
    let (bare, comments, open_comment) = without_comments(text);
    let mut scan = Scan { comments, open_comment, ..Scan::default() };
    let mut code = String::with_capacity(bare.len());
    directives(&bare, &mut scan, &mut code);
    declarations(&code, &mut scan);
    scan
}

/// The text with spaces in place of its comments, with the same lines; the comments; and the line of
/// one that does not end.
fn without_comments(text: &str) -> (String, Vec<Comment>, Option<usize>) {
    let mut bare = String::with_capacity(text.len());
    let mut comments = Vec::new();
    let mut open_comment = None;
    let mut rest = text.char_indices().peekable();
    let mut line = 1;
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, c)| *c);
        match (c, next) {
            ('/', Some('*')) => {
                let end = text[at + 2..].find("*/").map(|found| at + 2 + found + 2);
                open_comment = end.is_none().then_some(line);
                let end = end.unwrap_or(text.len());
                let inside = text[at + 2..end].trim_end_matches("*/");
                let lines = text[at..end].matches('\n').count();
                comments.push(Comment { line, last: line + lines, text: comment(inside) });
                line += lines;
                bare.push(' ');
                bare.extend(std::iter::repeat_n('\n', lines));
                while rest.peek().is_some_and(|(at, _)| *at < end) {
                    rest.next();
                }
            }
            ('/', Some('/')) => {
                let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
                comments.push(Comment { line, last: line, text: comment(&text[at + 2..end]) });
                while rest.peek().is_some_and(|(at, _)| *at < end) {
                    rest.next();
                }
            }
            ('"' | '\'', _) => {
                bare.push(c);
                let mut escaped = false;
                while let Some((_, inner)) = rest.next_if(|(_, inner)| escaped || *inner != '\n') {
                    bare.push(inner);
                    line += usize::from(inner == '\n');
                    if inner == c && !escaped {
                        break;
                    }
                    escaped = inner == '\\' && !escaped;
                }
            }
            _ => {
                bare.push(c);
                line += usize::from(c == '\n');
            }
        }
    }
    (bare, comments, open_comment)
}

/// The text of a comment, without the stars at the beginning of lines.
fn comment(inside: &str) -> String {
    let lines = inside.trim_start_matches('*').lines().map(|line| {
        let line = line.trim();
        line.strip_prefix('*').unwrap_or(line).trim_start()
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_string()
}

/// The comment that ends on this line or the one before.
fn doc_before(comments: &[Comment], line: usize) -> String {
    let last = comments.partition_point(|comment| comment.last < line);
    comments[..last]
        .last()
        .filter(|comment| comment.last + 1 == line)
        .map(|comment| comment.text.clone())
        .unwrap_or_default()
}

/// Extracts the directives from the text, and keeps the lines of the rest.
fn directives(bare: &str, scan: &mut Scan, code: &mut String) {
    // What each open #if depends on: an option, if there is one.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut lines = bare.lines().enumerate();
    let mut first_word = None;
    while let Some((index, text)) = lines.next() {
        let line = index + 1;
        let Some(directive) = text.trim_start().strip_prefix('#') else {
            code.push_str(text);
            code.push('\n');
            continue;
        };
        code.push('\n');
        let mut whole = vec![directive.trim_end()];
        while let Some(continued) = whole.last().and_then(|last| last.strip_suffix('\\')) {
            let at = whole.len() - 1;
            whole[at] = continued;
            let Some((_, more)) = lines.next() else { break };
            whole.push(more.trim_end());
            code.push('\n');
        }
        let (word, rest) = split_word(whole[0].trim_start());
        let rest = rest.trim_start();
        match word {
            "include" | "include_next" | "import" => {
                scan.includes.push(Include { target: target(rest), line });
            }
            "define" => {
                let option = open.iter().flatten().next_back().cloned().unwrap_or_default();
                whole[0] = rest;
                let doc = doc_before(&scan.comments, line);
                if let Some(define) = define(&whole, option, line, doc) {
                    let is_guard = first_word.as_deref() == Some(define.name.as_str());
                    if is_guard && scan.guard.is_empty() && define.body.is_empty() {
                        scan.guard = define.name;
                    } else {
                        scan.defines.push(define);
                    }
                }
            }
            "if" | "ifdef" | "ifndef" => {
                if word == "ifndef" && first_word.is_none() {
                    first_word = Some(split_word(rest).0.to_string());
                }
                let option = option(&whole.join(" "));
                scan.options.extend(option.clone().map(|name| Name { name, line }));
                open.push(option);
            }
            "elif" => {
                let option = option(&whole.join(" "));
                scan.options.extend(option.map(|name| Name { name, line }));
            }
            "endif" => {
                open.pop();
            }
            _ => {}
        }
        first_word.get_or_insert_default();
    }
}

/// The first kernel option that a condition names.
fn option(condition: &str) -> Option<String> {
    let words = condition.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.into_iter().find(|word| word.starts_with("CONFIG_")).map(Into::into)
}

/// What an `#include` names.
fn target(rest: &str) -> Option<String> {
    let close = match rest.chars().next()? {
        '<' => '>',
        '"' => '"',
        _ => return None,
    };
    rest[1..].split_once(close).map(|(target, _)| target.to_string())
}

/// A `#define`, from its lines without the word.
fn define(lines: &[&str], option: String, line: usize, doc: String) -> Option<Define> {
    let (name, rest) = split_word(lines[0]);
    if name.is_empty() {
        return None;
    }
    let (arguments, first) = match rest.strip_prefix('(') {
        Some(list) => {
            let (arguments, body) = list.split_once(')')?;
            let arguments: Vec<_> = arguments.split(',').map(str::trim).collect();
            (Some(arguments.join(", ")), body)
        }
        None => (None, rest),
    };
    let mut body = vec![first.trim()];
    body.extend(lines[1..].iter().map(|line| line.trim()));
    let body = body.join("\n").trim().to_string();
    Some(Define { name: name.into(), arguments, body, option, line, doc })
}

/// The identifier at the start, and the rest.
fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// An identifier or a punctuator, with its line.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, text) in code.lines().enumerate() {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let end = match c {
                c if is_word(c) => split_word(rest).0.len(),
                // The content of a string is not code.
                '"' | '\'' => rest[1..].find(c).map_or(rest.len(), |found| found + 2),
                c => c.len_utf8(),
            };
            let (token, after) = rest.split_at(end);
            if !token.trim().is_empty() {
                tokens.push(Token { text: token, line: index + 1 });
            }
            rest = after;
        }
    }
    tokens
}

/// Finds types that are declared outside of functions.
fn declarations(code: &str, scan: &mut Scan) {
    let tokens = tokens(code);
    // For each open brace, whether it belongs to an enum.
    let mut open: Vec<bool> = Vec::new();
    let mut parentheses = 0_usize;
    let mut in_typedef = false;
    let mut last_word = None;
    let mut keyword: Option<(&str, Option<&Token<'_>>)> = None;
    for (at, token) in tokens.iter().enumerate() {
        let is_name = token.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        match token.text {
            "struct" | "union" | "enum" => keyword = Some((token.text, None)),
            "typedef" if open.is_empty() => in_typedef = true,
            "(" => parentheses += 1,
            ")" => parentheses = parentheses.saturating_sub(1),
            "{" => {
                if let Some((word, Some(tag))) = keyword {
                    scan.tags.push(Tag {
                        keyword: word.into(),
                        name: tag.text.into(),
                        line: tag.line,
                        doc: doc_before(&scan.comments, tag.line),
                    });
                }
                open.push(keyword.is_some_and(|(word, _)| word == "enum"));
                keyword = None;
            }
            "}" => {
                open.pop();
            }
            ";" | "=" | "," => {
                if token.text == ";" && in_typedef && open.is_empty() {
                    scan.typedefs.extend(last_word.take());
                    in_typedef = false;
                }
                keyword = None;
            }
            _ if is_name => {
                let before = at.checked_sub(1).map(|before| tokens[before].text);
                if open.last() == Some(&true)
                    && parentheses == 0
                    && matches!(before, Some("{" | ","))
                {
                    let (name, line) = (token.text.into(), token.line);
                    scan.enumerators.push(Name { name, line });
                }
                last_word = Some(Name { name: token.text.into(), line: token.line });
                // An attribute may stand before the tag.
                if let Some((_, tag)) = keyword.as_mut().filter(|_| parentheses == 0) {
                    *tag = Some(token);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"/* SPDX */
#ifndef _X_H
#define _X_H
#include <linux/types.h>
#include "y.h"
#include MACRO
/**
 * DOC: What it is
 *
 * Some text.
 */

/* The string. */
#define X_COMPATIBLE "x-v1" /* a comment */
#define X_MAKE(name, \
	       type) struct { type; \
	} name
#ifdef CONFIG_X
#define X_TEST 1
#endif
enum x_kind { X_A = CALL(1, 2), X_B, };
/** struct x - An x. */
struct __packed x {
	enum x_kind kind;
	union { u64 a; } u;
};
typedef struct { u8 z; } x_t;
struct y *f(struct z *z);
"#;

    #[test]
    fn a_header_is_taken_apart() {
        let scan = scan(HEADER);
        assert_eq!(scan.guard, "_X_H");
        let targets: Vec<_> = scan.includes.iter().map(|i| i.target.as_deref()).collect();
        assert_eq!(targets, [Some("linux/types.h"), Some("y.h"), None]);
        let defines: Vec<_> = scan
            .defines
            .iter()
            .map(|d| (d.name.as_str(), d.arguments.as_deref(), d.body.as_str(), d.option.as_str()))
            .collect();
        assert_eq!(
            defines,
            [
                ("X_COMPATIBLE", None, "\"x-v1\"", ""),
                // An argument list over two lines is not parsed: clang is not asked about it.
                ("X_TEST", None, "1", "CONFIG_X"),
            ]
        );
        assert_eq!(scan.defines[0].doc, "The string.");
        assert_eq!(scan.defines[0].line, 14);
        let tags: Vec<_> =
            scan.tags.iter().map(|t| (t.keyword.as_str(), t.name.as_str(), t.line)).collect();
        assert_eq!(tags, [("enum", "x_kind", 21), ("struct", "x", 23)]);
        assert_eq!(scan.tags[1].doc, "struct x - An x.");
        let names = |names: &[Name]| names.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&scan.enumerators), ["X_A", "X_B"]);
        assert_eq!(names(&scan.typedefs), ["x_t"]);
        assert_eq!(names(&scan.options), ["CONFIG_X"]);
        assert_eq!(scan.comments[1].text, "DOC: What it is\n\nSome text.");
    }

    #[test]
    fn what_is_cut_off_ends_with_the_text() {
        let whole = scan(HEADER);
        for end in 0..HEADER.len() {
            let cut = scan(&HEADER[..end]);
            // All but the last are as in the whole text; the last may be truncated.
            let names: Vec<_> = cut.defines.iter().map(|define| define.name.as_str()).collect();
            let known = ["_X_H", "X_COMPATIBLE", "X_MAKE", "X_TEST"];
            if let [others @ .., last] = names.as_slice() {
                assert!(others.iter().all(|name| known.contains(name)), "{end}: {names:?}");
                assert!(known.iter().any(|name| name.starts_with(last)), "{end}: {names:?}");
            }
            assert!(cut.comments.len() <= whole.comments.len(), "{end}");
            for (cut, whole) in cut.comments.iter().zip(&whole.comments) {
                // The star of a truncated comment end is text.
                let text = cut.text.trim_end_matches(['*', '\n', ' ']);
                assert!(whole.text.starts_with(text), "{end}: {:?}", cut.text);
            }
            let tags = cut.tags.iter().zip(&whole.tags);
            assert!(cut.tags.len() <= whole.tags.len(), "{end}");
            for (cut, whole) in tags {
                assert!(whole.name.starts_with(&cut.name) && whole.line == cut.line, "{end}");
            }
        }
        assert_eq!(scan("/* never closed").comments[0].text, "never closed");
        assert_eq!(scan("/* x */\n/* never closed").open_comment, Some(2));
        assert_eq!(scan("/* x */ \"/*\" // /*").open_comment, None);
        assert_eq!(scan("#define A \"/*\" // x\n").defines[0].body, "\"/*\"");
        assert_eq!(scan("#define A 1\\").defines[0].body, "1");
        assert_eq!(scan("/*/ x */").comments[0].text, "/ x");
    }
}
