// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Comments of a C header, and the documentation that a wire file makes of them.
//!
//! kernel-doc becomes Markdown, which the writer of C headers turns into kernel-doc again.

use crate::write::prose;
use std::collections::BTreeMap;

/// Widest line of a wire file, in characters.
const WIDTH: usize = 100;

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// The line where it begins, from 1.
    pub(super) first: usize,
    /// The line where it ends.
    pub(super) last: usize,
    /// Whether nothing stands before it on its first line.
    pub(super) alone: bool,
    /// Its lines, without the marks of a comment; what is indented stays so.
    pub(super) lines: Vec<String>,
}

/// The comments of a header, and its text with blanks in their place, line by line as before.
pub(super) fn take(text: &str) -> (Vec<Comment>, String) {
    let mut comments = Vec::new();
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let alone = || bare.rsplit('\n').next().is_none_or(|before| before.trim().is_empty());
        let end = match c {
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |at| at + 4),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let end = string_end(rest, c);
                bare.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            _ => {
                line += usize::from(c == '\n');
                bare.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        let (whole, after) = rest.split_at(end);
        let breaks = whole.matches('\n').count();
        comments.push(Comment {
            first: line,
            last: line + breaks,
            alone: alone(),
            lines: lines_of(whole),
        });
        bare.push(' ');
        bare.extend(std::iter::repeat_n('\n', breaks));
        line += breaks;
        rest = after;
    }
    (comments, bare)
}

/// Where a string ends that begins a text: behind its quote, or at the end of the line.
fn string_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' if !escaped => return at,
            c if c == quote && !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

fn lines_of(comment: &str) -> Vec<String> {
    let inside = match comment.strip_prefix("/*") {
        Some(inside) => inside.strip_suffix("*/").unwrap_or(inside).trim_start_matches('*'),
        None => comment.trim_start_matches('/'),
    };
    let mut lines: Vec<String> = Vec::new();
    for (at, line) in inside.lines().enumerate() {
        let text = line.trim_end();
        let text = match text.trim_start().strip_prefix('*') {
            Some(starred) if at > 0 => starred.strip_prefix([' ', '\t']).unwrap_or(starred),
            // The first line has its mark before it; one without a star is its own.
            _ => text.trim_start(),
        };
        lines.push(text.replace('\t', "        "));
    }
    let is_blank = |line: &String| line.trim().is_empty();
    while lines.last().is_some_and(is_blank) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| is_blank(line)).count();
    lines.split_off(blank)
}

/// What kernel-doc says of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KernelDoc {
    /// What it says of the item, with its first line.
    pub(super) lines: Vec<String>,
    /// What it says of members, by name.
    pub(super) members: BTreeMap<String, String>,
}

/// Takes a comment on an item apart.
pub(super) fn kernel_doc(comment: &[String], name: &str) -> KernelDoc {
    let mut doc = KernelDoc::default();
    let mut open: Option<String> = None;
    for line in comment {
        let text = line.trim();
        if let Some((member, said)) = member(text) {
            doc.members.insert(member.into(), said.into());
            open = Some(member.into());
            continue;
        }
        let member = open.as_ref().filter(|_| !text.is_empty());
        if let Some(said) = member.and_then(|name| doc.members.get_mut(name)) {
            said.push(' ');
            said.push_str(text);
        } else {
            // A blank line ends what is said of a member.
            open = None;
            doc.lines.push(line.clone());
        }
    }
    if let Some(first) = doc.lines.first_mut() {
        let bare = ["struct ", "union ", "enum "].iter().find_map(|word| first.strip_prefix(word));
        let said = bare.unwrap_or(first).trim_start().strip_prefix(name);
        let said = said.map(|rest| rest.strip_prefix("()").unwrap_or(rest).trim_start());
        let said = said.and_then(|rest| rest.strip_prefix(['-', ':'])).map(str::trim);
        if let Some(said) = said.map(String::from) {
            *first = said;
        }
    }
    doc
}

/// `@member: text`.
fn member(line: &str) -> Option<(&str, &str)> {
    let (name, said) = line.strip_prefix('@')?.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_name.then_some((name, said.trim()))
}

/// What a comment within a body says of the member beside it.
pub(super) fn member_text(comment: &Comment, name: &str) -> String {
    let mut doc = kernel_doc(&comment.lines, name);
    let said = doc.members.remove(name);
    let others = doc.members.into_iter().map(|(name, said)| format!("{name}: {said}"));
    let lines = doc.lines.iter().map(|line| line.trim().to_string());
    let all = said.into_iter().chain(others).chain(lines);
    all.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Turns the lines of kernel-doc into Markdown: paragraphs, lists with `-`, and blocks that keep their
/// shape. `link` says whether a name is one that rustdoc finds from where the text stands.
pub(super) fn markdown(lines: &[String], link: &dyn Fn(&str) -> bool, indent: &str) -> Vec<String> {
    let width = WIDTH - indent.len() - 4;
    let mut out: Vec<String> = Vec::new();
    for block in blocks(lines) {
        if !out.is_empty() {
            out.push(String::new());
        }
        match block {
            Block::Text(text) => out.extend(wrap(&inline(&text, link), width, "", "")),
            Block::List(entries) => {
                for entry in entries {
                    out.extend(wrap(&inline(&entry, link), width, "- ", "  "));
                }
            }
            Block::Kept(lines) => {
                out.push("```text".into());
                out.extend(lines.iter().map(|line| line.replace("```", "'''")));
                out.push("```".into());
            }
        }
    }
    out
}

enum Block {
    Text(String),
    List(Vec<String>),
    Kept(Vec<String>),
}

fn blocks(lines: &[String]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut after_blank = true;
    for line in lines {
        let text = line.trim();
        let indented = line.starts_with(' ');
        if text.is_empty() {
            if let Some(Block::Kept(kept)) = blocks.last_mut() {
                kept.push(String::new());
            }
            after_blank = true;
            continue;
        }
        match (blocks.last_mut(), text.strip_prefix("- ")) {
            (Some(Block::Kept(kept)), _) if indented => kept.push(line.clone()),
            (Some(Block::List(entries)), Some(entry)) if !indented => entries.push(entry.into()),
            (Some(Block::List(entries)), None) if !after_blank => {
                if let Some(last) = entries.last_mut() {
                    last.push(' ');
                    last.push_str(text);
                }
            }
            (_, Some(entry)) if !indented => blocks.push(Block::List(vec![entry.into()])),
            _ if indented => blocks.push(Block::Kept(vec![line.clone()])),
            (Some(Block::Text(paragraph)), _) if !after_blank => {
                paragraph.push(' ');
                paragraph.push_str(text);
            }
            _ => blocks.push(Block::Text(text.into())),
        }
        after_blank = false;
    }
    for block in &mut blocks {
        match block {
            Block::Kept(lines) => {
                while lines.last().is_some_and(String::is_empty) {
                    lines.pop();
                }
                let spaces = |line: &&String| line.len() - line.trim_start().len();
                let full = lines.iter().filter(|line| !line.is_empty());
                let least = full.map(|line| spaces(&line)).min().unwrap_or(0);
                for line in lines {
                    *line = line.get(least..).unwrap_or_default().trim_end().into();
                }
            }
            // What announces a block that keeps its shape.
            Block::Text(text) => {
                if let Some(before) = text.strip_suffix("::") {
                    *text = format!("{before}:");
                }
            }
            Block::List(_) => {}
        }
    }
    blocks.retain(|block| !matches!(block, Block::Text(text) if text == ":"));
    blocks
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Turns the marks of kernel-doc within a paragraph into those of Markdown.
pub(super) fn inline(text: &str, link: &dyn Fn(&str) -> bool) -> String {
    let marked = |name: &str| if link(name) { format!("[`{name}`]") } else { format!("`{name}`") };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        // `name`, ``name``
        if c == '`' {
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            let end = rest[ticks..].find(&rest[..ticks]);
            if let Some(end) = end {
                let inside = rest[ticks..ticks + end].trim_matches('`');
                let bare = without_keyword(inside);
                let name = if bare.chars().all(is_word) { bare } else { inside };
                out.push_str(&marked(name));
                rest = &rest[ticks + end + ticks..];
                continue;
            }
        }
        let word_len = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
        let starts = !out.ends_with(|c: char| is_word(c) || c == '&' || c == '%' || c == '@');
        if matches!(c, '&' | '%' | '@') && starts {
            let inside = without_keyword(&rest[1..]);
            let len = word_len(inside);
            let is_name = inside[..len].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if is_name {
                // A struct of another header keeps the word before its name.
                let name = &inside[..len];
                let keyword = &rest[1..rest.len() - inside.len()];
                let name = if link(name) { name.into() } else { format!("{keyword}{name}") };
                out.push_str(&marked(&name));
                rest = &inside[len..];
                continue;
            }
        }
        if is_word(c) && starts {
            let bare = without_keyword(rest);
            let len = word_len(bare);
            let name = &bare[..len];
            // A struct that is not one of this file keeps the word before its name.
            if bare.len() < rest.len() && link(name) {
                out.push_str(&marked(name));
                rest = &bare[len..];
                continue;
            }
            let len = word_len(rest);
            let (word, after) = rest.split_at(len);
            if let Some(behind) = after.strip_prefix("()") {
                out.extend(["`", word, "()`"]);
                rest = behind;
            } else if word.contains('_') || link(word) {
                out.push_str(&marked(word));
                rest = after;
            } else {
                out.push_str(word);
                rest = after;
            }
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// What stands behind `struct` and its like.
fn without_keyword(text: &str) -> &str {
    ["struct ", "union ", "enum "]
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .filter(|rest| rest.starts_with(|c: char| is_word(c)))
        .unwrap_or(text)
}

/// Breaks a text at spaces.
fn wrap(text: &str, width: usize, first: &str, next: &str) -> Vec<String> {
    prose::fill(text.split_whitespace(), width, first, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(Into::into).collect()
    }

    #[test]
    fn comments_are_taken_out_line_by_line_and_keep_their_shape() {
        let text = "/* SPDX */\n#define A \"/* no */\" // a\n/**\n * DOC: T\n *\n *   | x\n */\nint b; /* b */\n";
        let (comments, bare) = take(text);
        assert_eq!(bare.lines().count(), text.lines().count());
        assert!(bare.contains("\"/* no */\"") && !bare.contains("SPDX"), "{bare}");
        let found: Vec<_> =
            comments.iter().map(|c| (c.first, c.last, c.alone, c.lines.join("|"))).collect();
        let expected = [
            (1, 1, true, "SPDX"),
            (2, 2, false, "a"),
            (3, 7, true, "DOC: T||  | x"),
            (8, 8, false, "b"),
        ];
        assert_eq!(found, expected.map(|(a, b, c, d)| (a, b, c, d.to_string())));
    }

    #[test]
    fn kernel_doc_is_taken_apart() {
        let doc = kernel_doc(
            &lines("struct x_ser - An x.\n@a: The first\n    one.\n@b: b\n\nMore of it."),
            "x_ser",
        );
        assert_eq!(doc.lines.join("|"), "An x.||More of it.");
        assert_eq!(doc.members["a"], "The first one.");
        assert_eq!(kernel_doc(&lines("X_FLAG - A flag."), "X_FLAG").lines, ["A flag."]);
    }

    #[test]
    fn marks_and_shapes_go_over() {
        let known = |name: &str| name == "x_ser";
        let said =
            "See &struct y_ser, &struct x_ser, `struct x_ser`, struct x_ser, %X_A, @a, f_g() and ``y``; 3 % 2.";
        assert_eq!(
            inline(said, &known),
            "See `struct y_ser`, [`x_ser`], [`x_ser`], [`x_ser`], `X_A`, `a`, `f_g()` and `y`; 3 % 2."
        );
        let text = "A tree::\n\n  a\n    b\n\n  c\n\nEnd:\n  kept\n\n- one\n  more\n- two";
        let expected = [
            "A tree:",
            "",
            "```text",
            "a",
            "  b",
            "",
            "c",
            "```",
            "",
            "End:",
            "",
            "```text",
            "kept",
            "```",
            "",
            "- one more",
            "- two",
        ];
        assert_eq!(markdown(&lines(text), &known, ""), expected);
    }
}
