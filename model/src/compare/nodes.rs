// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Compares nodes of device trees: their properties, and the size of each. Their order does not
//! count.

use super::Words;
use crate::FdtNode;
use std::collections::BTreeMap;

/// A property that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyChange {
    /// The path of the node.
    pub node: String,
    /// The property's name; empty for the node itself.
    pub property: String,
    /// The old value, in words.
    pub old: String,
    /// The new value.
    pub new: String,
}

impl PropertyChange {
    /// Node and property, as a stable name.
    #[must_use]
    pub fn item(&self) -> String {
        format!("{} {}", self.node, self.property).trim_end().into()
    }

    /// The change in words.
    #[must_use]
    pub fn tell(&self, words: Words) -> String {
        let what = match self.property.as_str() {
            "" => format!("the device-tree node {}", self.node),
            property => format!("the device-tree property `{property}` of {}", self.node),
        };
        words.contrast(&what, &self.old, &self.new)
    }
}

/// Compares the nodes of a contract.
#[must_use]
pub fn nodes(old: &[FdtNode], new: &[FdtNode]) -> Vec<PropertyChange> {
    let properties = |nodes: &[FdtNode]| -> BTreeMap<(String, String), String> {
        let mut found = BTreeMap::new();
        for node in nodes {
            found.insert((node.path.clone(), String::new()), "there".into());
            for property in &node.properties {
                let size = property.size.map(|size| format!("{size} bytes"));
                let value = size.unwrap_or_else(|| "a string".into());
                found.insert((node.path.clone(), property.name.clone()), value);
            }
        }
        found
    };
    let (old, new) = (properties(old), properties(new));
    let mut all: Vec<_> = old.keys().chain(new.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let said = |side: &BTreeMap<_, String>, key| {
        side.get(key).map_or_else(|| "missing".into(), String::clone)
    };
    let differ = all.into_iter().filter(|key| old.get(*key) != new.get(*key));
    differ
        .map(|key| PropertyChange {
            node: key.0.clone(),
            property: key.1.clone(),
            old: said(&old, key),
            new: said(&new, key),
        })
        .collect()
}
