// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A name, and a number in the struct itself, as the kernel's `kho_kexec_metadata.version`.

use super::{name_vn, Scheme, Version};
use std::collections::BTreeSet;

pub(super) const SCHEME: Scheme = Scheme {
    id: "number",
    summary: "A name, and a number that the struct carries, as kho_kexec_metadata.version.",
    read: |_, contract| {
        let number = contract.version?;
        let name = name_vn::split(&contract.compatible).map_or(&*contract.compatible, |(n, _)| n);
        Some(Version {
            spelling: format!("{} {number}", contract.macro_name),
            parts: vec![(name.into(), u64::from(number))],
            features: BTreeSet::new(),
        })
    },
    next: |version| {
        version.parts.first().map_or(String::new(), |(_, n)| n.saturating_add(1).to_string())
    },
};
