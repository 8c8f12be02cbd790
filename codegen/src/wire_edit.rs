// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a change of a C header means for the wire file that the header is made of.
//!
//! The header of a kernel tree was edited by hand. Its layouts, as clang computed them, go back into the
//! wire file: fields, the numbers of `wire_layout!`, and the values of constants. What is not
//! put there, such as bit-fields, is listed.

use crate::import::ordered;
use crate::registry::{constant, splice};
use kho_abi_model::put;
use kho_abi_model::{Constant, Header, Packing, Record, Type, Value};
use std::collections::BTreeSet;
use std::ops::Range;
use syn::spanned::Spanned as _;

/// A wire file with a change in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The text.
    pub text: String,
    /// What differs between the headers and is not in the text, each in one sentence.
    pub left: Vec<String>,
}

/// Puts what `theirs` has otherwise than `ours` into the wire file that `ours` is made of.
///
/// # Errors
///
/// Why the file cannot be edited.
pub fn edit(source: &str, ours: &Header, theirs: &Header) -> Result<Edited, String> {
    let syntax = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut work = Work { source, syntax: &syntax, ours, edits: Vec::new(), left: Vec::new() };
    let bare = |record: &Record| Record { page_size: None, size_expr: None, ..record.bare() };
    for record in theirs.records() {
        match ours.records().find(|own| own.name == record.name) {
            Some(own) if same(&bare(own), &bare(record)) => {}
            Some(own) => work.change(own, record),
            None => work.add(record),
        }
    }
    for record in ours.records() {
        if theirs.records().all(|other| other.name != record.name) {
            work.left.push(format!(
                "struct {} is gone: remove it and everything that uses it",
                record.name
            ));
        }
    }
    work.constants(theirs);
    Ok(Edited { text: splice(source, work.edits), left: work.left })
}

/// Whether two structs have the same bytes and names; how an array's length is written does not count.
fn same(one: &Record, other: &Record) -> bool {
    let plain = |record: &Record| {
        let mut record = record.clone();
        for field in &mut record.fields {
            field.ty = field.ty.by_value();
            field.c_declaration = None;
        }
        record
    };
    plain(one) == plain(other)
}

struct Work<'a> {
    source: &'a str,
    syntax: &'a syn::File,
    ours: &'a Header,
    edits: Vec<(Range<usize>, String)>,
    left: Vec<String>,
}

impl Work<'_> {
    fn text(&self, range: Range<usize>) -> &str {
        &self.source[range]
    }

    /// A struct that both have.
    fn change(&mut self, own: &Record, record: &Record) {
        let name = &record.name;
        let item = self.syntax.items.iter().find_map(|item| match item {
            syn::Item::Struct(item) if item.ident == name.as_str() => Some(item),
            _ => None,
        });
        let layout = self.syntax.items.iter().find_map(|item| match item {
            syn::Item::Macro(item)
                if item.mac.path.segments.last().is_some_and(|s| s.ident == "wire_layout") =>
            {
                let range = item.span().byte_range();
                self.source[range.clone()].contains(&format!("struct {name} of ")).then_some(range)
            }
            _ => None,
        });
        let named = item.and_then(|item| match &item.fields {
            syn::Fields::Named(fields) => Some(fields),
            _ => None,
        });
        let (Some(fields), Some(layout)) = (named, layout) else {
            self.left.push(format!("struct {name} differs, and depends on the page size"));
            return;
        };
        if own.fields.iter().chain(&record.fields).any(|field| field.bit_field) {
            self.left.push(format!("struct {name} differs, and has bit-fields"));
            return;
        }
        let comment = Comment::of(record);
        let mut body = String::new();
        let mut stated = Vec::new();
        for field in &record.fields {
            let before = fields
                .named
                .iter()
                .find(|one| one.ident.as_ref().is_some_and(|ident| *ident == field.name.as_str()));
            let typed = own.fields.iter().find(|one| one.name == field.name);
            let (text, ty) = match (before, typed) {
                // Rust's type says more than C's: an address, and not just a u64.
                (Some(before), Some(typed)) if typed.ty.by_value() == field.ty.by_value() => (
                    self.text(before.span().byte_range()).to_string(),
                    self.text(before.ty.span().byte_range()).to_string(),
                ),
                _ => {
                    let Some(ty) = rust_type(&field.ty) else {
                        let spelled = field.ty.spelling();
                        self.left.push(format!("{name}.{} has the type {spelled}", field.name));
                        return;
                    };
                    let doc = match before {
                        Some(before) => {
                            let docs =
                                before.attrs.iter().map(|a| self.text(a.span().byte_range()));
                            docs.collect::<Vec<_>>().join("\n") + "\n"
                        }
                        None => doc(comment.member(&field.name), "What it holds."),
                    };
                    (format!("{doc}pub {}: {ty}", field.name), ty)
                }
            };
            body.extend([text.as_str(), ",\n"]);
            stated.push(format!("{} => {}: {ty},\n", field.offset(), field.name));
        }
        let head = self.text(layout.clone());
        let of = head.split(" of ").nth(1).and_then(|rest| rest.split(',').next());
        let Some(of) = of.map(str::to_string) else {
            self.left
                .push(format!("struct {name} differs, and its wire_layout! has an unknown form"));
            return;
        };
        let stated = layout_text(record, &of, &stated.concat());
        self.edits.push((fields.brace_token.span.join().byte_range(), format!("{{\n{body}}}")));
        self.edits.push((layout, stated));
    }

    /// A struct that the wire file does not have.
    fn add(&mut self, record: &Record) {
        let name = &record.name;
        if record.fields.iter().any(|field| field.bit_field) {
            self.left.push(format!("struct {name} is new, and has bit-fields"));
            return;
        }
        let comment = Comment::of(record);
        let mut body = String::new();
        let mut stated = String::new();
        for field in &record.fields {
            let Some(ty) = rust_type(&field.ty) else {
                let spelled = field.ty.spelling();
                self.left.push(format!("struct {name} is new, and {} is {spelled}", field.name));
                return;
            };
            let docs = doc(comment.member(&field.name), "What it holds.");
            put!(body, "{docs}pub {}: {ty},", field.name);
            put!(stated, "{} => {}: {ty},", field.offset(), field.name);
        }
        let contract = self.ours.contracts.first();
        let Some(of) = contract.map(|c| c.name.as_ref().map_or(&c.macro_name, |n| &n.macro_name))
        else {
            self.left.push(format!("struct {name} is new, and the header has no contract"));
            return;
        };
        let (repr, unaligned) = match record.packing {
            Packing::Packed => ("C, packed", " Unaligned,"),
            Packing::Natural => ("C", ""),
        };
        let docs = doc(&comment.about, "What it is.");
        let text = format!(
            "{docs}#[repr({repr})]\n#[derive(FromBytes, IntoBytes, KnownLayout, Immutable,{unaligned} \
             Clone, Copy, Debug, PartialEq, Eq)]\npub struct {name} {{\n{body}}}\n\n{}\n\n",
            layout_text(record, of, &stated)
        );
        if !self.before_header(text) {
            return;
        }
        if let Some(end) = self.end_of_structs() {
            self.edits.push((end..end, format!(", {name}::STRUCT_LAYOUT")));
        }
        self.left.push(format!(
            "struct {name} is new: add `{name}::STRUCT_LAYOUT` to `roots`, unless another struct embeds it"
        ));
    }

    /// Puts text before the constant HEADER.
    fn before_header(&mut self, text: String) -> bool {
        let header = self.syntax.items.iter().find_map(|item| match item {
            syn::Item::Const(item) if item.ident == "HEADER" => {
                Some(item.span().byte_range().start)
            }
            _ => None,
        });
        if let Some(at) = header {
            self.edits.push((at..at, text));
        }
        header.is_some()
    }

    /// Where the list of structs in HEADER ends.
    fn end_of_structs(&self) -> Option<usize> {
        let Some(syn::Expr::Struct(header)) = constant(self.syntax, "HEADER") else { return None };
        let field = header.fields.iter().find(|field| match &field.member {
            syn::Member::Named(ident) => ident == "structs",
            syn::Member::Unnamed(_) => false,
        })?;
        let syn::Expr::Reference(list) = &field.expr else { return None };
        let syn::Expr::Array(array) = &*list.expr else { return None };
        array.elems.last().map(|last| last.span().byte_range().end)
    }

    /// Constants that have another value, or are there on one side alone.
    fn constants(&mut self, theirs: &Header) {
        let ours: Vec<&Constant> = self.ours.constants().collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for other in theirs.constants() {
            let name = other.name.as_str();
            if !seen.insert(name) {
                continue;
            }
            let value = match &other.value {
                Value::Str(text) => format!("{text:?}"),
                Value::Int(number) => number.to_string(),
            };
            match ours.iter().find(|own| own.name == other.name) {
                Some(own) if own.value == other.value => {}
                Some(_) => match constant(self.syntax, name) {
                    Some(syn::Expr::Lit(literal)) => {
                        self.edits.push((literal.span().byte_range(), value));
                    }
                    _ => self
                        .left
                        .push(format!("{name} is {value}, and an expression in the wire file")),
                },
                None => {
                    let ty = match &other.value {
                        Value::Str(_) => "&str",
                        Value::Int(_) => "u64",
                    };
                    let docs = doc(&other.doc, "What it says.");
                    self.before_header(format!("{docs}pub const {name}: {ty} = {value};\n\n"));
                }
            }
        }
        for own in ours {
            if !seen.contains(own.name.as_str()) {
                self.left
                    .push(format!("{} is gone: remove it and everything that uses it", own.name));
            }
        }
    }
}

/// `wire_layout!`, as it has to be for a struct.
fn layout_text(record: &Record, of: &str, fields: &str) -> String {
    let natural = if record.packing == Packing::Natural { "natural " } else { "" };
    let mut indented = String::new();
    for line in fields.lines() {
        put!(indented, "        {line}");
    }
    format!(
        "layout::wire_layout! {{\n    {natural}struct {} of {of}, size {}, align {} {{\n{indented}    }}\n}}",
        record.name, record.size, record.align
    )
}

/// The type in Rust of a field in C; `None` for what is not the same everywhere, or has no one type.
fn rust_type(ty: &Type) -> Option<String> {
    Some(match ty {
        Type::Int { bits, signed } => format!("{}{bits}", if *signed { "i" } else { "u" }),
        Type::Ordered { bits, order } => ordered(*bits, *order),
        Type::Char => "core::ffi::c_char".into(),
        Type::Array { elem, len, len_name } => {
            let len = len_name.as_ref().map_or_else(|| len.to_string(), Clone::clone);
            format!("[{}; {len}]", rust_type(elem)?)
        }
        Type::Struct { name } => name.clone(),
        Type::Pointer | Type::KhoserPtr { .. } | Type::Union { .. } => return None,
    })
}

/// A comment of kernel-doc, taken apart.
struct Comment {
    /// What is said of the struct: its brief, and its description.
    about: String,
    /// What is said of each member.
    members: Vec<(String, String)>,
}

impl Comment {
    fn of(record: &Record) -> Self {
        let mut comment = Self { about: String::new(), members: Vec::new() };
        let mut in_members = false;
        for line in record.doc.lines().map(str::trim) {
            let member = line.strip_prefix('@').and_then(|rest| rest.split_once(':'));
            if let Some((name, text)) = member {
                comment.members.push((name.trim().into(), text.trim().into()));
                in_members = true;
            } else if line.is_empty() {
                in_members = false;
                comment.about.push('\n');
            } else if let (true, Some((_, text))) = (in_members, comment.members.last_mut()) {
                text.push('\n');
                text.push_str(line);
            } else {
                let title = format!("{} {} - ", record.kind.keyword(), record.name);
                comment.about.push_str(line.strip_prefix(&title).unwrap_or(line));
                comment.about.push('\n');
            }
        }
        comment
    }

    fn member(&self, name: &str) -> &str {
        let mut members = self.members.iter();
        members.find(|(member, _)| member == name).map_or("", |(_, text)| text)
    }
}

/// Documentation as Rust has it.
fn doc(text: &str, otherwise: &str) -> String {
    let text = if text.trim().is_empty() { otherwise } else { text.trim() };
    text.lines().map(|line| format!("/// {}\n", line.trim()).replace("///  \n", "///\n")).collect()
}
