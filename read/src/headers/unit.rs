// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes the unit that clang is given: the headers, and a question for each name in them.
//!
//! Each question is a declaration on a line of its own. One that clang cannot make sense of is an error
//! on that line, and the name has no value of that kind; all others have theirs.

use super::ast::Node;
use super::scan::Scan;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What questions are named, so that no header has the name.
const PREFIX: &str = "__kho_abi_";

/// What stands before the first question and behind the last one. A header that does not end what it
/// begins has them within, or not at all.
const BEGIN: &str = "__kho_abi_begin";
const END: &str = "__kho_abi_end";

/// A unit, with what stands on which of its lines.
#[derive(Debug, Default)]
pub(super) struct Unit {
    /// Its text.
    pub(super) text: String,
    /// What is asked, by its number.
    pub(super) asked: Vec<Asked>,
    /// Which question stands on which line.
    lines: BTreeMap<usize, usize>,
    /// Number of lines.
    line: usize,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// The value of a macro or an enumerator, as a number.
    Number(String),
    /// The value of a macro, as a string.
    Text(String),
    /// Size and alignment of a type, by which it is laid out.
    Type(String),
    /// Size of an enum, and whether it has a sign.
    Enum(String),
}

/// What the name of a declaration tells: which question it answers, and which part of it.
pub(super) fn answers(name: &str) -> Option<(usize, char)> {
    let rest = name.strip_prefix(PREFIX)?;
    let part = rest.chars().next()?;
    Some((rest[part.len_utf8()..].parse().ok()?, part))
}

impl Unit {
    /// The unit for these headers, each by the name to include it by, with what was found in it.
    pub(super) fn new<'a>(
        first: &[String],
        headers: impl Iterator<Item = (String, &'a Scan)> + Clone,
    ) -> Self {
        let mut unit = Self::default();
        for name in first {
            unit.put(&format!("#include <{name}>"));
        }
        for (name, _) in headers.clone() {
            unit.put(&format!("#include <{name}>"));
        }
        unit.put(&format!("enum {{ {BEGIN} }};"));
        for (_, scan) in headers {
            unit.questions(scan);
        }
        unit.put(&format!("enum {{ {END} }};"));
        unit
    }

    fn questions(&mut self, scan: &Scan) {
        for define in scan.defines.iter().filter(|define| define.arguments.is_none()) {
            if define.body.is_empty() {
                continue;
            }
            let name = &define.name;
            self.put(&format!("#ifdef {name}"));
            self.ask(Asked::Number(name.clone()), |at| {
                format!("enum {{ {PREFIX}n{at} = ({name}) }};")
            });
            self.ask(Asked::Text(name.clone()), |at| {
                format!("static const char {PREFIX}t{at}[] = ({name});")
            });
            self.put("#endif");
        }
        for enumerator in &scan.enumerators {
            let name = &enumerator.name;
            self.ask(Asked::Number(name.clone()), |at| {
                format!("enum {{ {PREFIX}n{at} = ({name}) }};")
            });
        }
        let tags = scan
            .tags
            .iter()
            .map(|tag| (tag.keyword == "enum", format!("{} {}", tag.keyword, tag.name)));
        let typedefs = scan.typedefs.iter().map(|name| (false, name.name.clone()));
        for (is_enum, ty) in tags.chain(typedefs) {
            if is_enum {
                self.ask(Asked::Enum(ty.clone()), |at| {
                    format!(
                        "enum {{ {PREFIX}s{at} = sizeof({ty}), {PREFIX}m{at} = ({ty})-1 < 0 }};"
                    )
                });
            } else {
                self.ask(Asked::Type(ty.clone()), |at| {
                    format!(
                        "enum {{ {PREFIX}s{at} = sizeof({ty}), {PREFIX}a{at} = _Alignof({ty}) }};"
                    )
                });
            }
        }
    }

    fn put(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
        self.line += 1;
    }

    fn ask(&mut self, asked: Asked, question: impl FnOnce(usize) -> String) {
        let at = self.asked.len();
        self.asked.push(asked);
        self.put(&question(at));
        self.lines.insert(self.line, at);
    }

    /// Whether the questions were understood as such.
    pub(super) fn is_answered_by(declarations: &[Node]) -> bool {
        let inside = |name: &str| {
            declarations.iter().any(|node| {
                node.kind == "EnumDecl" && node.inner.iter().any(|member| member.name == name)
            })
        };
        inside(BEGIN) && inside(END)
    }

    /// The question on a line.
    pub(super) fn asked_on(&self, line: usize) -> Option<&Asked> {
        self.lines.get(&line).map(|at| &self.asked[*at])
    }
}
