// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads the truth: the wire types of `kho-abi`.
//!
//! Names, order and documentation come from the source text, which the crate contains. Sizes,
//! alignments and offsets come from the layouts that rustc computed when it compiled the same text.
//! Both must name the same structs, fields and types.

use kho_abi::wire::layout;
use kho_abi_model::version::called;
use kho_abi_model::{
    Constant, Contract, Enumeration, FdtNode, FdtProperty, Field, Header, Item, Macro, Model,
    NameMacro, Packing, PageVariant, Place, Record, RecordKind, Target, Type, Value,
};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use syn::spanned::Spanned;

/// The directory of the wire files in a checkout.
pub const WIRE_DIR: &str = "abi/src/wire";

/// Why the truth cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The source is not Rust.
    #[error("{place}: {message}")]
    Syntax {
        /// Where parsing stopped.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A struct without a layout.
    #[error("{place}: HEADER does not list struct {name}")]
    NoLayout {
        /// Where the struct is.
        place: Place,
        /// The struct.
        name: String,
    },
    /// A layout without a struct.
    #[error("{file}: HEADER lists {name}, but the file does not declare that struct")]
    NoStruct {
        /// The file.
        file: String,
        /// The struct that is listed.
        name: String,
    },
    /// The fields of the struct and of its layout differ.
    #[error("{place}: struct {name} has `{found}`, but its layout has `{declared}`")]
    OtherField {
        /// Where the field is.
        place: Place,
        /// The struct.
        name: String,
        /// The field and its type in the source.
        found: String,
        /// The field and its type in the layout.
        declared: String,
    },
    /// A type without a C spelling.
    #[error("{place}: {name} has the type `{ty}`, which is not a wire type")]
    UnknownType {
        /// Where it is.
        place: Place,
        /// The field or constant.
        name: String,
        /// The type, as written.
        ty: String,
    },
    /// A struct whose layout C does not share.
    #[error("{place}: struct {name} is not #[repr(C)] or #[repr(C, packed)]")]
    Repr {
        /// Where the struct is.
        place: Place,
        /// The struct.
        name: String,
    },
    /// A constant whose value is not a literal, and that `HEADER` does not list.
    #[error("{place}: the value of {name} is not a literal, and HEADER does not list {name}")]
    NotLiteral {
        /// Where the constant is.
        place: Place,
        /// The constant.
        name: String,
    },
    /// A contract that owns an item that no wire file declares.
    #[error("{file}: the contract {contract} names {name}, but no wire file declares it")]
    NoItem {
        /// The file.
        file: String,
        /// The contract.
        contract: String,
        /// The missing item.
        name: String,
    },
    /// A contract whose string the file does not define.
    #[error("{file}: a contract names {name}, but the file does not declare that string")]
    NoString {
        /// The file.
        file: String,
        /// The constant that is named.
        name: String,
    },
}

impl TruthError {
    /// What to do about it, in one line.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Syntax { place, .. } => format!("correct {}", place.file),
            Self::NoLayout { name, .. } => {
                format!(
                    "add a `wire_layout!` for it, and `{name}::STRUCT_LAYOUT` to HEADER.structs"
                )
            }
            Self::NoStruct { .. } => "declare it in this file, or remove it from HEADER".into(),
            Self::OtherField { .. } => "make the `wire_layout!` match the struct".into(),
            Self::UnknownType { .. } => {
                "use u8 to u64, i8 to i64, c_char, PhysAddr, Le16 to Be64, arrays of them, or another \
                 wire struct"
                    .into()
            }
            Self::Repr { .. } => "give it the attribute of its C struct".into(),
            Self::NotLiteral { .. } => {
                "write the value as one literal, or add `layout::named_int!(…)` to HEADER.constants"
                    .into()
            }
            Self::NoItem { .. } => "correct the name, or declare it".into(),
            Self::NoString { name, .. } => format!("declare `pub const {name}: &str` in this file"),
        }
    }
}

/// Reads the truth that this program was compiled with: the current versions.
///
/// # Errors
///
/// [`TruthError`] if the source and the layouts do not match.
pub fn current() -> Result<Model, TruthError> {
    read(kho_abi::wire::HEADERS)
}

/// Reads the earlier versions that this program was compiled with.
///
/// Each is a model of its own, since two versions of a struct share a name. If an earlier version
/// embeds structs of other headers, they are the current ones. They follow it in the model without
/// their contracts.
///
/// # Errors
///
/// [`TruthError`] if the source and the layouts do not match.
pub fn earlier() -> Result<Vec<Model>, TruthError> {
    let current: Vec<_> = kho_abi::wire::HEADERS.iter().map(|header| (WIRE_DIR, *header)).collect();
    let read = |header| read_crate(WIRE_DIR, &[header], &current);
    kho_abi::wire::earlier::EARLIER.iter().copied().map(read).collect()
}

/// Reads wire files of this repository.
///
/// The model is for the smallest page size, and has the others beside it.
///
/// # Errors
///
/// [`TruthError`] if the source and the layouts do not match.
pub fn read(headers: &[&'static layout::Header]) -> Result<Model, TruthError> {
    let files: Vec<_> = headers.iter().map(|header| (WIRE_DIR, *header)).collect();
    require_items(read_files(&files)?)
}

/// Reads the wire files of a crate, which lie in `dir`, below the crate's top.
///
/// They may embed what `beside` has, each with the directory that it is in: those headers follow the
/// crate's in the model, without their contracts. One with the name of one of the crate's is left out.
///
/// # Errors
///
/// [`TruthError`] where the source and the layouts do not fit together.
pub fn read_crate(
    dir: &str,
    headers: &[&'static layout::Header],
    beside: &[(&str, &'static layout::Header)],
) -> Result<Model, TruthError> {
    let is_new = |other: &layout::Header| headers.iter().all(|header| header.name != other.name);
    let others = beside.iter().copied().filter(|(_, other)| is_new(other));
    let own = headers.iter().map(|header| (dir, *header));
    let mut model = read_files(&own.chain(others).collect::<Vec<_>>())?;
    for other in &mut model.headers[headers.len()..] {
        other.contracts.clear();
    }
    require_items(model)
}

/// Reads wire files, each with the directory that it is in.
fn read_files(files: &[(&str, &'static layout::Header)]) -> Result<Model, TruthError> {
    let headers: Vec<_> = files.iter().map(|(_, header)| *header).collect();
    let page_sizes: BTreeSet<_> =
        headers.iter().flat_map(|header| header.pages).map(|pages| pages.page_size).collect();
    let base = page_sizes.first().copied().unwrap_or(4096);
    // Parsing is most of the work: each file is parsed once, for all page sizes.
    let parsed: Vec<_> = files
        .iter()
        .map(|(dir, header)| Ok((*dir, *header, parse(dir, header)?)))
        .collect::<Result<_, _>>()?;
    let read_for = |page_size: usize, all: bool| -> Result<Vec<Header>, TruthError> {
        let mut sizes = Sizes::new();
        for layout in headers.iter().flat_map(|header| layouts(header, page_size)) {
            sizes.entry(layout.name).or_insert(layout.size as u64);
        }
        let wanted =
            parsed.iter().filter(|(_, _, syntax)| all || syntax.items.iter().any(is_paged));
        wanted
            .map(|(dir, header, syntax)| read_header(dir, header, syntax, page_size, &sizes))
            .collect()
    };
    let target = Target { page_size: Some(base as u64), ..Target::HOST };
    let mut model = Model { target, headers: read_for(base, true)?, other_pages: Vec::new() };
    for page_size in page_sizes.into_iter().skip(1) {
        let items = read_for(page_size, false)?.into_iter().flat_map(|header| header.items);
        model.other_pages.push(PageVariant {
            page_size: page_size as u64,
            items: items.filter(depends_on_page_size).collect(),
        });
    }
    Ok(model)
}

/// Makes sure that contracts own what is there.
fn require_items(model: Model) -> Result<Model, TruthError> {
    for (header, contract) in model.contracts() {
        let unknown = contract.constants.iter().find(|name| model.constant(name).is_none());
        let unknown = unknown.or(contract.roots.iter().find(|name| model.record(name).is_none()));
        if let Some(name) = unknown {
            return Err(TruthError::NoItem {
                file: header.file.clone(),
                contract: contract.compatible.clone(),
                name: name.clone(),
            });
        }
    }
    Ok(model)
}

/// The layouts that a wire file declares, for that page size.
fn layouts(
    header: &'static layout::Header,
    page_size: usize,
) -> impl Iterator<Item = &'static layout::StructLayout> {
    let paged = pages(header, page_size).map_or(&[][..], |pages| pages.structs);
    header.structs.iter().chain(paged)
}

fn pages(
    header: &'static layout::Header,
    page_size: usize,
) -> Option<&'static layout::PageLayouts> {
    header.pages.iter().find(|pages| pages.page_size == page_size)
}

/// `pub use super::name;`
fn used_here(item: &syn::Item) -> Option<String> {
    let syn::Item::Use(syn::ItemUse { tree: syn::UseTree::Path(path), .. }) = item else {
        return None;
    };
    match &*path.tree {
        syn::UseTree::Name(name) if path.ident == "super" => Some(name.ident.to_string()),
        _ => None,
    }
}

fn depends_on_page_size(item: &Item) -> bool {
    match item {
        Item::Record(record) => record.page_size.is_some(),
        item => item.constants().any(|constant| constant.page_size.is_some()),
    }
}

/// Sizes of all wire structs, in bytes, by name.
type Sizes<'a> = BTreeMap<&'a str, u64>;

/// Whether what is inside stands there once for each page size.
fn is_paged(item: &syn::Item) -> bool {
    matches!(item, syn::Item::Macro(item) if last_is(&item.mac.path, "per_page_size"))
}

fn file(dir: &str, header: &layout::Header) -> String {
    if dir.is_empty() {
        return header.file.into();
    }
    format!("{dir}/{}", header.file)
}

fn syntax_error(file: &str, error: &syn::Error) -> TruthError {
    let place = Place { file: file.into(), line: error.span().start().line };
    TruthError::Syntax { place, message: error.to_string() }
}

fn parse(dir: &str, header: &layout::Header) -> Result<syn::File, TruthError> {
    syn::parse_file(header.source).map_err(|error| syntax_error(&file(dir, header), &error))
}

fn read_header(
    dir: &str,
    header: &'static layout::Header,
    syntax: &syn::File,
    page_size: usize,
    sizes: &Sizes<'_>,
) -> Result<Header, TruthError> {
    let source = Source {
        file: file(dir, header),
        header,
        page_size,
        layouts: layouts(header, page_size).map(|layout| (layout.name, layout)).collect(),
        sizes,
    };
    let mut items = Vec::new();
    // Structs whose place in C is among those that depend on the page size, with the index of that
    // place.
    let mut moved = Vec::new();
    for each in &syntax.items {
        match each {
            // Its content exists once for each page size.
            syn::Item::Macro(item) if is_paged(each) => {
                let inside: syn::File = syn::parse2(item.mac.tokens.clone())
                    .map_err(|error| syntax_error(&source.file, &error))?;
                for item in &inside.items {
                    if let Some(name) = used_here(item) {
                        moved.push((items.len(), name));
                    }
                    items.extend(source.item(item, Some(page_size as u64))?);
                }
            }
            item => items.extend(source.item(item, None)?),
        }
    }

    for (to, name) in moved {
        let Some(from) = items[..to].iter().position(|item| item.name() == name) else { continue };
        // Move it after everything that precedes its place.
        items[from..to].rotate_left(1);
    }

    let file = source.file;
    let read = Header {
        name: header.name.into(),
        file: file.clone(),
        guard: header.guard.into(),
        includes: header.includes.iter().map(|include| (*include).into()).collect(),
        doc: doc(&syntax.attrs),
        items,
        contracts: header.contracts.iter().map(contract).collect(),
        declarations: Vec::new(),
    };
    let declared: BTreeSet<_> = read.records().map(|record| record.name.as_str()).collect();
    if let Some((name, _)) = source.layouts.iter().find(|(name, _)| !declared.contains(*name)) {
        return Err(TruthError::NoStruct { file, name: (*name).into() });
    }
    let values: BTreeMap<_, _> =
        read.constants().map(|constant| (constant.name.as_str(), &constant.value)).collect();
    for contract in header.contracts {
        let value = match contract.version {
            Some(version) => Value::Int(version.into()),
            None => Value::Str(contract.compatible.value.into()),
        };
        if values.get(contract.compatible.name) != Some(&&value) {
            return Err(TruthError::NoString { file, name: contract.compatible.name.into() });
        }
        if let Some(name) = contract.name {
            if values.get(name.name) != Some(&&Value::Str(name.value.into())) {
                return Err(TruthError::NoString { file, name: name.name.into() });
            }
        }
    }
    Ok(read)
}

fn contract(contract: &layout::Contract) -> Contract {
    let roots =
        contract.roots.iter().map(|root| root.name).chain(contract.page_roots.iter().copied());
    let property = |property: &layout::FdtProperty| FdtProperty {
        name: property.name.into(),
        size: property.size.map(|size| size as u64),
        doc: property.doc.into(),
    };
    let node = |node: &layout::FdtNode| FdtNode {
        path: node.path.into(),
        properties: node.properties.iter().map(property).collect(),
    };
    Contract {
        compatible: match (contract.version, contract.name) {
            // Named as a reader of C headers names it, which finds the string and the number beside
            // each other.
            (Some(version), Some(name)) => called::beside(name.value, version.into()),
            (Some(version), None) => called::alone(contract.compatible.value, version.into()),
            (None, _) => contract.compatible.value.into(),
        },
        macro_name: contract.compatible.name.into(),
        version: contract.version.map(u64::from),
        name: contract
            .name
            .map(|name| NameMacro { macro_name: name.name.into(), value: name.value.into() }),
        roots: roots.map(Into::into).collect(),
        constants: contract.constants.iter().map(|name| (*name).into()).collect(),
        nodes: contract.nodes.iter().map(node).collect(),
        ..Contract::default()
    }
}

/// A file that is being read, for one page size.
struct Source<'a> {
    file: String,
    header: &'static layout::Header,
    page_size: usize,
    layouts: BTreeMap<&'static str, &'static layout::StructLayout>,
    sizes: &'a Sizes<'a>,
}

impl Source<'_> {
    fn place(&self, span: proc_macro2::Span) -> Place {
        Place { file: self.file.clone(), line: span.start().line }
    }

    /// The model's item for one of the file's; `depends` is the page size that it is read for, if
    /// it depends on that. Returns `None` for items that C does not get.
    fn item(&self, item: &syn::Item, depends: Option<u64>) -> Result<Option<Item>, TruthError> {
        Ok(match item {
            syn::Item::Struct(item) => {
                let name = c_name(&item.ident);
                let Some(layout) = self.layouts.get(name.as_str()) else {
                    return Err(TruthError::NoLayout {
                        place: self.place(item.ident.span()),
                        name,
                    });
                };
                Some(Item::Record(self.record(item, layout, depends)?))
            }
            syn::Item::Const(item) if matches!(item.vis, syn::Visibility::Public(_)) => {
                match &*item.ty {
                    // Numbers and strings become macros, and so does what is declared as one.
                    // HEADER and similar constants do not.
                    syn::Type::Path(path) if last_is(&path.path, "CMacro") => {
                        Some(Item::Macro(self.c_macro(item)?))
                    }
                    syn::Type::Path(path) if path.path.segments.len() > 1 => None,
                    _ => Some(Item::Constant(self.constant(item, depends)?)),
                }
            }
            // A module of constants is an enumeration: C has its names in the outer scope, too.
            syn::Item::Mod(syn::ItemMod { content: Some((_, inside)), ident, attrs, .. }) => {
                let mut members = Vec::new();
                for item in inside {
                    if let syn::Item::Const(item) = item {
                        members.push(self.constant(item, depends)?);
                    }
                }
                let place = Some(self.place(ident.span()));
                Some(Item::Enum(Enumeration {
                    name: c_name(ident),
                    members,
                    doc: doc(attrs),
                    place,
                }))
            }
            _ => None,
        })
    }

    fn record(
        &self,
        item: &syn::ItemStruct,
        layout: &layout::StructLayout,
        depends: Option<u64>,
    ) -> Result<Record, TruthError> {
        let place = self.place(item.ident.span());
        let name = layout.name.to_string();
        let Some(packing) = packing(&item.attrs) else {
            return Err(TruthError::Repr { place, name });
        };
        let written: Vec<_> = item.fields.iter().collect();
        let mut fields = Vec::with_capacity(written.len());
        for index in 0..written.len().max(layout.fields.len()) {
            let spell = |field: &&syn::Field| {
                let name = field.ident.as_ref().map(c_name).unwrap_or_default();
                format!("{name}: {}", spelling(&field.ty))
            };
            let found = written.get(index).map(spell);
            let declared =
                layout.fields.get(index).map(|f| format!("{}: {}", f.name, squeeze(f.ty)));
            let (Some(field), true) = (written.get(index), found == declared) else {
                return Err(TruthError::OtherField {
                    place: written.get(index).map_or(place, |field| self.place(field.span())),
                    name,
                    found: found.unwrap_or_else(|| "nothing".into()),
                    declared: declared.unwrap_or_else(|| "nothing".into()),
                });
            };
            let field = self.field(&name, field, &layout.fields[index])?;
            let shared =
                self.header.bit_fields.iter().find(|bit_fields| {
                    bit_fields.record == name && bit_fields.storage == field.name
                });
            match shared {
                Some(shared) => fields.extend(bit_fields(&field, shared)),
                None => fields.push(field),
            }
        }
        Ok(Record {
            kind: RecordKind::Struct,
            name,
            packing,
            size: layout.size as u64,
            size_expr: layout.size_stated.parse::<u64>().err().map(|_| layout.size_stated.into()),
            page_size: depends,
            bit_fields_unknown: false,
            align: layout.align as u64,
            fields,
            doc: doc(&item.attrs),
            place: Some(place),
        })
    }

    fn field(
        &self,
        owner: &str,
        field: &syn::Field,
        layout: &layout::FieldLayout,
    ) -> Result<Field, TruthError> {
        let place = self.place(field.ty.span());
        let Some((ty, _)) = wire_type(&field.ty, layout.size as u64, self.sizes) else {
            return Err(TruthError::UnknownType {
                place,
                name: format!("{owner}.{}", layout.name),
                ty: spelling(&field.ty),
            });
        };
        Ok(Field {
            name: layout.name.into(),
            ty,
            bit_offset: layout.offset as u64 * 8,
            bit_size: layout.size as u64 * 8,
            bit_field: false,
            c_declaration: c_declaration(&field.ty, layout.name),
            doc: doc(&field.attrs),
            place: Some(place),
        })
    }

    fn constant(
        &self,
        item: &syn::ItemConst,
        depends: Option<u64>,
    ) -> Result<Constant, TruthError> {
        let place = self.place(item.ident.span());
        let name = item.ident.to_string();
        let paged = pages(self.header, self.page_size).map_or(&[][..], |pages| pages.constants);
        let computed = self.header.constants.iter().chain(paged).find(|int| int.name == name);
        let literal = match &*item.expr {
            syn::Expr::Lit(literal) => Some(&literal.lit),
            _ => None,
        };
        let value = match (computed, literal) {
            (Some(computed), _) => Some(Value::Int(computed.value)),
            (None, Some(syn::Lit::Str(string))) => Some(Value::Str(string.value())),
            (None, Some(syn::Lit::Int(number))) => number.base10_parse().ok().map(Value::Int),
            _ => None,
        };
        let Some(value) = value else {
            return Err(TruthError::NotLiteral { place, name });
        };
        Ok(Constant {
            name,
            value,
            expr: computed.map(|int| int.c.into()),
            page_size: depends,
            doc: doc(&item.attrs),
            place: Some(place),
        })
    }

    fn c_macro(&self, item: &syn::ItemConst) -> Result<Macro, TruthError> {
        let name = item.ident.to_string();
        let place = self.place(item.ident.span());
        let field = |wanted: &str| {
            let syn::Expr::Struct(declared) = &*item.expr else { return None };
            declared.fields.iter().find_map(|field| match (&field.member, &field.expr) {
                (
                    syn::Member::Named(ident),
                    syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
                ) if ident == wanted => Some(text.value()),
                _ => None,
            })
        };
        match (field("arguments"), field("body"), field("option")) {
            (Some(arguments), Some(body), Some(option)) => Ok(Macro {
                name,
                arguments,
                body,
                option,
                doc: doc(&item.attrs),
                place: Some(place),
            }),
            _ => Err(TruthError::NotLiteral { place, name }),
        }
    }
}

fn last_is(path: &syn::Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}

/// The bit-fields that C has instead of the integer that Rust keeps them in.
fn bit_fields(storage: &Field, shared: &layout::BitFields) -> Vec<Field> {
    let field = |field: &layout::BitField| Field {
        name: field.name.into(),
        bit_offset: storage.bit_offset + u64::from(field.bit),
        bit_size: field.width.into(),
        bit_field: true,
        doc: field.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"),
        ..storage.clone()
    };
    shared.fields.iter().map(field).collect()
}

/// How the kernel declares a field of this type, if the model's type does not determine it.
fn c_declaration(ty: &syn::Type, name: &str) -> Option<String> {
    match ty {
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            match argument(last) {
                Some(elem) if last.ident == "FlexArray" => {
                    c_declaration(elem, &format!("{name}[]")).or_else(|| {
                        let (elem, _) = wire_type(elem, 0, &Sizes::new())
                            .or_else(|| Some((Type::structure(&last_name(elem)?), 0)))?;
                        Some(elem.declare(&format!("{name}[]")))
                    })
                }
                _ => Some(format!("{} {name}", c_word(&last.ident.to_string())?)),
            }
        }
        syn::Type::Array(array) => match &array.len {
            syn::Expr::Call(call) if matches!(&*call.func, syn::Expr::Path(path) if last_is(&path.path, "bits_to_longs")) =>
            {
                let bits = call.args.first()?.to_token_stream();
                Some(format!("DECLARE_BITMAP({name}, {bits})"))
            }
            len => c_declaration(&array.elem, &format!("{name}[{}]", len.to_token_stream())),
        },
        _ => None,
    }
}

/// The type that the kernel declares such fields with, where the model's type does not tell.
fn c_word(rust: &str) -> Option<&'static str> {
    Some(match rust {
        "c_uint" => "unsigned int",
        "c_ushort" => "unsigned short",
        _ => return None,
    })
}

/// The last word of a type's path.
fn last_name(ty: &syn::Type) -> Option<String> {
    let syn::Type::Path(path) = ty else { return None };
    Some(c_name(&path.path.segments.last()?.ident))
}

/// The model's type for a Rust type of that many bytes, and the bytes that it takes.
///
/// `None` if it is not a wire type. rustc computed the length of an array: its size divided by that
/// of its element. A constant for the length keeps its name.
fn wire_type(ty: &syn::Type, size: u64, sizes: &Sizes<'_>) -> Option<(Type, u64)> {
    match ty {
        syn::Type::Path(path) if path.qself.is_none() => {
            let name = c_name(&path.path.segments.last()?.ident);
            let int = |bits: u16, signed| (Type::Int { bits, signed }, u64::from(bits / 8));
            Some(match name.as_str() {
                "u8" => int(8, false),
                "u16" | "c_ushort" => int(16, false),
                "u32" | "c_uint" => int(32, false),
                "u64" | "PhysAddr" => int(64, false),
                "Le16" | "Le32" | "Le64" | "Be16" | "Be32" | "Be64" => {
                    let ty = Type::ordered(&format!("__{}", name.to_lowercase()))?;
                    (ty, name[2..].parse::<u64>().ok()? / 8)
                }
                "i8" => int(8, true),
                "i16" => int(16, true),
                "i32" => int(32, true),
                "i64" => int(64, true),
                "c_char" => (Type::Char, 1),
                "KhoserPtr" => (khoser_ptr(path.path.segments.last()?)?, 8),
                "FlexArray" => {
                    let elem = argument(path.path.segments.last()?)?;
                    let (elem, _) = wire_type(elem, 0, sizes)?;
                    (Type::Array { elem: Box::new(elem), len: 0, len_name: None }, 0)
                }
                other => (Type::structure(other), *sizes.get(other)?),
            })
        }
        syn::Type::Array(array) => {
            let (len, len_name) = match &array.len {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(len), .. }) => {
                    (Some(len.base10_parse::<u64>().ok()?), None)
                }
                syn::Expr::Path(path) => (None, Some(path.path.segments.last()?.ident.to_string())),
                expr @ syn::Expr::Binary(_) => (None, Some(expr.to_token_stream().to_string())),
                // A Rust function does not have a name in C.
                syn::Expr::Call(_) => (None, None),
                _ => return None,
            };
            // If the length is a literal, this is the size of an element.
            let share = len.map_or(size, |len| size.checked_div(len).unwrap_or(0));
            let (elem, elem_size) = wire_type(&array.elem, share, sizes)?;
            let len = len.or_else(|| size.checked_div(elem_size))?;
            let total = elem_size.checked_mul(len)?;
            Some((Type::Array { elem: Box::new(elem), len, len_name }, total))
        }
        _ => None,
    }
}

/// `KhoserPtr<T>`.
fn khoser_ptr(segment: &syn::PathSegment) -> Option<Type> {
    Some(Type::KhoserPtr { to: last_name(argument(segment)?)? })
}

/// `T` of `Name<T>`.
fn argument(segment: &syn::PathSegment) -> Option<&syn::Type> {
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// The name that C has for an identifier: one that is a word of Rust is `r#type` there.
fn c_name(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_string()
}

/// `None` unless the struct is laid out as C does.
fn packing(attrs: &[syn::Attribute]) -> Option<Packing> {
    let (mut c, mut packing) = (false, Packing::Natural);
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        attr.parse_nested_meta(|meta| {
            c |= meta.path.is_ident("C");
            // packed(N) and align(N) have arguments that are not read: an error, and so there is no
            // layout.
            if meta.path.is_ident("packed") {
                packing = Packing::Packed;
            }
            Ok(())
        })
        .ok()?;
    }
    c.then_some(packing)
}

/// Documentation, one line per source line, without the space after the slashes.
fn doc(attrs: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("doc")) {
        if let syn::Meta::NameValue(syn::MetaNameValue {
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
            ..
        }) = &attr.meta
        {
            let text = text.value();
            lines.push(text.strip_prefix(' ').unwrap_or(&text).to_string());
        }
    }
    lines.join("\n")
}

fn spelling(ty: &syn::Type) -> String {
    squeeze(&ty.to_token_stream().to_string())
}

/// Tokens print with other spaces than stringify! makes, but types are the same without any.
fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}
