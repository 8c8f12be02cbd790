// SPDX-License-Identifier: GPL-2.0
//! The kernel's Test Anything Protocol, as KUnit and the kernel's test programs print it.

use crate::CaseOutcome;

/// The parsed output of a run of tests, taken line by line.
#[derive(Debug, Default)]
pub struct Results {
    /// The number of cases that were announced.
    pub planned: Option<usize>,
    /// Each reported case, in order.
    pub cases: Vec<(String, CaseOutcome)>,
    /// The lines since the last case: the reason, if the next case fails.
    said: Vec<String>,
}

impl Results {
    /// Takes a line, without the indentation of its level.
    pub fn take(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(count) = line.strip_prefix("1..") {
            // "1..0 # SKIP reason": nothing was run.
            self.planned = count.split(' ').next().and_then(|count| count.parse().ok());
            return;
        }
        let (rest, ok) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(rest), _) => (rest, true),
            (None, Some(rest)) => (rest, false),
            (None, None) => {
                self.said.push(line.to_owned());
                return;
            }
        };
        let said = std::mem::take(&mut self.said);
        let (description, directive) = match rest.split_once(" # ") {
            Some((description, directive)) => (description, Some(directive)),
            None => (rest, None),
        };
        let skipped = directive.and_then(|directive| directive.strip_prefix("SKIP"));
        let outcome = match (ok, skipped, directive) {
            (true, None, None) => CaseOutcome::Passed,
            // An expected failure is still a failure: no failure is expected here.
            (true, None, Some(directive)) => CaseOutcome::Failed(directive.to_owned()),
            (true, Some(reason), _) => CaseOutcome::Skipped(reason.trim().to_owned()),
            (false, ..) => CaseOutcome::Failed(said.join("\n")),
        };
        // The number comes first; some tests add a dash.
        let name = description.split_once(' ').map_or("", |(_, name)| name);
        self.cases.push((name.trim_start_matches("- ").to_owned(), outcome));
    }

    /// Reports what is wrong with the run itself, whatever the outcome of its cases: exactly the
    /// planned cases must be reported, as often as announced.
    pub fn complaint(&self, planned: &[String]) -> Option<String> {
        let reported: Vec<&String> = self.cases.iter().map(|(name, _)| name).collect();
        let expected: Vec<&String> = planned.iter().collect();
        if reported != expected {
            let missing: Vec<_> = expected.iter().filter(|name| !reported.contains(name)).collect();
            let other: Vec<_> = reported.iter().filter(|name| !expected.contains(name)).collect();
            return Some(format!(
                "{} cases instead of {}; missing: {missing:?}; not known: {other:?}",
                reported.len(),
                expected.len()
            ));
        }
        match self.planned {
            Some(announced) if announced == planned.len() => None,
            announced => Some(format!("{announced:?} cases announced, {} run", planned.len())),
        }
    }

    /// Whether a case failed.
    pub fn any_failed(&self) -> bool {
        self.cases.iter().any(|(_, outcome)| matches!(outcome, CaseOutcome::Failed(_)))
    }

    /// The count, in words.
    pub fn summary(&self) -> String {
        let count = |wanted: fn(&CaseOutcome) -> bool| {
            self.cases.iter().filter(|(_, outcome)| wanted(outcome)).count()
        };
        format!(
            "{} passed, {} failed, {} skipped",
            count(|outcome| matches!(outcome, CaseOutcome::Passed)),
            count(|outcome| matches!(outcome, CaseOutcome::Failed(_))),
            count(|outcome| matches!(outcome, CaseOutcome::Skipped(_))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(lines: &[&str]) -> Results {
        let mut results = Results::default();
        lines.iter().for_each(|line| results.take(line));
        results
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn passes_failures_and_skips_are_told_apart() {
        let results = results(&[
            "1..4",
            "ok 1 one",
            "# two: expected something",
            "not ok 2 two",
            "ok 3 three # SKIP no such device",
            "ok 4 four # XFAIL known to be broken",
        ]);
        let failed = |text: &str| CaseOutcome::Failed(text.to_owned());
        let expected = [
            ("one", CaseOutcome::Passed),
            ("two", failed("# two: expected something")),
            ("three", CaseOutcome::Skipped("no such device".to_owned())),
            ("four", failed("XFAIL known to be broken")),
        ];
        assert_eq!(results.cases, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
        assert!(results.any_failed());
        assert_eq!(results.summary(), "1 passed, 2 failed, 1 skipped");
        assert_eq!(results.complaint(&names(&["one", "two", "three", "four"])), None);
    }

    #[test]
    fn what_is_missing_too_much_or_not_announced_is_a_complaint() {
        let run = || results(&["1..2", "ok 1 one", "ok 2 two"]);
        assert_eq!(run().complaint(&names(&["one", "two"])), None);
        for planned in [&["one"][..], &["one", "two", "three"], &["two", "one"], &[]] {
            assert!(run().complaint(&names(planned)).is_some(), "{planned:?}");
        }
        let silent = results(&["ok 1 one"]);
        assert!(silent.complaint(&names(&["one"])).is_some());
        let nothing = results(&["1..0 # SKIP no device"]);
        assert!(nothing.complaint(&names(&["one"])).is_some());
    }
}
