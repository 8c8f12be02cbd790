// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Types from elsewhere for `kho-abi inspect --types`: converts a source's model to the layouts
//! that the walk takes.
//!
//! The walk knows neither models nor clang; only this file knows both.

use crate::commands::freeze::root_struct;
use crate::commands::word;
use crate::complete::words;
use crate::output::{note, Failure};
use clap_complete::engine::ArgValueCompleter;
use kho_abi_inspect::typed::{Contract, Field, Kind, Layouts, LeadsTo, Struct};
use kho_abi_model::reading::{Kind as SourceKind, Reading};
use kho_abi_model::said::{self, Lead};
use kho_abi_model::{self as model, Endian, Model, RecordKind, Target, Type};
use kho_abi_read::source::{self, SourceError};
use kho_abi_show::names;
use std::path::PathBuf;
use std::sync::Arc;

/// How many times to search an image again for what its structs lead to.
const SEARCHES: usize = 4;

/// Types for what has no built-in decoder.
#[derive(clap::Args)]
pub(super) struct TypesArgs {
    /// Decode what has no built-in decoder by the types of this source: a kernel tree, a directory with
    /// headers, a vmlinux, BTF, git:REV, or a frozen layout
    #[arg(long, value_name = "SOURCE", add = ArgValueCompleter::new(words::sources), value_parser = word())]
    types: Option<String>,
    /// The root struct of a compatible string, if the types do not say it
    #[arg(long, value_name = "COMPATIBLE=STRUCT", requires = "types", value_parser = root_struct)]
    root_struct: Vec<(String, String)>,
    /// The struct that a field's address leads to, or that its `kho_vmalloc` contains; blocks:STRUCT is a
    /// list of KHO's blocks with entries of that struct
    #[arg(long, value_name = "STRUCT.FIELD=STRUCT", requires = "types", value_parser = leads_to)]
    leads_to: Vec<Said>,
    /// The repository of git:REV
    #[arg(long, value_name = "DIR", requires = "types")]
    git_dir: Option<PathBuf>,
    /// The base BTF of a module: raw, or in a vmlinux
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

fn leads_to(text: &str) -> Result<Said, String> {
    let parts = text.split_once('=').and_then(|(from, to)| Some((from.split_once('.')?, to)));
    let ((record, field), to) = parts.ok_or("expected STRUCT.FIELD=STRUCT")?;
    let to = match to.strip_prefix("blocks:") {
        Some(name) => LeadsTo::Blocks(name.into()),
        None => LeadsTo::Struct(to.into()),
    };
    Ok(Said { record: record.into(), field: field.into(), to })
}

impl TypesArgs {
    /// The inputs to read.
    pub(super) fn inputs(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let types = self.types.iter().map(|word| names::path(word));
        types.chain(self.btf_base.iter().cloned())
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
                    "{word}: the types are for a {order}-endian {}-bit machine, unlike any image",
                    target.pointer_bits
                ),
                help: "give types of the kernel that wrote the image".into(),
            });
        }
        let promised = reading.model.contracts().any(|(_, contract)| !contract.roots.is_empty());
        if !promised && self.root_struct.is_empty() {
            return Err(Failure {
                message: format!("{word} has no struct that a compatible string promises"),
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
        message: format!("{option} {said}: {source} lacks some of these names"),
        help: "spell strings, structs and fields as the types do".into(),
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
        made.leads_to = said::lead(model, record, of).map(|lead| match lead {
            Lead::Struct(name) => LeadsTo::Struct(name),
            Lead::Blocks(name) => LeadsTo::Blocks(name),
        });
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
        Type::Ordered { bits, order } => {
            Kind::Ordered { bits: *bits, big: *order == model::Endian::Big }
        }
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
