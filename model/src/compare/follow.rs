// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Finds structs that changed only because an embedded struct did.

use super::{Change, RecordChange};

/// A change that does not follow from another, by index, with all that follow from it, nearest
/// first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The change.
    pub change: usize,
    /// What follows from it, directly or through others.
    pub followers: Vec<usize>,
}

/// Groups changes of structs: each is a cause, or follows from one cause.
///
/// If only the size of an embedded struct changed in a struct, that change follows from the change
/// of the embedded struct, if all such structs are among the changes. Structs that embed each other
/// follow from nothing.
#[must_use]
pub fn causes(changes: &[&RecordChange]) -> Vec<Cause> {
    let reasons: Vec<_> = changes.iter().map(|change| reason(change, changes)).collect();
    // The cause of each change, and the distance to it.
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

/// The change that a change follows from directly; the first if there are several.
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
