// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes the unit for clang: the headers, and a question for each name in them.
//!
//! Each question is a declaration on a line of its own. If clang rejects a question, there is an
//! error on that line, and the name has no value of that kind. All others have their values.

use super::ast::Node;
use super::scan::Scan;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The prefix of questions, which no header uses.
const PREFIX: &str = "__kho_abi_";

/// Markers before the first question and after the last one. A header that does not end what it
/// begins has them inside it, or not at all.
const BEGIN: &str = "__kho_abi_begin";
const END: &str = "__kho_abi_end";

/// A unit, and what is on each of its lines.
#[derive(Debug, Default)]
pub(super) struct Unit {
    /// Its text.
    pub(super) text: String,
    /// The questions, by number.
    pub(super) asked: Vec<Asked>,
    /// The question on each line.
    lines: BTreeMap<usize, usize>,
    /// Number of lines.
    line: usize,
}

/// The subject of a question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// The value of a macro or an enumerator, as a number.
    Number(String),
    /// The value of a macro, as a string.
    Text(String),
    /// Size and alignment of a type, which makes clang lay it out.
    Type(String),
    /// Size of an enum, and whether it has a sign.
    Enum(String),
}

/// The meaning of a declaration's name: which question it answers, and which part of it.
pub(super) fn answers(name: &str) -> Option<(usize, char)> {
    let rest = name.strip_prefix(PREFIX)?;
    let part = rest.chars().next()?;
    Some((rest[part.len_utf8()..].parse().ok()?, part))
}

impl Unit {
    /// The unit for these headers, each by the name to include it by, with its scan. `enums` are those of
    /// other files: the tag, and the enumerators.
    pub(super) fn new<'a>(
        first: &[String],
        headers: impl Iterator<Item = (String, &'a Scan)> + Clone,
        enums: &[(&str, Vec<&str>)],
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
        for (tag, enumerators) in enums {
            unit.ask_enum(&format!("enum {tag}"));
            for name in enumerators {
                unit.ask_enumerator(name);
            }
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
            self.ask_enumerator(&enumerator.name);
        }
        let tags = scan
            .tags
            .iter()
            .map(|tag| (tag.keyword == "enum", format!("{} {}", tag.keyword, tag.name)));
        let typedefs = scan.typedefs.iter().map(|name| (false, name.name.clone()));
        for (is_enum, ty) in tags.chain(typedefs) {
            if is_enum {
                self.ask_enum(&ty);
            } else {
                self.ask(Asked::Type(ty.clone()), |at| {
                    format!(
                        "enum {{ {PREFIX}s{at} = sizeof({ty}), {PREFIX}a{at} = _Alignof({ty}) }};"
                    )
                });
            }
        }
    }

    fn ask_enumerator(&mut self, name: &str) {
        self.ask(Asked::Number(name.into()), |at| format!("enum {{ {PREFIX}n{at} = ({name}) }};"));
    }

    fn ask_enum(&mut self, ty: &str) {
        let question =
            |at| format!("enum {{ {PREFIX}s{at} = sizeof({ty}), {PREFIX}m{at} = ({ty})-1 < 0 }};");
        self.ask(Asked::Enum(ty.into()), question);
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

    /// Whether clang parsed the questions as declarations.
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
