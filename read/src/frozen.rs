// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads frozen layouts, and refuses a line that it does not understand.

use kho_abi_model::{
    Constant, Contract, FdtNode, FdtProperty, Field, NameMacro, Packing, Record, RecordKind, Type,
    Value,
};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Version of the text form: the lowest one that can express the layout.
///
/// The first has structs. The second adds versions that are numbers, constants, device-tree nodes
/// and page sizes. The third adds strings that stay constant, with such a number beside them. The
/// fourth adds structs and unions without a name. The fifth says what the source of a layout
/// did not contain. The sixth adds integers of a byte order of their own.
#[must_use]
pub fn format(frozen: &Frozen) -> u32 {
    let is_ordered = |field: &Field| matches!(field.ty.element(), Type::Ordered { .. });
    if frozen.records.iter().any(|record| record.fields.iter().any(is_ordered)) {
        return 6;
    }
    if !frozen.unknown.is_empty() || !frozen.given.is_empty() {
        return 5;
    }
    let Contract { version, name, nodes, roots, .. } = &frozen.contract;
    let unnamed = |record: &Record| {
        record.name.contains('.') || record.fields.iter().any(|field| field.name.is_empty())
    };
    if frozen.records.iter().any(unnamed) {
        return 4;
    }
    if name.is_some() {
        return 3;
    }
    let new_type = |field: &Field| matches!(field.ty, Type::KhoserPtr { .. });
    let structs_alone = version.is_none()
        && nodes.is_empty()
        && !roots.is_empty()
        && frozen.constants.is_empty()
        && frozen.records.iter().all(|r| r.page_size.is_none() && !r.fields.iter().any(new_type));
    if structs_alone {
        1
    } else {
        2
    }
}

/// The layout that a compatible string means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The string, its macro and its roots.
    pub contract: Contract,
    /// The header that holds the contract, relative to `include/`.
    pub header: String,
    /// Whether the layout may still change.
    pub status: Status,
    /// The constants that the contract owns; for each page size, if they depend on it.
    pub constants: Vec<Constant>,
    /// The structs of the closure, roots first; for each page size, if they depend on it.
    pub records: Vec<Record>,
    /// What the source did not tell, and is not here: nothing, where headers or types are the source.
    pub unknown: BTreeSet<Part>,
    /// What the source did not tell, and whoever froze it said.
    pub given: BTreeSet<Part>,
    /// The page size of the kernel that it is of, in bytes, if that is known; `None` for a layout of
    /// headers, which has every page size that it depends on.
    pub kernel_pages: Option<u64>,
}

/// A part of a frozen layout that its source may not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The compatible string.
    String,
    /// With which structs it begins.
    Roots,
    /// The header that it is in, and the macro that has the string.
    Header,
    /// The values of macros.
    Macros,
    /// The values of enumerators.
    Enumerators,
    /// Nodes and properties of device trees.
    Nodes,
    /// Whether structs are packed, and how they are aligned.
    Packing,
    /// What has another size with other pages.
    Pages,
}

impl Part {
    /// Every part, with the word for it in a layout, and what it is called in a sentence.
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::String, "string", "the compatible string"),
        (Self::Roots, "roots", "the structs with which it begins"),
        (Self::Header, "header", "the header and the macro of the string"),
        (Self::Macros, "macros", "the values of macros"),
        (Self::Enumerators, "enumerators", "the values of enumerators"),
        (Self::Nodes, "nodes", "the nodes and properties of device trees"),
        (Self::Packing, "packing", "whether structs are packed, and how they are aligned"),
        (Self::Pages, "pages", "the layouts for other page sizes"),
    ];

    /// The word for it in a layout.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(part, ..)| *part == self).map_or("", |(_, word, _)| word)
    }

    /// What it is, in a sentence.
    #[must_use]
    pub fn what(self) -> &'static str {
        Self::ALL.iter().find(|(part, ..)| *part == self).map_or("", |(.., what)| what)
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(part, ..)| *part)
    }
}

/// Whether a frozen layout may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No kernel has it yet: it may be overwritten.
    Draft,
    /// Kernels have it: it never changes.
    Released,
}

impl Status {
    /// The status as a participle, for sentences.
    #[must_use]
    pub fn past(self) -> &'static str {
        match self {
            Self::Draft => "drafted",
            Self::Released => "released",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "draft",
            Self::Released => "released",
        })
    }
}

/// A line of a frozen layout that is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FrozenError {
    /// The line, from 1; one past the end if something is missing.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Largest byte offset or size to accept; multiplied by eight, it still fits.
const MAX_BYTES: u64 = 1 << 32;

/// Reads a frozen layout.
///
/// # Errors
///
/// [`FrozenError`] at the first line that is malformed, or contradicts another.
pub fn parse(text: &str) -> Result<Frozen, FrozenError> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_end()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let last = text.lines().count() + 1;

    let mut entry = |key: &str| -> Result<(usize, String), FrozenError> {
        let (line, text) = lines.next().unwrap_or((last, ""));
        match text.split_once(' ') {
            Some((found, value)) if found == key => Ok((line, value.trim().to_string())),
            _ => Err(FrozenError { line, what: format!("expected `{key}`, found `{text}`") }),
        }
    };
    let (format_line, stated_format) = entry("format")?;
    if !["1", "2", "3", "4", "5", "6"].contains(&stated_format.as_str()) {
        let what = format!("format {stated_format} is not 1, 2, 3, 4, 5 or 6");
        return Err(FrozenError { line: format_line, what });
    }
    let (_, compatible) = entry("compatible")?;
    let known = |(_, value): (usize, String)| if value == NONE { String::new() } else { value };
    let macro_name = known(entry("macro")?);
    let header = known(entry("header")?);
    let (line, status) = entry("status")?;
    let status = match status.as_str() {
        "draft" => Status::Draft,
        "released" => Status::Released,
        other => return Err(FrozenError { line, what: format!("unknown status `{other}`") }),
    };
    let (roots_line, roots) = entry("roots")?;
    let roots: Vec<String> =
        roots.split_whitespace().filter(|root| *root != NONE).map(Into::into).collect();

    let (mut version, mut name) = (None, None);
    let (mut unknown, mut given, mut kernel_pages) = (None, None, None);
    let mut constants: Vec<Constant> = Vec::new();
    let mut nodes: Vec<FdtNode> = Vec::new();
    let mut records: Vec<Record> = Vec::new();
    for (line, text) in lines {
        let fail = |what: String| FrozenError { line, what };
        if let Some(number) = text.strip_prefix("version ") {
            once(&mut version, number.trim().parse().ok(), "version", text).map_err(fail)?;
        } else if let Some(string) = text.strip_prefix("string ") {
            once(&mut name, string_macro(string), "string", text).map_err(fail)?;
        } else if let Some(parts) = text.strip_prefix("unknown ") {
            once(&mut unknown, some_parts(parts), "unknown", text).map_err(fail)?;
            let is_draft = status == Status::Draft;
            if !is_draft {
                return Err(fail("a released layout cannot have unknown parts".into()));
            }
        } else if let Some(parts) = text.strip_prefix("given ") {
            once(&mut given, some_parts(parts), "given", text).map_err(fail)?;
        } else if let Some(size) = text.strip_prefix("pages ") {
            let size = number(size.trim()).filter(|size| size.is_power_of_two());
            once(&mut kernel_pages, size, "pages", text).map_err(fail)?;
            if !unknown.as_ref().is_some_and(|parts| parts.contains(&Part::Pages)) {
                return Err(fail("a layout from headers must be for every page size".into()));
            }
        } else if text.starts_with("constant ") {
            add_constant(&mut constants, text).map_err(fail)?;
        } else if let Some(path) = text.strip_prefix("node ") {
            if nodes.iter().any(|node| node.path == path.trim()) {
                return Err(fail(format!("duplicate {}", path.trim())));
            }
            nodes.push(FdtNode { path: path.trim().into(), properties: Vec::new() });
        } else if let Some(property) = text.strip_prefix("property ") {
            let node = nodes.last_mut().ok_or_else(|| fail("a property before any node".into()))?;
            let property = fdt_property(property)
                .ok_or_else(|| fail(format!("not a property line: `{text}`")))?;
            node.properties.push(property);
        } else if text.starts_with("struct ") || text.starts_with("union ") {
            add_record(&mut records, text, unknown.as_ref()).map_err(fail)?;
        } else if columns(text).collect::<Vec<_>>() == ["offset", "size", "type", "name"] {
        } else {
            let record =
                records.last_mut().ok_or_else(|| fail("a field before any struct".into()))?;
            let field = field(text).ok_or_else(|| fail(format!("not a field line: `{text}`")))?;
            let end = field.bit_offset + field.bit_size;
            if end > record.size * 8 {
                return Err(fail(format!("{} ends past the end of its struct", field.name)));
            }
            record.fields.push(field);
        }
    }
    if let Some(root) = roots.iter().find(|root| !records.iter().any(|r| &r.name == *root)) {
        return Err(FrozenError { line: roots_line, what: format!("root {root} has no layout") });
    }
    let mut names: Vec<_> = constants.iter().map(|constant| constant.name.clone()).collect();
    names.dedup();
    let contract = Contract { compatible, macro_name, version, name, roots, ..Contract::default() };
    let contract = Contract { constants: names, nodes, ..contract };
    let (unknown, given) = (unknown.unwrap_or_default(), given.unwrap_or_default());
    let frozen =
        Frozen { contract, header, status, constants, records, unknown, given, kernel_pages };
    if format(&frozen).to_string() != stated_format {
        let what = format!("what follows is not valid in format {stated_format}");
        return Err(FrozenError { line: format_line, what });
    }
    Ok(frozen)
}

fn add_constant(constants: &mut Vec<Constant>, text: &str) -> Result<(), String> {
    let constant = constant(text).ok_or_else(|| format!("not a constant line: `{text}`"))?;
    let same =
        |other: &Constant| (&other.name, other.page_size) == (&constant.name, constant.page_size);
    if constants.iter().any(same) {
        return Err(format!("duplicate {}", constant.name));
    }
    constants.push(constant);
    Ok(())
}

fn add_record(
    records: &mut Vec<Record>,
    text: &str,
    unknown: Option<&BTreeSet<Part>>,
) -> Result<(), String> {
    let is_packing_known = !unknown.is_some_and(|parts| parts.contains(&Part::Packing));
    let record =
        record(text, is_packing_known).ok_or_else(|| format!("not a struct line: `{text}`"))?;
    let same = |other: &Record| other.name == record.name && other.page_size == record.page_size;
    if records.iter().any(same) {
        return Err(format!("duplicate {}", record.name));
    }
    records.push(record);
    Ok(())
}

/// Stores a value that only one line may give.
fn once<T>(slot: &mut Option<T>, value: Option<T>, what: &str, text: &str) -> Result<(), String> {
    let value = value.ok_or_else(|| format!("not a {what} line: `{text}`"))?;
    match slot.replace(value) {
        Some(_) => Err(format!("a second {what}")),
        None => Ok(()),
    }
}

/// `packing macros`: each part once, and at least one.
fn some_parts(text: &str) -> Option<BTreeSet<Part>> {
    let words: Vec<_> = text.split_whitespace().collect();
    let parts: BTreeSet<Part> = words.iter().copied().map(Part::of).collect::<Option<_>>()?;
    (!parts.is_empty() && parts.len() == words.len()).then_some(parts)
}

/// Written if there is nothing to list.
pub const NONE: &str = "-";

/// `constant NAME  page 4096  "value"`; the page size is optional.
fn constant(text: &str) -> Option<Constant> {
    let (name, rest) = text.strip_prefix("constant ")?.trim_start().split_once("  ")?;
    let rest = rest.trim_start();
    let (page_size, value) = match rest.strip_prefix("page ") {
        Some(rest) => {
            let (page_size, value) = rest.split_once("  ")?;
            (Some(number(page_size)?), value.trim_start())
        }
        None => (None, rest),
    };
    let value = if value.starts_with('"') {
        let literal = syn::parse_str::<syn::LitStr>(value).ok()?;
        Value::Str(Some(literal.value()).filter(|_| literal.suffix().is_empty())?)
    } else {
        let digits = value.strip_prefix('-').unwrap_or(value);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Value::Int(is_number.then(|| value.parse().ok()).flatten()?)
    };
    Some(Constant {
        name: identifier(name)?,
        value,
        expr: None,
        page_size,
        doc: String::new(),
        place: None,
    })
}

/// `NAME  "value"`.
fn string_macro(text: &str) -> Option<NameMacro> {
    let (name, value) = text.trim_start().split_once("  ")?;
    let literal = syn::parse_str::<syn::LitStr>(value.trim_start()).ok()?;
    let value = Some(literal.value()).filter(|_| literal.suffix().is_empty())?;
    Some(NameMacro { macro_name: identifier(name)?, value })
}

/// `8  name`, or `string  name`.
fn fdt_property(text: &str) -> Option<FdtProperty> {
    let columns: Vec<_> = columns(text).collect();
    let [size, name] = columns.as_slice() else { return None };
    let size = if *size == "string" { None } else { Some(number(size)?) };
    Some(FdtProperty { name: (*name).into(), size, doc: String::new() })
}

/// Columns are separated by at least two spaces, and contain at most one in a row.
fn columns(text: &str) -> impl Iterator<Item = &str> {
    text.split("  ").map(str::trim).filter(|column| !column.is_empty())
}

fn record(text: &str, is_packing_known: bool) -> Option<Record> {
    let mut columns: Vec<_> = columns(text).collect();
    let page_size = match columns.get(1)?.strip_prefix("page ") {
        Some(page_size) => {
            let page_size = number(page_size)?;
            columns.remove(1);
            Some(page_size)
        }
        None => None,
    };
    let (declaration, size, align, packing) = match columns.as_slice() {
        [declaration, size, align, packing] if is_packing_known => {
            (declaration, size, number(align.strip_prefix("align ")?)?, *packing)
        }
        // What stands in their place means nothing.
        [declaration, size] if !is_packing_known => (declaration, size, 1, "natural"),
        _ => return None,
    };
    let (keyword, name) = declaration.split_once(' ')?;
    Some(Record {
        kind: if keyword == "union" { RecordKind::Union } else { RecordKind::Struct },
        name: tag(name)?,
        packing: match packing {
            "packed" => Packing::Packed,
            "natural" => Packing::Natural,
            _ => return None,
        },
        size: number(size.strip_prefix("size ")?)?,
        size_expr: None,
        page_size,
        bit_fields_unknown: false,
        align,
        fields: Vec::new(),
        doc: String::new(),
        place: None,
    })
}

fn field(text: &str) -> Option<Field> {
    let columns: Vec<_> = columns(text).collect();
    let [offset, size, ty, name] = columns.as_slice() else { return None };
    let bits = size.strip_suffix('b');
    let (bit_offset, bit_size) = match (bits, offset.split_once('.')) {
        (Some(bits), Some((byte, bit))) => {
            (number(byte)? * 8 + number(bit).filter(|bit| *bit < 8)?, number(bits)?)
        }
        (None, None) => (number(offset)? * 8, number(size)? * 8),
        _ => return None,
    };
    let ty = type_of(ty)?;
    Some(Field {
        // A struct or union without a tag is named after its embedder.
        name: if *name == NONE { String::new() } else { identifier(name)? },
        ty,
        bit_offset,
        bit_size,
        bit_field: bits.is_some(),
        c_declaration: None,
        doc: String::new(),
        place: None,
    })
}

fn type_of(text: &str) -> Option<Type> {
    if let Some(to) = text.strip_prefix("DECLARE_KHOSER_PTR(struct ") {
        return Some(Type::KhoserPtr { to: identifier(to.strip_suffix(" *)")?)? });
    }
    let (base, mut dimensions) = match text.find('[') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut ty = match base {
        "char" => Type::Char,
        "void *" => Type::Pointer,
        _ if Type::ordered(base).is_some() => Type::ordered(base)?,
        _ => match base.split_once(' ') {
            Some(("struct", name)) => Type::Struct { name: tag(name)? },
            Some(("union", name)) => Type::Union { name: tag(name)? },
            Some(_) => return None,
            None => Type::Int {
                signed: base.starts_with('s'),
                bits: match base.strip_prefix(['u', 's'])? {
                    "8" => 8,
                    "16" => 16,
                    "32" => 32,
                    "64" => 64,
                    _ => return None,
                },
            },
        },
    };
    // The innermost dimension comes last.
    while !dimensions.is_empty() {
        let (rest, last) = dimensions.rsplit_once('[')?;
        let len = number(last.strip_suffix(']')?)?;
        ty = Type::Array { elem: Box::new(ty), len, len_name: None };
        dimensions = rest;
    }
    Some(ty)
}

fn number(text: &str) -> Option<u64> {
    // from_str accepts a sign, which no writer makes.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u64::from_str(text).ok().filter(|number| *number <= MAX_BYTES)
}

/// A struct's tag; for a struct without a tag, that of the one that contains it, and there the name of
/// its field or, if that has none, its number: `x_ser.token`, `x_ser.0`.
fn tag(text: &str) -> Option<String> {
    let mut parts = text.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_field = |part: &str| is_number(part) || identifier(part).is_some();
    identifier(parts.next()?)?;
    parts.all(is_field).then(|| text.to_string())
}

fn identifier(text: &str) -> Option<String> {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let fits = text.starts_with(start) && text.chars().all(|c| start(c) || c.is_ascii_digit());
    fits.then(|| text.to_string())
}
