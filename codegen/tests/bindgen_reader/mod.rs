// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads C headers in a second way: bindgen gets the layouts from libclang.
//!
//! bindgen's output is Rust, with an assertion for each size, alignment and offset from libclang;
//! those numbers are read. It contains neither documentation nor the expression behind a number. It
//! collapses bit-fields, and computes their positions itself: a struct with bit-fields is marked,
//! and read without them.

use bindgen::callbacks::{DiscoveredItem, DiscoveredItemId, ParseCallbacks, SourceLocation};
use kho_abi_codegen::generate;
use kho_abi_model::{
    Constant, Endian, Field, Header, Item, Model, Packing, Record, RecordKind, Target, Type, Value,
};
use kho_abi_read::headers::STAND_IN;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::{cell::RefCell, fs, io};

/// Why a header cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CHeaderError {
    /// libclang is not installed.
    #[error("libclang cannot be loaded: {0}")]
    NoLibclang(String),
    /// A triple without known layouts.
    #[error("unknown target {0}")]
    UnknownTarget(String),
    /// clang does not accept the header.
    #[error("{path}: {message}")]
    Clang {
        /// The header.
        path: PathBuf,
        /// What clang says.
        message: String,
    },
    /// The header contains something that bindgen does not report in full.
    #[error("{path}: {item} cannot be read: {why}")]
    Unsupported {
        /// The header.
        path: PathBuf,
        /// The struct, field or constant.
        item: String,
        /// What is unsupported.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// How to read headers.
#[derive(Clone, Debug)]
pub(crate) struct Options<'a> {
    /// The machine, one of [`TRIPLES`].
    pub(crate) triple: &'a str,
    /// Further arguments to clang, such as `-I` and `-D`.
    pub(crate) clang_args: &'a [String],
}

/// Reads each of these headers by itself.
///
/// # Errors
///
/// The first header that clang refuses, or that contains something that bindgen does not report.
pub(crate) fn read(paths: &[PathBuf], options: &Options<'_>) -> Result<Model, CHeaderError> {
    let target = target(options.triple)?;
    clang_sys::load().map_err(CHeaderError::NoLibclang)?;
    let headers =
        paths.iter().map(|path| read_one(path, options)).collect::<Result<Vec<_>, _>>()?;
    Ok(Model { target, headers, other_pages: Vec::new() })
}

/// Renders the headers of a model and reads them back, with the stand-ins for the kernel's headers,
/// for the model's page size.
///
/// # Errors
///
/// As [`read`], and if no temporary directory can be written.
#[allow(dead_code)] // Some tests only read a tree.
pub(crate) fn read_generated(model: &Model, triple: &str) -> Result<Model, CHeaderError> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CHeaderError::Io { path, source }
    };
    let dir = tempfile::tempdir().map_err(at(&std::env::temp_dir()))?;
    let put = |path: &Path, text: &str| -> Result<(), CHeaderError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        fs::write(path, text).map_err(at(path))
    };
    for (name, text) in STAND_IN {
        put(&dir.path().join("stand-in").join(name), text)?;
    }
    let mut paths = Vec::new();
    for generated in generate::render(model) {
        let path = dir.path().join(&generated.path);
        put(&path, &generated.text)?;
        paths.push(path);
    }
    let include = |name: &str| format!("-I{}", dir.path().join(name).display());
    let mut clang_args = vec!["-nostdinc".into(), include("stand-in"), include("include")];
    let page_size = model.target.page_size;
    clang_args.extend(page_size.map(|size| format!("-DPAGE_SHIFT={}", size.trailing_zeros())));
    let mut read = read(&paths, &Options { triple, clang_args: &clang_args })?;
    read.target.page_size = page_size;
    Ok(read)
}

fn target(triple: &str) -> Result<Target, CHeaderError> {
    let endian = match triple.split('-').next() {
        Some("x86_64" | "aarch64" | "riscv64" | "powerpc64le") => Endian::Little,
        Some("s390x" | "powerpc64" | "aarch64_be") => Endian::Big,
        _ => return Err(CHeaderError::UnknownTarget(triple.into())),
    };
    Ok(Target { pointer_bits: 64, endian, page_size: None })
}

/// The structs and unions that a header itself defines, not those that it includes.
#[derive(Clone, Debug)]
struct Own {
    path: String,
    names: Rc<RefCell<BTreeSet<String>>>,
}

impl ParseCallbacks for Own {
    fn new_item_found(
        &self,
        _id: DiscoveredItemId,
        item: DiscoveredItem,
        place: Option<&SourceLocation>,
    ) {
        let (DiscoveredItem::Struct { final_name: name, .. }
        | DiscoveredItem::Union { final_name: name, .. }) = item
        else {
            return;
        };
        if place.and_then(|place| place.file_name.as_ref()) == Some(&self.path) {
            self.names.borrow_mut().insert(name);
        }
    }
}

fn read_one(path: &Path, options: &Options<'_>) -> Result<Header, CHeaderError> {
    let scratch = tempfile::tempdir()
        .map_err(|source| CHeaderError::Io { path: std::env::temp_dir(), source })?;
    let own = Own { path: path.to_string_lossy().into_owned(), names: Rc::default() };
    let bindings = bindgen::Builder::default()
        .header(path.to_string_lossy())
        .clang_arg(format!("--target={}", options.triple))
        .clang_args(options.clang_args)
        .allowlist_file(pattern(path))
        .allowlist_recursively(true)
        .prepend_enum_name(false)
        // clang computes constants that are expressions.
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(scratch.path())
        .parse_callbacks(Box::new(own.clone()))
        .formatter(bindgen::Formatter::None)
        .generate()
        .map_err(|error| CHeaderError::Clang { path: path.into(), message: error.to_string() })?;
    let own = own.names.take();
    let text = bindings.to_string();
    let syntax = syn::parse_file(&text).map_err(|error| CHeaderError::Unsupported {
        path: path.into(),
        item: "the header".into(),
        why: format!("bindgen's answer is not Rust: {error}"),
    })?;
    let facts = Facts::of(&syntax);
    let unsupported = |item: &str, why: String| CHeaderError::Unsupported {
        path: path.into(),
        item: item.into(),
        why,
    };
    let mut items = Vec::new();
    for item in &syntax.items {
        match item {
            syn::Item::Struct(item) => {
                let name = item.ident.to_string();
                if !own.contains(&name) {
                    continue;
                }
                let record =
                    facts.record(&name, RecordKind::Struct, &item.attrs, item.fields.iter());
                items.push(Item::Record(record.map_err(|why| unsupported(&name, why))?));
            }
            syn::Item::Union(item) => {
                let name = item.ident.to_string();
                if !own.contains(&name) || facts.addresses.contains_key(&name) {
                    continue;
                }
                let fields = item.fields.named.iter();
                let record = facts.record(&name, RecordKind::Union, &item.attrs, fields);
                items.push(Item::Record(record.map_err(|why| unsupported(&name, why))?));
            }
            syn::Item::Const(item) if item.ident != "_" => {
                if let Some(value) = value(&item.expr) {
                    let name = original(&item.ident.to_string());
                    let (expr, page_size, doc, place) = (None, None, String::new(), None);
                    let constant = Constant { name, value, expr, page_size, doc, place };
                    items.push(Item::Constant(constant));
                }
            }
            _ => {}
        }
    }
    Ok(Header {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        file: path.display().to_string(),
        items,
        ..Header::default()
    })
}

/// A regular expression that only matches this path.
fn pattern(path: &Path) -> String {
    let mut out = String::new();
    for c in path.to_string_lossy().chars() {
        if !c.is_alphanumeric() && c != '/' && c != '_' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A C name, from bindgen's name if C's is a Rust keyword.
fn original(name: &str) -> String {
    let plain = name.strip_suffix('_').filter(|plain| {
        // Raw identifiers parse, with few exceptions; primitive types are renamed as well.
        syn::parse_str::<syn::Ident>(plain).is_err() || PRIMITIVES.contains(plain)
    });
    plain.unwrap_or(name).to_string()
}

const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16",
    "u32", "u64", "u8", "usize",
];

/// The facts in bindgen's output about its types.
struct Facts {
    /// `Size of x`, `Alignment of x`, `Offset of field: x::y`, each with its number of bytes.
    numbers: BTreeMap<String, u64>,
    /// The meaning of each `type`.
    aliases: BTreeMap<String, syn::Type>,
    /// Struct or union.
    kinds: BTreeMap<String, RecordKind>,
    /// Nameless unions of an address and a pointer, each with the tag of the pointer's target.
    addresses: BTreeMap<String, String>,
}

impl Facts {
    fn of(syntax: &syn::File) -> Self {
        let mut facts = Self {
            numbers: BTreeMap::new(),
            aliases: BTreeMap::new(),
            kinds: BTreeMap::new(),
            addresses: BTreeMap::new(),
        };
        for item in &syntax.items {
            match item {
                syn::Item::Const(item) if item.ident == "_" => facts.assertions(&item.expr),
                syn::Item::Type(item) => {
                    facts.aliases.insert(item.ident.to_string(), (*item.ty).clone());
                }
                syn::Item::Struct(item) => {
                    facts.kinds.insert(item.ident.to_string(), RecordKind::Struct);
                }
                syn::Item::Union(item) => {
                    let name = item.ident.to_string();
                    if let Some(to) = address(item) {
                        facts.addresses.insert(name.clone(), to);
                    }
                    facts.kinds.insert(name, RecordKind::Union);
                }
                _ => {}
            }
        }
        facts
    }

    /// Parses `["Size of x"][size_of::<x>() - 4usize];` and similar assertions.
    fn assertions(&mut self, expr: &syn::Expr) {
        let syn::Expr::Block(block) = expr else { return };
        for statement in &block.block.stmts {
            let syn::Stmt::Expr(syn::Expr::Index(index), _) = statement else { continue };
            let (syn::Expr::Array(name), syn::Expr::Binary(difference)) =
                (&*index.expr, &*index.index)
            else {
                continue;
            };
            let (Some(name), Some(number)) =
                (name.elems.first().and_then(string), number(&difference.right))
            else {
                continue;
            };
            self.numbers.insert(name, number);
        }
    }

    fn record<'a>(
        &self,
        name: &str,
        kind: RecordKind,
        attrs: &[syn::Attribute],
        fields: impl Iterator<Item = &'a syn::Field>,
    ) -> Result<Record, String> {
        let number = |key: String| {
            self.numbers.get(&key).copied().ok_or_else(|| format!("bindgen states no `{key}`"))
        };
        let packed = attrs.iter().any(|attr| {
            attr.path().is_ident("repr")
                && attr.meta.require_list().is_ok_and(|l| l.tokens.to_string().contains("packed"))
        });
        let mut read = Vec::new();
        let mut bit_fields_unknown = false;
        for field in fields {
            let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            if ident.starts_with("_bitfield_") {
                bit_fields_unknown = true;
                continue;
            }
            if ident.starts_with("__bindgen_padding") {
                continue;
            }
            let (ty, size) =
                self.ty(&field.ty, 0).map_err(|why| format!("field {ident}: {why}"))?;
            read.push(Field {
                name: original(&ident),
                ty,
                bit_offset: number(format!("Offset of field: {name}::{ident}"))? * 8,
                bit_size: size.checked_mul(8).ok_or("a field's size is absurd")?,
                bit_field: false,
                c_declaration: None,
                doc: String::new(),
                place: None,
            });
        }
        Ok(Record {
            kind,
            name: original(name),
            packing: if packed { Packing::Packed } else { Packing::Natural },
            size: number(format!("Size of {name}"))?,
            size_expr: None,
            page_size: None,
            bit_fields_unknown,
            align: number(format!("Alignment of {name}"))?,
            fields: read,
            doc: String::new(),
            place: None,
        })
    }

    /// The model's type, and its size in bytes.
    fn ty(&self, ty: &syn::Type, depth: usize) -> Result<(Type, u64), String> {
        if depth > 32 {
            return Err("its type is nested too deeply".into());
        }
        match ty {
            syn::Type::Ptr(_) => Ok((Type::Pointer, 8)),
            syn::Type::Array(array) => {
                let (elem, size) = self.ty(&array.elem, depth + 1)?;
                let len = number(&array.len).ok_or("its length is not a number")?;
                let size = size.checked_mul(len).ok_or("its size is out of range")?;
                Ok((Type::Array { elem: Box::new(elem), len, len_name: None }, size))
            }
            syn::Type::Path(path) => {
                let name =
                    path.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
                let int = |bits: u16, signed| (Type::Int { bits, signed }, u64::from(bits / 8));
                Ok(match name.as_str() {
                    "u8" | "c_uchar" => int(8, false),
                    "u16" | "c_ushort" => int(16, false),
                    "u32" | "c_uint" => int(32, false),
                    "u64" | "c_ulong" | "c_ulonglong" => int(64, false),
                    "i8" | "c_schar" => int(8, true),
                    "i16" | "c_short" => int(16, true),
                    "i32" | "c_int" => int(32, true),
                    "i64" | "c_long" | "c_longlong" => int(64, true),
                    "c_char" => (Type::Char, 1),
                    _ => return self.named(&name, depth),
                })
            }
            _ => Err("its type is no wire type".into()),
        }
    }

    fn named(&self, name: &str, depth: usize) -> Result<(Type, u64), String> {
        if let Some(alias) = self.aliases.get(name) {
            return self.ty(alias, depth + 1);
        }
        if let Some(to) = self.addresses.get(name) {
            return Ok((Type::KhoserPtr { to: to.clone() }, 8));
        }
        let size = self.numbers.get(&format!("Size of {name}"));
        let tag = original(name);
        match (self.kinds.get(name), size) {
            (Some(RecordKind::Struct), Some(size)) => Ok((Type::Struct { name: tag }, *size)),
            (Some(RecordKind::Union), Some(size)) => Ok((Type::Union { name: tag }, *size)),
            _ => Err(format!("its type {name} is unknown")),
        }
    }
}

/// The pointer's target, in a nameless union of an address and a pointer, as `DECLARE_KHOSER_PTR()`
/// creates it.
fn address(item: &syn::ItemUnion) -> Option<String> {
    if !item.ident.to_string().contains("__bindgen_ty_") {
        return None;
    }
    let mut fields = item.fields.named.iter();
    let (phys, ptr) = (fields.next()?, fields.next()?);
    let named = |field: &syn::Field, name: &str| field.ident.as_ref().is_some_and(|i| i == name);
    let (syn::Type::Path(int), syn::Type::Ptr(pointer)) = (&phys.ty, &ptr.ty) else { return None };
    let syn::Type::Path(to) = &*pointer.elem else { return None };
    let is_u64 = int.path.get_ident().is_some_and(|ident| original(&ident.to_string()) == "u64");
    (named(phys, "phys") && named(ptr, "ptr") && is_u64 && fields.next().is_none())
        .then(|| to.path.segments.last().map(|segment| original(&segment.ident.to_string())))?
}

/// The value of a macro: an integer, or bytes that end with a NUL.
fn value(expr: &syn::Expr) -> Option<Value> {
    match expr {
        syn::Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Int(number) => number.base10_parse().ok().map(Value::Int),
            syn::Lit::ByteStr(bytes) => {
                let mut bytes = bytes.value();
                (bytes.pop() == Some(0)).then_some(())?;
                String::from_utf8(bytes).ok().map(Value::Str)
            }
            _ => None,
        },
        syn::Expr::Unary(syn::ExprUnary { op: syn::UnOp::Neg(_), expr, .. }) => {
            match value(expr)? {
                Value::Int(number) => Some(Value::Int(-number)),
                Value::Str(_) => None,
            }
        }
        _ => None,
    }
}

fn string(expr: &syn::Expr) -> Option<String> {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn number(expr: &syn::Expr) -> Option<u64> {
    match expr {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => {
            number.base10_parse().ok()
        }
        _ => None,
    }
}
