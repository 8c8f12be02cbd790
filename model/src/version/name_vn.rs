// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `name-vN`: a name and a number in one string.

use super::{Scheme, Version};
use std::collections::BTreeSet;

pub(super) const SCHEME: Scheme = Scheme {
    id: "name-vN",
    summary: "A name and a number in one string, as vfio-pci-v1.",
    read: |_, contract| {
        let (name, number) = split(&contract.compatible)?;
        Some(Version {
            spelling: contract.compatible.clone(),
            parts: vec![(name.into(), number)],
            features: BTreeSet::new(),
        })
    },
    next: |version| spell(&version.parts),
};

/// The name and the number.
pub(super) fn split(text: &str) -> Option<(&str, u64)> {
    let (name, number) = text.rsplit_once("-v")?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (digits && plain && !name.is_empty()).then(|| number.parse().ok())?.map(|n| (name, n))
}

/// The string with the first number one higher, the others as they are.
pub(super) fn spell(parts: &[(String, u64)]) -> String {
    let spelled = parts.iter().enumerate().map(|(index, (name, number))| {
        format!("{name}-v{}", if index == 0 { number.saturating_add(1) } else { *number })
    });
    spelled.collect::<Vec<_>>().join(";")
}
