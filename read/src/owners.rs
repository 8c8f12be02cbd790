// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What is known of owners beside what headers say of them: in the truth, by the macro of a version; and in
//! a tree's file, by whoever owns the tree.

use kho_abi::wire::layout::Header as WireHeader;
use kho_abi_model::{Contract, Model};
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

/// What a tree says that a version owns, where its headers do not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Declared {
    /// The macro that holds the version.
    pub macro_name: String,
    /// Structs and unions, by name.
    pub structs: Vec<String>,
    /// Constants, by name.
    pub constants: Vec<String>,
}

impl Declared {
    /// Whether it names a struct or a constant.
    #[must_use]
    pub fn names(&self, item: &str) -> bool {
        self.structs.iter().chain(&self.constants).any(|name| name == item)
    }
}

/// Gives contracts what is declared to be theirs, and takes it from others. An owner that no header has
/// takes nothing.
pub fn give(model: &mut Model, declared: &[Declared]) {
    for owner in declared {
        let Declared { macro_name, structs, constants } = owner;
        let all = || model.headers.iter().flat_map(|header| &header.contracts);
        if !all().any(|contract| contract.is_carrier(macro_name)) {
            continue;
        }
        for contract in model.headers.iter_mut().flat_map(|header| &mut header.contracts) {
            let Contract { roots, shared, constants: own, .. } = contract;
            for list in [&mut *roots, &mut *shared, &mut *own] {
                list.retain(|name| !owner.names(name));
            }
            if contract.is_carrier(macro_name) {
                contract.roots.extend(structs.iter().cloned());
                contract.constants.extend(constants.iter().cloned());
            }
        }
    }
    for header in &mut model.headers {
        let is_empty = |c: &Contract| c.unversioned && c.roots.is_empty() && c.constants.is_empty();
        header.contracts.retain(|contract| !is_empty(contract));
    }
}
