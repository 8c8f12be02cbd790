// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `luo-v5;block-v1`: a string for each format in the bytes.

use super::{name_vn, Scheme, Version};

pub(super) const SCHEME: Scheme = Scheme {
    id: "composite",
    summary: "A version for each format involved, such as luo-v5;block-v1.",
    read: |_, contract| {
        let text = &contract.compatible;
        if !text.contains(';') {
            return None;
        }
        let part = |part: &str| name_vn::split(part).map(|(name, number)| (name.into(), number));
        let parts: Vec<_> = text.split(';').map(part).collect::<Option<_>>()?;
        Some(Version::of_parts(contract, parts))
    },
    next: |version| name_vn::successor(&version.spelling),
};
