// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the text of a header shows without a compiler: comments, macros, and declarations of
//! fields.
//!
//! A compiler computes layouts, but drops spellings: that a `u32` is an `__le32`, or that a comment
//! names a version. A patch may only show a part of a header, which no compiler accepts. No size or
//! offset comes from here.

/// The outline of a header, or of a piece of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Named structs and unions, in the order of the text.
    pub records: Vec<RecordText>,
    /// Macros, in the order of the text.
    pub macros: Vec<MacroText>,
    /// Comments, one entry per line of text.
    pub comments: Vec<(usize, String)>,
    /// Everything that a compiler sees, with single blanks: equal for texts that differ only in
    /// comments and white space.
    pub code: String,
}

/// How a struct or union is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordText {
    /// The tag.
    pub name: String,
    /// The line of the tag, from 1.
    pub line: usize,
    /// Whether the text contains its end.
    pub whole: bool,
    /// Its fields, including those of nameless structs in it.
    pub fields: Vec<FieldText>,
}

/// How a field is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldText {
    /// The field's name.
    pub name: String,
    /// The text before the name.
    pub ty: String,
    /// The whole declaration.
    pub declaration: String,
    /// The line of the name, from 1.
    pub line: usize,
}

/// A macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroText {
    /// Its name.
    pub name: String,
    /// Its replacement, with single blanks.
    pub body: String,
    /// The line, from 1.
    pub line: usize,
}

impl MacroText {
    /// The string that the macro expands to, if it is one.
    #[must_use]
    pub fn string(&self) -> Option<&str> {
        let inner = self.body.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.contains('"')).then_some(inner)
    }
}

impl Outline {
    /// The declaration of a field.
    #[must_use]
    pub fn field(&self, record: &str, field: &str) -> Option<&FieldText> {
        let record = self.records.iter().find(|other| other.name == record)?;
        record.fields.iter().find(|other| other.name == field)
    }
}

/// A word, a number, a string or a punctuator, with its line.
type Token<'a> = (&'a str, usize);

/// Reads a text, or a piece of one. What is truncated at the ends is left out or marked.
#[must_use]
pub fn read(text: &str) -> Outline {
    let mut outline = Outline::default();
    let mut tokens = Vec::new();
    for line in logical_lines(text, &mut outline.comments) {
        let trimmed = line.text.trim_start();
        if let Some(directive) = trimmed.strip_prefix('#') {
            let flat: Vec<&str> = directive.split_whitespace().collect();
            if !outline.code.is_empty() {
                outline.code.push('\n');
            }
            outline.code.push('#');
            outline.code.push_str(&flat.join(" "));
            outline.code.push('\n');
            if let Some(found) = definition(directive, line.number) {
                outline.macros.push(found);
            }
            continue;
        }
        tokenize(trimmed, line.number, &mut tokens);
    }
    // The lines that the tokens borrow from are gone, so they are owned.
    let words: Vec<Token<'_>> = tokens.iter().map(|(t, line)| (t.as_str(), *line)).collect();
    for (word, _) in &words {
        outline.code.push_str(word);
        outline.code.push(' ');
    }
    records(&words, &mut outline.records);
    outline
}

/// The lines of a text, or of a piece of one, without comments and empty lines, and with single blanks.
/// Lines that a backslash joins are one.
#[must_use]
pub fn code_lines(text: &str) -> Vec<String> {
    let lines = logical_lines(text, &mut Vec::new()).into_iter();
    lines.map(|line| line.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

struct Line {
    text: String,
    number: usize,
}

/// Lines without comments; lines joined by a backslash are one.
fn logical_lines(text: &str, comments: &mut Vec<(usize, String)>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut in_comment = false;
    let mut joined = false;
    // Whether the line before is code. The first line may stand far above the second.
    let mut follows_code = false;
    for (index, raw) in text.lines().enumerate() {
        let number = index + 1;
        let mut code = String::new();
        let mut rest = raw;
        // A piece of a file may begin inside a comment, where lines begin with a star.
        let star = raw.trim_start();
        let is_star = star
            .strip_prefix('*')
            .is_some_and(|rest| rest.trim_start().len() < rest.len() || rest.is_empty());
        if !in_comment && !joined && is_star && !follows_code {
            comments.push((number, star.trim_end_matches("*/").trim().into()));
            continue;
        }
        if !in_comment && star == "*/" {
            follows_code = false;
            continue;
        }
        loop {
            if in_comment {
                let (comment, after) = match rest.find("*/") {
                    Some(end) => (&rest[..end], Some(&rest[end + 2..])),
                    None => (rest, None),
                };
                // An empty line of a comment keeps it together.
                if after.is_none() || !comment.trim().is_empty() {
                    comments.push((number, comment.trim().into()));
                }
                let Some(after) = after else { break };
                in_comment = false;
                code.push(' ');
                rest = after;
                continue;
            }
            let Some(at) = comment_start(rest) else {
                code.push_str(rest);
                break;
            };
            code.push_str(&rest[..at]);
            if rest[at..].starts_with("//") {
                comments.push((number, rest[at + 2..].trim().into()));
                break;
            }
            in_comment = true;
            rest = &rest[at + 2..];
        }
        follows_code = index > 0 && !in_comment && !code.trim().is_empty();
        let continues = code.trim_end().ends_with('\\');
        if continues {
            code.truncate(code.trim_end().len() - 1);
        }
        match lines.last_mut() {
            Some(last) if joined => {
                last.text.push(' ');
                last.text.push_str(&code);
            }
            _ if code.trim().is_empty() && !continues => {}
            _ => lines.push(Line { text: code, number }),
        }
        joined = continues;
    }
    lines
}

/// Where a comment begins, outside of strings.
fn comment_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'/' if !quoted && matches!(bytes.get(at + 1), Some(b'*' | b'/')) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn definition(directive: &str, line: usize) -> Option<MacroText> {
    let rest = directive.trim_start().strip_prefix("define")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let (name, body) = rest.split_at(end);
    if name.is_empty() {
        return None;
    }
    let body = body.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(MacroText { name: name.into(), body, line })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn tokenize(text: &str, line: usize, out: &mut Vec<(String, usize)>) {
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut end = start + c.len_utf8();
        if is_word(c) {
            while let Some((at, _)) = chars.next_if(|(_, c)| is_word(*c)) {
                end = at + 1;
            }
        } else if c == '"' {
            let mut escaped = false;
            for (at, c) in chars.by_ref() {
                end = at + c.len_utf8();
                if c == '"' && !escaped {
                    break;
                }
                escaped = c == '\\' && !escaped;
            }
        }
        out.push((text[start..end].into(), line));
    }
}

fn records(tokens: &[Token<'_>], out: &mut Vec<RecordText>) {
    let mut at = 0;
    while at + 2 < tokens.len() {
        let (word, _) = tokens[at];
        let (name, line) = tokens[at + 1];
        if (word == "struct" || word == "union")
            && name.starts_with(is_word)
            && tokens[at + 2].0 == "{"
        {
            let mut record =
                RecordText { name: name.into(), line, whole: false, fields: Vec::new() };
            at = fields(tokens, at + 3, &mut record);
            out.push(record);
        } else {
            at += 1;
        }
    }
}

/// Takes declarations up to the brace that closes the struct; returns the index after it.
fn fields(tokens: &[Token<'_>], mut at: usize, record: &mut RecordText) -> usize {
    let mut open = 0_usize;
    let mut declaration: Vec<Token<'_>> = Vec::new();
    while let Some((word, line)) = tokens.get(at).copied() {
        at += 1;
        match word {
            // Another struct begins: the text does not contain the end of this one.
            "struct" | "union"
                if declaration.is_empty()
                    && open == 0
                    && tokens.get(at + 1).is_some_and(|(word, _)| *word == "{")
                    && tokens.get(at).is_some_and(|(word, _)| word.starts_with(is_word)) =>
            {
                return at - 1;
            }
            "{" => {
                open += 1;
                declaration.clear();
            }
            "}" if open == 0 => {
                record.whole = true;
                return at;
            }
            "}" => {
                open -= 1;
                declaration.clear();
            }
            ";" => {
                if let Some(field) = field(&declaration) {
                    record.fields.push(field);
                }
                declaration.clear();
            }
            _ => declaration.push((word, line)),
        }
    }
    at
}

/// Parses a declaration: the name is the last word before any dimension or width.
fn field(declaration: &[Token<'_>]) -> Option<FieldText> {
    let macro_call = declaration.get(1).is_some_and(|(word, _)| *word == "(");
    let end = declaration.iter().position(|(word, _)| matches!(*word, "[" | ":" | ","));
    let at = match end {
        // DECLARE_KHOSER_PTR(name, type)
        _ if macro_call => 2,
        Some(end) => end.checked_sub(1)?,
        None => declaration.len().checked_sub(1)?,
    };
    let (name, line) = *declaration.get(at)?;
    if !name.starts_with(is_word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let join = |tokens: &[Token<'_>]| {
        let mut text = String::new();
        for (word, _) in tokens {
            let glue = text.is_empty()
                || !word.starts_with(is_word)
                || text.ends_with(['[', '(', '*', ':']);
            if !glue || *word == "*" && text.ends_with(is_word) {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    };
    let ty = if macro_call { join(declaration) } else { join(&declaration[..at]) };
    if ty.is_empty() {
        return None;
    }
    Some(FieldText { name: name.into(), ty, declaration: join(declaration), line })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "/* Brief: see x-v1. */\n#define X_COMPATIBLE\t\"x-v2\" // \"y\"\n\
        #define LEN(a) \\\n\t((a) + 1)\n/**\n * struct x - Brief.\n */\nstruct x {\n\t__le32 a; /* a: b */\n\
        \tu8 name[LEN(3)];\n\tu64 pfn:52;\n\tunion {\n\t\tu64 phys;\n\t\tvoid *ptr;\n\t} where;\n\
        \tDECLARE_KHOSER_PTR(first, struct y *);\n} __packed;\nstruct y;\n";

    #[test]
    fn a_header_is_taken_apart() {
        let outline = read(TEXT);
        assert_eq!(outline.macros[0].string(), Some("x-v2"));
        assert_eq!(outline.macros[1].body, "(a) ((a) + 1)");
        assert_eq!(
            outline.comments,
            [
                (1, "Brief: see x-v1.".into()),
                (2, "\"y\"".into()),
                (5, "*".into()),
                (6, "* struct x - Brief.".into()),
                (9, "a: b".into()),
            ]
        );
        let [record] = &outline.records[..] else { panic!("{outline:?}") };
        assert!(record.whole && record.line == 8 && record.name == "x");
        let fields: Vec<_> =
            record.fields.iter().map(|f| (f.line, f.ty.as_str(), f.name.as_str())).collect();
        assert_eq!(
            fields,
            [
                (9, "__le32", "a"),
                (10, "u8", "name"),
                (11, "u64", "pfn"),
                (13, "u64", "phys"),
                (14, "void *", "ptr"),
                (16, "DECLARE_KHOSER_PTR(first, struct y *)", "first"),
            ]
        );
        assert_eq!(outline.field("x", "name").unwrap().declaration, "u8 name[LEN(3)]");
    }

    #[test]
    fn comments_and_blanks_are_no_code() {
        let other =
            TEXT.replace("see x-v1", "see nothing").replace("\t__le32 a", "\n    __le32\ta");
        assert_eq!(read(TEXT).code, read(&other).code);
        assert_ne!(read(TEXT).code, read(&TEXT.replace("__le32", "u32")).code);
        assert_ne!(read(TEXT).code, read(&TEXT.replace("x-v2", "x-v3")).code);
    }

    #[test]
    fn pieces_are_taken_as_far_as_they_go() {
        let piece = " * the end of a comment\n */\nstruct x {\n\tu16 a;\n\tu16 b";
        let outline = read(piece);
        assert_eq!(outline.records.len(), 1);
        assert!(!outline.records[0].whole);
        assert_eq!(outline.records[0].fields.len(), 1);
        assert_eq!(outline.comments.len(), 1);
        for (hostile, records, macros) in [
            ("struct x {", 1, 0),
            ("}}}}", 0, 0),
            ("#define", 0, 0),
            ("#define \"", 0, 0),
            ("\"", 0, 0),
            ("/*", 0, 0),
            ("\\\n\\", 0, 0),
            ("struct struct {{{", 1, 0),
            ("é: é;", 0, 0),
        ] {
            let outline = read(hostile);
            let found = (outline.records.len(), outline.macros.len());
            assert_eq!(found, (records, macros), "{hostile:?}: {outline:?}");
            assert!(outline.records.iter().all(|r| !r.whole && r.fields.is_empty()), "{hostile:?}");
        }
    }
}
