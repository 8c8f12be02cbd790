// SPDX-License-Identifier: GPL-2.0
//! The checks of a scenario, which are known before it runs, and their results.
//!
//! The list depends only on the scenario. A check that is never decided is a failure: silence never
//! passes.

use std::fmt::Write as _;

use kho_abi_live_plan::{Action, DeviceKind, Scenario};

/// One thing that is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Kernel number `boot`, from 1, started init with KHO and LUO on.
    Boot { boot: usize },
    /// A case of the tests that a step runs passed.
    Case { boot: usize, index: usize, case: String },
    /// A step of init had the expected result.
    Step { boot: usize, index: usize },
    /// The kernel's log has this text.
    LogHas { boot: usize, text: String },
    /// The image shows the intended moment.
    ImageInTime,
    /// The sessions, tokens and compatible strings in memory are those that init reported.
    ImageSessions,
    /// The bytes that a handler left for this file are correct.
    ImageFile { session: String, token: u64 },
    /// The device of this file does no DMA between the kernels, and was reset if it can be.
    ImageAtRest { session: String, token: u64 },
    /// KHO preserves every page that the chain leads to.
    ImagePreserved,
    /// A dump and the monitor show the same bytes as the backing file.
    ImageFormats,
    /// No kernel complained.
    LogClean,
}

/// The result of a check, with an explanation.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// It did not fail.
    pub ok: bool,
    /// It was not tried, for the reason in the detail: neither a failure nor a pass.
    pub skipped: bool,
    pub detail: String,
}

/// All checks of one scenario, in the order in which they are printed.
pub struct Checks {
    entries: Vec<(Check, String, Option<Verdict>)>,
}

impl Checks {
    /// The checks of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let mut entries = Vec::new();
        let mut add = |check: Check, text: String| entries.push((check, text, None));
        for (number, plan) in scenario.boots.iter().enumerate() {
            let boot = number + 1;
            let flavour = plan.flavour.name();
            add(
                Check::Boot { boot },
                format!("kernel {boot} ({flavour}) starts with KHO and LUO on"),
            );
            for (index, step) in plan.steps.iter().enumerate() {
                // Before the step itself, since people look at the first failure.
                for case in step.action.cases() {
                    add(
                        Check::Case { boot, index, case: case.clone() },
                        format!("kernel {boot}: {step}: {case}"),
                    );
                }
                add(Check::Step { boot, index }, format!("kernel {boot}: {step}"));
            }
            for text in &plan.log_has {
                add(
                    Check::LogHas { boot, text: text.clone() },
                    format!("kernel {boot}: the log says \"{text}\""),
                );
            }
            if boot == 1 && scenario.image.is_some() {
                add(
                    Check::ImageInTime,
                    "image: taken after the first kernel and before the second".to_owned(),
                );
                add(
                    Check::ImageSessions,
                    "image: sessions, tokens and compatible strings are those of the first kernel"
                        .to_owned(),
                );
                for file in handed_over(scenario) {
                    let text = format!("image: {}", file.describe());
                    let (session, token) = (file.session, file.token);
                    add(Check::ImageFile { session: session.clone(), token }, text);
                    if let Origin::Device(_) = file.origin {
                        let text = format!("image: {} is at rest", file.file);
                        add(Check::ImageAtRest { session, token }, text);
                    }
                }
                add(
                    Check::ImagePreserved,
                    "image: KHO preserves every page that the sessions lead to".to_owned(),
                );
                add(
                    Check::ImageFormats,
                    "image: the ELF dump and the monitor show the same bytes".to_owned(),
                );
            }
        }
        add(Check::LogClean, "no kernel complains in its log".to_owned());
        Self { entries }
    }

    /// How many checks there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Decides a check. The first failure of a check stands; only checks on the list can be
    /// decided.
    pub fn decide(&mut self, check: &Check, result: Result<String, String>) {
        self.set(
            check,
            match result {
                Ok(detail) => Verdict { ok: true, skipped: false, detail },
                Err(detail) => Verdict { ok: false, skipped: false, detail },
            },
        );
    }

    /// Records that a check was not tried, and why.
    pub fn skip(&mut self, check: &Check, reason: String) {
        self.set(check, Verdict { ok: true, skipped: true, detail: reason });
    }

    fn set(&mut self, check: &Check, new: Verdict) {
        let entry = self.entries.iter_mut().find(|(candidate, _, _)| candidate == check);
        assert!(entry.is_some(), "{check:?} is not on the list");
        if let Some((_, _, verdict)) = entry {
            if verdict.as_ref().is_none_or(|verdict| verdict.ok) {
                *verdict = Some(new);
            }
        }
    }

    /// The name and verdict of each check. A check that was never decided has failed; the first of
    /// those carries the reason, and the others refer to it.
    pub fn finish(self, reason: &str) -> Vec<(String, Verdict)> {
        let mut detail = format!("not reached: {reason}");
        self.entries
            .into_iter()
            .map(|(_, text, verdict)| {
                let verdict = verdict.unwrap_or_else(|| Verdict {
                    ok: false,
                    skipped: false,
                    detail: std::mem::replace(&mut detail, "not reached".to_owned()),
                });
                (text, verdict)
            })
            .collect()
    }
}

/// The origin of a file that goes through the first live update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Device(DeviceKind),
    Memfd,
}

/// A file that the first kernel hands over, as far as the scenario shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    pub session: String,
    pub token: u64,
    pub file: String,
    pub origin: Origin,
}

impl HandedOver {
    fn describe(&self) -> String {
        let mut text = format!("token {:#x} of {} leads to ", self.token, self.session);
        let _ = match self.origin {
            Origin::Device(_) => write!(text, "the bytes that the contract has for {}", self.file),
            Origin::Memfd => write!(text, "the content of memfd {}", self.file),
        };
        text
    }
}

/// Follows the first kernel's steps to the final content of its sessions.
pub fn handed_over(scenario: &Scenario) -> Vec<HandedOver> {
    let mut origins: Vec<(&str, Origin)> = Vec::new();
    let mut held: Vec<HandedOver> = Vec::new();
    let Some(boot) = scenario.boots.first() else {
        return held;
    };
    for step in boot.steps.iter().filter(|step| step.fails.is_none()) {
        match &step.action {
            Action::OpenCdev { device, file } => {
                let device = scenario.devices.iter().find(|known| known.name == *device);
                if let Some(device) = device {
                    origins.push((file, Origin::Device(device.kind)));
                }
            }
            Action::CreateMemfd { file, .. } => origins.push((file, Origin::Memfd)),
            Action::Preserve { session, file, token } => {
                let origin = origins.iter().rev().find(|(name, _)| name == file);
                if let Some((_, origin)) = origin {
                    held.push(HandedOver {
                        session: session.clone(),
                        token: *token,
                        file: file.clone(),
                        origin: origin.clone(),
                    });
                }
            }
            Action::CloseSession { session } => held.retain(|file| file.session != *session),
            _ => {}
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios;

    #[test]
    fn what_nothing_decides_has_failed() {
        let scenario = scenarios::all().remove(0);
        let checks = Checks::of(&scenario);
        let verdicts = checks.finish("the machine died");
        assert!(!verdicts.is_empty());
        assert!(verdicts.iter().all(|(_, verdict)| !verdict.ok));
    }

    #[test]
    fn a_failure_is_not_overwritten() {
        let scenario = scenarios::all().remove(0);
        let mut checks = Checks::of(&scenario);
        checks.decide(&Check::LogClean, Err("WARNING".to_owned()));
        checks.decide(&Check::LogClean, Ok(String::new()));
        let verdicts = checks.finish("");
        let (_, verdict) = verdicts.last().unwrap();
        assert!(!verdict.ok);
    }
}
