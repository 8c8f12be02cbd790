// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a type of C is in Rust, or why it is none that memory can hand over.

use super::numbers::of_page_size;
use super::Shaper;
use kho_abi_model::{Endian, Field, Type};
use kho_abi_read::outline::FieldText;

/// An integer of a byte order of its own, as `wire::endian` calls it.
pub(crate) fn ordered(bits: u16, order: Endian) -> String {
    let order = if order == Endian::Big { "Be" } else { "Le" };
    format!("{order}{bits}")
}

impl Shaper<'_, '_> {
    pub(super) fn rust_type(
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
        let any = "as an integer, it may have any value, and readers must check it";
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
            Type::Ordered { bits, order } => ordered(*bits, *order),
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
                        "remove it, or put it at the end".into(),
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
                            "its length is not a linear function of the page size".to_string(),
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

/// A name of C as Rust has it.
pub(in crate::import) fn raw(name: &str) -> String {
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
