// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! `name-vN` or `name_vN`: a name and a number in one string.

use super::{Scheme, Version};

pub(super) const SCHEME: Scheme = Scheme {
    id: "name-vN",
    summary: "A name and a number in one string, such as vfio-pci-v1 or kvm_vm_luo_v1.",
    read: |_, contract| {
        let (name, number) = split(&contract.compatible)?;
        Some(Version::of_parts(contract, vec![(name.into(), number)]))
    },
    next: |version| successor(&version.spelling),
};

/// The separators between the name and the number.
pub(super) const MARKS: [&str; 2] = ["-v", "_v"];

/// The name and the number.
pub(super) fn split(text: &str) -> Option<(&str, u64)> {
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &text[before.len()..];
    let name = MARKS.iter().find_map(|mark| before.strip_suffix(mark))?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (plain && !name.is_empty()).then(|| number.parse().ok())?.map(|n| (name, n))
}

/// The string with its first number increased by one, and the rest unchanged.
pub(super) fn successor(text: &str) -> Option<String> {
    let end = text.find([';', '+']).unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    let (_, number) = split(first)?;
    let stem = first.trim_end_matches(|c: char| c.is_ascii_digit());
    Some(format!("{stem}{}{rest}", number.checked_add(1)?))
}
