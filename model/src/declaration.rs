// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Declarations as text: used if no compiler computes a layout or a value.

use super::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One declaration of a header, at its top level, as its text has it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Declaration {
    /// What it declares.
    pub kind: DeclarationKind,
    /// The name that it gives. Of an enum without a tag, its first enumerator.
    pub name: String,
    /// What it is made of, with single blanks: no comments, and each type and attribute in one
    /// spelling. Directives within it stand on lines of their own.
    pub tokens: String,
    /// The place in the source.
    pub place: Option<Place>,
    /// What has to hold for it to be there, as `defined CONFIG_X`; empty where it always is.
    pub condition: String,
    /// Why the model has no layout or value of it; `None` where it has.
    pub unproven: Option<String>,
}

/// What a declaration declares.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DeclarationKind {
    /// A struct with a body.
    Struct,
    /// A union with a body.
    Union,
    /// An enumeration with a body.
    Enum,
    /// A name for a type.
    Typedef,
    /// A macro without arguments.
    Constant,
    /// A macro with arguments.
    Macro,
    /// A function, with or without a body.
    Function,
    /// A check that a header makes of itself.
    Assert,
    /// Anything else, as the use of a macro that declares something.
    Other,
}

impl DeclarationKind {
    /// Its name in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Struct => "struct",
            Self::Union => "union",
            Self::Enum => "enum",
            Self::Typedef => "typedef",
            Self::Constant => "constant",
            Self::Macro => "macro",
            Self::Function => "function",
            Self::Assert => "assertion",
            Self::Other => "declaration",
        }
    }

    /// Whether it is code, which has no layout itself.
    #[must_use]
    pub fn is_code(self) -> bool {
        matches!(self, Self::Macro | Self::Function)
    }

    /// Whether declarations of these kinds can be the same item: a struct may become a union, and
    /// an enumerator a macro.
    #[must_use]
    pub fn shares_names_with(self, other: Self) -> bool {
        let space = |kind| match kind {
            Self::Struct | Self::Union | Self::Typedef => 0,
            Self::Enum | Self::Constant => 1,
            Self::Macro | Self::Function => 2,
            Self::Assert => 3,
            Self::Other => 4,
        };
        space(self) == space(other)
    }
}

/// The reason why an incomplete declaration is not proven: the text lacks its beginning or end, so
/// more may be missing.
pub const BROKEN: &str = "it is not terminated";

/// How a line of `tokens` begins that takes a part of the text from another file.
pub const INCLUDES: &str = "#include ";

/// The file that has a part of the text of a declaration with these tokens.
#[must_use]
pub fn included_in(tokens: &str) -> Option<&str> {
    tokens.lines().find_map(|line| line.strip_prefix(INCLUDES))
}

impl Declaration {
    /// Whether the text of its header is incomplete here.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.unproven.as_deref() == Some(BROKEN)
    }

    /// Its name in messages: `struct luo_ser`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }

    /// The names that it uses, in order, possibly repeated: identifiers except for its own name and
    /// for the targets of its pointers. Names of fields are included.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let mut words = self.tokens.split_ascii_whitespace().peekable();
        let mut in_string = false;
        // A star behind a name makes it a pointer, except where there is only a number.
        let is_number = matches!(self.kind, DeclarationKind::Constant | DeclarationKind::Enum);
        let mut brackets = 0_usize;
        std::iter::from_fn(move || loop {
            let word = words.next()?;
            match word {
                "[" => brackets += 1,
                "]" => brackets = brackets.saturating_sub(1),
                _ => {}
            }
            // A string may contain blanks, but counts as one word.
            let quotes = word.matches('"').count() - word.matches("\\\"").count();
            let was_in_string = in_string;
            in_string ^= quotes % 2 == 1;
            let is_pointer = words.peek() == Some(&"*") && !is_number && brackets == 0;
            if was_in_string || quotes > 0 || is_pointer {
                continue;
            }
            if is_identifier(word) && word != self.name && !KEYWORDS.contains(&word) {
                return Some(word);
            }
        })
    }

    /// The names that it declares: its own, and those of its enumerators.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names = vec![self.name.as_str()];
        if self.kind == DeclarationKind::Enum {
            let mut before = "";
            for word in self.tokens.split_ascii_whitespace() {
                if matches!(before, "{" | ",") && is_identifier(word) && word != self.name {
                    names.push(word);
                }
                before = word;
            }
        }
        names
    }
}

fn is_identifier(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// C keywords, and types and attributes that every header has.
const KEYWORDS: &[&str] = &[
    "struct",
    "union",
    "enum",
    "typedef",
    "const",
    "volatile",
    "static",
    "inline",
    "extern",
    "sizeof",
    "char",
    "void",
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "__packed",
    "__aligned",
    "__attribute__",
    "return",
    "if",
    "else",
    "for",
    "while",
    "do",
    "switch",
    "case",
    "default",
    "break",
    "continue",
    "typeof",
    "defined",
    "_Alignof",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_told_from_what_is_declared() {
        let declaration = |kind, name: &str, tokens: &str| Declaration {
            kind,
            name: name.into(),
            tokens: tokens.into(),
            place: None,
            condition: String::new(),
            unproven: None,
        };
        let of = declaration(
            DeclarationKind::Struct,
            "x",
            "struct x { struct y a ; struct z * b ; char c [ LEN + 1 ] ; } __packed",
        );
        assert_eq!(of.references().collect::<Vec<_>>(), ["y", "a", "b", "c", "LEN"]);
        let text = declaration(DeclarationKind::Constant, "X", "\"a b \\\" c\" Y");
        assert_eq!(text.references().collect::<Vec<_>>(), ["Y"]);
        let of = declaration(DeclarationKind::Enum, "A", "enum { A , B = CALL ( 1 , 2 ) , C }");
        assert_eq!(of.names(), ["A", "B", "C"]);
    }
}
