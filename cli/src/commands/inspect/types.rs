// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Types from elsewhere for `kho-abi inspect --types`: converts a source's model to the layouts
//! that the walk takes.
//!
//! The walk knows neither models nor clang; only this file knows both.

use crate::complete::words;
use crate::output::{note, Failure};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_inspect::typed::{Contract, Field, Kind, Layouts, LeadsTo, Struct};
use kho_abi_model::reading::{Kind as SourceKind, Reading};
use kho_abi_model::{self as model, Endian, Model, RecordKind, Target, Type};
use kho_abi_read::source::{self, SourceError};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

/// How many times to search an image again for what its structs lead to.
const SEARCHES: usize = 4;

/// Types for what no decoder is built in for.
#[derive(clap::Args)]
pub(super) struct TypesArgs {
    /// Show what has no built-in decoder by the types of this source: a kernel tree, a directory with
    /// headers, a vmlinux, BTF, git:REV, or a frozen layout
    #[arg(long, value_name = "SOURCE", add = ArgValueCompleter::new(words::sources))]
    types: Option<String>,
    /// The struct with which the state of a compatible string begins, where the types do not say it
    #[arg(long, value_name = "COMPATIBLE=STRUCT", requires = "types", value_parser = root_struct)]
    root_struct: Vec<(String, String)>,
    /// What the address in a field leads to, or what is in its `kho_vmalloc`; blocks:STRUCT is a list of KHO's
    /// blocks with entries of that struct
    #[arg(long, value_name = "STRUCT.FIELD=STRUCT", requires = "types", value_parser = leads_to)]
    leads_to: Vec<Said>,
    /// The repository that git:REV means
    #[arg(long, value_name = "DIR", requires = "types")]
    git_dir: Option<PathBuf>,
    /// The vmlinux or BTF that a module's BTF continues
    #[arg(long, value_name = "FILE", requires = "types")]
    btf_base: Option<PathBuf>,
}

/// What a field leads to, as the user said it.
#[derive(Clone, Debug)]
struct Said {
    record: String,
    field: String,
    to: LeadsTo,
}

fn root_struct(text: &str) -> Result<(String, String), String> {
    let (string, name) = text.split_once('=').ok_or("COMPATIBLE=STRUCT is expected")?;
    let name = name.strip_prefix("struct ").unwrap_or(name);
    Ok((string.into(), name.into()))
}

fn leads_to(text: &str) -> Result<Said, String> {
    let parts = text.split_once('=').and_then(|(from, to)| Some((from.split_once('.')?, to)));
    let ((record, field), to) = parts.ok_or("STRUCT.FIELD=STRUCT is expected")?;
    let to = match to.strip_prefix("blocks:") {
        Some(name) => LeadsTo::Blocks(name.into()),
        None => LeadsTo::Struct(to.into()),
    };
    Ok(Said { record: record.into(), field: field.into(), to })
}

impl TypesArgs {
    /// The inputs to read.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &OsStr> {
        let base = self.btf_base.iter().map(|path| path.as_os_str());
        self.types.iter().map(OsStr::new).chain(base)
    }

    /// The layouts of the source; `None` without a source.
    pub(super) fn layouts(
        &self,
        page_size: Option<usize>,
    ) -> Result<Option<Arc<Layouts>>, Failure> {
        let Some(word) = &self.types else { return Ok(None) };
        let reading = self.read(word, page_size)?;
        let target = reading.model.target;
        if (target.endian, target.pointer_bits) != (Target::HOST.endian, 64) {
            let order = if target.endian == Endian::Big { "big" } else { "little" };
            return Err(Failure {
                message: format!(
                    "{word}: types of a {order}-endian machine of {} bits, which images of this one are not of",
                    target.pointer_bits
                ),
                help: "give types of the kernel that wrote the image".into(),
            });
        }
        let promised = reading.model.contracts().any(|(_, contract)| !contract.roots.is_empty());
        if !promised && self.root_struct.is_empty() {
            return Err(Failure {
                message: format!("{word}: it has no struct that a compatible string promises"),
                help: "give a kernel tree, a directory with headers, or a kernel with debugging information"
                    .into(),
            });
        }
        for gap in reading.unread_headers() {
            note(format_args!("note: {}: {}", gap.item, gap.why));
        }
        let layouts = self.make(&reading)?;
        Ok(Some(Arc::new(layouts)))
    }

    /// Reads the source. An image is searched for the structs that the user named, and for those
    /// that their addresses lead to.
    fn read(&self, word: &str, page_size: Option<usize>) -> Result<Reading, SourceError> {
        let roots = self.root_struct.iter().map(|(_, root)| root.clone());
        let named = self.leads_to.iter().flat_map(|said| [said.record.as_str(), said.to.name()]);
        let mut options = source::Options {
            page_size: page_size.map(|size| size as u64),
            git_dir: self.git_dir.clone(),
            btf_base: self.btf_base.clone(),
            structs: roots.chain(named.map(String::from)).collect(),
            ..source::Options::default()
        };
        let mut reading = source::open(word, &options)?;
        for _ in 0..SEARCHES {
            if options.structs.is_empty()
                || !matches!(reading.kind, SourceKind::Dwarf | SourceKind::Btf)
            {
                break;
            }
            let known = options.structs.len();
            for (_, record) in reading.model.records() {
                let to = record.fields.iter().filter_map(|field| pointee(&field.ty));
                let missing = to.filter(|to| reading.model.record(to).is_none());
                options.structs.extend(missing.map(String::from));
            }
            if options.structs.len() == known {
                break;
            }
            reading = source::open(word, &options)?;
        }
        Ok(reading)
    }

    fn make(&self, reading: &Reading) -> Result<Layouts, Failure> {
        let Reading { model, name, .. } = reading;
        let mut structs: Vec<Struct> =
            model.records().map(|(_, record)| structure(model, record)).collect();
        for said in &self.leads_to {
            let mut fields = structs.iter_mut().filter(|one| one.name == said.record);
            let mut fields = fields.by_ref().flat_map(|one| &mut one.fields);
            let field = fields.find(|field| field.name == said.field);
            let field = field.filter(|_| model.record(said.to.name()).is_some());
            let Some(field) = field else {
                let Said { record, field, to } = said;
                return Err(unknown(
                    name,
                    "--leads-to",
                    &format!("{record}.{field}={}", to.name()),
                ));
            };
            field.leads_to = Some(said.to.clone());
        }
        let mut contracts: Vec<Contract> =
            model.contracts().filter_map(|(_, contract)| promise(contract)).collect();
        for (string, root) in &self.root_struct {
            if model.record(root).is_none() {
                return Err(unknown(name, "--root-struct", &format!("{string}={root}")));
            }
            let mut of_it = contracts
                .iter_mut()
                .filter(|contract| contract.string == *string || contract.name == *string);
            match of_it.next() {
                Some(contract) => contract.root = Some(root.clone()),
                // An image may contain types without their strings.
                None => contracts.push(Contract {
                    name: string.clone(),
                    string: string.clone(),
                    root: Some(root.clone()),
                    ..Contract::default()
                }),
            }
        }
        Ok(Layouts::new(name, structs, contracts))
    }
}

/// The struct that a field's address leads to, by its type.
fn pointee(ty: &Type) -> Option<&str> {
    let mut ty = ty;
    while let Type::Array { elem, .. } = ty {
        ty = elem;
    }
    match ty {
        Type::KhoserPtr { to } => Some(to),
        _ => None,
    }
}

fn unknown(source: &str, option: &str, said: &str) -> Failure {
    Failure {
        message: format!("{option} {said}: {source} does not have all of it"),
        help: "name strings, structs and fields as the types have them".into(),
    }
}

/// A contract whose string is in memory.
fn promise(contract: &model::Contract) -> Option<Contract> {
    Some(Contract {
        name: contract.compatible.clone(),
        string: contract.string()?.to_owned(),
        version: contract.version,
        roots: contract.roots.clone(),
        root: None,
    })
}

fn structure(model: &Model, record: &model::Record) -> Struct {
    let with_comment = |of: &model::Field| {
        let mut made = field(of);
        let said = format!("{} {}", said_of(&record.doc, &of.name), of.doc);
        made.leads_to = lead(model, &made, &said);
        made
    };
    Struct {
        name: record.name.clone(),
        size: record.size,
        is_union: record.kind == RecordKind::Union,
        fields: record.fields.iter().map(with_comment).collect(),
        page_size: record.page_size,
    }
}

fn field(field: &model::Field) -> Field {
    let mut dimensions = Vec::new();
    let mut ty = &field.ty;
    while let Type::Array { elem, len, .. } = ty {
        dimensions.push(*len);
        ty = elem;
    }
    let kind = match ty {
        Type::Int { bits, signed } => Kind::Int { bits: *bits, signed: *signed },
        Type::Pointer => Kind::Pointer,
        Type::KhoserPtr { to } => Kind::Address { to: to.clone() },
        Type::Struct { name } | Type::Union { name } => Kind::Struct { name: name.clone() },
        // The elements of an array are no longer arrays.
        Type::Char | Type::Array { .. } => Kind::Char,
    };
    Field {
        name: field.name.clone(),
        bit_offset: field.bit_offset,
        bit_size: field.bit_size,
        bit_field: field.bit_field,
        kind,
        dimensions,
        leads_to: None,
    }
}

/// What the kernel-doc comment of a struct says about a member.
fn said_of(doc: &str, member: &str) -> String {
    let mut said = String::new();
    let mut is_its = false;
    for line in doc.lines().map(str::trim) {
        if let Some((name, text)) = line.strip_prefix('@').and_then(|line| line.split_once(':')) {
            is_its = name.trim() == member;
            said.push_str(if is_its { text } else { "" });
        } else if line.is_empty() {
            is_its = false;
        } else if is_its {
            said.push(' ');
            said.push_str(line);
        }
    }
    said
}

/// What a field leads to, if its comment names the one struct that it is an address or a list of.
///
/// A comment that names several, or none that the types have, does not count.
fn lead(model: &Model, field: &Field, said: &str) -> Option<LeadsTo> {
    const BLOCK: &str = "kho_block_header_ser";
    let is_address = match &field.kind {
        Kind::Int { bits: 64, signed: false } => said.to_lowercase().contains("address"),
        Kind::Struct { name } => name == "kho_vmalloc",
        // The type already says what it leads to, unless that is the head of a block.
        Kind::Address { to } => to == BLOCK,
        Kind::Int { .. } | Kind::Char | Kind::Pointer => false,
    };
    if !is_address || field.bit_field {
        return None;
    }
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> =
        said.split(|c| !is_of_a_name(c)).filter(|word| !word.is_empty()).collect();
    let named = words.windows(2).filter(|pair| pair[0] == "struct").map(|pair| pair[1]);
    let named: BTreeSet<&str> = named.filter(|name| model.record(name).is_some()).collect();
    let mut others = named.iter().filter(|name| **name != BLOCK);
    let to_block = matches!(&field.kind, Kind::Address { .. }) || named.contains(BLOCK);
    match (others.next(), others.next()) {
        (Some(only), None) if to_block => Some(LeadsTo::Blocks((*only).into())),
        (Some(only), None) => Some(LeadsTo::Struct((*only).into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_what_a_field_leads_to_where_it_names_one_struct() {
        let record = |name: &str| {
            let record = model::Record::empty(RecordKind::Struct, name);
            model::Item::Record(record)
        };
        let names = ["a_ser", "b_ser", "kho_block_header_ser"];
        let header = model::Header {
            name: "x".into(),
            items: names.map(record).into(),
            ..model::Header::default()
        };
        let model = Model { target: Target::HOST, headers: vec![header], other_pages: Vec::new() };
        let of = |kind: Kind, said: &str| {
            let field = Field {
                name: "x".into(),
                bit_offset: 0,
                bit_size: 64,
                bit_field: false,
                kind,
                dimensions: Vec::new(),
                leads_to: None,
            };
            lead(&model, &field, said)
        };
        let u64 = || Kind::Int { bits: 64, signed: false };
        let list = || Kind::Struct { name: "kho_vmalloc".into() };
        let one = Some(LeadsTo::Struct("a_ser".into()));
        let blocks = Some(LeadsTo::Blocks("a_ser".into()));
        let head = || Kind::Address { to: "kho_block_header_ser".into() };
        for (kind, said, to) in [
            (u64(), "Physical address of the first &struct a_ser.", one.clone()),
            (u64(), "The number of struct a_ser.", None),
            (u64(), "Address of a struct a_ser or of a struct b_ser.", None),
            (u64(), "Address of a struct that nobody has: struct c_ser.", None),
            (u64(), "Address of a_ser.", None),
            (
                u64(),
                "Address of blocks, struct kho_block_header_ser, of struct a_ser.",
                blocks.clone(),
            ),
            (u64(), "Address of a struct kho_block_header_ser.", None),
            (Kind::Int { bits: 32, signed: false }, "Address of a struct a_ser.", None),
            (list(), "Array of struct a_ser.", one.clone()),
            (list(), "Array.", None),
            (head(), "Blocks of struct a_ser.", blocks.clone()),
            (Kind::Address { to: "b_ser".into() }, "Or rather a struct a_ser.", None),
        ] {
            assert_eq!(of(kind, said), to, "{said}");
        }
    }

    #[test]
    fn a_member_s_part_of_a_comment_ends_with_the_next() {
        let doc =
            "struct x - An x.\n@first: Address of\n         a struct a.\n@second: Two.\n\nAt last.";
        assert_eq!(said_of(doc, "first"), " Address of a struct a.");
        assert_eq!(said_of(doc, "second"), " Two.");
        assert_eq!(said_of(doc, "third"), "");
    }
}
