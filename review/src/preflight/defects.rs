// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Known defects of the handover in releases, which no layout shows.
//!
//! To add one, add a row in [`TABLE`]. An uncertain release is reported as uncertain: its
//! distributor may have added the fix.

use super::release::Release;
use super::{Built, Kernel};
use kho_abi_model::finding::Finding;
use kho_abi_model::rule::Rule;

/// The rule of every row.
pub const RULE: Rule = Rule {
    id: "known_defect",
    summary: "A kernel's release has a known defect in the handover.",
    reason: "Layouts and strings are the same with and without the fix, so nothing else shows the defect. State is lost or corrupted although both kernels agree on every byte.",
    example: "The current kernel is 6.19.4, whose memfd folios may be dropped after the update (CVE-2026-43389, fixed by 7e04bf1f3315).",
    remedy: "Install a release with the fix, or look for the commit in the changelog of this kernel's package. If that is unclear, ask the kernel's vendor, and reboot without a live update until then.",
};

/// Which of the two kernels needs the fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// The kernel that writes.
    Current,
    /// The kernel that reads.
    Next,
    /// Each of them.
    Either,
    /// Both have to match: a kernel with the change and one without do not understand each other.
    Apart,
}

/// A defect.
struct Defect {
    what: &'static str,
    who: Who,
    /// The first release that has it.
    from: Release,
    /// The first mainline release with the fix; all later ones have it.
    fixed: Release,
    /// The first stable releases of earlier series that have it, if known.
    stable: &'static [Release],
    /// Whether it is unknown which releases before `fixed`, apart from those in `stable`, have the
    /// fix.
    doubtful: bool,
    commits: &'static str,
    /// The option that the defect needs.
    option: &'static str,
    /// The page size that the defect needs.
    page_size: Option<u64>,
}

const TABLE: &[Defect] = &[
    Defect {
        what: "folios of a memfd that were clean when it was preserved may be dropped after the update, with their content (CVE-2026-43389)",
        who: Who::Current,
        from: Release::rc(6, 19, 1),
        fixed: Release::rc(7, 0, 4),
        stable: &[Release::new(6, 19, 9)],
        doubtful: false,
        commits: "7e04bf1f3315",
        option: "CONFIG_LIVEUPDATE",
        page_size: None,
    },
    Defect {
        what: "the seals of a memfd are not preserved: it comes back without them",
        who: Who::Current,
        from: Release::rc(6, 19, 1),
        fixed: Release::rc(7, 1, 1),
        stable: &[],
        doubtful: false,
        commits: "98eb95a06ff0",
        option: "CONFIG_LIVEUPDATE",
        page_size: None,
    },
    Defect {
        what: "with pages of 16 KiB, the radix tree lacks the level with the order bit: the wrong \
               memory is taken as preserved",
        who: Who::Either,
        from: Release::rc(7, 1, 1),
        fixed: Release::rc(7, 1, 6),
        stable: &[],
        doubtful: false,
        commits: "d64b0372760e",
        option: "",
        page_size: Some(16384),
    },
    Defect {
        what: "\"kho-v1\" means bitmaps of 512 bytes in one kernel and of a page in the other: the \
               wrong memory is preserved, or memory is lost",
        who: Who::Apart,
        from: Release::rc(6, 16, 1),
        fixed: Release::rc(6, 18, 1),
        stable: &[Release::new(6, 17, 9)],
        doubtful: false,
        commits: "85b9957f73e9",
        option: "",
        page_size: None,
    },
    Defect {
        what: "a file whose retrieval failed is retrieved again, from state that was freed (CVE-2026-43489)",
        who: Who::Next,
        from: Release::rc(6, 19, 1),
        fixed: Release::rc(7, 1, 1),
        stable: &[],
        doubtful: true,
        commits: "f85b1c6af5bc, in stable 1d3ad69484dc",
        option: "CONFIG_LIVEUPDATE",
        page_size: None,
    },
    Defect {
        what: "a preserved block of 2 GiB or more is restored with the wrong size: its order overflows a 32-bit shift",
        who: Who::Next,
        from: Release::rc(6, 16, 1),
        fixed: Release::rc(7, 3, 1),
        stable: &[],
        doubtful: true,
        commits: "3a0b8fa2eb36, in stable 42a6f03cf352",
        option: "",
        page_size: None,
    },
    Defect {
        what: "with deferred initialisation of struct pages, preserved pages may be initialised a second time",
        who: Who::Next,
        from: Release::rc(6, 16, 1),
        fixed: Release::rc(7, 3, 1),
        stable: &[],
        doubtful: true,
        commits: "b4fcd380bc7b, a819dd1d57b1",
        option: "CONFIG_DEFERRED_STRUCT_PAGE_INIT",
        page_size: None,
    },
];

/// What is known of a release and a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    Yes,
    Perhaps,
    No,
}

impl Defect {
    fn of_release(&self, release: Release) -> Has {
        let fixed =
            release.has(self.fixed, true) || self.stable.iter().any(|fix| release.has(*fix, false));
        match release < self.from || fixed {
            true => Has::No,
            false if self.doubtful => Has::Perhaps,
            false => Has::Yes,
        }
    }

    fn of(&self, kernel: &Kernel, release: Release) -> Has {
        let pages = kernel.side.model().target.page_size;
        let other_pages = self.page_size.is_some() && pages.is_some() && pages != self.page_size;
        // If it is unknown whether the option is set, a doubtful defect is not reported.
        let without = match (self.option, kernel.built(self.option)) {
            ("", _) | (_, Built::With) => false,
            (_, Built::Without) => true,
            (_, Built::Unknown) => self.doubtful && self.option != "CONFIG_LIVEUPDATE",
        };
        match self.of_release(release) {
            _ if other_pages || without => Has::No,
            // Headers are read for several page sizes, but a kernel is built for one.
            Has::Yes if self.page_size.is_some() && pages.is_none() => Has::Perhaps,
            has => has,
        }
    }
}

/// What the table says about two kernels.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What one of them certainly has.
    pub findings: Vec<Finding>,
    /// What one of them may have, in sentences.
    pub doubtful: Vec<String>,
    /// Whether the two misread each other's bytes.
    pub apart: bool,
}

/// The known defects of two kernels, by their releases.
pub(super) fn of(current: &Kernel, next: &Kernel) -> Known {
    let mut known = Known::default();
    let release = |kernel: &Kernel| Release::parse(kernel.release.as_deref()?);
    let (now, then) = (release(current), release(next));
    for defect in TABLE {
        let place = |kernel: &Kernel| {
            let release = kernel.release.as_deref().unwrap_or_default();
            format!("{} (Linux {release})", kernel.side.reading.name)
        };
        let mut put = |kernel: &Kernel, has: Has| match has {
            Has::No => {}
            Has::Yes => known.findings.push(Finding::new(
                RULE.id,
                place(kernel),
                defect.what,
                format!(
                    "use a release with the fix, or check that the changelog of its package has \
                     commit {}",
                    defect.commits
                ),
            )),
            Has::Perhaps => known.doubtful.push(format!(
                "{} may have a known defect: {}; fixed by {}",
                place(kernel),
                defect.what,
                defect.commits
            )),
        };
        let of = |kernel: &Kernel, release: Option<Release>| {
            release.map_or(Has::No, |release| defect.of(kernel, release))
        };
        let (has_now, has_then) = (of(current, now), of(next, then));
        match defect.who {
            Who::Current => put(current, has_now),
            Who::Next => put(next, has_then),
            Who::Either => {
                put(current, has_now);
                put(next, has_then);
            }
            Who::Apart => {
                // Earlier kernels hand nothing over, and later ones have another string.
                let last = Release::new(7, 0, u32::MAX);
                let uses = |r: Option<Release>| r.is_some_and(|r| r >= defect.from && r <= last);
                if uses(now) && uses(then) && has_now != has_then {
                    known.apart = true;
                    put(if has_now == Has::Yes { current } else { next }, Has::Yes);
                }
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_says_when_and_how_it_was_fixed() {
        for defect in TABLE {
            assert!(defect.from < defect.fixed, "{}", defect.what);
            assert!(!defect.commits.is_empty());
            for fix in defect.stable {
                assert!(defect.from < *fix && *fix < defect.fixed, "{}", defect.what);
            }
            assert_eq!(defect.of_release(defect.fixed), Has::No);
            assert_ne!(defect.of_release(defect.from), Has::No);
        }
    }

    #[test]
    fn stable_releases_have_their_own_first_fix() {
        let clean = TABLE.iter().find(|row| row.what.contains("CVE-2026-43389")).unwrap();
        for (release, has) in [
            ("6.18.5", Has::No),
            ("6.19", Has::Yes),
            ("6.19.8", Has::Yes),
            ("6.19.9", Has::No),
            ("7.0-rc3", Has::Yes),
            ("7.0-rc4", Has::No),
            ("7.3.4", Has::No),
        ] {
            assert_eq!(clean.of_release(Release::parse(release).unwrap()), has, "{release}");
        }
        let bitmap = TABLE.iter().find(|row| row.who == Who::Apart).unwrap();
        for (release, has) in
            [("6.16.4", Has::Yes), ("6.17.8", Has::Yes), ("6.17.9", Has::No), ("6.18", Has::No)]
        {
            assert_eq!(bitmap.of_release(Release::parse(release).unwrap()), has, "{release}");
        }
    }
}
