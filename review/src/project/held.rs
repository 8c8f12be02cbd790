// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What a project holds, as it was read: headers, or a kernel in their place.

use crate::diff::HeaderText;
use kho_abi_model::finding::Finding;
use kho_abi_model::reading::{Gap, Knows, Reading};
use kho_abi_model::Model;
use kho_abi_read::frozen::Part;
use std::collections::{BTreeMap, BTreeSet};

/// Headers as they were read, or a kernel.
#[derive(Debug)]
pub struct Held {
    /// The model, for every page size.
    pub model: Model,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// What another machine lays out otherwise, each with the item that it is about.
    pub machines: Vec<(String, Finding)>,
    /// What `kho-abi.toml` says of owners that are not there, each with the item that it is about.
    pub owners: Vec<(String, Finding)>,
    /// The headers' text, by header name; none of a kernel.
    pub texts: BTreeMap<String, HeaderText>,
    /// What a kernel did not tell; `None` where headers were read.
    pub from_kernel: Option<FromKernel>,
}

/// What a kernel did not tell of what was read of it.
#[derive(Clone, Debug, Default)]
pub struct FromKernel {
    /// The kernel, as it was asked for.
    pub source: String,
    /// What is not known.
    pub unknown: BTreeSet<Part>,
    /// What whoever asked for it said.
    pub given: BTreeSet<Part>,
    /// Its page size, in bytes, if it says that.
    pub page_size: Option<u64>,
    /// Contracts of the kernel that the project does not name as its own.
    pub others: Vec<String>,
}

impl FromKernel {
    pub(super) fn of(reading: &Reading) -> Self {
        let Knows { packing, macros, enumerators, nodes, string_macros, .. } = reading.knows;
        let parts = [
            (packing, Part::Packing),
            (macros, Part::Macros),
            (enumerators, Part::Enumerators),
            (nodes, Part::Nodes),
            (string_macros, Part::Header),
            // One kernel has pages of one size.
            (false, Part::Pages),
        ];
        let unknown = parts.into_iter().filter(|(known, _)| !known).map(|(_, part)| part);
        let given = [(false, Part::Roots), (reading.knows.strings, Part::String)];
        let given = given.into_iter().filter(|(known, _)| !known).map(|(_, part)| part);
        let source = reading.name.clone();
        let (unknown, given) = (unknown.collect(), given.collect());
        let page_size = reading.model.target.page_size;
        Self { source, unknown, given, page_size, others: Vec::new() }
    }

    /// What is not known, in a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<_> = self.unknown.iter().map(|part| part.what()).collect();
        words.join(", ")
    }
}
