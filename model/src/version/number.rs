// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A name, and a number in the struct itself, as the kernel's `kho_kexec_metadata.version`.

use super::{called, name_vn, Scheme, Version};
use crate::Spelled;

pub(super) const SCHEME: Scheme = Scheme {
    id: "number",
    summary: "A name, and a number in the struct, such as kho_kexec_metadata.version.",
    read: |_, contract| {
        let number = contract.version.filter(|_| contract.spelled() == Spelled::Number)?;
        let mut parts = Vec::new();
        let name = match contract.string() {
            // If the string has a version too, either may be bumped.
            Some(string) => {
                parts.extend(name_vn::split(string).map(|(name, n)| (format!("{name} string"), n)));
                super::stem(string)
            }
            None => called::name_beside(&contract.compatible)
                .unwrap_or_else(|| super::stem(&contract.compatible)),
        };
        parts.insert(0, (name.into(), number));
        Some(Version::of_parts(contract, parts))
    },
    next: |version| Some(version.parts.first()?.1.checked_add(1)?.to_string()),
};
