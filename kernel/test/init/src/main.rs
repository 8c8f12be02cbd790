// SPDX-License-Identifier: GPL-2.0
//! Process 1 of the machine under test.
//!
//! It mounts what it needs, reads from the kernel command line which kernel of the scenario it runs
//! in, takes that kernel's steps one after the other, and reports each on the second serial port.
//! It stops at the first step with an unexpected result, since later steps would only fail as a
//! consequence. It never exits, since the end of process
//! 1 is a panic; the harness ends the machine.
#![forbid(unsafe_code)]

mod devices;
mod facts;
mod machine;
mod next_kernel;
mod outcome;
mod port;
mod steps;
mod tests_of_the_kernel;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use kho_abi_live_plan::initramfs::{BOOT_PARAMETER, SCENARIO};
use kho_abi_live_plan::{Action, Message, Scenario};
use nix::mount::{mount, MsFlags};

use crate::machine::Machine;
use crate::outcome::{failure, Failure};
use crate::port::Port;

fn main() {
    let ended = mount_filesystems().and_then(|()| run());
    if let Err(error) = &ended {
        // The port may be broken. The harness also reads the console.
        println!("kho-live: init cannot go on: {error}");
    }
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Takes the steps, and returns what they opened, which stays open until the machine ends. Closing
/// it would be another step, which no scenario asked for.
fn run() -> Result<Machine, Failure> {
    let boot = boot_number()?;
    let scenario: Scenario = serde_json::from_slice(&fs::read(Path::new("/").join(SCENARIO))?)?;
    let mut port = Port::open(boot)?;
    port.send(Message::Hello {
        release: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        kho: Path::new("/sys/kernel/debug/kho/out").is_dir(),
        liveupdate: Path::new("/dev/liveupdate").exists(),
    })?;
    let steps = match scenario.boots.get(boot as usize - 1) {
        Some(boot) => boot.steps.clone(),
        None => return Err(failure(format!("the scenario has no kernel number {boot}"))),
    };
    let mut machine = Machine::new(scenario, boot)?;
    for (index, step) in steps.iter().enumerate() {
        if matches!(step.action, Action::LiveUpdate) && step.fails.is_none() {
            port.send(Message::Leaving)?;
        }
        let outcome = steps::take(&mut machine, &mut port, &step.action);
        let (ok, detail) = outcome::judge(outcome, step.fails.as_deref());
        port.send(Message::Step { index, text: step.to_string(), ok, detail })?;
        if !ok {
            port.send(Message::GaveUp)?;
            return Ok(machine);
        }
    }
    port.send(Message::Done)?;
    Ok(machine)
}

fn mount_filesystems() -> Result<(), Failure> {
    for (kind, target) in [
        ("devtmpfs", "/dev"),
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("debugfs", "/sys/kernel/debug"),
    ] {
        fs::create_dir_all(target)?;
        mount(Some(kind), target, Some(kind), MsFlags::empty(), None::<&str>)
            .map_err(|errno| failure(format!("cannot mount {kind}: {errno}")))?;
    }
    Ok(())
}

fn boot_number() -> Result<u32, Failure> {
    let command_line = fs::read_to_string("/proc/cmdline")?;
    command_line
        .split_whitespace()
        .find_map(|word| word.strip_prefix(BOOT_PARAMETER))
        .and_then(|number| number.parse().ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| failure(format!("no {BOOT_PARAMETER}N on the kernel command line")))
}
