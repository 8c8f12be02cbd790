// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A strict reader of the small part of ImHex's pattern language that the writer uses.
//!
//! It replaces the editor, for which no package registry has a scriptable program. Unknown syntax
//! is an error.

use std::collections::BTreeMap;

/// A field, by its path from the start of a struct, with its place and size in bits.
pub(crate) type Leaf = (String, u64, u64);

enum Len {
    One,
    Fixed(u64),
    /// The field with the count, by its path.
    Counted(String),
}

struct Member {
    ty: String,
    name: String,
    len: Len,
}

enum Kind {
    Struct(Vec<Member>),
    Union(Vec<Member>),
    /// Names with their widths in bits; the first is the least significant.
    Bits(Vec<(String, u64)>),
    Enum(u64),
}

/// A parsed pattern.
#[derive(Default)]
pub(crate) struct Pattern {
    pub(crate) defines: BTreeMap<String, String>,
    pub(crate) members: BTreeMap<String, String>,
    types: BTreeMap<String, Kind>,
    /// Types, with the sizes that the pattern asserts.
    pub(crate) asserted: Vec<(String, u64)>,
}

/// Words and punctuation of a text; a string is one token, with its quotes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut token = c.to_string();
        if c.is_alphanumeric() || c == '_' {
            while let Some(next) = chars.next_if(|next| next.is_alphanumeric() || *next == '_') {
                token.push(next);
            }
        } else if c == '"' {
            loop {
                let next = chars.next().expect("a string ends");
                token.push(next);
                match next {
                    '\\' => token.push(chars.next().expect("a string ends")),
                    '"' => break,
                    _ => {}
                }
            }
        }
        tokens.push(token);
    }
    tokens
}

struct Reader<'a> {
    tokens: std::iter::Peekable<std::slice::Iter<'a, String>>,
}

impl Reader<'_> {
    fn next(&mut self) -> String {
        self.tokens.next().expect("the pattern goes on").clone()
    }

    fn eat(&mut self, wanted: &str) {
        for wanted in tokens(wanted) {
            assert_eq!(self.next(), wanted);
        }
    }

    fn found(&mut self, wanted: &str) -> bool {
        self.tokens.next_if(|token| *token == wanted).is_some()
    }

    fn number(&mut self) -> u64 {
        let token = self.next();
        token.parse().unwrap_or_else(|_| panic!("{token} is a number"))
    }

    fn name(&mut self) -> String {
        let name = self.next();
        assert!(
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'),
            "{name} is a name"
        );
        name
    }

    fn string(&mut self) {
        let token = self.next();
        assert!(token.len() > 2 && token.starts_with('"') && token.ends_with('"'), "{token}");
    }

    /// Skips what may stand between a member and its end.
    fn end_of_member(&mut self) {
        if self.found("[") {
            self.eat("[comment(");
            self.string();
            self.eat(")]]");
        }
        self.eat(";");
    }

    fn members(&mut self) -> Vec<Member> {
        self.eat("{");
        let mut members: Vec<Member> = Vec::new();
        while !self.found("}") {
            let (ty, name) = (self.name(), self.name());
            assert!(members.iter().all(|other| other.name != name), "{name} is there twice");
            let comment = |reader: &Self| {
                let mut ahead = reader.tokens.clone();
                ahead.next().is_some_and(|t| t == "[") && ahead.next().is_some_and(|t| t == "[")
            };
            let mut len = Len::One;
            if !comment(self) && self.found("[") {
                len = match self.next() {
                    word if word.parse::<u64>().is_ok() => Len::Fixed(word.parse().unwrap()),
                    word => {
                        self.eat(".");
                        Len::Counted(format!("{word}.{}", self.name()))
                    }
                };
                self.eat("]");
            }
            self.end_of_member();
            members.push(Member { ty, name, len });
        }
        members
    }
}

impl Pattern {
    pub(crate) fn read(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut code = String::new();
        for line in text.lines() {
            if let Some(define) = line.strip_prefix("#define ") {
                let (name, value) = define.split_once(' ').expect("a macro has a value");
                let before = pattern.defines.insert(name.into(), value.into());
                assert_eq!(before, None, "{name} is there twice");
            } else if line.starts_with("#pragma ") {
                let known = ["#pragma description ", "#pragma endian little"];
                assert!(known.iter().any(|known| line.starts_with(known)), "{line}");
            } else if !line.trim_start().starts_with("//") {
                code.push_str(line);
                code.push('\n');
            }
        }
        let tokens = tokens(&code);
        let mut reader = Reader { tokens: tokens.iter().peekable() };
        while reader.tokens.peek().is_some() {
            pattern.item(&mut reader);
        }
        pattern
    }

    fn item(&mut self, reader: &mut Reader<'_>) {
        let word = reader.next();
        let (name, kind) = match word.as_str() {
            "import" => return reader.eat("std.sys;"),
            "std" => {
                reader.eat("::assert(sizeof(");
                let name = reader.name();
                reader.eat(") ==");
                let size = reader.number();
                reader.eat(",");
                reader.string();
                reader.eat(");");
                return self.asserted.push((name, size));
            }
            "struct" => (reader.name(), Kind::Struct(reader.members())),
            "union" => (reader.name(), Kind::Union(reader.members())),
            "bitfield" => {
                let name = reader.name();
                let mut fields = Vec::new();
                reader.eat("{");
                while !reader.found("}") {
                    let field = reader.name();
                    reader.eat(":");
                    fields.push((field, reader.number()));
                    reader.end_of_member();
                }
                (name, Kind::Bits(fields))
            }
            "enum" => {
                let name = reader.name();
                reader.eat(": u64 {");
                while !reader.found("}") {
                    let member = reader.name();
                    reader.eat("=");
                    self.members.insert(member, reader.number().to_string());
                    reader.eat(",");
                }
                (name, Kind::Enum(64))
            }
            other => panic!("{other} begins nothing that is known"),
        };
        reader.eat(";");
        // A type must be declared before it is used.
        if let Kind::Struct(members) | Kind::Union(members) = &kind {
            for member in members {
                assert!(self.is_known(&member.ty), "{} is not known in {name}", member.ty);
            }
        }
        assert!(self.types.insert(name.clone(), kind).is_none(), "{name} is there twice");
    }

    fn is_known(&self, ty: &str) -> bool {
        builtin(ty).is_some() || self.types.contains_key(ty)
    }

    pub(crate) fn has(&self, ty: &str) -> bool {
        self.types.contains_key(ty)
    }

    /// The fields of a type at the start of some bytes, and its size in bits.
    pub(crate) fn place(&self, ty: &str, bytes: &[u8]) -> (Vec<Leaf>, u64) {
        let mut leaves = Vec::new();
        let size = self.put(ty, "", 0, bytes, &mut leaves);
        (leaves, size)
    }

    fn put(&self, ty: &str, path: &str, at: u64, bytes: &[u8], leaves: &mut Vec<Leaf>) -> u64 {
        let joined = |name: &str| match path {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        match self.types.get(ty) {
            None => {
                let size = builtin(ty).unwrap_or_else(|| panic!("{ty} is known"));
                leaves.push((path.into(), at, size));
                size
            }
            Some(Kind::Enum(size)) => {
                leaves.push((path.into(), at, *size));
                *size
            }
            Some(Kind::Bits(fields)) => {
                let mut end = at;
                for (name, size) in fields {
                    // The name of a bit-field type is not part of the path: it does not exist in C.
                    let outer = path.rsplit_once('.').map_or("", |(outer, _)| outer);
                    let dot = if outer.is_empty() { "" } else { "." };
                    leaves.push((format!("{outer}{dot}{name}"), end, *size));
                    end += size;
                }
                (end - at).next_multiple_of(8)
            }
            Some(Kind::Struct(members)) => {
                let mut end = at;
                for member in members {
                    end += self.member(member, &joined(&member.name), end, bytes, leaves);
                }
                end - at
            }
            Some(Kind::Union(members)) => {
                let sizes = members
                    .iter()
                    .map(|member| self.member(member, &joined(&member.name), at, bytes, leaves));
                sizes.max().unwrap_or(0)
            }
        }
    }

    fn member(
        &self,
        member: &Member,
        path: &str,
        at: u64,
        bytes: &[u8],
        leaves: &mut Vec<Leaf>,
    ) -> u64 {
        let len = match &member.len {
            Len::One => return self.put(&member.ty, path, at, bytes, leaves),
            Len::Fixed(len) => *len,
            Len::Counted(by) => {
                let (_, offset, size) =
                    leaves.iter().find(|leaf| leaf.0 == *by).expect("what counts is there");
                number(bytes, *offset, *size)
            }
        };
        if let Some(size) = builtin(&member.ty) {
            leaves.push((path.into(), at, size * len));
            return size * len;
        }
        let mut end = at;
        for index in 0..len {
            end += self.put(&member.ty, &format!("{path}[{index}]"), end, bytes, leaves);
        }
        end - at
    }
}

fn builtin(ty: &str) -> Option<u64> {
    if ty == "char" {
        return Some(8);
    }
    let size = ty.strip_prefix(['u', 's'])?.parse().ok()?;
    [8, 16, 32, 64].contains(&size).then_some(size)
}

/// A little-endian number of at most 64 bits.
pub(crate) fn number(bytes: &[u8], offset: u64, size: u64) -> u64 {
    let bit = |at: u64| {
        let byte = bytes.get(usize::try_from(at / 8).unwrap()).expect("the bytes are there");
        u64::from(byte >> (at % 8) & 1)
    };
    (0..size).map(|index| bit(offset + index) << index).sum()
}
