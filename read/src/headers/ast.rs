// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Parses clang's output: the layouts that it computed, and the syntax tree.
//!
//! The output has one block of text for each layout, and then the tree as JSON. Only the
//! declarations of the tree are kept. Of an expression, only the value that clang computed is kept.

use super::json::{Piece, Pieces};
use std::collections::BTreeMap;

/// Clang's answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The top-level declarations, in order.
    pub(super) declarations: Vec<Node>,
    /// Layouts by the name of their type; several if types share one name.
    pub(super) layouts: BTreeMap<String, Vec<Layout>>,
}

/// The layout of a struct or union.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Size, in bits.
    pub(super) size: u64,
    /// Alignment, in bits.
    pub(super) align: u64,
    /// Offsets of the fields, in bits, in their order.
    pub(super) offsets: Vec<u64>,
}

/// A declaration, or an attribute of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Its kind, as `RecordDecl`.
    pub(super) kind: String,
    /// The id by which other nodes refer to it.
    pub(super) id: String,
    /// Its name; empty if it has none.
    pub(super) name: String,
    /// Where its name is, or where the macro that creates it is used.
    pub(super) place: Option<Location>,
    /// `struct` or `union`.
    pub(super) tag_used: String,
    /// Whether it has a body.
    pub(super) complete: bool,
    /// Whether clang found it wrong.
    pub(super) invalid: bool,
    /// Whether it is a bit-field.
    pub(super) bit_field: bool,
    /// Its type, as written.
    pub(super) ty: String,
    /// Its type with typedefs resolved; empty if that is the same.
    pub(super) plain_ty: String,
    /// The tag that is declared inside it.
    pub(super) owned_tag: String,
    /// The value of the constant expression in it.
    pub(super) value: Option<String>,
    /// The string in it, as C writes it.
    pub(super) string: Option<String>,
    /// The declarations inside it, and its attributes.
    pub(super) inner: Vec<Node>,
}

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    /// The file, by the name that clang uses.
    pub(super) file: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The column, from 1.
    pub(super) column: usize,
}

/// Parses an answer.
pub(super) fn parse(answer: &str) -> Result<Answer, String> {
    let at_once = answer.starts_with("{\n").then_some(0);
    let tree = at_once.or_else(|| answer.find("\n{\n").map(|found| found + 1));
    let tree = tree.ok_or("the syntax tree is missing")?;
    let mut parsed = Answer { layouts: layouts(&answer[..tree])?, ..Answer::default() };
    let mut reader = Reader::default();
    for piece in Pieces::new(&answer[tree..]) {
        if let Some(root) = reader.take(piece?)? {
            parsed.declarations.extend(root.inner);
        }
    }
    if !reader.open.is_empty() {
        return Err("the syntax tree is cut off".into());
    }
    Ok(parsed)
}

fn layouts(text: &str) -> Result<BTreeMap<String, Vec<Layout>>, String> {
    let mut layouts: BTreeMap<String, Vec<Layout>> = BTreeMap::new();
    for block in text.split("*** Dumping AST Record Layout").skip(1) {
        let field = |name: &str| {
            let mut lines = block.lines().map(str::trim);
            lines.find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim_end_matches('>'))
        };
        let number = |name: &str| {
            let found = field(name).and_then(|text| text.parse().ok());
            found.ok_or_else(|| format!("a layout without `{name}`"))
        };
        let name = field("Type: ").ok_or("a layout without a type")?;
        let offsets = field("FieldOffsets: [").and_then(|list| list.strip_suffix(']'));
        let offsets = offsets.ok_or("a layout without the offsets of its fields")?;
        let offsets = offsets.split(',').map(str::trim).filter(|offset| !offset.is_empty());
        let offsets = offsets.map(|offset| offset.parse::<u64>().map_err(|e| e.to_string()));
        let layout = Layout {
            size: number("Size:")?,
            align: number("Alignment:")?,
            offsets: offsets.collect::<Result<_, _>>()?,
        };
        layouts.entry(name.into()).or_default().push(layout);
    }
    Ok(layouts)
}

/// What an open bracket belongs to.
#[derive(Debug)]
enum Open {
    Node(Box<Node>),
    /// The nodes inside another, or the root.
    Inner,
    /// A location; the flag says whether it is the node's own, and not that of a part of it.
    Location {
        own: bool,
        column: usize,
    },
    /// The beginning and the end of something.
    Range,
    Type,
    OwnedTag,
    /// Something irrelevant.
    Other,
}

/// Assembles the pieces.
///
/// clang prints the file and the line of a location only if they differ from those of the location
/// that it printed last, anywhere in the tree. So the reader follows all locations.
#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    key: String,
    file: String,
    line: usize,
}

impl Reader {
    /// Takes a piece; returns the root once it is closed.
    fn take(&mut self, piece: Piece) -> Result<Option<Node>, String> {
        match piece {
            Piece::Key(key) => self.key = key,
            Piece::Open => {
                let open = self.opened();
                self.key.clear();
                self.open.push(open);
            }
            Piece::Text(text) => self.value(&text),
            Piece::Word(word) => self.value(&word),
            Piece::Close => match self.open.pop() {
                None => return Err("the syntax tree has an unmatched bracket".into()),
                Some(Open::Node(node)) => return Ok(self.closed(*node)),
                Some(Open::Location { own, column }) => {
                    let place = Location { file: self.file.clone(), line: self.line, column };
                    if let (true, Some(node)) = (own && column > 0, self.node()) {
                        node.place = Some(place);
                    }
                }
                Some(_) => {}
            },
        }
        Ok(None)
    }

    fn opened(&self) -> Open {
        let location = |own| Open::Location { own, column: 0 };
        match (self.open.last(), self.key.as_str()) {
            (None | Some(Open::Inner), _) => Open::Node(Box::default()),
            (Some(Open::Node(_)), "inner") => Open::Inner,
            (Some(Open::Node(_)), "loc") => location(true),
            (Some(Open::Node(_)), "range") => Open::Range,
            (Some(Open::Node(_)), "type") => Open::Type,
            (Some(Open::Node(_)), "ownedTagDecl") => Open::OwnedTag,
            (Some(Open::Range), _) => location(false),
            // For a name that a macro creates: first its location in the macro, then where the
            // macro is used.
            (Some(Open::Location { own, .. }), "spellingLoc" | "expansionLoc") => location(*own),
            _ => Open::Other,
        }
    }

    fn value(&mut self, text: &str) {
        let key = std::mem::take(&mut self.key);
        match self.open.last_mut() {
            Some(Open::Location { column, .. }) => match key.as_str() {
                "file" => self.file = text.into(),
                "line" => self.line = text.parse().unwrap_or(0),
                "col" => *column = text.parse().unwrap_or(0),
                _ => {}
            },
            Some(Open::Node(node)) => match key.as_str() {
                "kind" => node.kind = text.into(),
                "id" => node.id = text.into(),
                "name" => node.name = text.into(),
                "tagUsed" => node.tag_used = text.into(),
                "completeDefinition" => node.complete = text == "true",
                "isInvalid" => node.invalid = text == "true",
                "isBitfield" => node.bit_field = text == "true",
                "value" if node.kind == "ConstantExpr" => node.value = Some(text.into()),
                "value" if node.kind == "StringLiteral" => node.string = Some(text.into()),
                _ => {}
            },
            Some(Open::Type) => {
                if let Some(Open::Node(node)) = self.open.iter_mut().nth_back(1) {
                    match key.as_str() {
                        "qualType" => node.ty = text.into(),
                        "desugaredQualType" => node.plain_ty = text.into(),
                        _ => {}
                    }
                }
            }
            Some(Open::OwnedTag) if key == "id" => {
                if let Some(Open::Node(node)) = self.open.iter_mut().nth_back(1) {
                    node.owned_tag = text.into();
                }
            }
            _ => {}
        }
    }

    /// The node that is being read.
    fn node(&mut self) -> Option<&mut Node> {
        self.open.iter_mut().rev().find_map(|open| match open {
            Open::Node(node) => Some(&mut **node),
            _ => None,
        })
    }

    fn closed(&mut self, node: Node) -> Option<Node> {
        if self.open.is_empty() {
            return Some(node);
        }
        let parent = self.node()?;
        let kept = node.kind.ends_with("Decl") || node.kind.ends_with("Attr");
        if kept {
            parent.inner.push(node);
        } else {
            // The outermost constant is the value, and the first string is the string. Declarations
            // inside a type or an expression still count.
            if parent.value.is_none() {
                parent.value = node.value;
            }
            if parent.string.is_none() {
                parent.string = node.string;
            }
            if parent.owned_tag.is_empty() {
                parent.owned_tag = node.owned_tag;
            }
            parent.inner.extend(node.inner);
        }
        None
    }
}

/// The bytes of a C string literal, as clang writes one.
pub(super) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'a' => 7,
            b'b' => 8,
            b'v' => 11,
            b'f' => 12,
            same @ (b'"' | b'\\' | b'\'' | b'?') => same,
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|byte| matches!(byte, b'0'..=b'7')) else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                }
                u8::try_from(value).ok()?
            }
            b'x' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_unquoted() {
        let unquoted = |text| unquote(text);
        assert_eq!(unquoted(r#""kho-v4""#).as_deref(), Some(&b"kho-v4"[..]));
        assert_eq!(unquoted(r#""a\"\\\n\001\3772""#).as_deref(), Some(&b"a\"\\\n\x01\xff2"[..]));
        assert_eq!(unquoted(r#""\777""#), None);
        assert_eq!(unquoted(r#""open\""#), None);
        assert_eq!(unquoted("plain"), None);
    }

    #[test]
    fn layouts_and_places_are_read() {
        let answer = "\n*** Dumping AST Record Layout\nType: struct x\n\nLayout: <ASTRecordLayout\n  \
            Size:64\n  DataSize:64\n  Alignment:8\n  FieldOffsets: [0, 52]>\n{\n  \"kind\": \
            \"TranslationUnitDecl\", \"inner\": [{\"id\": \"1\", \"kind\": \"RecordDecl\", \"loc\": \
            {\"offset\": 4, \"file\": \"/x.h\", \"line\": 3, \"col\": 8}, \"range\": {\"begin\": \
            {\"line\": 2, \"col\": 1}, \"end\": {\"col\": 2}}, \"name\": \"x\", \"inner\": \
            [{\"kind\": \"FieldDecl\", \"loc\": {\"spellingLoc\": {\"file\": \"/m.h\", \"line\": 9, \
            \"col\": 4}, \"expansionLoc\": {\"file\": \"/x.h\", \"line\": 5, \"col\": 2}}, \"name\": \
            \"f\", \"type\": {\"qualType\": \"u64\"}, \"inner\": [{\"kind\": \"ConstantExpr\", \
            \"value\": \"52\", \"inner\": [{\"kind\": \"ConstantExpr\", \"value\": \"1\"}]}]}]}]}";
        let answer = parse(answer).unwrap();
        assert_eq!(
            answer.layouts["struct x"],
            [Layout { size: 64, align: 8, offsets: vec![0, 52] }]
        );
        let record = &answer.declarations[0];
        let place = |line, column| Some(Location { file: "/x.h".into(), line, column });
        assert_eq!((record.name.as_str(), record.place.clone()), ("x", place(3, 8)));
        let field = &record.inner[0];
        assert_eq!((field.value.as_deref(), field.place.clone()), (Some("52"), place(5, 2)));
        assert!(parse("{\n\"inner\": [").is_err());
        assert!(parse("*** Dumping AST Record Layout\nType: x\n").is_err());
    }
}
