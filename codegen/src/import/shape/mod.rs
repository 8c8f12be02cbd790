// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What each declaration of a header is in a wire file, or why no wire file can say it.

mod numbers;
mod records;
mod types;

pub(super) use numbers::of_page_size;
pub(crate) use types::ordered;
pub(super) use types::raw;

use super::gather::Gathered;
use super::RULE;
use kho_abi_model::finding::Finding;
use kho_abi_model::{
    Constant, Declaration, DeclarationKind, Enumeration, Field, Header, Item, Macro, Place, Record,
    Spelled,
};
use kho_abi_read::outline::{self, Outline};
use std::collections::{BTreeMap, BTreeSet};

/// A header as a wire file has it.
pub(super) struct Shape<'a> {
    pub(super) items: Vec<Shaped<'a>>,
    /// What of it no wire file can say.
    pub(super) refused: Vec<Finding>,
    /// What is left out, or is not as the header has it.
    pub(super) notes: Vec<String>,
    /// Constants that are the length of an array.
    pub(super) lengths: BTreeSet<String>,
    /// What is used of other ABI headers: header and name.
    pub(super) used: BTreeSet<(String, String)>,
    /// Structs that addresses lead to and that are not declared here for every page size alike.
    pub(super) opaque: BTreeSet<String>,
    /// Lines of code, whose comments are left out with it.
    pub(super) code: Vec<usize>,
}

/// One item.
pub(super) struct Shaped<'a> {
    /// The line where it stands, from 1.
    pub(super) line: usize,
    /// Whether it depends on the page size.
    pub(super) paged: bool,
    pub(super) kind: Kind<'a>,
}

/// What an item is.
pub(super) enum Kind<'a> {
    Constant(Number<'a>),
    Enum(&'a Enumeration, Vec<Number<'a>>),
    Record(&'a Record, Vec<Member<'a>>, SizeOf),
    Macro(&'a Macro),
}

/// A constant.
pub(super) struct Number<'a> {
    pub(super) constant: &'a Constant,
    pub(super) value: Stated,
    /// The expression that C has for it, where it is more than a decimal number.
    pub(super) c: Option<String>,
}

/// The value of a constant.
pub(super) enum Stated {
    Text(String),
    Int(i128),
    /// One for each page size.
    Paged([i128; 3]),
}

/// The size of a struct: a number, or what it is made of the page size.
pub(super) type SizeOf = String;

/// A field of a wire struct.
pub(super) struct Member<'a> {
    /// The name in Rust, without the mark of a raw one.
    pub(super) name: String,
    /// The type in Rust.
    pub(super) ty: String,
    /// In bytes.
    pub(super) offset: u64,
    /// The bit-fields that share it.
    pub(super) bits: Vec<&'a Field>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(gathered: &'a Gathered, shown: &str) -> Self {
        let mut shaper = Shaper {
            gathered,
            outline: outline::read(&gathered.text),
            shown,
            paged: BTreeSet::new(),
            numbers: BTreeMap::new(),
            shape: Shape {
                items: Vec::new(),
                refused: Vec::new(),
                notes: Vec::new(),
                lengths: BTreeSet::new(),
                used: BTreeSet::new(),
                opaque: BTreeSet::new(),
                code: Vec::new(),
            },
        };
        shaper.find_paged();
        shaper.declarations();
        shaper.versions();
        for (at, item) in gathered.header().items.iter().enumerate() {
            shaper.item(at, item);
        }
        // Below others, since they embed them: C has the same order.
        shaper.shape.items.sort_by_key(|item| item.line);
        let mut seen = BTreeSet::new();
        shaper.shape.refused.retain(|one| seen.insert((one.shown_place(), one.what.clone())));
        shaper.shape.refused.sort_by_key(|one| one.place.as_ref().map(|place| place.line));
        shaper.shape
    }
}

struct Shaper<'a, 'b> {
    gathered: &'a Gathered,
    outline: Outline,
    shown: &'b str,
    /// Items and enumerators that depend on the page size.
    paged: BTreeSet<&'a str>,
    /// The integers of the header by name, for each page size.
    numbers: BTreeMap<&'a str, [i128; 3]>,
    shape: Shape<'a>,
}

impl<'a> Shaper<'a, '_> {
    fn refuse(&mut self, line: usize, what: impl Into<String>, help: impl Into<String>) {
        let place = Place { file: self.shown.into(), line };
        self.shape.refused.push(Finding::new(RULE, place, what, help));
    }

    fn note(&mut self, line: usize, what: impl std::fmt::Display) {
        let note = format!("{}:{line}: {what}", self.shown);
        if !self.shape.notes.contains(&note) {
            self.shape.notes.push(note);
        }
    }

    /// Refuses what is not an item of the model, and notes code.
    fn declarations(&mut self) {
        let header = self.gathered.header();
        let known: BTreeSet<&str> = header
            .items
            .iter()
            .flat_map(|item| std::iter::once(item.name()).chain(item.constants().map(|c| &*c.name)))
            .filter(|name| !name.is_empty())
            .collect();
        for declaration in &header.declarations {
            let line = declaration.place.as_ref().map_or(0, |place| place.line);
            let title = declaration.title();
            let why = self.why(declaration);
            match declaration.kind {
                DeclarationKind::Function => {
                    self.note(line, format!("{title} is code, and is not imported"));
                    self.shape.code.push(line);
                    continue;
                }
                // The wire file asserts all of its layout.
                DeclarationKind::Assert => {
                    self.shape.code.push(line);
                    continue;
                }
                DeclarationKind::Typedef => {
                    self.refuse(
                        line,
                        format!("{title}: a wire file has no typedefs"),
                        "give the struct a tag, or use the type that it stands for",
                    );
                    continue;
                }
                DeclarationKind::Other => {
                    self.refuse(
                        line,
                        format!("{title} is not supported: {why}"),
                        "write it as plain C, and import it again",
                    );
                    continue;
                }
                _ => {}
            }
            let missing: Vec<&str> =
                declaration.names().into_iter().filter(|name| !known.contains(name)).collect();
            // An enum without a tag is called by its first enumerator.
            if let Some(name) = missing.first() {
                let empty = declaration.kind == DeclarationKind::Constant
                    && declaration.tokens.trim().is_empty();
                let why = if empty { "it stands for nothing".into() } else { why };
                self.refuse(
                    line,
                    format!("{} {name} has no layout or value: {why}", declaration.kind.word()),
                    "declare it with types that the ABI headers define, or remove it from the header",
                );
                continue;
            }
            let option = header.items.iter().find_map(|item| match item {
                Item::Macro(item) if item.name == declaration.name => Some(item.option.as_str()),
                _ => None,
            });
            let said = option.filter(|option| !option.is_empty());
            let is_said = said
                .is_some_and(|option| declaration.condition.trim() == format!("defined {option}"));
            if !declaration.condition.is_empty() && !is_said {
                self.refuse(
                    line,
                    format!(
                        "{title} is only declared under a condition: {}",
                        declaration.condition
                    ),
                    "a handover ABI is the same in every configuration: remove the condition",
                );
            }
        }
        // What clang refuses that no declaration of the text is.
        let own: BTreeSet<&str> = header.declarations.iter().flat_map(Declaration::names).collect();
        for gap in &self.gathered.gaps {
            let path = header.include_path();
            let is_header = gap.item == path && !gap.why.contains("has no version");
            if is_header
                || gap.why.starts_with(&header.file)
                    && !own.contains(&*gap.item)
                    && gap.item != path
            {
                let why = gap.why.replace(&header.file, self.shown);
                self.refuse(0, why, "correct the header, and import it again");
            }
        }
    }

    /// Why a declaration has no layout or value.
    fn why(&self, declaration: &Declaration) -> String {
        let names = declaration.names();
        let gap = self.gathered.gaps.iter().find(|gap| names.contains(&&*gap.item));
        let why = declaration.unproven.clone().or_else(|| gap.map(|gap| gap.why.clone()));
        let file = &self.gathered.header().file;
        why.map_or_else(|| "clang reported none".into(), |why| why.replace(file, self.shown))
    }

    /// Refuses versions that no wire file can declare.
    fn versions(&mut self) {
        for contract in &self.gathered.header().contracts {
            let line = self.line_of(&contract.macro_name);
            match contract.spelled() {
                Spelled::Features => self.refuse(
                    line,
                    format!("the version of \"{}\" is in feature words", contract.compatible),
                    "a wire file declares a string, or a number: give the header one of these",
                ),
                Spelled::Number | Spelled::Magic
                    if contract.version.is_some_and(|version| u32::try_from(version).is_err()) =>
                {
                    self.refuse(
                        line,
                        format!("{} does not fit a u32", contract.macro_name),
                        "take a smaller number",
                    );
                }
                _ => {}
            }
        }
    }

    fn line_of(&self, constant: &str) -> usize {
        let constants = || self.gathered.header().constants();
        let found = constants().find(|one| one.name == constant).and_then(|one| one.place.as_ref());
        found.map_or(0, |place| place.line)
    }

    fn item(&mut self, at: usize, item: &'a Item) {
        // What has no tag is refused where it is the type of a field.
        if item.record().is_some() && item.name().contains('.') {
            return;
        }
        let header = self.gathered.header();
        let place = item.doc().1;
        let line = place.map_or(0, |place| place.line);
        if place.is_some_and(|place| place.file != header.file) {
            let file = place.map(|place| place.file.clone()).unwrap_or_default();
            self.refuse(
                0,
                format!(
                    "{} embeds `{}` of {file}, which is not an ABI header",
                    header.include_path(),
                    item.name()
                ),
                "declare what is handed over in the header itself",
            );
            return;
        }
        let Some(all) = self.gathered.variants(item.name(), at) else {
            self.refuse(
                line,
                format!("{} does not exist for every page size", item.name()),
                "a handover ABI has the same names on every machine",
            );
            return;
        };
        let paged = self.paged.contains(item.name())
            || item.constants().any(|constant| self.paged.contains(&*constant.name));
        let kind = match item {
            Item::Constant(constant) => Kind::Constant(self.number(constant)),
            Item::Macro(item) => Kind::Macro(item),
            Item::Enum(item) => Kind::Enum(item, self.enumerators(item)),
            Item::Record(record) => {
                let all = all.map(|item| item.record().unwrap_or(record));
                match self.record(record, all) {
                    Ok((members, size)) => Kind::Record(record, members, size),
                    Err((line, what, help)) => {
                        self.refuse(line, what, help);
                        return;
                    }
                }
            }
        };
        self.shape.items.push(Shaped { line, paged, kind });
    }

    /// A struct of this header, or of one that it includes.
    fn find(&self, name: &str) -> Option<(&'a Header, &'a Record)> {
        let gathered = self.gathered;
        let headers = std::iter::once(gathered.header()).chain(&gathered.others);
        headers
            .flat_map(|header| header.records().map(move |record| (header, record)))
            .find(|(_, record)| record.name == name)
    }
}

/// Where, what, and what to do.
type Why = (usize, String, String);
