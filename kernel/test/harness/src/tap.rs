// SPDX-License-Identifier: GPL-2.0
//! The Test Anything Protocol on standard output, and the line that counts.

use std::io::{self, Write};

use crate::checks::Verdict;

/// Prints checks and counts them.
pub struct Tap<W: Write> {
    output: W,
    passed: usize,
    failed: usize,
}

impl<W: Write> Tap<W> {
    /// Prints the plan: how many checks there will be.
    pub fn new(mut output: W, planned: usize) -> io::Result<Self> {
        writeln!(output, "TAP version 13")?;
        writeln!(output, "1..{planned}")?;
        Ok(Self { output, passed: 0, failed: 0 })
    }

    /// Prints one line that is no check.
    pub fn comment(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            writeln!(self.output, "# {line}")?;
        }
        self.output.flush()
    }

    /// Prints one check. Details are diagnostics when it failed and a remark when it passed.
    pub fn check(&mut self, scenario: &str, name: &str, verdict: &Verdict) -> io::Result<()> {
        let number = self.passed + self.failed + 1;
        // A number sign would begin a directive, and turn a failure into a "todo".
        let name = format!("{scenario}: {name}").replace('#', "\\#");
        if verdict.ok {
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

    /// Prints the count and says whether everything passed.
    pub fn finish(mut self) -> io::Result<bool> {
        writeln!(self.output, "{} passed, {} failed", self.passed, self.failed)?;
        self.output.flush()?;
        Ok(self.failed == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_counts_and_shows_its_detail() {
        let verdict = |ok, detail: &str| Verdict { ok, detail: detail.to_owned() };
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
}
