// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Preserved pages that nothing refers to: the next kernel keeps them forever.

use crate::kho::Kho;
use crate::luo::Phase;
use crate::rules;
use crate::text::{count, size};
use crate::walk::Walker;

/// Finds preserved pages without an owner, after the walk through everything.
///
/// It is a finding if everything was followed. Otherwise the owner may be in a part that was not
/// followed, which is a note.
pub(crate) fn check(walker: &mut Walker<'_>, kho: &Kho) {
    let Some(preserved) = kho.preserved.as_ref() else { return };
    let Some(runs) = preserved.runs().filter(|_| !walker.claims.is_incomplete()) else {
        walker.not_checked(
            "not checked: preserved pages without an owner: there are too many".into(),
        );
        return;
    };
    let mut free: Vec<(u64, u64)> = Vec::new();
    let mut pages = 0_u64;
    for run in runs {
        walker.claims.gaps(run.start, run.end, |start, end| {
            pages = pages.saturating_add(end - start);
            match free.last_mut() {
                Some(last) if last.1 == start => last.1 = end,
                _ => free.push((start, end)),
            }
        });
    }
    let Some((first, _)) = free.first() else { return };
    let shift = walker.page_size().trailing_zeros();
    let phase = kho.luo.as_ref().map(|luo| luo.phase);
    let why = if !walker.undecoded.is_empty() {
        Some("they may belong to state that was not decoded")
    } else if walker.by_types {
        Some("fields that the given types do not follow may lead to them")
    } else if !walker.findings.is_empty() {
        Some("they may belong to state that could not be followed: see the findings")
    } else if !preserved.is_complete() {
        Some("the tree of preserved pages was not read to its end")
    } else if phase.is_some_and(|phase| phase != Phase::Serialised) {
        Some("they may belong to sessions that are not yet written in this image")
    } else {
        None
    };
    if let Some(why) = why {
        // Without another reason for a status, the owners of these pages are unknown.
        let by_types = walker.by_types && walker.undecoded.is_empty() && walker.findings.is_empty();
        walker.unknown += u64::from(by_types);
        walker.notes.push(format!(
            "no known owner for {} ({}) of preserved memory, the first at {:#x}: {why}",
            count(pages, "page"),
            size(pages.saturating_mul(walker.page_size())),
            first << shift
        ));
        return;
    }
    for (start, end) in free {
        walker.find(&rules::PRESERVED_UNOWNED, start << shift, || {
            let at = start << shift;
            match end - start {
                1 => format!("the page at {at:#x} is preserved, but nothing refers to it"),
                pages => {
                    format!("{pages} pages from {at:#x} are preserved, but nothing refers to them")
                }
            }
        });
    }
}
