// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads frozen layouts as one source: the newest version of each contract.

use super::bytes::{Bytes as _, FileBytes};
use super::frozen::{self, Frozen, Part, Status};
use super::names::UNKNOWN;
use crate::catalogue::Catalogue;
use crate::error::SourceError;
use kho_abi_model::reading::{Gap, Kind, Knows, Reading};
use kho_abi_model::version;
use kho_abi_model::{Contract, Header, Item, Model, PageVariant, Target, ABI_DIR};
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The largest frozen layout to read, in bytes.
const MAX_SIZE: u64 = 16 << 20;

/// Whether a file is a frozen layout, by its first bytes.
#[must_use]
pub fn is_frozen(head: &[u8]) -> bool {
    // Only comments may come before it.
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"));
    first.is_some_and(|line| line.starts_with(b"format "))
}

/// Reads the frozen layouts in a directory.
///
/// # Errors
///
/// [`SourceError`] for a directory without any, and for a file that cannot be read or is malformed.
pub fn read_dir(name: &str, dir: &Path) -> Result<Reading, SourceError> {
    let (newest, _) = versions(name, dir)?;
    Ok(reading(name, newest))
}

/// The frozen layouts in a directory as what is known beforehand: the newest version of each contract is the
/// current one.
///
/// # Errors
///
/// As [`read_dir`], and for layouts that do not agree about a struct.
pub fn catalogue(dir: &Path) -> Result<Catalogue, SourceError> {
    let name = names::shown(dir);
    let (newest, earlier) = versions(&name, dir)?;
    let all = || newest.iter().chain(&earlier);
    let drafts = all().filter(|frozen| frozen.status == Status::Draft);
    let drafts = drafts.map(|frozen| frozen.contract.compatible.clone()).collect();
    let knows = knows(all());
    let of_kernels = all().filter(|frozen| frozen.unknown.contains(&Part::Pages));
    let kernels = of_kernels.map(|f| (f.contract.compatible.clone(), f.kernel_pages)).collect();
    let current = reading(&name, newest);
    if let Some(gap) = current.gaps.first() {
        return Err(SourceError::NotASource {
            name,
            why: format!("{}: {}", gap.item, gap.why),
            help: "run `kho-abi check` in that tree to see which one is out of date".into(),
        });
    }
    // Each stands for itself: two versions of a struct have one name.
    let earlier = earlier.into_iter().map(|frozen| reading(&name, vec![frozen]).model).collect();
    Ok(Catalogue::of_models(current.model, earlier, drafts, knows, kernels))
}

/// Frozen layouts: the newest version of each contract, and the others, oldest first.
fn versions(name: &str, dir: &Path) -> Result<(Vec<Frozen>, Vec<Frozen>), SourceError> {
    let io = |error| SourceError::io(dir, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "layout") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(SourceError::NotASource {
            name: name.into(),
            why: format!("{} has no frozen layouts", names::shown(dir)),
            help: "name the directory with the *.layout files".into(),
        });
    }
    // By the name of the contract, the newest version of each.
    let mut newest: BTreeMap<String, (u64, Frozen)> = BTreeMap::new();
    let mut earlier: Vec<(u64, Frozen)> = Vec::new();
    for path in paths {
        let frozen = read(&path)?;
        let (contract, version) = name_and_version(&frozen.contract);
        match newest.get(&contract) {
            Some((other, _)) if *other >= version => earlier.push((version, frozen)),
            _ => earlier.extend(newest.insert(contract, (version, frozen))),
        }
    }
    earlier.sort_by_key(|(version, _)| *version);
    let without = |(_, frozen)| frozen;
    Ok((newest.into_values().map(without).collect(), earlier.into_iter().map(without).collect()))
}

/// Reads one frozen layout.
///
/// # Errors
///
/// [`SourceError`] for a file that cannot be read or is malformed.
pub fn read_file(name: &str, path: &Path) -> Result<Reading, SourceError> {
    let mut reading = reading(name, vec![read(path)?]);
    // Other contracts are in other files.
    reading.knows.absence = false;
    Ok(reading)
}

fn read(path: &Path) -> Result<Frozen, SourceError> {
    let io = |error| SourceError::io(path, error);
    let bytes = FileBytes::open(path).map_err(io)?;
    if bytes.size() > MAX_SIZE {
        return Err(io(std::io::Error::other(format!("it has more than {MAX_SIZE} bytes"))));
    }
    let text = bytes.take(0, bytes.size()).map_err(io)?;
    let text = String::from_utf8(text).map_err(|error| io(std::io::Error::other(error)))?;
    let parsed = frozen::parse(&text);
    parsed.map_err(|source| SourceError::Frozen { path: path.into(), source })
}

fn reading(name: &str, frozen: Vec<Frozen>) -> Reading {
    let of_kernels = frozen.iter().filter(|frozen| frozen.unknown.contains(&Part::Pages));
    let sizes: BTreeSet<Option<u64>> = of_kernels.map(|frozen| frozen.kernel_pages).collect();
    // A layout of a kernel is for its page size, which may be unknown; one of headers is for all.
    let page_size = match (sizes.first(), sizes.len()) {
        (None, _) => Target::HOST.page_size,
        (Some(size), 1) => *size,
        _ => None,
    };
    let mut model = Model {
        target: Target { page_size, ..Target::HOST },
        headers: Vec::new(),
        other_pages: Vec::new(),
    };
    let mut gaps = Vec::new();
    let knows = knows(frozen.iter());
    // A struct is in each contract that embeds it, but in the header of its owner.
    let owned: BTreeMap<String, String> = frozen
        .iter()
        .flat_map(|f| f.contract.roots.iter().map(|root| (root.clone(), header_name(&f.header))))
        .collect();
    for frozen in frozen {
        let own = header_name(&frozen.header);
        for record in frozen.records {
            let header = owned.get(&record.name).unwrap_or(&own).clone();
            put(&mut model, &mut gaps, &header, record.page_size, Item::Record(record));
        }
        for constant in frozen.constants {
            put(&mut model, &mut gaps, &own, constant.page_size, Item::Constant(constant));
        }
        let Contract { compatible, .. } = &frozen.contract;
        let contracts = &mut header(&mut model, &own).contracts;
        if !contracts.iter().any(|contract| contract.compatible == *compatible) {
            contracts.push(frozen.contract);
        }
    }
    model.headers.sort_by(|a, b| a.name.cmp(&b.name));
    model.other_pages.sort_by_key(|pages| pages.page_size);
    Reading { name: name.into(), kind: Kind::Snapshots, model, knows, gaps }
}

/// What frozen layouts tell: as much as the one that tells least.
fn knows<'a>(frozen: impl Iterator<Item = &'a Frozen>) -> Knows {
    let unknown: BTreeSet<Part> =
        frozen.flat_map(|frozen| frozen.unknown.iter().copied()).collect();
    let all = |part| !unknown.contains(&part);
    Knows {
        packing: all(Part::Packing),
        macros: all(Part::Macros),
        enumerators: all(Part::Enumerators),
        string_macros: all(Part::Header),
        nodes: all(Part::Nodes),
        // The comments of headers, and where things are in them, are not frozen.
        places: false,
        ..Knows::ALL
    }
}

/// The name and version of a frozen layout: `vfio-pci` and 1, or `pci` and 2.
fn name_and_version(contract: &Contract) -> (String, u64) {
    let (name, number) = version::numbered(contract).unwrap_or((&contract.compatible, 0));
    (name.into(), number)
}

fn header_name(path: &str) -> String {
    if path.is_empty() {
        return UNKNOWN.into();
    }
    let name = path.strip_prefix(ABI_DIR).and_then(|name| name.strip_prefix('/')).unwrap_or(path);
    name.strip_suffix(".h").unwrap_or(name).into()
}

fn header<'a>(model: &'a mut Model, name: &str) -> &'a mut Header {
    let at = model.headers.iter().position(|header| header.name == name);
    let at = at.unwrap_or_else(|| {
        model.headers.push(Header::named(name));
        model.headers.len() - 1
    });
    &mut model.headers[at]
}

/// Adds an item where it belongs, once. If two contracts froze it differently, it remains open.
fn put(model: &mut Model, gaps: &mut Vec<Gap>, owner: &str, page: Option<u64>, item: Item) {
    let base = model.target.page_size.or(Target::HOST.page_size);
    let items = match page {
        Some(page_size) if page != base => {
            let pages = &mut model.other_pages;
            let at = pages.iter().position(|pages| pages.page_size == page_size);
            let at = at.unwrap_or_else(|| {
                pages.push(PageVariant { page_size, items: Vec::new() });
                pages.len() - 1
            });
            &mut pages[at].items
        }
        _ => {
            let everywhere = model.headers.iter().flat_map(|header| &header.items);
            if let Some(before) = { everywhere }.find(|before| before.name() == item.name()) {
                if *before != item {
                    let why = "two frozen layouts of it differ".to_string();
                    gaps.push(Gap { item: item.name().into(), why });
                }
                return;
            }
            &mut header(model, owner).items
        }
    };
    if !items.iter().any(|before| before.name() == item.name()) {
        items.push(item);
    }
}
