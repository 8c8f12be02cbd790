// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the truth says about owners: by the macro of a version, the structs and constants that it
//! owns.

use kho_abi::wire::layout::Header as WireHeader;
use std::collections::{BTreeMap, BTreeSet};

/// What is known about a macro that holds the version of a contract.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned {
    /// The name for a version that is a number, if no string of the header gives one.
    pub(crate) numbered: Option<&'static str>,
    /// Structs that it owns, in any version.
    pub(crate) roots: BTreeSet<&'static str>,
    /// Constants that it owns, in any version.
    pub(crate) constants: BTreeSet<&'static str>,
}

/// The owners in the truth, including its earlier versions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    /// By the macro of the version.
    pub(crate) by_macro: BTreeMap<&'static str, Owned>,
}

impl Owners {
    pub(crate) fn read(headers: impl Iterator<Item = &'static WireHeader>) -> Self {
        let mut known = Self::default();
        for header in headers {
            for contract in header.contracts {
                let entry = known.by_macro.entry(contract.compatible.name).or_default();
                let bare = contract.version.filter(|_| contract.name.is_none());
                entry.numbered = bare.map(|_| contract.compatible.value);
                let roots = contract.roots.iter().map(|root| root.name);
                entry.roots.extend(roots.chain(contract.page_roots.iter().copied()));
                entry.constants.extend(contract.constants);
            }
        }
        known
    }
}
