// SPDX-License-Identifier: GPL-2.0
//! The virtual machine: its command line, its three connections, its end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, Context, Result};
use kho_abi_live_plan::initramfs::BOOT_PARAMETER;
use kho_abi_live_plan::{DeviceKind, Location, Order, Scenario};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::qmp::Qmp;

/// QEMU's name; an environment variable may override it.
pub const PROGRAM: &str = "qemu-system-x86_64";
/// QEMU may be read from a cold disk.
const CONNECT_PATIENCE: Duration = Duration::from_secs(120);

/// Without `no_timer_check`, a second kernel sometimes panics under emulation with interrupt
/// remapping. Without a log level of 6 or more, "Starting new kernel" is not printed.
const COMMAND_LINE: &str =
    "console=ttyS0 loglevel=7 kho=on liveupdate=on no_timer_check panic=-1 printk.devkmsg=on";

/// How the guest's instructions are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    Kvm,
    Tcg,
}

/// The configuration of a machine.
pub struct Setup<'a> {
    pub scenario: &'a Scenario,
    pub kernel: &'a Path,
    pub initramfs: &'a Path,
    pub accelerator: Accelerator,
    pub memory_mib: u32,
    /// Kernel parameters in addition to those that every kernel gets.
    pub parameters: &'a str,
    /// The directory for sockets and the memory's backing file.
    pub run_dir: &'a Path,
    /// The directory for files that outlive the run.
    pub log_dir: &'a Path,
}

/// Something that the machine did.
#[derive(Debug)]
pub enum Event {
    /// A line on the console.
    Console(String),
    /// A line on the report port.
    Report(String),
    /// The console is closed: QEMU has ended.
    Ended,
}

/// A running machine. Dropping it ends it.
pub struct Qemu {
    child: Child,
    pub qmp: Qmp,
    reports: UnixStream,
    pub events: Receiver<Event>,
    /// The file that is the guest's memory.
    pub backing_file: PathBuf,
    stderr: PathBuf,
}

impl Qemu {
    /// Starts a machine and connects to it.
    pub fn start(setup: &Setup<'_>) -> Result<Self> {
        let socket = |name: &str| setup.run_dir.join(name);
        let console = UnixListener::bind(socket("console"))?;
        let reports = UnixListener::bind(socket("reports"))?;
        let monitor = UnixListener::bind(socket("monitor"))?;
        let backing_file = setup.run_dir.join("memory");
        let arguments = arguments(setup, &backing_file);
        fs::write(
            setup.log_dir.join("command-line.txt"),
            format!("{PROGRAM} {}\n", arguments.join(" \\\n  ")),
        )?;
        let stderr = setup.log_dir.join("qemu.stderr");
        let mut command = Command::new(PROGRAM);
        command
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&stderr)?);
        end_with_parent(&mut command);
        let mut child = command.spawn().with_context(|| format!("cannot run {PROGRAM}"))?;
        let connected = (|| {
            let mut accept = |listener| accept(listener, &mut child, &stderr);
            Ok((accept(&console)?, accept(&reports)?, accept(&monitor)?))
        })();
        let (console, reports, monitor) = match connected {
            Ok(streams) => streams,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let (sender, events) = mpsc::channel();
        let console_log = File::create(setup.log_dir.join("console.log"))?;
        let report_log = File::create(setup.log_dir.join("reports.log"))?;
        forward(console, console_log, sender.clone(), Event::Console, true);
        forward(reports.try_clone()?, report_log, sender, Event::Report, false);
        let qmp = match Qmp::new(monitor) {
            Ok(qmp) => qmp,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        Ok(Self { child, qmp, reports, events, backing_file, stderr })
    }

    /// Answers a pause of init.
    pub fn order(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        self.reports.write_all(line.as_bytes())?;
        Ok(())
    }

    /// What QEMU printed on its standard error, if anything. It warns about a network card without
    /// a network.
    pub fn complaint(&self) -> String {
        let said = fs::read_to_string(&self.stderr).unwrap_or_default();
        let serious: Vec<&str> =
            said.lines().filter(|line| !line.contains("has no peer")).collect();
        serious.join("\n")
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the kernel end the machine if the harness ends without running destructors.
fn end_with_parent(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec, where only async-signal-safe calls are allowed; it makes one
    // system call, prctl(2), and neither allocates nor takes a lock.
    unsafe { command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?)) };
}

/// Waits for QEMU's connection, as long as QEMU lives.
fn accept(listener: &UnixListener, child: &mut Child, stderr: &Path) -> Result<UnixStream> {
    listener.set_nonblocking(true)?;
    let started = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.try_wait()? {
            let complaint = fs::read_to_string(stderr).unwrap_or_default();
            bail!("QEMU ended with {status}: {}", complaint.trim());
        }
        if started.elapsed() > CONNECT_PATIENCE {
            bail!("QEMU did not connect within {CONNECT_PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Turns a connection into events, line by line, and logs it.
fn forward(
    stream: UnixStream,
    mut log: File,
    sender: Sender<Event>,
    event: fn(String) -> Event,
    announces_end: bool,
) {
    thread::spawn(move || {
        let mut input = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(input.read_until(b'\n', &mut line), Ok(length) if length > 0) {
            let _ = log.write_all(&line);
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(event(text)).is_err() {
                return;
            }
            line.clear();
        }
        if announces_end {
            let _ = sender.send(Event::Ended);
        }
    });
}

fn arguments(setup: &Setup<'_>, backing_file: &Path) -> Vec<String> {
    let memory_mib = setup.memory_mib;
    let machine = match setup.accelerator {
        // Interrupt remapping needs the part of the interrupt controller that QEMU emulates itself.
        Accelerator::Kvm => "q35,accel=kvm,kernel-irqchip=split,memory-backend=ram",
        Accelerator::Tcg => "q35,accel=tcg,memory-backend=ram",
    };
    let cpu = match setup.accelerator {
        Accelerator::Kvm => "host",
        Accelerator::Tcg => "max",
    };
    let socket = |name: &str| {
        let path = setup.run_dir.join(name);
        format!("socket,id={name},path={}", path.display())
    };
    let mut arguments: Vec<String> = Vec::new();
    let mut option = |name: &str, value: String| {
        arguments.push(format!("-{name}"));
        if !value.is_empty() {
            arguments.push(value);
        }
    };
    option("nodefaults", String::new());
    option("no-reboot", String::new());
    option("display", "none".into());
    option("machine", machine.into());
    option("cpu", cpu.into());
    option("smp", setup.scenario.cpus.to_string());
    option("m", format!("{memory_mib}M"));
    option(
        "object",
        format!(
            "memory-backend-file,id=ram,size={memory_mib}M,mem-path={},share=on",
            backing_file.display()
        ),
    );
    option("kernel", setup.kernel.display().to_string());
    option("initrd", setup.initramfs.display().to_string());
    option("append", format!("{COMMAND_LINE} {} {BOOT_PARAMETER}1", setup.parameters));
    option("chardev", socket("console"));
    option("serial", "chardev:console".into());
    option("chardev", socket("reports"));
    option("serial", "chardev:reports".into());
    option("chardev", socket("monitor"));
    option("mon", "chardev=monitor,mode=control".into());
    // Must come before the devices for which it translates.
    option("device", "intel-iommu,intremap=on,caching-mode=on".into());
    for (number, device) in setup.scenario.devices.iter().enumerate() {
        let place = match device.at {
            Location::Slot(slot) => format!("bus=pcie.0,addr={slot:#x}"),
            // Part of another device.
            Location::VirtualFunctionBehindRootPort(_) => continue,
            Location::BehindRootPort(slot) => {
                option(
                    "device",
                    format!("pcie-root-port,id=port{number},bus=pcie.0,addr={slot:#x},chassis={number},slot={number}"),
                );
                format!("bus=port{number},addr=0")
            }
        };
        let model = match device.kind {
            DeviceKind::Nvme => {
                option(
                    "blockdev",
                    format!("null-co,node-name=disk{number},size=16777216,read-zeroes=on"),
                );
                format!("nvme,serial=kho{number},drive=disk{number}")
            }
            DeviceKind::NvmeWithVirtualFunction => {
                option("device", format!("nvme-subsys,id=subsystem{number}"));
                // QEMU requires queues and vectors that are reserved for the virtual function.
                format!(
                    "nvme,serial=kho{number},subsys=subsystem{number},max_ioqpairs=4,msix_qsize=4,\
                     sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1"
                )
            }
            DeviceKind::Edu => "edu".to_owned(),
            DeviceKind::PciTestdev => "pci-testdev".to_owned(),
            DeviceKind::E1000e => "e1000e,mac=52:54:00:12:34:56".to_owned(),
        };
        option("device", format!("{model},id={},{place}", device.name));
    }
    arguments
}

/// Determines whether a guest works under KVM. That the device can be opened proves little: nested
/// and restricted hosts have it, but guests die in it. So a kernel has to get as far as its banner.
pub fn probe(kernel: &[u8]) -> Result<Accelerator> {
    const PATIENCE: Duration = Duration::from_secs(10);
    if File::options().read(true).write(true).open("/dev/kvm").is_err() {
        return Ok(Accelerator::Tcg);
    }
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), kernel)?;
    let mut child = Command::new(PROGRAM)
        .args(["-machine", "q35,accel=kvm", "-cpu", "host", "-m", "512M", "-nodefaults"])
        .args(["-display", "none", "-no-reboot", "-serial", "stdio", "-kernel"])
        .arg(file.path())
        .args(["-append", "console=ttyS0 panic=-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {PROGRAM}"))?;
    let console = child.stdout.take().context("no pipe from QEMU")?;
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(console).lines().map_while(Result::ok) {
            if line.contains("Linux version ") {
                let _ = sender.send(());
            }
        }
    });
    let lives = lines.recv_timeout(PATIENCE).is_ok();
    let _ = child.kill();
    let _ = child.wait();
    Ok(if lives { Accelerator::Kvm } else { Accelerator::Tcg })
}
