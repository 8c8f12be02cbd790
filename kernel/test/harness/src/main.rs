// SPDX-License-Identifier: GPL-2.0
//! The live-update test: real kernels, a real kexec, a virtual machine.
//!
//! ```text
//!   scenarios/  what must be true, as data ──► guest    initramfs ──► qemu    the machine
//!   checks      every check, known in advance ◄── run  ◄── protocol    what init reports
//!                                                  ▲  ◄── kernel_log  what the kernels print
//!   tap         the outcome                        └───── image/      what is in memory between two kernels
//! ```
//!
//! Exit codes: 0 everything passed, 1 a check failed, 2 the test could not run.
mod checks;
mod guest;
mod image;
mod image_checks;
mod kernel_log;
mod kernels;
mod mutations;
mod protocol;
mod qemu;
mod qmp;
mod run;
mod scenarios;
mod selftest;
mod tap;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{mpsc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use kho_abi_live_plan::{Flavour, Scenario};

use crate::checks::Checks;
use crate::guest::Programs;
use crate::image::take::Format;
use crate::kernels::Kernel;
use crate::qemu::Accelerator;
use crate::run::{Environment, Finished, WantedImage};
use crate::tap::Tap;

const CAN_NOT_RUN: u8 = 2;

#[derive(Parser)]
#[command(name = "harness", about, max_term_width = 100)]
/// Run live updates in QEMU and check them
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and print a TAP report
    Run {
        #[command(flatten)]
        machine: MachineArgs,
        /// Run only this scenario; may be given more than once
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Print names and claims of all scenarios and run none
        #[arg(long)]
        list: bool,
        /// Scenarios that run at the same time; by default as many as there are processors
        #[arg(long, value_name = "N")]
        jobs: Option<usize>,
        /// Stop everything after so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 2700)]
        time_limit: u64,
    },
    /// Break one thing at a time in a copy of the module, and check that the test notices
    Selftest(SelftestArgs),
    /// Take an image of memory between two kernels, with what it holds beside it as JSON
    Image {
        #[command(flatten)]
        machine: MachineArgs,
        /// The scenario whose machine is looked at
        #[arg(long, value_name = "NAME", default_value = "preserved-bytes-are-the-contracts")]
        scenario: String,
        #[arg(long, value_enum, default_value_t = Format::Raw)]
        format: Format,
        /// Where the image goes; ".json" is appended for the record
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

#[derive(Args)]
struct SelftestArgs {
    #[command(flatten)]
    machine: MachineArgs,
    /// The checkout whose sources are copied and broken
    #[arg(long, value_name = "DIRECTORY", env = "KHO_LIVE_CHECKOUT")]
    checkout: PathBuf,
    /// Carry out only this mutation; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Print the names of all mutations and carry out none
    #[arg(long)]
    list: bool,
}

#[derive(Args)]
struct MachineArgs {
    /// The script that builds kernels and says where they are
    #[arg(long, value_name = "FILE", env = "KHO_LIVE_BUILD")]
    build_script: PathBuf,
    /// The directory of the guest's programs
    #[arg(long, value_name = "DIRECTORY", env = "KHO_LIVE_PROGRAMS")]
    programs: PathBuf,
    /// Where logs go, one directory for each scenario
    #[arg(long, value_name = "DIRECTORY", env = "KHO_LIVE_LOGS")]
    logs: PathBuf,
    /// How the guest's instructions are carried out
    #[arg(long, value_enum, default_value_t = Acceleration::Auto)]
    accel: Acceleration,
    /// Multiply every scenario's time limit, for slow machines
    #[arg(long, value_name = "N", default_value_t = 1)]
    patience: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Acceleration {
    /// KVM if a guest boots under it, else emulation
    Auto,
    Kvm,
    Tcg,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run { list: true, .. } => list(),
        Command::Run { machine, only, jobs, time_limit, list: false } => {
            run_scenarios(&machine, &only, jobs, Duration::from_secs(time_limit))
        }
        Command::Selftest(arguments) => run_selftest(&arguments),
        Command::Image { machine, scenario, format, output } => {
            take_image(&machine, &scenario, WantedImage { format, output })
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("harness: {error:#}");
            ExitCode::from(CAN_NOT_RUN)
        }
    }
}

fn list() -> Result<bool> {
    for scenario in scenarios::all() {
        println!("{}\n    {}", scenario.name, scenario.claim);
    }
    Ok(true)
}

fn select(only: &[String]) -> Result<Vec<Scenario>> {
    let all = scenarios::all();
    for name in only {
        if !all.iter().any(|scenario| scenario.name == *name) {
            bail!("no scenario {name}\n  help: `--list` prints all of them");
        }
    }
    Ok(all
        .into_iter()
        .filter(|scenario| only.is_empty() || only.contains(&scenario.name))
        .collect())
}

/// Everything that runs need, built for these scenarios.
struct Prepared {
    kernels: BTreeMap<Flavour, Kernel>,
    programs: Programs,
    accelerator: Accelerator,
}

fn prepare(machine: &MachineArgs, scenarios: &[Scenario]) -> Result<Prepared> {
    let flavours: BTreeSet<Flavour> =
        scenarios.iter().flat_map(|scenario| &scenario.boots).map(|boot| boot.flavour).collect();
    let mut kernels = BTreeMap::new();
    for flavour in flavours {
        kernels.insert(flavour, kernels::build(&machine.build_script, flavour)?);
    }
    let programs = Programs::load(&machine.programs)?;
    fs::create_dir_all(&machine.logs)
        .with_context(|| format!("cannot make {}", machine.logs.display()))?;
    let accelerator = match machine.accel {
        Acceleration::Kvm => Accelerator::Kvm,
        Acceleration::Tcg => Accelerator::Tcg,
        Acceleration::Auto => {
            let kernel = kernels.values().next().context("no kernel")?;
            qemu::probe(&kernel.image)?
        }
    };
    Ok(Prepared { kernels, programs, accelerator })
}

impl Prepared {
    fn environment<'a>(&'a self, machine: &'a MachineArgs, limit: Duration) -> Environment<'a> {
        Environment {
            kernels: &self.kernels,
            programs: &self.programs,
            accelerator: self.accelerator,
            logs: &machine.logs,
            patience: machine.patience,
            deadline: Instant::now() + limit,
        }
    }
}

fn run_scenarios(
    machine: &MachineArgs,
    only: &[String],
    jobs: Option<usize>,
    limit: Duration,
) -> Result<bool> {
    let scenarios = select(only)?;
    let prepared = prepare(machine, &scenarios)?;
    let environment = prepared.environment(machine, limit);
    let jobs = match jobs {
        Some(jobs) => jobs.max(1),
        None => thread::available_parallelism().map_or(1, usize::from),
    };
    let planned = scenarios.iter().map(|scenario| Checks::of(scenario).len()).sum();
    let mut tap = Tap::new(io::stdout().lock(), planned)?;
    tap.comment(&format!(
        "{} scenarios under {:?}, {jobs} at a time",
        scenarios.len(),
        environment.accelerator
    ))?;
    let started = Instant::now();
    // Start the longest ones first, so that none runs alone at the end; print them in the order of
    // the registry.
    let mut order: Vec<usize> = (0..scenarios.len()).collect();
    order.sort_by_key(|index| scenarios[*index].boots.len());
    let queue = Mutex::new(order);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| -> io::Result<()> {
        for _ in 0..jobs {
            let (sender, queue, scenarios, environment) =
                (sender.clone(), &queue, &scenarios, &environment);
            scope.spawn(move || loop {
                let Some(index) = queue.lock().ok().and_then(|mut queue| queue.pop()) else {
                    return;
                };
                let finished = run::run(environment, &scenarios[index], None);
                if sender.send((index, finished)).is_err() {
                    return;
                }
            });
        }
        drop(sender);
        let mut waiting: BTreeMap<usize, Finished> = BTreeMap::new();
        let mut next = 0;
        for (index, finished) in receiver {
            waiting.insert(index, finished);
            while let Some(finished) = waiting.remove(&next) {
                print(&mut tap, &scenarios[next], &finished)?;
                next += 1;
            }
        }
        Ok(())
    })?;
    tap.comment(&format!("all of it took {:.0?}", started.elapsed()))?;
    Ok(tap.finish()?)
}

fn print(
    tap: &mut Tap<impl io::Write>,
    scenario: &Scenario,
    finished: &Finished,
) -> io::Result<()> {
    tap.comment(&format!("{}: {}", scenario.name, scenario.claim))?;
    for (name, verdict) in &finished.verdicts {
        tap.check(&scenario.name, name, verdict)?;
    }
    if let Some(reason) = &finished.started_again {
        tap.comment(reason)?;
    }
    tap.comment(&format!("{:.1?}", finished.took))?;
    if finished.verdicts.iter().any(|(_, verdict)| !verdict.ok) {
        tap.comment(&format!("logs: {}", finished.log_dir.display()))?;
    }
    Ok(())
}

fn run_selftest(arguments: &SelftestArgs) -> Result<bool> {
    if arguments.list {
        selftest::names().for_each(|name| println!("{name}"));
        return Ok(true);
    }
    for name in &arguments.only {
        if !selftest::names().any(|known| known == name) {
            bail!("no mutation {name}\n  help: `selftest --list` prints all of them");
        }
    }
    let chosen: Vec<_> = mutations::MUTATIONS
        .iter()
        .filter(|mutation| {
            arguments.only.is_empty() || arguments.only.iter().any(|name| name == mutation.name)
        })
        .collect();
    let scenarios = scenarios::all();
    // Skip the debug kernel, which takes minutes to build.
    let taking_part: Vec<Scenario> = scenarios
        .into_iter()
        .filter(|scenario| scenario.boots.iter().all(|boot| boot.flavour != Flavour::Debug))
        .collect();
    let prepared = prepare(&arguments.machine, &taking_part)?;
    let environment = prepared.environment(&arguments.machine, Duration::from_secs(2700));
    let mut tap = Tap::new(io::stdout().lock(), chosen.len())?;
    for mutation in chosen {
        let started = Instant::now();
        let verdict = selftest::run(mutation, &arguments.checkout, &environment)?;
        tap.check("noticed", mutation.name, &verdict)?;
        tap.comment(&format!("{:.1?}", started.elapsed()))?;
    }
    Ok(tap.finish()?)
}

fn take_image(machine: &MachineArgs, name: &str, wanted: WantedImage) -> Result<bool> {
    let scenarios = select(&[name.to_owned()])?;
    let scenario = scenarios.first().context("no scenario")?;
    if scenario.image.is_none() {
        bail!("scenario {name} takes no image");
    }
    let prepared = prepare(machine, &scenarios)?;
    let environment = prepared.environment(machine, Duration::from_secs(600));
    let finished = run::run(&environment, scenario, Some(&wanted));
    if let Some(reason) = &finished.started_again {
        eprintln!("{reason}");
    }
    let mut good = true;
    for (name, verdict) in &finished.verdicts {
        if !verdict.ok {
            good = false;
            eprintln!("not ok - {name}\n  {}", verdict.detail);
        }
    }
    if !good {
        eprintln!("logs: {}", finished.log_dir.display());
    }
    Ok(good)
}
