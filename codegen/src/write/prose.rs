// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Turns the documentation of the truth, which is Markdown, into kernel-doc.
//!
//! Supported are paragraphs, lists with `-`, and fenced blocks. A name in backticks or brackets
//! becomes kernel-doc's markup for its kind: `&struct x`, `%CONSTANT`, `@member`.

use kho_abi_model::{Item, Model, Record};
use std::collections::BTreeMap;

/// Names that prose may refer to, and kernel-doc's markup for each.
pub(super) struct Names<'a> {
    global: BTreeMap<&'a str, String>,
}

impl<'a> Names<'a> {
    pub(super) fn of(model: &'a Model) -> Self {
        let items = model.headers.iter().flat_map(|header| &header.items);
        let mut global = BTreeMap::new();
        for item in items {
            let mark = match item {
                Item::Constant(constant) => format!("%{}", constant.name),
                Item::Record(record) => format!("&{} {}", record.kind.keyword(), record.name),
                Item::Enum(item) => format!("&enum {}", item.name),
                Item::Macro(item) => format!("{}()", item.name),
            };
            global.insert(item.name(), mark);
            for constant in item.constants() {
                global.insert(&constant.name, format!("%{}", constant.name));
            }
        }
        Self { global }
    }

    fn mark(&self, name: &str, record: Option<&Record>) -> String {
        if let Some(mark) = self.global.get(name) {
            return mark.clone();
        }
        // A struct of another header.
        if ["struct ", "union ", "enum "].iter().any(|word| name.starts_with(word)) {
            return format!("&{name}");
        }
        // kernel-doc recognises a function by its parentheses.
        if name.ends_with("()") {
            return name.into();
        }
        if record.is_some_and(|record| record.fields.iter().any(|field| field.name == name)) {
            return format!("@{name}");
        }
        format!("``{name}``")
    }

    /// Replaces Markdown inside a paragraph.
    fn inline(&self, text: &str, record: Option<&Record>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find('`') {
            let Some(len) = rest[start + 1..].find('`') else { break };
            let before = &rest[..start];
            let name = &rest[start + 1..start + 1 + len];
            let after = &rest[start + len + 2..];
            // [`name`] is a link in rustdoc.
            let (before, after) = match (before.strip_suffix('['), after.strip_prefix(']')) {
                (Some(before), Some(after)) => (before, after),
                _ => (before, after),
            };
            out.push_str(before);
            out.push_str(&self.mark(name, record));
            rest = after;
        }
        out.push_str(rest);
        // The text must not end the comment that contains it.
        out.replace("*/", "* /")
    }
}

/// One block of documentation.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    Paragraph(String),
    /// The text of each entry.
    List(Vec<String>),
    /// Lines that are kept unchanged.
    Fenced(Vec<String>),
}

/// The first paragraph, in one line, and the lines of the rest.
pub(super) fn split_brief(doc: &str) -> (String, &str) {
    let mut end = 0;
    let mut brief = Vec::new();
    for line in doc.split_inclusive('\n') {
        if line.trim().is_empty() {
            break;
        }
        brief.push(line.trim());
        end += line.len();
    }
    (brief.join(" "), doc[end..].trim_start_matches('\n'))
}

/// The lines of a comment's body, each at most `width` columns wide if words allow it.
pub(super) fn lines(
    doc: &str,
    names: &Names<'_>,
    record: Option<&Record>,
    width: usize,
) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for block in blocks(doc) {
        if !out.is_empty() {
            out.push(String::new());
        }
        match block {
            Block::Paragraph(text) => out.extend(wrap(&names.inline(&text, record), width, "", "")),
            Block::List(entries) => {
                for entry in entries {
                    out.extend(wrap(&names.inline(&entry, record), width, "- ", "  "));
                }
            }
            Block::Fenced(text) => {
                out.push("::".into());
                out.push(String::new());
                out.extend(text.iter().map(|line| format!("  {}", line.replace("*/", "* /"))));
            }
        }
    }
    out.iter().map(|line| line.trim_end().to_string()).collect()
}

/// A text as one paragraph, with all markup replaced.
pub(super) fn paragraph(text: &str, names: &Names<'_>, record: Option<&Record>) -> String {
    names.inline(&text.split_whitespace().collect::<Vec<_>>().join(" "), record)
}

fn blocks(doc: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut fence: Option<Vec<String>> = None;
    // Whether the next line of text continues the block before it.
    let mut open = false;
    for line in doc.lines() {
        if line.trim_start().starts_with("```") {
            match fence.take() {
                Some(text) => blocks.push(Block::Fenced(text)),
                None => fence = Some(Vec::new()),
            }
            open = false;
            continue;
        }
        if let Some(text) = &mut fence {
            text.push(line.to_string());
            continue;
        }
        let text = line.trim();
        let entry = text.strip_prefix("- ");
        match (entry, blocks.last_mut()) {
            _ if text.is_empty() => open = false,
            (Some(entry), Some(Block::List(entries))) => {
                entries.push(entry.into());
                open = true;
            }
            (Some(entry), _) => {
                blocks.push(Block::List(vec![entry.into()]));
                open = true;
            }
            (None, Some(Block::Paragraph(paragraph))) if open => {
                paragraph.push(' ');
                paragraph.push_str(text);
            }
            (None, Some(Block::List(entries))) if open => {
                if let Some(last) = entries.last_mut() {
                    last.push(' ');
                    last.push_str(text);
                }
            }
            (None, _) => {
                blocks.push(Block::Paragraph(text.into()));
                open = true;
            }
        }
    }
    // An unclosed fence still shows its text.
    blocks.extend(fence.map(Block::Fenced));
    blocks
}

/// Breaks a text at spaces; `first` and `next` begin the first and the following lines.
///
/// Markup such as `&struct x` stays in one line, since kernel-doc does not match across lines.
pub(super) fn wrap(text: &str, width: usize, first: &str, next: &str) -> Vec<String> {
    let text = text.replace("&struct ", "&struct\u{a0}").replace("&union ", "&union\u{a0}");
    let text = text.replace("&enum ", "&enum\u{a0}");
    let words = text.split([' ', '\n', '\t']).filter(|word| !word.is_empty());
    fill(words, width, first, next).iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// Fills lines of that width with words; `first` and `next` begin the first and the following lines.
pub(crate) fn fill<'t>(
    words: impl Iterator<Item = &'t str>,
    width: usize,
    first: &str,
    next: &str,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_string();
    let mut empty = true;
    for word in words {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, next.to_string()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_model::Target;

    fn render(doc: &str, width: usize) -> Vec<String> {
        let model = Model { target: Target::X86_64, headers: vec![], other_pages: vec![] };
        lines(doc, &Names::of(&model), None, width)
    }

    #[test]
    fn paragraphs_lists_and_fences_keep_their_shape() {
        let doc =
            "One two\nthree.\n\n- first entry\n  goes on\n- second\n\n```text\na   b\n```\nEnd.";
        let expected = [
            "One two",
            "three.",
            "",
            "- first",
            "  entry",
            "  goes on",
            "- second",
            "",
            "::",
            "",
            "  a   b",
            "",
            "End.",
        ];
        assert_eq!(render(doc, 9), expected);
    }

    #[test]
    fn prose_cannot_end_the_comment_it_goes_into() {
        assert_eq!(
            render("sneaky */ #error `*/`\n```\n*/\n```", 80).join("|"),
            "sneaky * / #error ``* /``||::||  * /"
        );
    }

    #[test]
    fn an_unclosed_mark_is_text() {
        assert_eq!(render("a ` b", 80), ["a ` b"]);
        assert_eq!(render("[`a`", 80), ["[``a``"]);
    }
}
