// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads frozen layouts, and refuses a line that it does not understand.

use kho_abi_model::{
    Constant, Contract, FdtNode, FdtProperty, Field, NameMacro, Packing, Record, RecordKind, Type,
    Value,
};
use std::fmt;
use std::str::FromStr;

/// Version of the text form: the lowest one that can say all of a layout.
///
/// The first knows structs. The second knows versions that are numbers, constants, device-tree nodes
/// and page sizes, too. The third knows strings that stay as they are, with such a number beside them,
/// and the fourth structs and unions without a name.
#[must_use]
pub fn format(frozen: &Frozen) -> u32 {
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

/// The layout that a compatible string stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The string, its macro and its roots.
    pub contract: Contract,
    /// The header that holds the contract, below `include/`.
    pub header: String,
    /// Whether the layout may still change.
    pub status: Status,
    /// The constants that the contract owns, for each page size where they depend on it.
    pub constants: Vec<Constant>,
    /// The structs of the closure, roots first; for each page size where they depend on it.
    pub records: Vec<Record>,
}

/// Whether a frozen layout may still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No kernel has it yet: it may be written again.
    Draft,
    /// Kernels have it: it never changes.
    Released,
}

impl Status {
    /// What became of a layout, in a sentence.
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

/// A line of a frozen layout that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct FrozenError {
    /// The line, from 1; one past the end where something is missing.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Largest byte offset or size that is believed; multiplied by eight it still fits.
const MAX_BYTES: u64 = 1 << 32;

/// Reads a frozen layout.
///
/// # Errors
///
/// [`FrozenError`] at the first line that is not of the form, or that contradicts another.
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
    if !["1", "2", "3", "4"].contains(&stated_format.as_str()) {
        let what = format!("format {stated_format} is not 1, 2, 3 or 4");
        return Err(FrozenError { line: format_line, what });
    }
    let (_, compatible) = entry("compatible")?;
    let (_, macro_name) = entry("macro")?;
    let (_, header) = entry("header")?;
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
    let mut constants: Vec<Constant> = Vec::new();
    let mut nodes: Vec<FdtNode> = Vec::new();
    let mut records: Vec<Record> = Vec::new();
    for (line, text) in lines {
        let fail = |what: String| FrozenError { line, what };
        if let Some(number) = text.strip_prefix("version ") {
            once(&mut version, number.trim().parse().ok(), "version", text).map_err(fail)?;
        } else if let Some(string) = text.strip_prefix("string ") {
            once(&mut name, string_macro(string), "string", text).map_err(fail)?;
        } else if text.starts_with("constant ") {
            let constant =
                constant(text).ok_or_else(|| fail(format!("not a constant line: `{text}`")))?;
            let same = |other: &Constant| {
                (&other.name, other.page_size) == (&constant.name, constant.page_size)
            };
            if constants.iter().any(same) {
                return Err(fail(format!("duplicate {}", constant.name)));
            }
            constants.push(constant);
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
            let record =
                record(text).ok_or_else(|| fail(format!("not a struct line: `{text}`")))?;
            let same =
                |other: &Record| other.name == record.name && other.page_size == record.page_size;
            if records.iter().any(same) {
                return Err(fail(format!("duplicate {}", record.name)));
            }
            records.push(record);
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
    let frozen = Frozen { contract, header, status, constants, records };
    if format(&frozen).to_string() != stated_format {
        let what = format!("what follows is not of format {stated_format}");
        return Err(FrozenError { line: format_line, what });
    }
    Ok(frozen)
}

/// Takes what a line says, which one line alone may say.
fn once<T>(slot: &mut Option<T>, value: Option<T>, what: &str, text: &str) -> Result<(), String> {
    let value = value.ok_or_else(|| format!("not a {what} line: `{text}`"))?;
    match slot.replace(value) {
        Some(_) => Err(format!("a second {what}")),
        None => Ok(()),
    }
}

/// Stands where there is nothing to list.
pub const NONE: &str = "-";

/// `constant NAME  page 4096  "value"`, where the page size may be missing.
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

/// Columns are two spaces or more apart; within one there is one at most.
fn columns(text: &str) -> impl Iterator<Item = &str> {
    text.split("  ").map(str::trim).filter(|column| !column.is_empty())
}

fn record(text: &str) -> Option<Record> {
    let mut columns: Vec<_> = columns(text).collect();
    let page_size = match columns.get(1)?.strip_prefix("page ") {
        Some(page_size) => {
            let page_size = number(page_size)?;
            columns.remove(1);
            Some(page_size)
        }
        None => None,
    };
    let [declaration, size, align, packing] = columns.as_slice() else { return None };
    let (keyword, name) = declaration.split_once(' ')?;
    Some(Record {
        kind: if keyword == "union" { RecordKind::Union } else { RecordKind::Struct },
        name: tag(name)?,
        packing: match *packing {
            "packed" => Packing::Packed,
            "natural" => Packing::Natural,
            _ => return None,
        },
        size: number(size.strip_prefix("size ")?)?,
        size_expr: None,
        page_size,
        bit_fields_unknown: false,
        align: number(align.strip_prefix("align ")?)?,
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
        // What a struct or union without a name embeds is the embedder's.
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
    // The innermost dimension is the last.
    while !dimensions.is_empty() {
        let (rest, last) = dimensions.rsplit_once('[')?;
        let len = number(last.strip_suffix(']')?)?;
        ty = Type::Array { elem: Box::new(ty), len, len_name: None };
        dimensions = rest;
    }
    Some(ty)
}

fn number(text: &str) -> Option<u64> {
    // from_str takes a sign, which no writer makes.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    u64::from_str(text).ok().filter(|number| *number <= MAX_BYTES)
}

/// A struct's tag; of one without, the tag that it is in, and its number there: `x_ser.0`.
fn tag(text: &str) -> Option<String> {
    let mut parts = text.split('.');
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    identifier(parts.next()?)?;
    parts.all(plain).then(|| text.to_string())
}

fn identifier(text: &str) -> Option<String> {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let fits = text.starts_with(start) && text.chars().all(|c| start(c) || c.is_ascii_digit());
    fits.then(|| text.to_string())
}
