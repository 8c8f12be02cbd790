// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The names of versions in reports, files and commands: `vfio-pci-v1`, or `pci@2` for a string
//! beside a number.

use super::name_vn;

/// The separator between a name and the number beside it, in reports.
const BESIDE: char = '@';

/// The name of a version that is a number, if a string gives its subject: `pci@2`.
#[must_use]
pub fn beside(name: &str, number: u64) -> String {
    format!("{name}{BESIDE}{number}")
}

/// The name of a version that is a number, if no string does: `kexec-metadata-v1`.
#[must_use]
pub fn alone(name: &str, number: u64) -> String {
    format!("{name}-v{number}")
}

/// The parts of a version's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called<'a> {
    /// The subject of the version, as `vfio-pci`.
    pub name: &'a str,
    /// Its number.
    pub number: u64,
    /// The text before the number, as `vfio-pci-v`.
    before: &'a str,
}

impl<'a> Called<'a> {
    /// Parses a name with a single number; `None` for anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (name, number) = name_vn::split(text).or_else(|| {
            let (name, number) = text.rsplit_once(BESIDE)?;
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            (!name.is_empty() && digits).then(|| Some((name, number.parse().ok()?)))?
        })?;
        let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
        Some(Self { name, number, before })
    }

    /// The name of the next version; `None` if no number follows.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        Some(format!("{}{}", self.before, self.number.checked_add(1)?))
    }
}

/// The subject of a version that is named by a number beside its string: `pci` of `pci@2`.
pub(super) fn name_beside(text: &str) -> Option<&str> {
    text.rsplit_once(BESIDE).map(|(name, _)| name)
}

/// The text before the first number beside a string.
pub(super) fn before_beside(text: &str) -> &str {
    text.split(BESIDE).next().unwrap_or(text)
}

/// The words of a text that look like the name of a version.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c) || c == BESIDE))
        .filter(|word| Called::parse(word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_is_called_has_a_name_and_a_number() {
        for (text, name, number, next) in [
            ("vfio-pci-v1", "vfio-pci", 1, "vfio-pci-v2"),
            ("kvm_vm_v9", "kvm_vm", 9, "kvm_vm_v10"),
            ("x-v9-v10", "x-v9", 10, "x-v9-v11"),
            ("pci@2", "pci", 2, "pci@3"),
        ] {
            let called = Called::parse(text).expect(text);
            assert_eq!((called.name, called.number), (name, number), "{text}");
            assert_eq!(called.next().as_deref(), Some(next));
        }
        assert_eq!(Called::parse(&format!("x@{}", u64::MAX)).expect("a number").next(), None);
        for other in ["vfio-pci", "-v1", "x-v", "x-v1a", "@1", "x@", "x@+1", "x2", "a-v1;b-v1"] {
            assert_eq!(Called::parse(other), None, "{other}");
        }
        assert_eq!(Called::parse(&beside("pci", 2)).map(|c| (c.name, c.number)), Some(("pci", 2)));
        assert_eq!(Called::parse(&alone("x", 2)).map(|c| (c.name, c.number)), Some(("x", 2)));
    }

    #[test]
    fn versions_are_told_from_other_words() {
        let found = |text| words(text).collect::<Vec<_>>();
        assert_eq!(found("registered as \"vfio-pci-v1\"."), ["vfio-pci-v1"]);
        assert_eq!(found("see pci@2, and x@y or @2"), ["pci@2"]);
        assert_eq!(found("kho-v10 and luo-v5;block-v1"), ["kho-v10", "luo-v5", "block-v1"]);
        assert_eq!(found("a vfio-pci device, -v1, x-version, v1, x-v1a"), Vec::<&str>::new());
    }
}
