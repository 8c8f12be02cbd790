// SPDX-License-Identifier: GPL-2.0
//! Checks init's reports against the scenario, line by line.

use anyhow::{bail, Context, Result};
use kho_abi_live_plan::{Message, Report, Scenario, REPORT_TAG};

/// The position of the machine in the scenario, according to its reports.
pub struct Tracker<'s> {
    scenario: &'s Scenario,
    /// The kernel that has reported last, from 1; 0 before the first report.
    boot: usize,
    sequence: u32,
    /// The number of steps that this kernel has reported.
    steps: usize,
    /// Whether the last report was that the machine leaves for the next kernel.
    leaving: bool,
    ended: bool,
}

impl<'s> Tracker<'s> {
    pub fn new(scenario: &'s Scenario) -> Self {
        Self { scenario, boot: 0, sequence: 0, steps: 0, leaving: false, ended: false }
    }

    /// The running kernel, from 1.
    pub fn boot(&self) -> usize {
        self.boot
    }

    /// The index of init's present step.
    pub fn step(&self) -> usize {
        self.steps
    }

    /// Takes a line from the report port. An error means that the guest violates the protocol.
    pub fn take(&mut self, line: &str) -> Result<Message> {
        let json = line
            .trim_end()
            .strip_prefix(REPORT_TAG)
            .with_context(|| format!("the report port says \"{line}\""))?;
        let report: Report =
            serde_json::from_str(json).with_context(|| format!("unreadable report \"{json}\""))?;
        if self.ended {
            bail!("a report after the last one: {:?}", report.message);
        }
        if let Message::Hello { .. } = report.message {
            if self.boot > 0 && !self.leaving {
                bail!("kernel {} came back without having left", report.boot);
            }
            self.boot += 1;
            self.sequence = 0;
            self.steps = 0;
            self.leaving = false;
        }
        if report.boot as usize != self.boot {
            bail!("kernel {} reports, not {}", report.boot, self.boot);
        }
        if report.sequence != self.sequence {
            bail!("report {} where {} was due", report.sequence, self.sequence);
        }
        self.sequence += 1;
        let boot = self
            .scenario
            .boots
            .get(self.boot - 1)
            .with_context(|| format!("the scenario has no kernel {}", self.boot))?;
        match &report.message {
            Message::Step { index, text, .. } => {
                let planned = boot.steps.get(self.steps).map(ToString::to_string);
                if *index != self.steps || planned.as_deref() != Some(text) {
                    bail!("step {index} \"{text}\" where {} {planned:?} was due", self.steps);
                }
                self.steps += 1;
                // A live update that returned is a step like any other.
                self.leaving = false;
            }
            Message::Leaving => {
                if self.steps + 1 != boot.steps.len() {
                    bail!("left at step {} of {}", self.steps, boot.steps.len());
                }
                self.leaving = true;
            }
            Message::Done => {
                if self.steps != boot.steps.len() || self.boot != self.scenario.boots.len() {
                    bail!("done after step {} of kernel {}", self.steps, self.boot);
                }
                self.ended = true;
            }
            Message::GaveUp => self.ended = true,
            Message::Case { name, .. } => {
                let step = boot.steps.get(self.steps);
                if !step.is_some_and(|step| step.action.cases().contains(name)) {
                    bail!("case {name} at step {}, which has none of that name", self.steps);
                }
            }
            Message::Hello { .. }
            | Message::Preserved { .. }
            | Message::SessionClosed { .. }
            | Message::Pause { .. } => {}
        }
        Ok(report.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kho_abi_live_plan::{Action, Boot, CaseOutcome, Flavour, Step};

    fn scenario() -> Scenario {
        let step = |action| Step { action, fails: None };
        let boot = |steps| Boot { flavour: Flavour::Base, steps, log_has: Vec::new() };
        Scenario {
            name: "test".to_owned(),
            claim: String::new(),
            devices: Vec::new(),
            boots: vec![
                boot(vec![step(Action::OpenLiveUpdate), step(Action::LiveUpdate)]),
                boot(vec![step(Action::OpenLiveUpdate)]),
            ],
            image: None,
            cpus: 1,
            parameters: String::new(),
        }
    }

    fn line(boot: u32, sequence: u32, message: Message) -> String {
        let report = Report { boot, sequence, message };
        format!("{REPORT_TAG}{}\n", serde_json::to_string(&report).unwrap())
    }

    fn hello() -> Message {
        Message::Hello { release: "7.3".to_owned(), kho: true, liveupdate: true }
    }

    fn step(index: usize) -> Message {
        Message::Step {
            index,
            text: Action::OpenLiveUpdate.to_string(),
            ok: true,
            detail: String::new(),
        }
    }

    #[test]
    fn the_planned_reports_pass() {
        let scenario = scenario();
        let mut tracker = Tracker::new(&scenario);
        for line in [
            line(1, 0, hello()),
            line(1, 1, step(0)),
            line(1, 2, Message::Leaving),
            line(2, 0, hello()),
            line(2, 1, step(0)),
            line(2, 2, Message::Done),
        ] {
            tracker.take(&line).unwrap();
        }
    }

    #[test]
    fn every_departure_from_the_plan_is_refused() {
        let case = Message::Case { name: "x".to_owned(), outcome: CaseOutcome::Passed };
        let departures: [&[String]; 8] = [
            &[line(1, 0, hello()), line(1, 1, case)],
            &[line(2, 0, hello())],
            &[line(1, 0, hello()), line(1, 2, step(0))],
            &[line(1, 0, hello()), line(1, 1, step(1))],
            &[line(1, 0, hello()), line(1, 1, Message::Leaving)],
            &[line(1, 0, hello()), line(1, 1, Message::Done)],
            &[line(1, 0, hello()), line(2, 0, hello())],
            &["garbage".to_owned()],
        ];
        let scenario = scenario();
        for lines in departures {
            let mut tracker = Tracker::new(&scenario);
            let (last, before) = lines.split_last().unwrap();
            for line in before {
                tracker.take(line).unwrap();
            }
            assert!(tracker.take(last).is_err(), "{last}");
        }
    }
}
