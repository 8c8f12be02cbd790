// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Structs that changed only because one that they embed did.

use super::{Change, RecordChange};

/// A change that stands for itself, by index, with all that follow from it, nearest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The change.
    pub change: usize,
    /// What follows from it, directly or through others.
    pub followers: Vec<usize>,
}

/// Sorts changes of structs by what they follow from: each is a cause, or follows from one cause.
///
/// A struct whose only change is the size of what it embeds follows from that, if all of that is among
/// the changes. Structs that embed each other follow from nothing.
#[must_use]
pub fn causes(changes: &[&RecordChange]) -> Vec<Cause> {
    let reasons: Vec<_> = changes.iter().map(|change| reason(change, changes)).collect();
    // The cause of each, and how far away it is.
    let root = |start: usize| {
        let mut at = start;
        for depth in 0..=changes.len() {
            match reasons[at] {
                Some(next) => at = next,
                None => return Some((at, depth)),
            }
        }
        None
    };
    let roots: Vec<_> = (0..changes.len()).map(root).collect();
    let mut causes = Vec::new();
    for (change, found) in roots.iter().enumerate() {
        if found.is_some_and(|(root, _)| root != change) {
            continue;
        }
        let mut followers: Vec<(usize, usize)> = Vec::new();
        for (other, found) in roots.iter().enumerate() {
            match found {
                Some((root, depth)) if *root == change && *depth > 0 => {
                    followers.push((*depth, other));
                }
                _ => {}
            }
        }
        followers.sort_unstable();
        causes.push(Cause { change, followers: followers.into_iter().map(|(_, at)| at).collect() });
    }
    causes
}

/// The change that a change follows from directly; the first of several.
fn reason(change: &RecordChange, changes: &[&RecordChange]) -> Option<usize> {
    let mut first = None;
    for cause in &change.causes {
        let Change::EmbeddedResized(_, field) = cause else { return None };
        let embedded = field.ty.embedded()?;
        let named = |other: &&RecordChange| other.record == embedded;
        let exact = |other: &&RecordChange| named(other) && other.page_size == change.page_size;
        let at = changes.iter().position(exact);
        let at = at.or_else(|| changes.iter().position(named))?;
        first.get_or_insert(at);
    }
    first
}
