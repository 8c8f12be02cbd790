// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Judges one side alone. Its rules are [`crate::policy::sides`], and those rules of a comparison
//! that look at one side. A comparison runs the same rules, and reports what the change adds.

pub mod sources;

use crate::diff::Side;
use crate::policy::sides::{self, Looked};
use crate::policy::{self, allow, checks, Finding, Hit, Level, Options, PolicyRule, Report};

/// Judges one side: every rule that looks at one side alone.
#[must_use]
pub fn judge(side: &Side, options: &Options) -> Report {
    let mut allowed = allow::Book::new(&options.allowances, options.today);
    let mut events = Vec::new();
    let looked = Looked::at(side);
    for rule in checks::REGISTRY.iter().chain(sides::REGISTRY) {
        // `not_linted` reports once what cannot be judged.
        if rule.rule.id == "header_unreadable" {
            continue;
        }
        for hit in rule.check.of_side(&looked) {
            let level = if hit.remark {
                Level::Note
            } else if allowed.take(rule.rule.id, &hit.item) {
                Level::Allowed
            } else {
                Level::Finding
            };
            events.push(event(rule, hit, level));
        }
    }
    events.extend(allowed.stale(|_| true));
    sort(&mut events);
    Report {
        old: policy::Named { name: String::new(), kind: side.reading.kind },
        new: policy::Named { name: side.reading.name.clone(), kind: side.reading.kind },
        policy: options.strictness,
        contracts: Vec::new(),
        events,
        not_checked: side.reading.gaps.clone(),
    }
}

/// Sorts events in the order of the files.
fn sort(events: &mut [Finding]) {
    events.sort_by_cached_key(|event| {
        let place = event.place.as_ref().map(|place| (place.file.clone(), place.line));
        (place, event.item.clone())
    });
}

/// What a rule of one side found, as an event.
pub(crate) fn event(rule: &PolicyRule, hit: Hit, level: Level) -> Finding {
    Finding {
        rule: rule.rule.id.into(),
        level,
        item: hit.item,
        place: hit.place,
        what: hit.what,
        consequences: hit.consequences,
        contracts: Vec::new(),
        diff: String::new(),
        help: hit.help.unwrap_or_else(|| policy::as_help(rule.rule.remedy)),
    }
}
