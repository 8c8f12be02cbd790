// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Releases of Linux, in their order.

use std::path::Path;

/// A release, as `7.1-rc6` or `6.19.8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    series: (u32, u32),
    patch: u32,
    /// The number of a release candidate; the largest number for the final release.
    rc: u32,
}

impl Release {
    /// A release.
    #[must_use]
    pub(super) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { series: (major, minor), patch, rc: u32::MAX }
    }

    /// A release candidate.
    #[must_use]
    pub(super) const fn rc(major: u32, minor: u32, rc: u32) -> Self {
        Self { series: (major, minor), patch: 0, rc }
    }

    /// Parses the release that a kernel reports, as `7.3.4+deb13-amd64` or `7.3-rc2-00012-gabcdef`;
    /// `None` if the text does not begin with a release.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| -> Option<(u32, usize)> {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            Some((text.get(..digits)?.parse().ok()?, digits))
        };
        let (major, length) = number(text)?;
        let rest = text[length..].strip_prefix('.')?;
        let (minor, length) = number(rest)?;
        let mut rest = &rest[length..];
        let mut patch = 0;
        if let Some((found, length)) = rest.strip_prefix('.').and_then(number) {
            (patch, rest) = (found, &rest[1 + length..]);
        }
        // Debian writes `7.3~rc7`.
        let rc = rest.strip_prefix("-rc").or_else(|| rest.strip_prefix("~rc")).and_then(number);
        Some(Self { series: (major, minor), patch, rc: rc.map_or(u32::MAX, |(rc, _)| rc) })
    }

    /// Whether both belong to the same series, as 6.19.3 and 6.19.8 do.
    #[must_use]
    pub(super) fn is_beside(self, other: Self) -> bool {
        self.series == other.series
    }

    /// Whether it contains the fix from release `fix`: in the same series, or for `mainline` in any
    /// later one.
    #[must_use]
    pub(super) fn has(self, fix: Self, mainline: bool) -> bool {
        self >= fix && (mainline || self.is_beside(fix))
    }
}

/// The release of a kernel tree, from its Makefile.
#[must_use]
pub(super) fn of_tree(tree: &Path) -> Option<String> {
    let text = std::fs::read_to_string(tree.join("Makefile")).ok()?;
    let value = |name: &str| {
        text.lines().take(40).find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_string())
        })
    };
    let (major, minor) = (value("VERSION")?, value("PATCHLEVEL")?);
    let patch = value("SUBLEVEL").unwrap_or_default();
    let extra = value("EXTRAVERSION").unwrap_or_default();
    Some(match patch.as_str() {
        "" | "0" => format!("{major}.{minor}{extra}"),
        patch => format!("{major}.{minor}.{patch}{extra}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_are_in_order() {
        let read = |text: &str| Release::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(read("7.3.4+deb13-amd64"), Release::new(7, 3, 4));
        assert_eq!(read("7.0.0-rc3"), Release::rc(7, 0, 3));
        assert_eq!(read("7.3~rc7"), Release::rc(7, 3, 7));
        assert_eq!(read("6.19-custom"), Release::new(6, 19, 0));
        for (earlier, later) in [
            ("7.1-rc5", "7.1-rc6"),
            ("7.1-rc6", "7.1"),
            ("7.1", "7.1.1"),
            ("6.19.9", "6.19.10"),
            ("6.9", "6.19"),
        ] {
            assert!(read(earlier) < read(later), "{earlier} {later}");
        }
        for other in ["", "x", "7", "7.", ".1", "99999999999.1", "é.1"] {
            assert_eq!(Release::parse(other), None, "{other}");
        }
    }
}
