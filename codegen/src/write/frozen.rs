// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Writes frozen layouts: one field per line, so that a change is a line in a review.

use super::put;
use crate::model::{Constant, Header, Item, Model, Packing, Record, Value};
use crate::read::frozen::{self, Frozen, Status, NONE};

/// Renders the frozen layout of a contract.
///
/// Columns have fixed widths, so that a long name in a new line does not change the old ones.
#[must_use]
pub fn render(frozen: &Frozen) -> String {
    let mut out = String::new();
    out.push_str("# SPDX-License-Identifier: GPL-2.0-only OR MIT\n");
    out.push_str(
        "# Frozen layout, written by `kho-abi freeze`. Once released, it never changes.\n",
    );
    put!(out, "format      {}", frozen::format(frozen));
    put!(out, "compatible  {}", frozen.contract.compatible);
    put!(out, "macro       {}", frozen.contract.macro_name);
    put!(out, "header      {}", frozen.header);
    put!(out, "status      {}", frozen.status);
    let roots = &frozen.contract.roots;
    put!(out, "roots       {}", if roots.is_empty() { NONE.into() } else { roots.join(" ") });
    if let Some(version) = frozen.contract.version {
        put!(out, "version     {version}");
    }
    if !frozen.constants.is_empty() {
        out.push('\n');
    }
    for Constant { name, page_size, value, .. } in &frozen.constants {
        let page = page_size.map(|size| format!("  page {size}")).unwrap_or_default();
        match value {
            Value::Int(value) => put!(out, "constant {name}{page}  {value}"),
            Value::Str(value) => put!(out, "constant {name}{page}  {value:?}"),
        }
    }
    for node in &frozen.contract.nodes {
        put!(out, "\nnode {}", node.path);
        for property in &node.properties {
            let size = property.size.map_or_else(|| "string".into(), |size| size.to_string());
            put!(out, "property  {size:>6}  {}", property.name);
        }
    }
    for record in &frozen.records {
        let packing = match record.packing {
            Packing::Packed => "packed",
            Packing::Natural => "natural",
        };
        let keyword = record.kind.keyword();
        let page = record.page_size.map(|size| format!("  page {size}")).unwrap_or_default();
        put!(
            out,
            "\n{keyword} {}{page}  size {}  align {}  {packing}",
            record.name,
            record.size,
            record.align
        );
        out.push_str("  offset    size  type                      name\n");
        for field in &record.fields {
            let (offset, size) = if field.bit_field {
                let bit = field.bit_offset % 8;
                (format!("{}.{bit}", field.offset()), format!("{}b", field.bit_size))
            } else {
                (field.offset().to_string(), field.size().to_string())
            };
            let ty = field.ty.by_value().spelling();
            put!(out, "{offset:>8}  {size:>6}  {ty:<24}  {}", field.name);
        }
    }
    out
}

/// What is to be frozen of a contract: its closure and its constants, for every page size where they
/// depend on it, and its nodes; without documentation and places.
#[must_use]
pub fn of(model: &Model, header: &Header, compatible: &str, status: Status) -> Option<Frozen> {
    let mut contract = header.contracts.iter().find(|c| c.compatible == compatible).cloned()?;
    let mut records = Vec::new();
    for record in model.closure(&contract) {
        let others = model.other_pages_of(&record.name).filter_map(Item::record);
        records.extend(std::iter::once(record).chain(others).map(Record::bare));
    }
    let mut constants = Vec::new();
    for name in &contract.constants {
        let others = model.other_pages_of(name).flat_map(Item::constants);
        let all = model.constant(name).into_iter().chain(others);
        constants.extend(all.filter(|constant| &constant.name == name).map(bare));
    }
    for property in contract.nodes.iter_mut().flat_map(|node| &mut node.properties) {
        property.doc.clear();
    }
    Some(Frozen { contract, header: header.include_path(), status, constants, records })
}

fn bare(constant: &Constant) -> Constant {
    Constant { expr: None, doc: String::new(), place: None, ..constant.clone() }
}
