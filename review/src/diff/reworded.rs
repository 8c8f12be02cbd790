// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Comments that changed their meaning while the bytes stayed: what a field means is format, too.

use super::Comparison;
use kho_abi_model::{Header, Model};
use std::collections::{BTreeMap, BTreeSet};

/// A comment on a field that changed its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reworded {
    /// The field, as `pci_dev_ser.refcount`.
    pub item: String,
    /// The pairs that promise it, by index.
    pub pairs: Vec<usize>,
    /// The old comment.
    pub old: String,
    /// The new one.
    pub new: String,
}

/// Up to this many new comments, a contract does not count as rewritten as a whole.
const A_FEW: usize = 3;

pub(super) fn find(comparison: &Comparison<'_>) -> Vec<Reworded> {
    // The comments of the Rust types and of the kernel's headers have different authors.
    if comparison.old.reading.kind != comparison.new.reading.kind {
        return Vec::new();
    }
    let (old, new) = (comparison.old.model(), comparison.new.model());
    let (before, after) = (comments(old), comments(new));
    let mut found: BTreeMap<&str, Reworded> = BTreeMap::new();
    for (index, pair) in comparison.pairs.iter().enumerate() {
        let Some((old_contract, contract)) = pair.both() else { continue };
        let records = new.closure(contract).into_iter().map(|record| record.name.as_str());
        let mut promised: BTreeSet<&str> = records.collect();
        promised.retain(|name| old.closure(old_contract).iter().any(|r| r.name == *name));
        let (mut same, mut others) = (0, Vec::new());
        for (item, text) in &after {
            let record = item.split('.').next().unwrap_or(item);
            let Some(was) = before.get(item).filter(|_| promised.contains(record)) else {
                continue;
            };
            if plain(was) == plain(text) {
                same += 1;
            } else {
                others.push((item, was, text));
            }
        }
        // If most comments are new, they were rewritten as a whole, and each one says little by
        // itself.
        if others.len() > A_FEW && others.len() > same {
            continue;
        }
        for (item, was, text) in others {
            let reworded = || Reworded {
                item: item.clone(),
                pairs: Vec::new(),
                old: was.clone(),
                new: text.clone(),
            };
            found.entry(item).or_insert_with(reworded).pairs.push(index);
        }
    }
    found.into_values().collect()
}

/// The comments on fields, by `struct.field`: from the truth, and from kernel-doc's `@member:`
/// lines.
fn comments(model: &Model) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for record in model.headers.iter().flat_map(Header::records) {
        for field in record.fields.iter().filter(|field| !field.doc.is_empty()) {
            found.insert(format!("{}.{}", record.name, field.name), field.doc.clone());
        }
        let mut member: Option<String> = None;
        for line in record.doc.lines() {
            let line = line.trim();
            if let Some((name, text)) = line.strip_prefix('@').and_then(|rest| rest.split_once(':'))
            {
                let item = format!("{}.{}", record.name, name.trim());
                found.insert(item.clone(), text.trim().to_string());
                member = Some(item);
            } else if line.is_empty() {
                member = None;
            } else if let Some(text) = member.as_ref().and_then(|item| found.get_mut(item)) {
                text.push(' ');
                text.push_str(line);
            }
        }
    }
    found.retain(|_, text| !text.is_empty());
    found
}

/// Only the words of a text, without punctuation, capitals and line ends.
fn plain(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
