// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What each declaration of a header is in a wire file, or why no wire file can say it.

use super::gather::{Gathered, PAGE_SIZES};
use super::RULE;
use kho_abi_model::finding::Finding;
use kho_abi_model::{
    Constant, Declaration, DeclarationKind, Enumeration, Field, Header, Item, Macro, Packing,
    Place, Record, RecordKind, Spelled, Type, Value,
};
use kho_abi_read::outline::{self, FieldText, Outline};
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

/// Integers of a fixed byte order, as C and as `wire::endian` call them.
const ORDERED: &[(&str, &str)] = &[
    ("__le16", "Le16"),
    ("__le32", "Le32"),
    ("__le64", "Le64"),
    ("__be16", "Be16"),
    ("__be32", "Be32"),
    ("__be64", "Be64"),
];

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

/// The forms that something has for the three page sizes, as arithmetic on the page size.
pub(super) fn of_page_size(values: [i128; 3]) -> Option<String> {
    let pages = PAGE_SIZES.map(i128::from);
    let (run, rise) = (pages[1] - pages[0], values[1] - values[0]);
    if rise <= 0 {
        return None;
    }
    let (scaled, factor): (Box<dyn Fn(i128) -> i128>, String) = if rise % run == 0 {
        let by = rise / run;
        (Box::new(move |page| page * by), if by == 1 { String::new() } else { format!(" * {by}") })
    } else if run % rise == 0 {
        let by = run / rise;
        (Box::new(move |page| page / by), format!(" / {by}"))
    } else {
        return None;
    };
    let rest = values[0] - scaled(pages[0]);
    let fits = (0..3).all(|at| scaled(pages[at]) + rest == values[at]);
    let rest = match rest {
        0 => String::new(),
        rest if rest < 0 => format!(" - {}", -rest),
        rest => format!(" + {rest}"),
    };
    fits.then(|| format!("PAGE_SIZE{factor}{rest}"))
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

    fn find_paged(&mut self) {
        for (at, item) in self.gathered.header().items.iter().enumerate() {
            let Some(all) = self.gathered.variants(item.name(), at) else { continue };
            if all[1] != item || all[2] != item {
                self.paged.insert(item.name());
                self.paged.extend(item.constants().map(|constant| constant.name.as_str()));
            }
            for (index, constant) in item.constants().enumerate() {
                let value = |item: &Item| match item.constants().nth(index).map(|one| &one.value) {
                    Some(Value::Int(value)) => Some(*value),
                    _ => None,
                };
                if let [Some(a), Some(b), Some(c)] = all.map(value) {
                    self.numbers.insert(&constant.name, [a, b, c]);
                }
            }
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
                        "write it out as plain C, and import it again",
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
                    "declare it with types that the ABI headers define, or take it out of the header",
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
                    format!("{title} is there only under a condition: {}", declaration.condition),
                    "a handover ABI is the same in every configuration: take the condition away",
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
                format!("{} is not there for every page size", item.name()),
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

    fn number(&self, constant: &'a Constant) -> Number<'a> {
        let value = match (&constant.value, self.numbers.get(&*constant.name)) {
            (Value::Str(text), _) => {
                return Number { constant, value: Stated::Text(text.clone()), c: None }
            }
            (Value::Int(_), Some(all)) if all[1] != all[0] || all[2] != all[0] => {
                Stated::Paged(*all)
            }
            (Value::Int(value), _) => Stated::Int(*value),
        };
        let text = self.outline.macros.iter().find(|text| text.name == constant.name);
        let written = text.map(|text| text.body.clone()).or_else(|| constant.expr.clone());
        let plain = |body: &String| {
            body.bytes().all(|byte| byte.is_ascii_digit())
                && (body == "0" || !body.starts_with('0'))
        };
        Number { constant, value, c: written.filter(|body| !plain(body)) }
    }

    fn enumerators(&self, item: &'a Enumeration) -> Vec<Number<'a>> {
        let names: Vec<&str> = item.members.iter().map(|member| &*member.name).collect();
        let declarations = &self.gathered.header().declarations;
        let declaration = declarations.iter().find(|declaration| {
            declaration.kind == DeclarationKind::Enum
                && names.first().is_some_and(|first| declaration.names().contains(first))
        });
        let tokens = declaration.map(|declaration| declaration.tokens.as_str()).unwrap_or_default();
        let mut numbers = Vec::new();
        let mut before: Option<&str> = None;
        for member in &item.members {
            let mut number = self.number(member);
            let written = expression(tokens, &member.name);
            number.c = match (written, before, &number.value) {
                (Some(text), _, _) if !text.bytes().all(|byte| byte.is_ascii_digit()) => Some(text),
                // What follows another one that depends on the page size.
                (None, Some(before), Stated::Paged(_)) => Some(format!("{before} + 1")),
                _ => None,
            };
            before = Some(&member.name);
            numbers.push(number);
        }
        numbers
    }

    fn record(
        &mut self,
        record: &'a Record,
        all: [&'a Record; 3],
    ) -> Result<(Vec<Member<'a>>, SizeOf), Why> {
        let line = record.place.as_ref().map_or(0, |place| place.line);
        let name = &record.name;
        if record.kind == RecordKind::Union {
            return Err((
                line,
                format!("union {name}: a wire file has no unions, since the next kernel cannot know which member is meant"),
                "give each form a struct, and say in another field which one it is".into(),
            ));
        }
        if record.fields.is_empty() {
            return Err((
                line,
                format!("struct {name} has no fields"),
                "take it out of the header".into(),
            ));
        }
        if all.iter().any(|other| other.fields.len() != record.fields.len()) {
            return Err((
                line,
                format!("struct {name} has other fields for another page size"),
                "give it the same fields for every page size".into(),
            ));
        }
        let mut members = Vec::new();
        let mut at = 0;
        while at < record.fields.len() {
            let field = &record.fields[at];
            if field.bit_field {
                let bits = shared(record, at)?;
                let Type::Int { bits: width, signed: false } = field.ty else {
                    return Err(refused(
                        field,
                        record,
                        "a bit-field that is signed",
                        "use an unsigned type",
                    ));
                };
                let taken = bits.len();
                members.push(Member {
                    name: storage_name(record, &bits),
                    ty: format!("u{width}"),
                    offset: field.offset(),
                    bits,
                });
                at += taken;
                continue;
            }
            let types = all.map(|other| &other.fields[at].ty);
            if all.iter().any(|other| other.fields[at].bit_offset != field.bit_offset) {
                return Err(refused(
                    field,
                    record,
                    "its offset depends on the page size",
                    "put what depends on the page size at the end",
                ));
            }
            if field.name.is_empty() {
                let what = "it is a struct or union without a name";
                return Err(refused(field, record, what, "give it a name, and a struct a tag"));
            }
            let text = self.outline.field(name, &field.name).cloned();
            let is_last = at + 1 == record.fields.len();
            let ty = self
                .rust_type(types, field, text.as_ref(), is_last)
                .map_err(|(why, help)| refused(field, record, &why, &help))?;
            members.push(Member {
                name: field.name.clone(),
                ty,
                offset: field.offset(),
                bits: Vec::new(),
            });
            at += 1;
        }
        self.alignment(record, line)?;
        let sizes = all.map(|other| i128::from(other.size));
        let size = if sizes[0] == sizes[1] && sizes[0] == sizes[2] {
            record.size.to_string()
        } else {
            of_page_size(sizes).ok_or_else(|| {
                let what = format!("the size of struct {name} does not follow from the page size by a factor and a sum");
                (line, what, "make it a page, or a part of one".to_string())
            })?
        };
        Ok((members, size))
    }

    /// Refuses padding, and alignments that an attribute asks for.
    fn alignment(&self, record: &Record, line: usize) -> Result<(), Why> {
        let name = &record.name;
        let holes = record.holes();
        if let Some((offset, size)) = holes.first() {
            return Err((
                line,
                format!(
                    "struct {name} has {size} {} of padding at byte {offset}, which would hand over what lay there before",
                    if *size == 1 { "byte" } else { "bytes" }
                ),
                "give the padding a name as a field, which code sets to 0".into(),
            ));
        }
        let natural = record.fields.iter().map(|field| self.align_of(&field.ty)).max().unwrap_or(1);
        let expected = match record.packing {
            Packing::Packed => 1,
            Packing::Natural => natural,
        };
        if record.align != expected {
            return Err((
                line,
                format!("struct {name} is aligned to {} bytes by an attribute, where its fields ask for {expected}", record.align),
                "remove the attribute: the code that allocates preserved memory aligns it".into(),
            ));
        }
        Ok(())
    }

    fn align_of(&self, ty: &Type) -> u64 {
        match ty {
            Type::Int { bits, .. } => u64::from(bits / 8),
            Type::Char => 1,
            Type::Pointer | Type::KhoserPtr { .. } => 8,
            Type::Array { elem, .. } => self.align_of(elem),
            Type::Struct { name } | Type::Union { name } => {
                self.find(name).map_or(1, |(_, found)| found.align)
            }
        }
    }

    /// A struct of this header, or of one that it includes.
    fn find(&self, name: &str) -> Option<(&'a Header, &'a Record)> {
        let gathered = self.gathered;
        let headers = std::iter::once(gathered.header()).chain(&gathered.others);
        headers
            .flat_map(|header| header.records().map(move |record| (header, record)))
            .find(|(_, record)| record.name == name)
    }

    fn rust_type(
        &mut self,
        types: [&Type; 3],
        field: &Field,
        text: Option<&FieldText>,
        is_last: bool,
    ) -> Result<String, (String, String)> {
        let line = field.place.as_ref().map_or(0, |place| place.line);
        let spelled = text.map(|text| text.ty.as_str()).unwrap_or_default();
        let words: Vec<&str> = spelled
            .split_whitespace()
            .filter(|word| !["const", "volatile"].contains(word))
            .collect();
        let dimensions = text.map(|text| dimensions(&text.declaration)).unwrap_or_default();
        self.rust_type_of(types, &field.name, line, &words, &dimensions, is_last)
    }

    /// An integer, as C spells it.
    fn integer(
        &mut self,
        bits: u16,
        signed: bool,
        name: &str,
        line: usize,
        words: &[&str],
    ) -> String {
        let ordered = words.iter().find_map(|word| ORDERED.iter().find(|(c, _)| c == word));
        if let Some((_, ordered)) = ordered {
            return (*ordered).into();
        }
        let any = "as an integer it may have any value, and readers check it";
        match words {
            ["unsigned"] | ["unsigned", "int"] => return "c_uint".into(),
            ["unsigned", "short"] | ["unsigned", "short", "int"] => return "c_ushort".into(),
            ["bool" | "_Bool"] => self.note(line, format!("`{name}` is a bool in C: {any}")),
            ["enum", tag] => self.note(line, format!("`{name}` is an enum {tag} in C: {any}")),
            _ => {}
        }
        format!("{}{bits}", if signed { 'i' } else { 'u' })
    }

    fn rust_type_of(
        &mut self,
        types: [&Type; 3],
        name: &str,
        line: usize,
        words: &[&str],
        dimensions: &[String],
        is_last: bool,
    ) -> Result<String, (String, String)> {
        Ok(match types[0] {
            Type::Int { bits, signed } => self.integer(*bits, *signed, name, line, words),
            Type::Char => "c_char".into(),
            Type::Pointer => {
                return Err((
                    "it is a pointer, which means nothing to another kernel".into(),
                    "hand over a physical address: DECLARE_KHOSER_PTR(), or a u64".into(),
                ))
            }
            Type::KhoserPtr { to } => {
                self.lead(to);
                format!("KhoserPtr<{}>", raw(to))
            }
            Type::Union { name } => {
                let tag = name.split('.').next().unwrap_or_default();
                return Err((
                    format!("it is a union of {tag}, and the next kernel cannot know which member is meant"),
                    "give each form a struct, and say in another field which one it is".into(),
                ));
            }
            Type::Struct { name } if name.contains('.') => {
                return Err((
                    "it is a struct without a tag".into(),
                    "give it a tag, and declare it by itself".into(),
                ))
            }
            Type::Struct { name } => {
                let (header, _) = self.find(name).ok_or_else(|| {
                    (
                        format!("it is a struct {name}, which no ABI header declares"),
                        "declare what is handed over in an ABI header".to_string(),
                    )
                })?;
                if header.name != self.gathered.header().name {
                    if self.gathered.varying.contains(name) {
                        return Err((
                            format!("struct {name} of another header depends on the page size"),
                            "declare it in this header".into(),
                        ));
                    }
                    self.shape.used.insert((header.name.clone(), name.clone()));
                }
                raw(name)
            }
            Type::Array { len: 0, elem, .. } => {
                if !is_last {
                    return Err((
                        "it is an array without elements, and not the last field".into(),
                        "take it out, or put it at the end".into(),
                    ));
                }
                let elem = self.rust_type_of([elem, elem, elem], name, line, words, &[], false)?;
                format!("FlexArray<{elem}>")
            }
            Type::Array { .. } => {
                let split = types.map(|ty| match ty {
                    Type::Array { elem, len, .. } => (&**elem, *len),
                    other => (other, 0),
                });
                let lens = split.map(|(_, len)| i128::from(len));
                let inner = dimensions.get(1..).unwrap_or_default();
                let elem = self.rust_type_of(
                    split.map(|(elem, _)| elem),
                    name,
                    line,
                    words,
                    inner,
                    false,
                )?;
                let said = dimensions.first().map(String::as_str).unwrap_or_default();
                let named = self.numbers.get_key_value(said).filter(|(_, values)| **values == lens);
                let len = if let Some((constant, _)) = named {
                    self.shape.lengths.insert((*constant).to_string());
                    raw(constant)
                } else if lens[0] == lens[1] && lens[0] == lens[2] {
                    lens[0].to_string()
                } else {
                    of_page_size(lens).ok_or_else(|| {
                        (
                            "its length does not follow from the page size by a factor and a sum"
                                .to_string(),
                            "give the length a name: a macro of its own".to_string(),
                        )
                    })?
                };
                format!("[{elem}; {len}]")
            }
        })
    }

    /// Takes note of what an address leads to.
    fn lead(&mut self, to: &str) {
        let own = self.gathered.header();
        match self.find(to) {
            Some((header, record))
                if header.name == own.name && !self.paged.contains(&*record.name) => {}
            Some((header, _)) if header.name != own.name => {
                self.shape.used.insert((header.name.clone(), to.into()));
            }
            _ => {
                self.shape.opaque.insert(to.into());
            }
        }
    }
}

/// Where, what, and what to do.
type Why = (usize, String, String);

fn refused(field: &Field, record: &Record, why: &str, help: &str) -> Why {
    let line = field.place.as_ref().map_or(0, |place| place.line);
    let name =
        if field.name.is_empty() { "a field".into() } else { format!("field `{}`", field.name) };
    (line, format!("struct {}: {name}: {why}", record.name), help.into())
}

/// The bit-fields that share an integer, from one on: they fill it, or are refused.
fn shared(record: &Record, at: usize) -> Result<Vec<&Field>, Why> {
    let first = &record.fields[at];
    let Type::Int { bits: width, .. } = first.ty else {
        return Err(refused(first, record, "a bit-field of no integer type", "use u8 to u64"));
    };
    let width = u64::from(width);
    let mut bits = Vec::new();
    let mut filled = 0;
    for field in &record.fields[at..] {
        let follows = field.bit_offset == first.bit_offset + filled && field.ty == first.ty;
        if filled == width || !field.bit_field || !follows || filled + field.bit_size > width {
            break;
        }
        filled += field.bit_size;
        bits.push(field);
    }
    let starts = first.bit_offset.is_multiple_of(8);
    let lies = record.packing == Packing::Packed || first.bit_offset.is_multiple_of(width);
    if filled < width || !starts || !lies {
        let why = format!(
            "the bit-fields from here on name {filled} of the {width} bits of their integer"
        );
        return Err(refused(first, record, &why, "give the other bits a name, as `reserved`"));
    }
    Ok(bits)
}

/// What the integer is called that bit-fields share.
fn storage_name(record: &Record, bits: &[&Field]) -> String {
    let name = match bits {
        [one] => format!("{}_bits", one.name),
        [one, two] => format!("{}_and_{}", one.name, two.name),
        [first, .., last] => format!("{}_to_{}", first.name, last.name),
        [] => String::new(),
    };
    let taken = |name: &str| record.fields.iter().any(|field| field.name == name);
    if taken(&name) {
        format!("{name}_bits")
    } else {
        name
    }
}

/// What stands in the brackets behind the name of a field, outermost first.
fn dimensions(declaration: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = declaration;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']') else { break };
        found.push(rest[open + 1..open + close].trim().to_string());
        rest = &rest[open + close + 1..];
    }
    found
}

/// What an enumerator is set to, in the tokens of its enum.
fn expression(tokens: &str, name: &str) -> Option<String> {
    let mut words = tokens.split_whitespace();
    let mut before = "";
    loop {
        let word = words.next()?;
        if word == name && matches!(before, "{" | ",") {
            break;
        }
        before = word;
    }
    if words.next()? != "=" {
        return None;
    }
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut last = "";
    // Whether what follows belongs to the sign before it.
    let mut sign = false;
    for word in words {
        match word {
            "(" => depth += 1,
            ")" if depth > 0 => depth -= 1,
            "," | "}" if depth == 0 => break,
            _ => {}
        }
        let called = word == "(" && last.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let tight = out.is_empty() || last == "(" || called || sign || matches!(word, ")" | ",");
        if !tight {
            out.push(' ');
        }
        let is_operand =
            |word: &str| word.ends_with(|c: char| c.is_ascii_alphanumeric() || "_)".contains(c));
        sign = matches!(word, "-" | "~" | "!") && !is_operand(last);
        out.push_str(word);
        last = word;
    }
    Some(out)
}

/// A name of C as Rust has it.
pub(super) fn raw(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "dyn", "final", "fn", "gen", "impl",
        "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
        "ref", "trait", "true", "false", "try", "type", "unsafe", "unsized", "use", "virtual",
        "where", "yield",
    ];
    if KEYWORDS.contains(&name) {
        format!("r#{name}")
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_the_page_size_is_said_so() {
        let of = |values: [i128; 3]| of_page_size(values);
        assert_eq!(of([4096, 16384, 65536]).as_deref(), Some("PAGE_SIZE"));
        assert_eq!(of([511, 2047, 8191]).as_deref(), Some("PAGE_SIZE / 8 - 1"));
        assert_eq!(of([8208, 32784, 131_088]).as_deref(), Some("PAGE_SIZE * 2 + 16"));
        assert_eq!(of([53, 51, 49]), None);
        assert_eq!(of([6, 7, 9]), None);
    }

    #[test]
    fn enumerators_have_what_they_are_set_to() {
        let tokens =
            "enum k { A = 64 - PAGE_SHIFT + 1 , B , C = DIV ( A - 1 , B ) + 1 , D = ~ A + - 1 }";
        assert_eq!(expression(tokens, "A").as_deref(), Some("64 - PAGE_SHIFT + 1"));
        assert_eq!(expression(tokens, "B"), None);
        assert_eq!(expression(tokens, "C").as_deref(), Some("DIV(A - 1, B) + 1"));
        assert_eq!(expression(tokens, "D").as_deref(), Some("~A + -1"));
    }
}
