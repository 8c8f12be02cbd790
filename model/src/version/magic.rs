// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! A magic number that identifies the bytes: it does not count, so no number follows another.

use super::{Scheme, Version};
use crate::Spelled;

pub(super) const SCHEME: Scheme = Scheme {
    id: "magic",
    summary: "A magic number in the struct. Magic numbers have no order.",
    read: |_, contract| {
        (contract.spelled() == Spelled::Magic).then(|| Version::of_parts(contract, Vec::new()))
    },
    next: |_| None,
};
