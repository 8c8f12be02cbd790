// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every state in one memory: that of the latest live update, and what is left of those before it.

use crate::find::Candidate;
use crate::image::Image;
use crate::inspect::{inspect, Options, State};
use crate::text::count;

/// Inspects what each device tree leads to that was found beside the first, and returns all states, the
/// first as it is.
///
/// The kernel that wrote a later state had taken the earlier one over, and uses its pages for other
/// things: that an earlier state is no longer whole is a note of it, and not findings.
#[must_use]
pub fn generations(image: &Image, options: &Options, first: State) -> Vec<State> {
    let page_size = Some(first.page_size);
    let mut states = vec![first];
    let candidates = states[0].candidates.clone();
    let Some((latest, others)) = candidates.split_first() else { return states };
    for other in others {
        let options = Options { fdt: Some(other.at), page_size, ..options.clone() };
        let mut state = inspect(image, &options);
        if let Some(later) = taken_over(other, latest).filter(|_| !state.findings.is_empty()) {
            let findings = std::mem::take(&mut state.findings);
            state.notes.push(format!(
                "{} are not listed: a kernel took this state over, reused its pages, and has since \
                 written {later}. --fdt {:#x} lists them",
                count(findings.total(), "finding"),
                other.at
            ));
        }
        states.push(state);
    }
    states
}

/// What shows that a state is of an earlier update than the latest: the latter's number.
fn taken_over(other: &Candidate, latest: &Candidate) -> Option<String> {
    let numbers = [
        ("kexec", other.kexec_count.map(u64::from), latest.kexec_count.map(u64::from)),
        ("live update", other.liveupdate_num, latest.liveupdate_num),
    ];
    // What has both numbers is told by the first that differs.
    let differ = |(_, other, latest): &(_, Option<u64>, Option<u64>)| {
        other.is_some() && latest.is_some() && other != latest
    };
    let (what, other, latest) = numbers.into_iter().find(differ)?;
    (other < latest).then(|| format!("the state of {what} {}", latest.unwrap_or_default()))
}
