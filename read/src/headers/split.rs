// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Splits the text of a header into directives and declarations, without a compiler.
//!
//! A reading builds on these pieces: if clang rejects one, the others remain. Every byte that is
//! neither blank nor part of a comment belongs to exactly one piece.

use super::lex::{lex, Lexed, Token};
use super::spelling;
use kho_abi_model::{DeclarationKind, INCLUDES};
use std::ops::Range;

/// The pieces of a header, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) pieces: Vec<Piece>,
    /// The lines of each `#if` without an `#endif`.
    pub(super) unended: Vec<usize>,
}

/// A piece of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// What it is.
    pub(super) what: What,
    /// Its bytes, in order: directives inside it are pieces of their own.
    pub(super) spans: Vec<Range<usize>>,
    /// Its first and last line.
    pub(super) lines: (usize, usize),
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It declares something.
    Declares(Written),
    /// A part of a condition: `#if` and its relatives, by keyword.
    Conditional(String),
    /// Another directive, which declares nothing.
    Directive,
    /// It declares nothing that has bytes: `struct x;`.
    Nothing,
    /// It begins something that it does not end, or ends something that it does not begin.
    Broken(Written),
}

/// The text of a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) kind: DeclarationKind,
    pub(super) name: String,
    /// The line of the name.
    pub(super) line: usize,
    /// Its tokens, in normalised spelling.
    pub(super) tokens: String,
    /// The conditions that it depends on, from the outermost.
    pub(super) condition: String,
    /// Whether it depends on what the reader cannot decide: options, or macros from elsewhere.
    pub(super) varies: bool,
}

impl Piece {
    /// The declaration, complete or not.
    pub(super) fn written(&self) -> Option<&Written> {
        match &self.what {
            What::Declares(written) | What::Broken(written) => Some(written),
            _ => None,
        }
    }
}

/// Splits a text.
pub(super) fn split(text: &str) -> Split {
    let lexed = lex(text);
    let (split, ended) = Splitter::new(text, false).run(&lexed);
    if ended {
        return split;
    }
    // A bracket is missing somewhere. Treat a line that begins like a declaration as one, so that
    // the rest of the header is split correctly.
    Splitter::new(text, true).run(&lexed).0
}

/// An `#if` that is open.
#[derive(Debug)]
struct Condition {
    /// The condition of this branch, and those of the branches before.
    now: String,
    before: Vec<String>,
    /// How many brackets were open at the `#if`.
    depth: usize,
    line: usize,
    /// Whether it guards the header, or a macro that is defined right after it.
    guards: bool,
    varies: bool,
}

/// A declaration that is being read.
#[derive(Debug, Default)]
struct Current<'t> {
    tokens: Vec<Token<'t>>,
    /// Directives inside it, each with the number of tokens before it.
    inside: Vec<(usize, String)>,
    spans: Vec<Range<usize>>,
    condition: String,
    varies: bool,
}

struct Splitter<'t> {
    text: &'t str,
    resync: bool,
    split: Split,
    conditions: Vec<Condition>,
    pragmas: String,
    current: Current<'t>,
    /// The brackets that are open.
    open: Vec<u8>,
    /// Whether the open braces belong to a function.
    in_function: bool,
}

impl<'t> Splitter<'t> {
    fn new(text: &'t str, resync: bool) -> Self {
        Self {
            text,
            resync,
            split: Split::default(),
            conditions: Vec::new(),
            pragmas: String::new(),
            current: Current::default(),
            open: Vec::new(),
            in_function: false,
        }
    }

    /// The pieces, and whether everything that begins in the text also ends in it.
    fn run(mut self, lexed: &[Lexed<'t>]) -> (Split, bool) {
        for (at, item) in lexed.iter().enumerate() {
            match item {
                Lexed::Token(token) => self.token(*token, lexed.get(at + 1)),
                Lexed::Directive { tokens, span, lines } => {
                    self.directive(tokens, span.clone(), *lines, lexed.get(at + 1));
                }
            }
        }
        let whole = self.open.is_empty();
        self.open.clear();
        self.end(true);
        self.split.unended = self.conditions.iter().map(|condition| condition.line).collect();
        // Pieces were added as they ended, so a macro inside a struct came first: sort them by
        // start.
        self.split.pieces.sort_by_key(|piece| piece.spans.first().map(|span| span.start));
        (self.split, whole)
    }

    fn token(&mut self, token: Token<'t>, next: Option<&Lexed<'t>>) {
        let at_line_start = self.text[..token.start].ends_with('\n') || token.start == 0;
        let begins = BEGINS.contains(&token.text);
        if self.resync && !self.open.is_empty() && at_line_start && begins {
            self.open.clear();
            self.end(true);
        }
        // A macro use without a semicolon ends where another declaration begins.
        if self.open.is_empty() && at_line_start && begins && self.is_macro_use() {
            self.end(false);
        }
        if self.current.tokens.is_empty() {
            (self.current.condition, self.current.varies) = self.condition();
        }
        self.push_span(token.start..token.end);
        self.current.tokens.push(token);
        match token.text {
            "{" => {
                if self.open.is_empty() {
                    self.in_function = !self.is_tagged() && self.has_parentheses();
                }
                self.open.push(b'{');
            }
            "(" => self.open.push(b'('),
            "[" => self.open.push(b'['),
            "}" | ")" | "]" => {
                let opener = match token.text {
                    "}" => b'{',
                    ")" => b'(',
                    _ => b'[',
                };
                match self.open.iter().rposition(|open| *open == opener) {
                    // What is open inside it ends with it.
                    Some(at) => self.open.truncate(at),
                    None => return self.end(true),
                }
                let next_is_semicolon =
                    matches!(next, Some(Lexed::Token(next)) if next.text == ";");
                if self.open.is_empty() && self.in_function && opener == b'{' && !next_is_semicolon
                {
                    self.end(false);
                }
            }
            ";" if !self.open.contains(&b'{') => {
                self.open.clear();
                self.end(false);
            }
            _ => {}
        }
    }

    fn push_span(&mut self, span: Range<usize>) {
        match self.current.spans.last_mut() {
            // Two tokens in one span have only blanks and comments between them.
            Some(last)
                if self
                    .current
                    .inside
                    .last()
                    .is_none_or(|(at, _)| *at < self.current.tokens.len()) =>
            {
                last.end = span.end;
            }
            _ => self.current.spans.push(span),
        }
    }

    /// Whether the declaration so far is only `NAME(...)`.
    fn is_macro_use(&self) -> bool {
        let tokens = &self.current.tokens;
        let second = tokens.get(1).is_some_and(|token| token.text == "(");
        second && tokens[0].is_word() && tokens.last().is_some_and(|token| token.text == ")")
    }

    fn has_parentheses(&self) -> bool {
        let mut depth = 0_usize;
        self.current.tokens.windows(2).any(|pair| {
            let found = depth == 0
                && pair[1].text == "("
                && pair[0].is_word()
                && !spelling::is_attribute(pair[0].text);
            match pair[1].text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                "=" => depth = usize::MAX / 2,
                _ => {}
            }
            found
        })
    }

    /// Whether the last brace begins the body of a struct, a union or an enum.
    fn is_tagged(&self) -> bool {
        let words = self.current.tokens[..self.current.tokens.len() - 1].iter().map(|t| t.text);
        let words: Vec<_> = words.collect();
        let bare = spelling::without_attributes(&words);
        let tag = |word: Option<&&str>| matches!(word, Some(&("struct" | "union" | "enum")));
        match bare.len() {
            0 => false,
            1 => tag(bare.last()),
            len => tag(bare.last()) || tag(bare.get(len - 2)),
        }
    }

    /// The present conditions, and whether they depend on what the reader cannot decide.
    fn condition(&self) -> (String, bool) {
        let counted = self.conditions.iter().filter(|condition| !condition.guards);
        let mut texts: Vec<&str> = counted.map(|condition| condition.now.as_str()).collect();
        if !self.pragmas.is_empty() {
            texts.push(&self.pragmas);
        }
        (texts.join(" && "), self.conditions.iter().any(|c| !c.guards && c.varies))
    }

    /// Ends the current declaration.
    fn end(&mut self, broken: bool) {
        let current = std::mem::take(&mut self.current);
        self.in_function = false;
        let (Some(first), Some(last)) = (current.tokens.first(), current.tokens.last()) else {
            return;
        };
        let lines = (first.line, last.line);
        let words: Vec<&str> = current.tokens.iter().map(|token| token.text).collect();
        let named = name(&words);
        let what = match named {
            None if !broken => What::Nothing,
            named => {
                let (kind, at) = named.unwrap_or((DeclarationKind::Other, 0));
                let varies =
                    current.varies || current.inside.iter().any(|(_, directive)| varies(directive));
                let written = Written {
                    kind,
                    name: spelling::printable(words.get(at).copied().unwrap_or_default()),
                    line: current.tokens.get(at).map_or(first.line, |token| token.line),
                    tokens: spelling::one_spelling(&words, &current.inside),
                    condition: current.condition,
                    varies,
                };
                if broken {
                    What::Broken(written)
                } else {
                    What::Declares(written)
                }
            }
        };
        self.split.pieces.push(Piece { what, spans: current.spans, lines });
    }

    fn directive(
        &mut self,
        tokens: &[Token<'t>],
        span: Range<usize>,
        lines: (usize, usize),
        next: Option<&Lexed<'t>>,
    ) {
        let word = tokens.get(1).map_or("", |token| token.text);
        let rest: Vec<&str> = tokens.iter().skip(2).map(|token| token.text).collect();
        let what = match word {
            "if" | "ifdef" | "ifndef" | "elif" | "elifdef" | "elifndef" | "else" | "endif" => {
                self.conditional(word, &rest, lines.0, next)
            }
            "define" => self.define(tokens),
            "pragma" => {
                if rest.first() == Some(&"pack") {
                    self.pragmas = format!("#pragma {}", rest.join(" "));
                }
                What::Directive
            }
            _ => What::Directive,
        };
        if !self.current.tokens.is_empty() && matches!(what, What::Conditional(_)) {
            let words: Vec<_> = tokens.iter().skip(1).map(|token| token.text).collect();
            self.current.inside.push((self.current.tokens.len(), format!("#{}", words.join(" "))));
        } else if !self.current.tokens.is_empty() && word.starts_with("include") {
            let target: Vec<_> = tokens.iter().skip(2).map(|token| token.text).collect();
            let directive = format!("{INCLUDES}{}", target.concat());
            self.current.inside.push((self.current.tokens.len(), directive));
        } else if !self.current.tokens.is_empty() {
            // The next token comes after it, and starts a new span.
            self.current.inside.push((self.current.tokens.len(), String::new()));
        }
        self.split.pieces.push(Piece { what, spans: vec![span], lines });
    }

    fn conditional(
        &mut self,
        word: &str,
        rest: &[&str],
        line: usize,
        next: Option<&Lexed<'t>>,
    ) -> What {
        let text = match word {
            "if" | "elif" => rest.join(" "),
            "ifdef" | "elifdef" => format!("defined {}", rest.first().unwrap_or(&"")),
            "ifndef" | "elifndef" => format!("! defined {}", rest.first().unwrap_or(&"")),
            _ => String::new(),
        };
        match word {
            "if" | "ifdef" | "ifndef" => {
                let guarded = match (word, rest) {
                    ("ifndef", [name, ..])
                    | ("if", ["!", "defined", name] | ["!", "defined", "(", name, ")"]) => {
                        Some(*name)
                    }
                    _ => None,
                };
                let guards = guarded.is_some_and(|name| {
                    matches!(next, Some(Lexed::Directive { tokens, .. })
                        if tokens.len() > 2 && tokens[1].text == "define" && tokens[2].text == name)
                });
                let varies = varies(&format!("#if {text}"));
                let depth = self.open.len();
                self.conditions.push(Condition {
                    now: text,
                    before: Vec::new(),
                    depth,
                    line,
                    guards,
                    varies,
                });
            }
            "endif" => {
                if self.conditions.pop().is_none() {
                    return self.stray(word, line);
                }
            }
            _ => {
                let Some(open) = self.conditions.last_mut() else { return self.stray(word, line) };
                open.before.push(std::mem::take(&mut open.now));
                let not: Vec<_> = open.before.iter().map(|text| format!("! ( {text} )")).collect();
                open.now = not.join(" && ");
                if word != "else" {
                    open.varies |= varies(&format!("#if {text}"));
                    open.now = format!("{} && {text}", open.now);
                }
                open.guards = false;
                // Each branch may open the same brackets.
                let depth = open.depth;
                self.open.truncate(depth);
            }
        }
        What::Conditional(word.into())
    }

    /// A directive that ends something that was not begun.
    fn stray(&self, word: &str, line: usize) -> What {
        let (condition, varies) = self.condition();
        What::Broken(Written {
            kind: DeclarationKind::Other,
            name: format!("#{word}"),
            line,
            tokens: format!("#{word}"),
            condition,
            varies,
        })
    }

    fn define(&self, tokens: &[Token<'t>]) -> What {
        let Some(name) = tokens.get(2).filter(|token| token.is_word()) else {
            return What::Directive;
        };
        let with_arguments =
            tokens.get(3).is_some_and(|token| token.text == "(" && token.start == name.end);
        let (condition, varies) = self.condition();
        // The header's guard is not a condition.
        let guard = self.conditions.last().is_some_and(|c| {
            c.guards && tokens.len() == 3 && c.now.split_whitespace().any(|word| word == name.text)
        });
        if guard {
            return What::Directive;
        }
        let words: Vec<_> = tokens[3..].iter().map(|token| token.text).collect();
        What::Declares(Written {
            kind: if with_arguments { DeclarationKind::Macro } else { DeclarationKind::Constant },
            name: name.text.into(),
            line: name.line,
            tokens: spelling::one_spelling(&words, &[]),
            condition,
            varies,
        })
    }
}

/// Words that begin a declaration.
const BEGINS: &[&str] = &[
    "struct",
    "union",
    "enum",
    "typedef",
    "static_assert",
    "_Static_assert",
    "static",
    "extern",
    "#",
];

/// Macros that a reading decides itself, whatever the kernel's configuration.
const DECIDED: &[&str] = &[
    "if",
    "ifdef",
    "ifndef",
    "elif",
    "elifdef",
    "elifndef",
    "else",
    "endif",
    "defined",
    "__KERNEL__",
    "__ASSEMBLY__",
    "__ASSEMBLER__",
    "__cplusplus",
    "PAGE_SHIFT",
    "PAGE_SIZE",
    "BITS_PER_LONG",
    "__BITS_PER_LONG",
    "__LITTLE_ENDIAN",
    "__BIG_ENDIAN",
    "__LITTLE_ENDIAN_BITFIELD",
    "__BIG_ENDIAN_BITFIELD",
    "__BYTE_ORDER__",
    "__ORDER_LITTLE_ENDIAN__",
    "__ORDER_BIG_ENDIAN__",
];

/// Whether a directive depends on something that no reading decides.
fn varies(directive: &str) -> bool {
    let words = directive.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut names =
        words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    names.any(|name| !DECIDED.contains(&name))
}

/// What a declaration declares, and which of its words is its name; `None` if it has no bytes.
fn name(words: &[&str]) -> Option<(DeclarationKind, usize)> {
    use DeclarationKind::{Assert, Enum, Function, Other, Struct, Typedef, Union};
    let is_word = |at: usize| words.get(at).is_some_and(|word| spelling::is_word(word));
    let first = words.iter().position(|word| *word != ";")?;
    if words[first].ends_with("static_assert") || words[first].starts_with("_Static_assert") {
        return Some((Assert, first));
    }
    if words[first].starts_with("BUILD_BUG") {
        return Some((Assert, first));
    }
    let skipped = spelling::attributes(words);
    let kept: Vec<usize> = (first..words.len()).filter(|at| !skipped[*at]).collect();
    let body = kept.iter().position(|at| words[*at] == "{");
    let is_typedef = kept.first().is_some_and(|at| words[*at] == "typedef");
    if let Some(body) = body {
        let keyword = |back: usize| {
            let at = body.checked_sub(back)?;
            let kind = match words[kept[at]] {
                "struct" => Struct,
                "union" => Union,
                "enum" => Enum,
                _ => return None,
            };
            Some((kind, at))
        };
        if let Some((kind, _)) = keyword(2).filter(|_| is_word(kept[body - 1])) {
            return Some((kind, kept[body - 1]));
        }
        if let Some((kind, _)) = keyword(1) {
            // Without a tag: the name after it, or the first enumerator.
            let behind = kept.iter().rev().find(|at| is_word(**at) || words[**at] == "}");
            let behind = behind.filter(|at| is_word(**at) && (is_typedef || kind != Enum));
            let inside = kept.get(body + 1).filter(|at| is_word(**at));
            let at = behind.or(inside.filter(|_| kind == Enum)).copied();
            return Some((kind, at.unwrap_or(kept[body])));
        }
    }
    if is_typedef {
        // `typedef type (*name)(...)` contains its name.
        let within = kept.windows(2).find(|pair| words[pair[0]] == "*" && is_word(pair[1]));
        let pointer = kept.windows(2).any(|pair| words[pair[0]] == "(" && words[pair[1]] == "*");
        let within = within.map(|pair| pair[1]).filter(|_| pointer);
        let bracket = kept.iter().position(|at| matches!(words[*at], "[" | ";"));
        let last =
            bracket.and_then(|at| at.checked_sub(1)).map(|at| kept[at]).filter(|at| is_word(*at));
        return Some((Typedef, within.or(last).unwrap_or(first)));
    }
    let forward = matches!(words[first], "struct" | "union" | "enum")
        && matches!(kept[..], [_, name, end] if is_word(name) && words[end] == ";");
    if forward {
        return None;
    }
    let call = kept.windows(2).position(|pair| words[pair[1]] == "(" && is_word(pair[0]));
    let assigned = kept.iter().position(|at| words[*at] == "=").unwrap_or(usize::MAX);
    match call.filter(|at| *at < assigned) {
        // `MACRO(name, ...)`: what it declares is unknown.
        Some(0) => Some((Other, kept.get(2).copied().filter(|at| is_word(*at)).unwrap_or(kept[0]))),
        Some(at) => Some((Function, kept[at])),
        None => {
            let end = kept.iter().position(|at| matches!(words[*at], "=" | "[" | ";" | "{"));
            let last = end.unwrap_or(kept.len()).checked_sub(1).map(|at| kept[at]);
            Some((Other, last.filter(|at| is_word(*at)).unwrap_or(first)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(&'static str, String, String)> {
        let split = split(text);
        let written = split.pieces.iter().filter_map(Piece::written);
        written.map(|w| (w.kind.word(), w.name.clone(), w.condition.clone())).collect()
    }

    fn names(text: &str) -> Vec<String> {
        told(text).into_iter().map(|(kind, name, _)| format!("{kind} {name}")).collect()
    }

    #[test]
    fn a_header_is_taken_apart() {
        let text = "#ifndef _X_H\n#define _X_H\n#include <linux/types.h>\nstruct y;\n\
            #define X_COMPATIBLE \"x;{v1\"\n#define MAKE(a, \\\n  b) struct a { b }\n\
            #ifdef CONFIG_X\n#define X_TEST 1\n#else\n#define X_TEST 2\n#endif\n\
            enum { X_A = 1, X_B };\nenum x_kind { X_C };\ntypedef struct { u8 z; } x_t;\n\
            typedef u32 id_t; typedef int (*fn_t)(int);\nstruct __packed x {\n\tu32 a;\n#ifdef CONFIG_Y\n\
            \tu32 b;\n#define X_IN 1\n#endif\n\tunion { u64 c; };\n};\n\
            static_assert(sizeof(struct x) == 4);\nstruct y *f(struct z *z);\n\
            static inline int g(void)\n{\n\tif (1) { return 2; }\n\treturn 1;\n}\n\
            DECLARE_THING(thing, u8)\nstruct w { u8 a; } __attribute__((packed));\n#endif\n";
        let conditional = "defined CONFIG_X".to_string();
        let found = told(text);
        let of =
            |name: &str| found.iter().filter(|(_, other, _)| other == name).collect::<Vec<_>>();
        assert_eq!(of("X_TEST")[0].2, conditional);
        assert_eq!(of("X_TEST")[1].2, "! ( defined CONFIG_X )");
        assert_eq!(of("X_IN")[0].2, "defined CONFIG_Y");
        assert_eq!(
            names(text),
            [
                "constant X_COMPATIBLE",
                "macro MAKE",
                "constant X_TEST",
                "constant X_TEST",
                "enum X_A",
                "enum x_kind",
                "struct x_t",
                "typedef id_t",
                "typedef fn_t",
                "struct x",
                "constant X_IN",
                "assertion static_assert",
                "function f",
                "function g",
                "declaration thing",
                "struct w",
            ]
        );
        let split = split(text);
        let of = |name: &str| {
            let mut written = split.pieces.iter().filter_map(Piece::written);
            written.find(|written| written.name == name).unwrap()
        };
        assert_eq!(
            of("x").tokens,
            "struct x { u32 a ;\n#ifdef CONFIG_Y\nu32 b ;\n#endif\nunion { u64 c ; } ; } __packed"
        );
        assert!(of("x").varies && of("X_TEST").varies && !of("w").varies);
        assert_eq!(of("w").tokens, "struct w { u8 a ; } __packed");
        assert_eq!(split.unended, Vec::<usize>::new());
    }

    #[test]
    fn every_byte_belongs_to_one_piece() {
        let text = "#ifdef A\nstruct a {\n#else\nstruct b {\n#endif\n\tu8 x;\n#define IN 1\n\
            \tu8 y;\n};\nint z;\n";
        let split = split(text);
        let mut seen = vec![0; text.len()];
        for span in split.pieces.iter().flat_map(|piece| &piece.spans) {
            for at in span.clone() {
                seen[at] += 1;
            }
        }
        assert!(seen.iter().all(|count| *count <= 1));
        let left: String =
            text.bytes().zip(&seen).filter(|(_, n)| **n == 0).map(|(b, _)| b as char).collect();
        assert_eq!(left.trim(), "");
        assert_eq!(names(text), ["struct a", "constant IN", "declaration z"]);
    }

    #[test]
    fn what_is_not_ended_costs_itself() {
        let text =
            "struct a {\n\tu8 x;\nstruct b {\n\tu8 y;\n};\n#define C 1\nstruct d {\n\tu8 z;\n";
        let split = split(text);
        let whole = |name: &str| {
            split
                .pieces
                .iter()
                .any(|piece| matches!(&piece.what, What::Declares(written) if written.name == name))
        };
        assert!(whole("b") && whole("C") && !whole("a") && !whole("d"));
        assert_eq!(names(text), ["struct a", "struct b", "constant C", "struct d"]);
        assert_eq!(super::split("#if 1\n#if 2\n#endif\n").unended, [1]);
        let stray = super::split("#endif\n}\nstruct a { u8 x; };\n");
        assert!(matches!(stray.pieces[0].what, What::Broken(_)));
        assert!(matches!(stray.pieces[1].what, What::Broken(_)));
        assert!(matches!(stray.pieces[2].what, What::Declares(_)));
    }

    #[test]
    fn any_text_is_taken_apart() {
        for hostile in [
            "", "{", "}", ")(", "#", "#define", "#if", "\\\n\\", "\"", "/*", "é: é;", "enum {",
            "= = ;",
        ] {
            let _ = split(hostile);
        }
    }
}
