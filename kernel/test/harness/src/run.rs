// SPDX-License-Identifier: GPL-2.0
//! One scenario on one machine, from power-on to the last check.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, Context, Result};
use kho_abi_live_plan::{
    Action, CaseOutcome, Flavour, ImageMoment, Look, Message, Order, Scenario,
};

use crate::checks::{Check, Checks, Verdict};
use crate::guest::{write_initramfs, Programs};
use crate::image::kho::{Kho, PreservedRun};
use crate::image::memory::{Memory, RawMemory};
use crate::image::record::Preserved;
use crate::image::take::Format;
use crate::image_checks;
use crate::kernel_log::KernelLog;
use crate::kernels::Kernel;
use crate::protocol::Tracker;
use crate::qemu::{Accelerator, Event, Qemu, Setup};

/// What every run needs.
pub struct Environment<'a> {
    pub kernels: &'a BTreeMap<Flavour, Kernel>,
    pub programs: &'a Programs,
    pub accelerator: Accelerator,
    /// Contains one directory for each scenario.
    pub logs: &'a Path,
    /// Multiplies every time limit, for slow machines.
    pub patience: u32,
    /// The time at which every run ends.
    pub deadline: Instant,
}

/// An image that the user wants to keep.
pub struct WantedImage {
    pub format: Format,
    pub output: PathBuf,
}

/// The result of a scenario.
pub struct Finished {
    pub verdicts: Vec<(String, Verdict)>,
    /// Why the machine was started a second time, if it was.
    pub started_again: Option<String>,
    pub took: Duration,
    pub log_dir: PathBuf,
}

/// The first kernel hung before init reported anything.
#[derive(Debug)]
struct NeverReported {
    patience: Duration,
}

impl fmt::Display for NeverReported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "init of the first kernel reported nothing within {:?}", self.patience)
    }
}

impl std::error::Error for NeverReported {}

/// Runs a scenario and decides all its checks.
///
/// Under emulation a boot may hang: that was seen once in several hundred. If the first kernel does
/// so before init reports, no step was taken and nothing was handed over. Then the machine is
/// started once more, and the logs of the first start are kept. A later kernel that hangs has
/// failed.
pub fn run(
    context: &Environment<'_>,
    scenario: &Scenario,
    wanted: Option<&WantedImage>,
) -> Finished {
    let started = Instant::now();
    let log_dir = context.logs.join(&scenario.name);
    let mut started_again = None;
    loop {
        let mut checks = Checks::of(scenario);
        let reason = match attempt(context, scenario, wanted, &log_dir, &mut checks) {
            Ok(()) => "the guest never came to it".to_owned(),
            Err(error) if error.is::<NeverReported>() && started_again.is_none() => {
                let kept = context.logs.join(format!("{}.first-start", scenario.name));
                let logs = match move_logs(&log_dir, &kept) {
                    Ok(()) => format!("its logs: {}", kept.display()),
                    Err(error) => format!("its logs are lost: {error:#}"),
                };
                started_again = Some(format!("started again: {error:#}; {logs}"));
                continue;
            }
            Err(error) => format!("{error:#}"),
        };
        let verdicts = checks.finish(&reason);
        return Finished { verdicts, started_again, took: started.elapsed(), log_dir };
    }
}

/// Moves a directory of logs to a place that may have older ones.
fn move_logs(from: &Path, to: &Path) -> Result<()> {
    remove_logs(to)?;
    Ok(fs::rename(from, to)?)
}

fn remove_logs(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The initramfs of two flavours takes more than a kernel states that it needs for itself.
const LEAST_MEMORY_MIB: u32 = 512;

/// A kernel takes seconds to boot under emulation, and several times that with all its checks on.
fn boot_limit(flavour: Flavour, patience: u32) -> Duration {
    let seconds = match flavour {
        Flavour::Debug => 420,
        Flavour::Base | Flavour::V2 => 60,
    };
    Duration::from_secs(seconds) * patience
}

/// The time for all kernels of a scenario and its steps.
fn time_limit(scenario: &Scenario, patience: u32) -> Duration {
    let boots: Duration =
        scenario.boots.iter().map(|boot| boot_limit(boot.flavour, patience)).sum();
    boots + Duration::from_secs(60) * patience
}

fn attempt(
    context: &Environment<'_>,
    scenario: &Scenario,
    wanted: Option<&WantedImage>,
    log_dir: &Path,
    checks: &mut Checks,
) -> Result<()> {
    remove_logs(log_dir)?;
    fs::create_dir_all(log_dir)?;
    let run_dir = tempfile::Builder::new().prefix("kho-live-").tempdir()?;
    let initramfs = run_dir.path().join("initramfs");
    write_initramfs(scenario, context.kernels, context.programs, &initramfs)?;
    let first = scenario.boots.first().context("a scenario of no kernels")?;
    let kernel = context
        .kernels
        .get(&first.flavour)
        .with_context(|| format!("flavour {} was not built", first.flavour.name()))?;
    let image = run_dir.path().join("kernel");
    fs::write(&image, &kernel.image)?;
    let mut memory_mib = LEAST_MEMORY_MIB;
    // All kernels of a scenario run on one machine, and init passes the command line on.
    let mut parameters: Vec<&str> = vec![&scenario.parameters];
    for boot in &scenario.boots {
        if let Some(kernel) = context.kernels.get(&boot.flavour) {
            memory_mib = memory_mib.max(kernel.memory_mib);
            if !parameters.contains(&kernel.parameters.as_str()) {
                parameters.push(&kernel.parameters);
            }
        }
    }
    let machine = Qemu::start(&Setup {
        scenario,
        kernel: &image,
        initramfs: &initramfs,
        accelerator: context.accelerator,
        memory_mib,
        parameters: &parameters.join(" "),
        run_dir: run_dir.path(),
        log_dir,
    })?;
    let limit = time_limit(scenario, context.patience);
    let mut session = Session {
        scenario,
        wanted,
        machine,
        checks,
        tracker: Tracker::new(scenario),
        log: KernelLog::default(),
        release: String::new(),
        preserved: Preserved::default(),
        handed_over: Preserved::default(),
        handed_over_bytes: BTreeMap::new(),
        remembered: BTreeMap::new(),
        look_failed: None,
        scratch: run_dir.path().join("scratch"),
    };
    let first_report = boot_limit(first.flavour, context.patience);
    let result = session.follow(first_report, context.deadline.min(Instant::now() + limit));
    session.drain();
    session.judge_log();
    match result {
        Ok(()) => Ok(()),
        Err(error) => {
            let complaint = session.machine.complaint();
            Err(if complaint.trim().is_empty() {
                error
            } else {
                error.context(format!("QEMU says: {}", complaint.trim()))
            })
        }
    }
}

/// A run in progress.
struct Session<'a> {
    scenario: &'a Scenario,
    wanted: Option<&'a WantedImage>,
    machine: Qemu,
    checks: &'a mut Checks,
    tracker: Tracker<'a>,
    log: KernelLog,
    release: String,
    /// The content of the running kernel's sessions.
    preserved: Preserved,
    /// Their content when the first kernel was left.
    handed_over: Preserved,
    /// The pages of the vfio-pci handler between the first two kernels, and their content.
    handed_over_bytes: BTreeMap<u64, [u8; 4]>,
    /// The preserved pages at each pause that asked to remember them.
    remembered: BTreeMap<String, BTreeSet<PreservedRun>>,
    /// Why the examination at the current pause failed.
    look_failed: Option<String>,
    scratch: PathBuf,
}

impl Session<'_> {
    /// Follows the machine until it is done, dies, or runs out of time.
    fn follow(&mut self, first_report: Duration, deadline: Instant) -> Result<()> {
        let first_report_by = Instant::now() + first_report;
        loop {
            let silent = self.tracker.boot() == 0;
            let until = if silent { first_report_by.min(deadline) } else { deadline };
            let left = until.saturating_duration_since(Instant::now());
            match self.machine.events.recv_timeout(left) {
                Ok(Event::Console(line)) => self.console(&line)?,
                Ok(Event::Report(line)) => {
                    let message = self.tracker.take(&line)?;
                    if self.report(message)? {
                        self.machine.qmp.quit();
                        return Ok(());
                    }
                }
                Ok(Event::Ended) | Err(RecvTimeoutError::Disconnected) => {
                    bail!(
                        "the machine ended in kernel {} at step {}",
                        self.tracker.boot(),
                        self.tracker.step() + 1
                    )
                }
                Err(RecvTimeoutError::Timeout) if silent && until < deadline => {
                    bail!(NeverReported { patience: first_report })
                }
                Err(RecvTimeoutError::Timeout) => bail!(
                    "out of time in kernel {} at step {}",
                    self.tracker.boot(),
                    self.tracker.step() + 1
                ),
            }
        }
    }

    fn console(&mut self, line: &str) -> Result<()> {
        let farewell = self.log.push(line);
        let due = self.scenario.image == Some(ImageMoment::BetweenTheFirstTwoKernels);
        if farewell && due && self.log.kernels() == 1 {
            self.machine.qmp.stop()?;
            self.image()?;
            self.machine.qmp.resume()?;
        }
        Ok(())
    }

    /// Takes a report; returns whether it was the last one.
    fn report(&mut self, message: Message) -> Result<bool> {
        let boot = self.tracker.boot();
        match message {
            Message::Hello { release, kho, liveupdate } => {
                self.checks.decide(
                    &Check::Boot { boot },
                    if kho && liveupdate {
                        Ok(release.clone())
                    } else {
                        Err(format!("KHO on: {kho}, /dev/liveupdate: {liveupdate}"))
                    },
                );
                if boot > 1 {
                    let index = self.scenario.boots[boot - 2].steps.len() - 1;
                    let check = Check::Step { boot: boot - 1, index };
                    self.checks.decide(&check, Ok(String::new()));
                }
                self.release = release;
                self.preserved = Preserved::default();
            }
            Message::Step { index, ok, detail, .. } => {
                let result = match (ok, self.look_failed.take()) {
                    (_, Some(why)) => Err(why),
                    (true, None) => Ok(detail),
                    (false, None) => Err(detail),
                };
                self.checks.decide(&Check::Step { boot, index }, result);
            }
            Message::Case { name, outcome } => {
                let check = Check::Case { boot, index: self.tracker.step(), case: name };
                match outcome {
                    CaseOutcome::Passed => self.checks.decide(&check, Ok(String::new())),
                    CaseOutcome::Failed(said) => self.checks.decide(&check, Err(said)),
                    CaseOutcome::Skipped(reason) => self.checks.skip(&check, reason),
                }
            }
            Message::Preserved { session, token, object } => {
                self.preserved.add(&session, token, object)
            }
            Message::SessionClosed { session } => self.preserved.close_session(&session),
            Message::Pause { .. } => {
                let step = &self.scenario.boots[boot - 1].steps[self.tracker.step()];
                let Action::Pause { name, look } = &step.action else {
                    bail!("init pauses at \"{step}\"");
                };
                self.machine.qmp.stop()?;
                self.look_failed = self.look(name, look).err().map(|error| format!("{error:#}"));
                self.machine.qmp.resume()?;
                self.machine.order(&Order::Continue)?;
            }
            Message::Leaving => {
                if boot == 1 {
                    self.handed_over = self.preserved.clone();
                }
            }
            Message::GaveUp => {
                bail!("init gave up in kernel {boot} after step {}", self.tracker.step())
            }
            Message::Done => return Ok(true),
        }
        Ok(false)
    }

    fn memory(&self) -> Result<RawMemory> {
        RawMemory::open(&self.machine.backing_file)
    }

    /// Examines a machine whose init is paused.
    fn look(&mut self, name: &str, look: &Look) -> Result<()> {
        let memory = self.memory()?;
        if let Look::HandedOverBytesUntouched = look {
            if self.handed_over_bytes.is_empty() {
                bail!("nothing was handed over");
            }
            for (pa, before) in &self.handed_over_bytes {
                let now = memory.array::<4>(*pa)?;
                if now != *before {
                    bail!("the page at {pa:#x} says {now:02x?}, it said {before:02x?}");
                }
            }
            return Ok(());
        }
        let now = Kho::find(&memory)?.preserved;
        match look {
            Look::Remember => {
                self.remembered.insert(name.to_owned(), now);
            }
            Look::SamePagesAs { pause } => {
                let before = self.remembered_at(pause)?;
                if *before != now {
                    bail!(
                        "{} runs of pages more and {} fewer than at \"{pause}\"",
                        now.difference(before).count(),
                        before.difference(&now).count()
                    );
                }
            }
            Look::MorePagesThan { pause, at_least } => {
                let before = self.remembered_at(pause)?;
                let more = now.difference(before).count();
                let fewer = before.difference(&now).count();
                if more < *at_least || fewer > 0 {
                    bail!("{more} runs of pages more and {fewer} fewer than at \"{pause}\"");
                }
            }
            Look::HandedOverBytesUntouched => {}
        }
        Ok(())
    }

    fn remembered_at(&self, pause: &str) -> Result<&BTreeSet<PreservedRun>> {
        self.remembered.get(pause).ok_or_else(|| anyhow!("nothing was remembered at \"{pause}\""))
    }

    /// Reads the memory of the machine between its first two kernels, and keeps an image if
    /// requested.
    fn image(&mut self) -> Result<()> {
        // The reports of the first kernel may still be in transit: the last one says that it
        // leaves.
        self.take_reports_of_first_kernel()?;
        let memory = self.memory()?;
        self.handed_over_bytes = image_checks::decide(
            self.checks,
            self.scenario,
            &self.handed_over,
            &memory,
            &mut self.machine,
            &self.scratch,
        );
        let late = self.drain_console();
        self.checks.decide(
            &Check::ImageInTime,
            match late {
                false => Ok(String::new()),
                true => Err("the second kernel had already started".to_owned()),
            },
        );
        if let Some(wanted) = self.wanted {
            image_checks::keep(
                wanted,
                self.scenario,
                &self.release,
                &self.handed_over,
                memory.end(),
                &mut self.machine,
            )?;
        }
        Ok(())
    }

    fn take_reports_of_first_kernel(&mut self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(10);
        while self.handed_over.0.is_empty() {
            let left = patience.saturating_duration_since(Instant::now());
            match self.machine.events.recv_timeout(left) {
                Ok(Event::Report(line)) => {
                    let message = self.tracker.take(&line)?;
                    self.report(message)?;
                }
                Ok(Event::Console(line)) => {
                    self.log.push(&line);
                }
                Ok(Event::Ended) | Err(_) => bail!("the first kernel left without saying so"),
            }
        }
        Ok(())
    }

    /// Takes what the console has printed so far; returns whether a second kernel has printed
    /// anything.
    fn drain_console(&mut self) -> bool {
        while let Ok(event) = self.machine.events.try_recv() {
            if let Event::Console(line) = event {
                self.log.push(&line);
            }
        }
        self.log.kernels() > 1
    }

    /// Takes the rest of the log, so that it contains the reason of a crash.
    fn drain(&mut self) {
        let until = Instant::now() + Duration::from_secs(2);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.machine.events.recv_timeout(left) {
                Ok(Event::Console(line)) => {
                    self.log.push(&line);
                }
                Ok(Event::Report(_)) => {}
                Ok(Event::Ended) | Err(_) => return,
            }
        }
    }

    fn judge_log(&mut self) {
        let mut expected = Vec::new();
        for (number, boot) in self.scenario.boots.iter().enumerate() {
            for text in &boot.log_has {
                let check = Check::LogHas { boot: number + 1, text: text.clone() };
                let said = self.log.has(number + 1, text);
                self.checks.decide(
                    &check,
                    match said {
                        true => Ok(String::new()),
                        false => Err("it does not".to_owned()),
                    },
                );
                expected.push(text.clone());
            }
        }
        let complaints = self.log.complaints(&expected);
        let complete = self.log.kernels() == self.scenario.boots.len();
        self.checks.decide(
            &Check::LogClean,
            match (complaints.is_empty(), complete) {
                (true, true) => Ok(String::new()),
                (true, false) => Err(format!("only {} kernels have one", self.log.kernels())),
                (false, _) => Err(complaints.join("\n")),
            },
        );
    }
}
