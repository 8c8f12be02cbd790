// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads one header with the ABI headers that it includes, for every page size.

use super::ImportError;
use crate::generate;
use kho_abi_model::reading::Gap;
use kho_abi_model::{Header, Item, ABI_DIR};
use kho_abi_read::catalogue::Catalogue;
use kho_abi_read::checkout::at;
use kho_abi_read::headers;
use kho_abi_read::source::{Options, Reading};
use kho_abi_show::names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The page sizes that a kernel may have, smallest first.
pub(super) const PAGE_SIZES: [u64; 3] = [4096, 16384, 65536];

/// How long a header may be, in bytes.
const LENGTH: usize = 1 << 20;

/// A header as it was read.
pub(super) struct Gathered {
    /// Its text.
    pub(super) text: String,
    /// The header, for each page size.
    pub(super) pages: [Header; 3],
    /// The ABI headers that it includes, for the smallest page size.
    pub(super) others: Vec<Header>,
    /// What of these depends on the page size.
    pub(super) varying: BTreeSet<String>,
    /// What could not be read of any of them.
    pub(super) gaps: Vec<Gap>,
}

impl Gathered {
    /// The header for the smallest page size.
    pub(super) fn header(&self) -> &Header {
        &self.pages[0]
    }

    /// An item as it is for each page size; `None` where one of them does not have it.
    pub(super) fn variants(&self, name: &str, at: usize) -> Option<[&Item; 3]> {
        let of = |header: &Header| header.items.get(at).map(Item::name) == Some(name);
        let all = self.pages.iter().all(of);
        all.then(|| [0, 1, 2].map(|page: usize| &self.pages[page].items[at]))
    }
}

/// Reads a header. Those of the ABI that it includes lie beside it; where one does not, the one that this
/// program was compiled with stands for it.
pub(super) fn gather(path: &Path, name: &str) -> Result<Gathered, ImportError> {
    let bytes = std::fs::read(path).map_err(at(path))?;
    if bytes.len() > LENGTH {
        return Err(ImportError::TooLong(path.into()));
    }
    let text = String::from_utf8(bytes).map_err(|_| ImportError::NotUtf8(path.into()))?;
    let key = |name: &str| format!("include/{ABI_DIR}/{name}.h");
    let mut files = BTreeMap::from([(key(name), text.clone().into_bytes())]);
    let mut open: Vec<String> = included(&text);
    let mut built_in: Option<BTreeMap<String, String>> = None;
    while let Some(other) = open.pop() {
        if files.contains_key(&key(&other)) {
            continue;
        }
        let beside = path.with_file_name(format!("{other}.h"));
        let text = match std::fs::read(&beside) {
            Ok(bytes) if bytes.len() > LENGTH => return Err(ImportError::TooLong(beside)),
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => {
                if built_in.is_none() {
                    let all = generate::render(Catalogue::built_in().current()?).into_iter();
                    built_in = Some(all.map(|one| (names::shown(&one.path), one.text)).collect());
                }
                let rendered = built_in.get_or_insert_default();
                let Some(text) = rendered.get(&key(&other)) else { continue };
                text.clone()
            }
        };
        open.extend(included(&text));
        files.insert(key(&other), text.into_bytes());
    }
    let below = Path::new("include").join(ABI_DIR);
    let dir = path.parent().and_then(|dir| dir.canonicalize().ok());
    let top = dir.filter(|dir| dir.ends_with(&below));
    let top =
        top.and_then(|dir| dir.ancestors().nth(below.components().count()).map(Path::to_path_buf));
    // In a tree, another header may have the version of what is in this one.
    if let Some(top) = &top {
        for (path, bytes) in headers::files_of_dir(top)? {
            files.entry(path).or_insert(bytes);
        }
    }
    let tree = top.and_then(|top| headers::tree_of_dir(&top));
    let read = |page_size: u64| -> Result<Reading, ImportError> {
        let options = Options {
            triple: Some(headers::TRIPLES[0].into()),
            page_size: Some(page_size),
            tree: tree.clone(),
            catalogue: Arc::new(Catalogue::owners_alone()),
            ..Options::default()
        };
        Ok(headers::read_files(&files, &options)?)
    };
    let [first, second, third] = PAGE_SIZES;
    let (readings, gaps) = {
        let all = [read(first)?, read(second)?, read(third)?];
        let gaps = all.iter().flat_map(|reading| reading.gaps.clone()).collect();
        (all.map(|reading| reading.model.headers), gaps)
    };
    let mut own = Vec::new();
    let mut others: Vec<Vec<Header>> = Vec::new();
    for headers in readings {
        let (this, rest) = headers.into_iter().partition(|header| header.name == name);
        own.extend::<Vec<Header>>(this);
        others.push(rest);
    }
    let first = others.remove(0);
    let mut varying = BTreeSet::new();
    for record in first.iter().flat_map(Header::records) {
        let same = |headers: &Vec<Header>| {
            let mut all = headers.iter().flat_map(Header::records);
            all.any(|other| other == record)
        };
        if !others.iter().all(same) {
            varying.insert(record.name.clone());
        }
    }
    let pages = own.try_into().map_err(|_| ImportError::NotAHeader(path.into()))?;
    Ok(Gathered { text, pages, others: first, varying, gaps })
}

/// The names of the ABI headers that a header includes.
fn included(text: &str) -> Vec<String> {
    let name = |line: &str| {
        let word = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?;
        let target = word.trim_start().strip_prefix(['<', '"'])?;
        let target = &target[..target.find(['>', '"'])?];
        let below = target.strip_prefix(ABI_DIR).and_then(|below| below.strip_prefix('/'));
        let below = below.or_else(|| (!target.contains('/')).then_some(target));
        below?.strip_suffix(".h").map(String::from)
    };
    text.lines().filter_map(name).collect()
}
