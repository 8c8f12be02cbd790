// SPDX-License-Identifier: GPL-2.0
//! The Test Anything Protocol on standard output, and the summary line.

use std::io::{self, Write};

use crate::checks::Verdict;

/// Prints checks and counts them.
pub struct Tap<W: Write> {
    output: W,
    passed: usize,
    skipped: usize,
    failed: usize,
}

impl<W: Write> Tap<W> {
    /// Prints the plan: how many checks there will be.
    pub fn new(mut output: W, planned: usize) -> io::Result<Self> {
        writeln!(output, "TAP version 13")?;
        writeln!(output, "1..{planned}")?;
        Ok(Self { output, passed: 0, skipped: 0, failed: 0 })
    }

    /// Prints one line that is not a check.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            writeln!(self.output, "# {line}")?;
        }
        self.output.flush()
    }

    /// Prints one check. The detail is a diagnostic if it failed, and a remark if it passed.
    pub fn check(&mut self, scenario: &str, name: &str, verdict: &Verdict) -> io::Result<()> {
        let number = self.passed + self.skipped + self.failed + 1;
        // A number sign would begin a directive, and turn a failure into a "todo".
        let name = format!("{scenario}: {name}").replace('#', "\\#");
        if verdict.skipped {
            self.skipped += 1;
            let reason = verdict.detail.replace(['\n', '#'], " ");
            writeln!(self.output, "ok {number} - {name} # SKIP {reason}")?;
        } else if verdict.ok {
            self.passed += 1;
            writeln!(self.output, "ok {number} - {name}")?;
        } else {
            self.failed += 1;
            writeln!(self.output, "not ok {number} - {name}")?;
        }
        if !verdict.ok {
            for line in verdict.detail.lines() {
                writeln!(self.output, "#   {line}")?;
            }
        }
        Ok(())
    }

    /// Prints the summary, and returns whether everything passed.
    pub fn finish(mut self) -> io::Result<bool> {
        write!(self.output, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(self.output, ", {} skipped", self.skipped)?;
        }
        writeln!(self.output)?;
        self.output.flush()?;
        Ok(self.failed == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_and_shows_its_detail() {
        let verdict = |ok, detail: &str| Verdict { ok, skipped: false, detail: detail.to_owned() };
        let mut output = Vec::new();
        let mut tap = Tap::new(&mut output, 2).unwrap();
        tap.check("s", "good", &verdict(true, "")).unwrap();
        tap.check("s", "bad # TODO", &verdict(false, "why")).unwrap();
        assert!(!tap.finish().unwrap());
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "TAP version 13\n1..2\nok 1 - s: good\nnot ok 2 - s: bad \\# TODO\n#   why\n1 passed, 1 failed\n"
        );
    }
    #[test]
    fn a_skip_is_no_pass() {
        let mut output = Vec::new();
        let mut tap = Tap::new(&mut output, 1).unwrap();
        let skip = Verdict { ok: true, skipped: true, detail: "no such page size".to_owned() };
        tap.check("s", "skipped", &skip).unwrap();
        assert!(tap.finish().unwrap());
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "TAP version 13\n1..1\nok 1 - s: skipped # SKIP no such page size\n0 passed, 0 failed, 1 skipped\n"
        );
    }
}
