// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Builds a model from clang's answer.

use super::ast::{unquote, Answer, Layout, Location, Node};
use super::scan::{Scan, Tag};
use super::unit::{answers, Asked, Unit};
use kho_abi_model::{
    Constant, Enumeration, Field, Item, Macro, Packing, Place, Record, RecordKind, Type, Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// How deeply a type may be nested in other types.
const DEPTH: usize = 64;

/// The content of one header: its items, and what exists but is unknown, with the reasons.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) undetermined: Vec<(String, String)>,
}

/// clang's answers, by question.
pub(super) struct Answers<'a> {
    answer: &'a Answer,
    /// Answers by question and part.
    values: BTreeMap<(&'a Asked, char), i128>,
    texts: BTreeMap<&'a str, Result<String, String>>,
    /// Why a question was not answered.
    refused: BTreeMap<&'a Asked, &'a str>,
    /// What typedefs mean.
    typedefs: BTreeMap<&'a str, &'a str>,
    /// The names that typedefs give to types without a tag, by the id of the type.
    given: BTreeMap<&'a str, &'a str>,
    /// Every struct and union, wherever it is declared.
    records: Vec<Declared<'a>>,
    /// Their indices, by the name of the type and by the model's name.
    by_ty: BTreeMap<String, usize>,
    by_name: BTreeMap<String, usize>,
    /// Layouts of nameless types, by the location of their declaration, with whether it is a
    /// union's. All types that one macro creates are declared where the macro is used.
    nameless: BTreeMap<&'a str, Vec<(bool, &'a Layout)>>,
}

/// A struct or union, as it is declared.
struct Declared<'a> {
    node: &'a Node,
    /// Its name in the model.
    name: String,
    /// The name of its type, by which clang lists its layout and the fields that have it.
    ty: String,
    /// The nameless types of its fields, by the position of the field in `node.inner`.
    within: BTreeMap<usize, usize>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(
        unit: &'a Unit,
        answer: &'a Answer,
        refused: BTreeMap<&'a Asked, &'a str>,
    ) -> Self {
        let mut answers = Self {
            answer,
            values: BTreeMap::new(),
            texts: BTreeMap::new(),
            refused,
            typedefs: BTreeMap::new(),
            given: BTreeMap::new(),
            records: Vec::new(),
            by_ty: BTreeMap::new(),
            by_name: BTreeMap::new(),
            nameless: BTreeMap::new(),
        };
        for (name, layouts) in &answer.layouts {
            if let Some((_, place)) = name.rsplit_once(" at ") {
                let place = place.trim_end_matches(')');
                let is_union = name.starts_with("union ");
                let layouts = layouts.iter().map(|layout| (is_union, layout));
                answers.nameless.entry(place).or_default().extend(layouts);
            }
        }
        for node in &answer.declarations {
            match node.kind.as_str() {
                "TypedefDecl" => {
                    answers.typedefs.insert(&node.name, &node.ty);
                    if !node.owned_tag.is_empty() {
                        answers.given.entry(&node.owned_tag).or_insert(&node.name);
                    }
                }
                "EnumDecl" => {
                    for member in &node.inner {
                        let asked = super::unit::answers(&member.name);
                        let asked = asked.and_then(|(at, part)| Some((unit.asked.get(at)?, part)));
                        let value = member.value.as_ref().and_then(|value| value.parse().ok());
                        if let (Some((asked, part)), Some(value)) = (asked, value) {
                            // After an error, clang continues with a made-up value.
                            if !answers.refused.contains_key(asked) {
                                answers.values.insert((asked, part), value);
                            }
                        }
                    }
                }
                "VarDecl" => {
                    let asked = answers_text(unit, node);
                    if let (Some(name), Some(literal)) = (asked, &node.string) {
                        if !answers.refused.contains_key(&Asked::Text(name.into())) {
                            answers.texts.insert(name, text(literal, &node.ty));
                        }
                    }
                }
                _ => {}
            }
        }
        for node in &answer.declarations {
            // A type that no field uses is named by its number.
            let called = format!(".{}", answers.records.len());
            answers.declare(node, &called, DEPTH);
        }
        for (index, record) in answers.records.iter().enumerate() {
            answers.by_ty.entry(record.ty.clone()).or_insert(index);
            answers.by_name.entry(record.name.clone()).or_insert(index);
        }
        answers
    }

    /// Registers a struct or union, and those inside it. If it has no name, it is named `called`.
    fn declare(&mut self, node: &'a Node, called: &str, depth: usize) {
        if depth == 0 {
            return;
        }
        if node.kind != "RecordDecl" || !node.complete {
            return;
        }
        let given = self.given.get(node.id.as_str()).copied();
        let name = match (node.name.as_str(), given) {
            ("", Some(given)) => given.to_string(),
            ("", None) => called.to_string(),
            (tag, _) => tag.to_string(),
        };
        let ty = match (node.name.as_str(), given) {
            ("", Some(given)) => given.to_string(),
            ("", None) => node.place.as_ref().map(at).unwrap_or_default(),
            (tag, _) => format!("{} {tag}", node.tag_used),
        };
        let at = self.records.len();
        self.records.push(Declared { node, name: name.clone(), ty, within: BTreeMap::new() });
        // A field with a nameless type gives the type its name. Nameless fields are numbered among
        // themselves, so that a new named field does not rename them.
        let mut inside: Option<usize> = None;
        let mut without_name = 0;
        for (position, inner) in node.inner.iter().enumerate() {
            if inner.kind == "RecordDecl" {
                let begin = self.records.len();
                let mut behind = node.inner[position + 1..].iter();
                let field = behind.find(|field| field.kind == "FieldDecl");
                let field = field.filter(|field| is_nameless(&field.ty));
                let called = match field.map(|field| field.name.as_str()) {
                    None => format!("{name}.{begin}"),
                    Some("") => format!("{name}.{without_name}"),
                    Some(field) => format!("{name}.{field}"),
                };
                self.declare(inner, &called, depth - 1);
                inside = (self.records.len() > begin && inner.name.is_empty()).then_some(begin);
                without_name += usize::from(field.is_some_and(|field| field.name.is_empty()));
            } else if inner.kind == "FieldDecl" && is_nameless(&inner.ty) {
                self.records[at].within.extend(inside.map(|inside| (position, inside)));
            }
        }
    }

    /// The items of a header that are declared in the file that clang knows by this name.
    ///
    /// `shown` is the name of the file in places, and `other` gives the name of any other file.
    pub(super) fn header(
        &self,
        file: &str,
        shown: &str,
        scan: &Scan,
        other: &dyn Fn(&str) -> String,
    ) -> Found {
        let mut found = Found::default();
        let mut placed: Vec<(usize, usize, Item)> = Vec::new();
        let place = |line| Place { file: shown.into(), line };
        self.macros(scan, &place, &mut placed, &mut found.undetermined);
        self.enums(file, scan, &place, &mut placed, &mut found.undetermined);

        let tags: BTreeMap<_, _> = scan.tags.iter().map(|tag| (tag.line, tag)).collect();
        // A struct from another file is included if a struct of this one embeds it.
        let mut wanted: BTreeSet<usize> = BTreeSet::new();
        let mut open: Vec<usize> = (0..self.records.len())
            .filter(|index| {
                let node = self.records[*index].node;
                node.place.as_ref().is_some_and(|place| place.file == file)
            })
            .collect();
        open.retain(|index| !self.is_address(*index));
        while let Some(index) = open.pop() {
            if wanted.insert(index) {
                open.extend(self.embedded(index));
            }
        }
        for node in self.used_enums(&wanted, file) {
            let at = node.place.clone().unwrap_or_default();
            let elsewhere = other(&at.file);
            let place = |line| Place { file: elsewhere.clone(), line };
            let found_enum = self.enumeration(node, &place, &mut found.undetermined);
            placed.push((0, at.column, Item::Enum(found_enum)));
        }
        for index in wanted {
            let declared = &self.records[index];
            let at = declared.node.place.clone().unwrap_or_default();
            let own = at.file == file;
            if !own && at.file.starts_with(super::ABI) {
                // The model has it in its own header.
                continue;
            }
            let file = if own { shown.to_string() } else { other(&at.file) };
            let doc = |tag: &&&Tag| own && tag.name == declared.node.name;
            match self.record(index, &file) {
                Ok(mut record) => {
                    let tag = tags.get(&at.line).filter(doc);
                    record.doc = tag.map(|tag| tag.doc.clone()).unwrap_or_default();
                    placed.push((if own { at.line } else { 0 }, at.column, Item::Record(record)));
                }
                Err(why) => found.undetermined.push((declared.name.clone(), why)),
            }
        }
        for tag in scan.tags.iter().filter(|tag| tag.keyword != "enum") {
            let ty = format!("{} {}", tag.keyword, tag.name);
            if !self.by_ty.contains_key(&ty) {
                let asked = Asked::Type(ty);
                let why = self.refused.get(&asked).copied().unwrap_or("it is not declared");
                found.undetermined.push((tag.name.clone(), why.into()));
            }
        }
        placed.sort_by_key(|(line, column, _)| (*line, *column));
        found.items = placed.into_iter().map(|(_, _, item)| item).collect();
        found
    }

    fn macros(
        &self,
        scan: &Scan,
        place: &impl Fn(usize) -> Place,
        placed: &mut Vec<(usize, usize, Item)>,
        undetermined: &mut Vec<(String, String)>,
    ) {
        let mut seen = BTreeSet::new();
        for define in &scan.defines {
            let name = define.name.clone();
            let (doc, at) = (define.doc.clone(), Some(place(define.line)));
            if let Some(arguments) = &define.arguments {
                placed.push((
                    define.line,
                    0,
                    Item::Macro(Macro {
                        name,
                        arguments: arguments.clone(),
                        body: define.body.clone(),
                        option: define.option.clone(),
                        doc,
                        place: at,
                    }),
                ));
                continue;
            }
            // If a macro is defined twice, under different conditions, it has one value.
            if define.body.is_empty() || !seen.insert(name.clone()) {
                continue;
            }
            let number = Asked::Number(name.clone());
            let value = match (self.texts.get(name.as_str()), self.values.get(&(&number, 'n'))) {
                (Some(Ok(text)), _) => Some(Value::Str(text.clone())),
                (Some(Err(why)), None) => {
                    undetermined.push((name, why.clone()));
                    continue;
                }
                (_, Some(number)) => Some(Value::Int(*number)),
                (None, None) => None,
            };
            match (value, self.refused.get(&number)) {
                (Some(value), _) => {
                    let literal = define.body.bytes().all(|byte| byte.is_ascii_alphanumeric())
                        || matches!(value, Value::Str(_));
                    let expr = (!literal).then(|| define.body.replace('\n', " "));
                    placed.push((
                        define.line,
                        0,
                        Item::Constant(Constant {
                            name,
                            value,
                            expr,
                            page_size: None,
                            doc,
                            place: at,
                        }),
                    ));
                }
                (None, Some(why)) => undetermined.push((name, format!("not a constant: {why}"))),
                (None, None) => {
                    let why = match define.option.as_str() {
                        "" => "it is not defined at the end of the header".into(),
                        option => {
                            format!("it is defined only with {option}, which is taken as not set")
                        }
                    };
                    undetermined.push((name, why));
                }
            }
        }
    }

    fn enums(
        &self,
        file: &str,
        scan: &Scan,
        place: &impl Fn(usize) -> Place,
        placed: &mut Vec<(usize, usize, Item)>,
        undetermined: &mut Vec<(String, String)>,
    ) {
        let tags: BTreeMap<_, _> = scan.tags.iter().map(|tag| (tag.line, tag)).collect();
        for node in self.answer.declarations.iter().filter(|node| node.kind == "EnumDecl") {
            let Some(at) = node.place.as_ref().filter(|place| place.file == file) else { continue };
            let mut found = self.enumeration(node, place, undetermined);
            let tag = tags.get(&at.line).filter(|tag| tag.name == node.name);
            found.doc = tag.map(|tag| tag.doc.clone()).unwrap_or_default();
            placed.push((at.line, at.column, Item::Enum(found)));
        }
    }

    /// An enum with the values that clang computed.
    fn enumeration(
        &self,
        node: &Node,
        place: &impl Fn(usize) -> Place,
        undetermined: &mut Vec<(String, String)>,
    ) -> Enumeration {
        let mut members = Vec::new();
        for member in node.inner.iter().filter(|inner| inner.kind == "EnumConstantDecl") {
            let name = member.name.clone();
            let asked = Asked::Number(name.clone());
            let Some(value) = self.values.get(&(&asked, 'n')) else {
                let why = self.refused.get(&asked).copied().unwrap_or("clang reported no value");
                undetermined.push((name, why.into()));
                continue;
            };
            members.push(Constant {
                name,
                value: Value::Int(*value),
                expr: None,
                page_size: None,
                doc: String::new(),
                place: member.place.as_ref().map(|at| place(at.line)),
            });
        }
        Enumeration {
            name: node.name.clone(),
            members,
            doc: String::new(),
            place: node.place.as_ref().map(|at| place(at.line)),
        }
    }

    /// The enums of other files that fields of these records have as their type: the model has those of
    /// ABI headers where they are declared.
    fn used_enums(&self, records: &BTreeSet<usize>, file: &str) -> Vec<&'a Node> {
        let fields = records.iter().flat_map(|index| self.records[*index].fields());
        let used: BTreeSet<&str> = fields
            .filter_map(|(_, field)| {
                let of = |spelled| self.enum_of(spelled, DEPTH);
                of(&field.ty).or_else(|| of(&field.plain_ty))
            })
            .collect();
        let is_elsewhere = |node: &&Node| {
            let at = node.place.as_ref().map_or("", |place| place.file.as_str());
            at != file && !at.starts_with(super::ABI)
        };
        // Without an answer to the question about it, the type of the field is unknown as well.
        let is_known =
            |tag: &str| self.values.contains_key(&(&Asked::Enum(format!("enum {tag}")), 's'));
        let all = self.answer.declarations.iter().filter(|node| node.kind == "EnumDecl");
        all.filter(|node| used.contains(node.name.as_str()) && is_known(&node.name))
            .filter(is_elsewhere)
            .collect()
    }

    /// The tag of the enum that a type is, or is an array of.
    fn enum_of<'s>(&'s self, spelled: &'s str, depth: usize) -> Option<&'s str> {
        let depth = depth.checked_sub(1)?;
        let element = spelled.split('[').next().unwrap_or_default().trim();
        let plain = ["const ", "volatile "]
            .iter()
            .fold(element, |text, word| text.strip_prefix(word).unwrap_or(text));
        match plain.strip_prefix("enum ") {
            Some(tag) => Some(tag.trim()),
            None => self.enum_of(self.typedefs.get(plain)?, depth),
        }
    }

    /// The records that a record embeds.
    fn embedded(&self, index: usize) -> Vec<usize> {
        let declared = &self.records[index];
        let embedded = declared.fields().filter_map(|(position, field)| {
            let (ty, _) = self.ty(field, declared.within.get(&position).copied()).ok()?;
            self.by_name.get(ty.embedded()?).copied()
        });
        embedded.collect()
    }

    /// The layout that clang computed.
    fn layout(&self, declared: &Declared<'_>) -> Result<&'a Layout, String> {
        let nameless = declared.ty.starts_with('/');
        let found: Vec<_> = if nameless {
            // Of the types that one macro creates, pick one of this kind with as many fields.
            let is_union = declared.node.tag_used == "union";
            let count = declared.fields().count();
            let there = self.nameless.get(declared.ty.as_str()).into_iter().flatten();
            let like =
                there.filter(|(kind, layout)| *kind == is_union && layout.offsets.len() == count);
            let mut like: Vec<_> = like.map(|(_, layout)| *layout).collect();
            like.dedup();
            like
        } else {
            self.answer.layouts.get(&declared.ty).into_iter().flatten().collect()
        };
        let layout = match found[..] {
            [layout] => layout,
            [] => {
                let asked = Asked::Type(declared.ty.clone());
                let why = self.refused.get(&asked).copied().unwrap_or("clang reported no layout");
                return Err(why.into());
            }
            _ => return Err("its layout cannot be distinguished from another one".into()),
        };
        if !nameless {
            // clang answers twice, as text and as a value, so that a misread text is noticed.
            let asked = Asked::Type(declared.ty.clone());
            let bits = |part| self.values.get(&(&asked, part)).map(|bytes| bytes.checked_mul(8));
            let stated = |part, bits_found: u64| match bits(part) {
                Some(Some(bits)) => bits == i128::from(bits_found),
                Some(None) => false,
                // If no question is about the record, there is only one answer.
                None => true,
            };
            if !stated('s', layout.size) || !stated('a', layout.align) {
                return Err("clang reported two different layouts".into());
            }
        }
        Ok(layout)
    }

    fn record(&self, index: usize, file: &str) -> Result<Record, String> {
        let declared = &self.records[index];
        let node = declared.node;
        if node.invalid || node.inner.iter().any(|inner| inner.invalid) {
            return Err("clang reported an error in it".into());
        }
        let layout = self.layout(declared)?;
        let has = |kind: &str| node.inner.iter().any(|inner| inner.kind == kind);
        // `#pragma pack` has the same effect.
        let packed = has("PackedAttr") || has("MaxFieldAlignmentAttr") && layout.align <= 8;
        let fields: Vec<_> = declared.fields().collect();
        if fields.len() != layout.offsets.len() {
            return Err("clang reported the wrong number of field offsets".into());
        }
        let mut read = Vec::with_capacity(fields.len());
        for ((position, field), bit_offset) in fields.into_iter().zip(&layout.offsets) {
            if field.bit_field && field.name.is_empty() {
                continue;
            }
            let (ty, bits) = self
                .ty(field, declared.within.get(&position).copied())
                .map_err(|why| format!("field {}: {why}", field.name))?;
            let bit_size = match &field.value {
                Some(width) if field.bit_field => width.parse().ok(),
                _ if field.bit_field => None,
                _ => Some(bits),
            };
            let bit_size = bit_size.ok_or_else(|| format!("field {}: no width", field.name))?;
            let end = bit_offset.checked_add(bit_size);
            if end.is_none_or(|end| end > layout.size) {
                return Err(format!("field {}: it ends past the end of the struct", field.name));
            }
            let line = field.place.as_ref().map(|place| place.line);
            read.push(Field {
                name: field.name.clone(),
                ty,
                bit_offset: *bit_offset,
                bit_size,
                bit_field: field.bit_field,
                c_declaration: None,
                doc: String::new(),
                place: line.map(|line| Place { file: file.into(), line }),
            });
        }
        let line = node.place.as_ref().map(|place| place.line);
        Ok(Record {
            kind: if node.tag_used == "union" { RecordKind::Union } else { RecordKind::Struct },
            name: declared.name.clone(),
            packing: if packed { Packing::Packed } else { Packing::Natural },
            size: layout.size / 8,
            size_expr: None,
            page_size: None,
            bit_fields_unknown: false,
            align: layout.align / 8,
            fields: read,
            doc: String::new(),
            place: line.map(|line| Place { file: file.into(), line }),
        })
    }

    /// The model's type for a field, and its size in bits; `nameless` is the nameless type that the
    /// field is declared with.
    fn ty(&self, field: &Node, nameless: Option<usize>) -> Result<(Type, u64), String> {
        let first = self.spelled(&field.ty, nameless, DEPTH);
        if first.is_err() && !field.plain_ty.is_empty() {
            return self.spelled(&field.plain_ty, nameless, DEPTH);
        }
        first
    }

    /// The same for a type that clang spells this way.
    fn spelled(
        &self,
        spelled: &str,
        nameless: Option<usize>,
        depth: usize,
    ) -> Result<(Type, u64), String> {
        let unknown = || format!("its type `{spelled}` is not a wire type");
        let depth = depth.checked_sub(1).ok_or_else(unknown)?;
        let spelled = spelled.trim();
        if spelled.ends_with(']') {
            // The first of several dimensions is the outermost.
            let behind = spelled.rfind(')').map_or(0, |end| end + 1);
            let open = spelled[behind..].find('[').ok_or_else(unknown)? + behind;
            let (base, dimensions) = spelled.split_at(open);
            let close = dimensions.find(']').ok_or_else(unknown)?;
            let (len, others) = (&dimensions[1..close], &dimensions[close + 1..]);
            let len: u64 = if len.is_empty() { 0 } else { len.parse().map_err(|_| unknown())? };
            let (elem, bits) = self.spelled(&format!("{base}{others}"), nameless, depth)?;
            let bits = bits.checked_mul(len).ok_or("its size is out of range")?;
            return Ok((Type::Array { elem: Box::new(elem), len, len_name: None }, bits));
        }
        if spelled.ends_with('*') || spelled.contains("(*") {
            return Ok((Type::Pointer, 64));
        }
        let plain = spelled.trim_end_matches("const").trim_end();
        let plain = ["const ", "volatile "]
            .iter()
            .fold(plain, |text, word| text.strip_prefix(word).unwrap_or(text));
        if plain.len() < spelled.len() {
            return self.spelled(plain, nameless, depth);
        }
        if let Some(ty @ Type::Ordered { bits, .. }) = Type::ordered(spelled) {
            return Ok((ty, u64::from(bits)));
        }
        let int = |bits: u16, signed| Ok((Type::Int { bits, signed }, u64::from(bits)));
        match spelled {
            "char" => return Ok((Type::Char, 8)),
            // One byte, of which only two values are valid.
            "_Bool" | "bool" | "unsigned char" => return int(8, false),
            "signed char" => return int(8, true),
            "unsigned short" => return int(16, false),
            "short" => return int(16, true),
            "unsigned int" => return int(32, false),
            "int" => return int(32, true),
            // Every kernel that supports live update is 64-bit.
            "unsigned long" | "unsigned long long" => return int(64, false),
            "long" | "long long" => return int(64, true),
            _ => {}
        }
        if spelled.starts_with("enum ") {
            let asked = Asked::Enum(spelled.into());
            let value = |part| self.values.get(&(&asked, part));
            return match (value('s'), value('m')) {
                (Some(1), Some(signed)) => int(8, *signed != 0),
                (Some(4), Some(signed)) => int(32, *signed != 0),
                (Some(8), Some(signed)) => int(64, *signed != 0),
                _ => Err(unknown()),
            };
        }
        let bare = spelled.strip_prefix("struct ").unwrap_or(spelled);
        let found = if is_nameless(spelled) {
            nameless
        } else {
            self.by_ty.get(spelled).or_else(|| self.by_ty.get(bare)).copied()
        };
        if let Some(index) = found {
            if let Some(to) = self.address(index) {
                return Ok((Type::KhoserPtr { to: to.into() }, 64));
            }
            let declared = &self.records[index];
            let name = declared.name.clone();
            let bits = self.layout(declared)?.size;
            return Ok(match declared.node.tag_used.as_str() {
                "union" => (Type::Union { name }, bits),
                _ => (Type::Struct { name }, bits),
            });
        }
        match self.typedefs.get(spelled) {
            Some(stands_for) => self.spelled(stands_for, nameless, depth),
            None => Err(unknown()),
        }
    }

    fn is_address(&self, index: usize) -> bool {
        self.address(index).is_some()
    }

    /// The pointer's target, in a nameless union of an address and a pointer, as
    /// `DECLARE_KHOSER_PTR()` creates it.
    fn address(&self, index: usize) -> Option<&'a str> {
        let Declared { node, ty, .. } = &self.records[index];
        if node.tag_used != "union" || !ty.starts_with('/') {
            return None;
        }
        let mut fields = node.inner.iter().filter(|inner| inner.kind == "FieldDecl");
        let (phys, ptr) = (fields.next()?, fields.next()?);
        // Nameless types are excluded: one of them inside itself is not an address.
        let is_u64 = self.ty(phys, None) == Ok((Type::unsigned(64), 64));
        let named = phys.name == "phys" && ptr.name == "ptr" && fields.next().is_none();
        let to = ptr.ty.strip_suffix('*')?.trim_end().strip_prefix("struct ")?;
        let is_tag = to.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_u64 && named && is_tag && !phys.bit_field).then_some(to)
    }
}

impl<'a> Declared<'a> {
    /// Its fields, each with its position in `node.inner`.
    fn fields(&self) -> impl Iterator<Item = (usize, &'a Node)> {
        let inner = self.node.inner.iter().enumerate();
        inner.filter(|(_, inner)| inner.kind == "FieldDecl")
    }
}

/// Whether clang spells a type, or a part of it, by the location of its declaration.
fn is_nameless(spelled: &str) -> bool {
    spelled.contains(" at ") && spelled.contains('(')
}

fn answers_text<'a>(unit: &'a Unit, node: &Node) -> Option<&'a str> {
    let (at, _) = answers(&node.name)?;
    match unit.asked.get(at)? {
        Asked::Text(name) => Some(name),
        _ => None,
    }
}

/// The string that a literal means, which fills an array of that type.
fn text(literal: &str, array: &str) -> Result<String, String> {
    let bytes = unquote(literal).ok_or("its string literal is not plain ASCII, or has a prefix")?;
    if array != format!("const char[{}]", bytes.len() + 1) {
        return Err("clang reported two different strings".into());
    }
    String::from_utf8(bytes).map_err(|_| "its string is not UTF-8".into())
}

fn at(place: &Location) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}
