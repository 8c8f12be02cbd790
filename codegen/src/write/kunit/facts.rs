// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What of a struct's layout C can state: numbers and types of each member that has a name.
//!
//! A struct or union without a tag has no name in C. Its members are stated as members of the struct
//! that contains it.

use super::super::c_header::TAB;
use super::{call, declare, paged, NEED_KNOWN_PAGES};
use kho_abi_model::put;
use kho_abi_model::{Field, Header, Model, Record, Type};
use std::collections::BTreeSet;

/// A model, and the same for each other page size.
pub(super) struct Pages<'a> {
    here: &'a Model,
    others: Vec<(u64, Model)>,
    /// The structs that have no tag, and the name of a typedef instead.
    typedefs: &'a BTreeSet<String>,
}

impl<'a> Pages<'a> {
    pub(super) fn of(model: &'a Model, typedefs: &'a BTreeSet<String>) -> Self {
        let other = |size: u64| Some((size, model.with_page_size(size)?));
        let others = model.other_pages.iter().filter_map(|pages| other(pages.page_size)).collect();
        Self { here: model, others, typedefs }
    }

    /// How C calls a struct or union.
    fn type_name(&self, keyword: &str, name: &str) -> String {
        if self.typedefs.contains(name) {
            name.into()
        } else {
            format!("{keyword} {name}")
        }
    }
}

/// The largest struct, in bytes, that a test has on its stack, twice.
const ON_STACK: u64 = 256;

/// Something that C can state about a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fact {
    /// The expectation, as `offset`.
    what: &'static str,
    /// The member that it is about; empty for the struct itself.
    member: String,
    value: Stated,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stated {
    Number(u64),
    Word(String),
}

/// A bit-field: where it is, from the start of the struct.
struct Bits {
    member: String,
    signed: Option<bool>,
    offset: u64,
    size: u64,
}

/// All that C can state about a struct, for one page size.
#[derive(Default)]
struct Facts {
    stated: Vec<Fact>,
    bits: Vec<Bits>,
    /// What C has no words for.
    unsaid: Vec<String>,
    /// Whether the struct, or one without a tag in it, depends on the page size.
    is_paged: bool,
}

impl Facts {
    fn of(model: &Model, header: &Header, record: &Record) -> Self {
        let mut facts = Self::default();
        facts.state("struct", "", Stated::Number(record.size));
        facts.state("align", "", Stated::Number(record.align));
        facts.members(model, header, record, ("", 0));
        facts
    }

    fn state(&mut self, what: &'static str, member: &str, value: Stated) {
        self.stated.push(Fact { what, member: member.into(), value });
    }

    /// The members of a struct that begins at a bit, and is reached by what precedes their names.
    fn members(&mut self, model: &Model, header: &Header, record: &Record, at: (&str, u64)) {
        let (path, start) = at;
        self.is_paged |= record.page_size.is_some();
        for field in &record.fields {
            let member = format!("{path}{}", field.name);
            let bit = start + field.bit_offset;
            let tagless = field.ty.embedded().filter(|name| name.contains('.'));
            let inside = tagless.map(|name| record_in(model, header, name));
            if let Some(None) = inside {
                self.unsaid.push(format!("{member}: its struct has no layout"));
            }
            let inside = inside.flatten();
            if field.name.is_empty() {
                match inside {
                    Some(inside) => self.members(model, header, inside, (path, bit)),
                    None => self.unsaid.push(format!("the bits at byte {}: no name", bit / 8)),
                }
                continue;
            }
            if field.bit_field {
                let signed = match field.ty {
                    Type::Int { signed, .. } => Some(signed),
                    _ => None,
                };
                self.bits.push(Bits { member, signed, offset: bit, size: field.bit_size });
                continue;
            }
            let element = self.member(field, &member, bit);
            if let Some(inside) = inside {
                self.members(model, header, inside, (&format!("{element}."), bit));
            }
        }
    }

    /// A member that is not a bit-field; returns how C calls it, or an element of it.
    fn member(&mut self, field: &Field, member: &str, bit: u64) -> String {
        self.state("offset", member, Stated::Number(bit / 8));
        // An array whose length the struct does not say has no size in C.
        if !matches!(field.ty, Type::Array { len: 0, .. }) {
            self.state("size", member, Stated::Number(field.size()));
        }
        let mut element = member.to_string();
        let mut ty = &field.ty;
        while let Type::Array { elem, .. } = ty {
            element.push_str("[0]");
            ty = elem;
        }
        let is_array = matches!(field.ty, Type::Array { .. });
        let is = |signed: bool| Stated::Word(signed.to_string());
        if let Type::Ordered { .. } = ty {
            self.unsaid.push(format!("{member}: its byte order, which only sparse sees"));
        }
        match ty {
            Type::Int { bits, signed } => {
                if is_array {
                    self.state("size", &element, Stated::Number((bits / 8).into()));
                }
                self.state("sign", &element, is(*signed));
            }
            // sparse refuses to ask for the sign of what has a byte order of its own.
            Type::Ordered { bits, .. } if is_array => {
                self.state("size", &element, Stated::Number((bits / 8).into()));
            }
            // The sign of a character is up to the compiler.
            Type::Char if is_array => self.state("size", &element, Stated::Number(1)),
            Type::KhoserPtr { to } => {
                self.state("size", &format!("{element}.phys"), Stated::Number(8));
                self.state("sign", &format!("{element}.phys"), is(false));
                let pointer = Stated::Word(format!("struct {to} *"));
                self.state("type", &format!("{element}.ptr"), pointer);
            }
            Type::Struct { name } | Type::Union { name } if !name.contains('.') => {
                self.state("type", &element, Stated::Word(ty.base()));
            }
            Type::Struct { .. }
            | Type::Union { .. }
            | Type::Char
            | Type::Ordered { .. }
            | Type::Pointer
            | Type::Array { .. } => {}
        }
        element
    }
}

/// The struct that a name means in a header.
fn record_in<'a>(model: &'a Model, header: &Header, name: &str) -> Option<&'a Record> {
    let own = model.headers.iter().find(|other| other.name == header.name);
    let own = own.and_then(|own| own.records().find(|record| record.name == name));
    own.or_else(|| model.record(name))
}

/// The cases of a struct.
#[derive(Default)]
pub(super) struct Cases {
    /// What its layout is expected to be, without its bit-fields.
    pub(super) layout: String,
    /// Where its bit-fields are expected: each is set alone, and the bytes are compared.
    pub(super) bits: String,
    /// What is not checked, and why.
    pub(super) not_checked: Vec<String>,
}

/// The cases of a struct of a header. `promise` names the macros of its versions.
pub(super) fn cases(pages: &Pages<'_>, header: &Header, record: &Record, promise: &str) -> Cases {
    let ty = pages.type_name(record.kind.keyword(), &record.name);
    let here = Facts::of(pages.here, header, record);
    let other = |(size, model): &(u64, Model)| {
        let record = record_in(model, header, &record.name)?;
        Some((*size, Facts::of(model, header, record)))
    };
    let others: Vec<(u64, Facts)> =
        if here.is_paged { pages.others.iter().filter_map(other).collect() } else { Vec::new() };
    let size = pages.here.target.page_size.unwrap_or_default();
    // A number, for each page size; nothing if a page size has no such member.
    let number = |here: u64, of: &dyn Fn(&Facts) -> Option<u64>| {
        let mut all = vec![(size, i128::from(here))];
        for (size, facts) in &others {
            all.push((*size, of(facts)?.into()));
        }
        Some(paged(all))
    };
    let mut not_checked: Vec<String> =
        here.unsaid.iter().map(|what| format!("{ty}: {what}")).collect();
    let differs = |member: &str| format!("{ty}.{member}: other pages have another member");

    let mut layout = format!("{}\n", declare(promise));
    if here.is_paged {
        layout.push_str(NEED_KNOWN_PAGES);
    }
    for fact in &here.stated {
        let same = |other: &&Fact| (other.what, &other.member) == (fact.what, &fact.member);
        let found = |facts: &Facts| facts.stated.iter().find(same).map(|fact| fact.value.clone());
        let value = match &fact.value {
            Stated::Number(value) => number(*value, &|facts| match found(facts) {
                Some(Stated::Number(value)) => Some(value),
                _ => None,
            }),
            Stated::Word(word) => {
                let agrees = |(_, facts): &(u64, Facts)| found(facts).as_ref() == Some(&fact.value);
                let known = word.split_once(' ').filter(|_| fact.what == "type");
                let word = known
                    .filter(|(_, name)| !name.contains(' '))
                    .map_or_else(|| word.clone(), |(keyword, name)| pages.type_name(keyword, name));
                others.iter().all(agrees).then_some(word)
            }
        };
        let Some(value) = value else {
            not_checked.push(differs(&fact.member));
            continue;
        };
        let mut arguments = vec!["test", ty.as_str()];
        arguments.extend(Some(fact.member.as_str()).filter(|member| !member.is_empty()));
        arguments.extend([value.as_str(), "promise"]);
        let function = format!("kho_abi_expect_{}", fact.what);
        put!(layout, "{};", call(&function, TAB, &arguments));
    }

    let mut bits = String::new();
    for Bits { member, signed, offset, size } in &here.bits {
        let same =
            |other: &&Bits| (&other.member, other.size, other.signed) == (member, *size, *signed);
        let found = |facts: &Facts| Some(facts.bits.iter().find(same)?.offset);
        let Some(offset) = number(*offset, &found) else {
            not_checked.push(differs(member));
            continue;
        };
        put!(bits, "\n\tmemset(&ser, 0, sizeof(ser));\n\tmemset(bits, 0, sizeof(bits));");
        put!(bits, "\tser.{member} -= 1;");
        put!(bits, "\tkho_abi_set_bits(bits, {offset}, {size});");
        let what = format!("\"{ty}.{member}\"");
        let arguments = ["test", &what, "&ser", "bits", "sizeof(ser)", "promise"];
        put!(bits, "{};", call("kho_abi_expect_bits", TAB, &arguments));
        if let Some(signed) = signed {
            let sign = format!("ser.{member} + 0 < 0");
            let arguments = ["test", "\"sign\"", &what, &sign, &signed.to_string(), "promise"];
            put!(bits, "{};", call("kho_abi_expect", TAB, &arguments));
        }
    }
    if !bits.is_empty() {
        let need = if here.is_paged { format!("\n{NEED_KNOWN_PAGES}") } else { String::new() };
        let sizes = others.iter().filter_map(|(_, facts)| facts.stated.first());
        let is_large = sizes
            .chain(here.stated.first())
            .map(|fact| &fact.value)
            .any(|value| matches!(value, Stated::Number(size) if *size > ON_STACK));
        let keep = if is_large { "static " } else { "" };
        let declared = declare(promise);
        let declared = format!("{declared}\t{keep}{ty} ser;\n\t{keep}u8 bits[sizeof(ser)];\n");
        bits = format!("{declared}{need}{bits}");
    }
    not_checked.sort();
    not_checked.dedup();
    Cases { layout, bits, not_checked }
}
