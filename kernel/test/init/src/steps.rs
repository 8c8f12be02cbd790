// SPDX-License-Identifier: GPL-2.0
//! The steps of init: one arm for each action, apart from devices.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use kho_abi_live_plan::initramfs::EXAMPLE;
use kho_abi_live_plan::{content_byte, Action, Message, PreservedObject};
use kho_abi_live_uapi::kexec;
use kho_abi_live_uapi::liveupdate::LiveUpdate;
use nix::kmod::{delete_module, finit_module, DeleteModuleFlags, ModuleInitFlags};
use nix::sys::memfd::{memfd_create, MFdFlags};
use sha2::{Digest, Sha256};

use crate::devices;
use crate::facts::PreservedFile;
use crate::machine::{Machine, OpenFile};
use crate::next_kernel;
use crate::outcome::{failure, Failure, Outcome};
use crate::port::Port;
use crate::tests_of_the_kernel;

/// kmemleak reports an object only when it has been unreferenced for this long.
const KMEMLEAK_MINIMUM_AGE: Duration = Duration::from_secs(6);

/// Takes one step.
pub fn take(machine: &mut Machine, port: &mut Port, action: &Action) -> Outcome {
    match action {
        Action::LoadHandler => load_handler(machine),
        Action::UnloadHandler => unload_handler(machine),
        Action::HandlerIsHeld { references } => handler_is_held(machine, *references),
        Action::BindDriver { device } => devices::bind_driver(machine, device),
        Action::EnableVirtualFunction { device } => {
            devices::enable_virtual_function(machine, device)
        }
        Action::ResetMethodsOff { device } => devices::reset_methods_off(machine, device),
        Action::ResetMethodsOn { device } => devices::reset_methods_on(machine, device),
        Action::RemoveDevice { device } => devices::remove(machine, device),
        Action::OpenLiveUpdate => {
            machine.live_update = Some(LiveUpdate::open()?);
            Ok(String::new())
        }
        Action::OpenCdev { device, file } => devices::open_cdev(machine, device, file),
        Action::OpenThroughGroup { device, file } => {
            devices::open_through_group(machine, device, file)
        }
        Action::OpenGroup { device, file } => devices::open_group(machine, device, file),
        Action::OpenPath { path, file } => {
            let opened = OpenOptions::new().read(true).write(true).open(path)?;
            machine.files.insert(file.clone(), OpenFile::new(opened));
            Ok(String::new())
        }
        Action::BindIommufd { file } => devices::bind_iommufd(machine, file),
        Action::CreateMemfd { file, size_bytes, seed } => {
            create_memfd(machine, file, *size_bytes, *seed)
        }
        Action::MemfdHolds { file, size_bytes, seed } => {
            memfd_holds(machine, file, *size_bytes, *seed)
        }
        Action::Close { file } => match machine.files.remove(file) {
            Some(_) => Ok(String::new()),
            None => Err(failure(format!("no open file {file}"))),
        },
        Action::CreateSession { session } => {
            let created = machine.live_update()?.create_session(session)?;
            machine.sessions.insert(session.clone(), created);
            Ok(String::new())
        }
        Action::CloseSession { session } => close_session(machine, port, session),
        Action::Preserve { session, file, token } => preserve(machine, port, session, file, *token),
        Action::RetrieveSession { session } => {
            let retrieved = machine.live_update()?.retrieve_session(session)?;
            machine.sessions.insert(session.clone(), retrieved);
            Ok(String::new())
        }
        Action::Retrieve { session, token, file } => retrieve(machine, session, *token, file),
        Action::Finish { session } => {
            machine.session(session)?.finish()?;
            Ok(String::new())
        }
        Action::UseDevice { device, file, with } => {
            devices::use_device(machine, device, file, *with)
        }
        Action::InterruptsOn { file } => devices::interrupts_on(machine, file),
        Action::InterruptsOff { file } => devices::interrupts_off(machine, file),
        Action::Reset { file } => {
            machine.file(file)?.device()?.reset()?;
            Ok(String::new())
        }
        Action::NoLeaks => no_leaks(),
        Action::RunExample { arguments, until } => run_example(arguments, until),
        Action::LoadUnitTests { module, suite, cases } => {
            tests_of_the_kernel::load_unit_tests(machine, port, module, suite, cases)
        }
        Action::RunSelftest { program, arguments, cases, says } => {
            tests_of_the_kernel::run_selftest(port, program, arguments, cases, says)
        }
        Action::KhoAbi { arguments, shows } => tests_of_the_kernel::kho_abi(arguments, shows),
        Action::Pause { name, .. } => {
            port.send(Message::Pause { name: name.clone() })?;
            port.wait_for_order()?;
            Ok(String::new())
        }
        Action::LoadNextKernel => next_kernel::load(machine),
        Action::LiveUpdate => match kexec::live_update() {
            Ok(never) => match never {},
            Err(errno) => Err(errno.into()),
        },
    }
}

fn load_handler(machine: &Machine) -> Outcome {
    let (path, name) = machine.handler_module()?;
    finit_module(File::open(path)?, c"", ModuleInitFlags::empty())?;
    Ok(name)
}

fn unload_handler(machine: &Machine) -> Outcome {
    let (_, name) = machine.handler_module()?;
    let c_name = CString::new(name.as_str()).map_err(|error| failure(error.to_string()))?;
    delete_module(&c_name, DeleteModuleFlags::O_NONBLOCK)?;
    Ok(name)
}

fn handler_is_held(machine: &Machine, references: u32) -> Outcome {
    let (_, name) = machine.handler_module()?;
    let path = Path::new("/sys/module").join(&name).join("refcnt");
    let seen = fs::read_to_string(path)?.trim().to_owned();
    if seen == references.to_string() {
        Ok(seen)
    } else {
        Err(failure(format!("{name} has {seen} references")))
    }
}

fn content(size_bytes: u64, seed: u64) -> Vec<u8> {
    (0..size_bytes).map(|offset| content_byte(seed, offset)).collect()
}

fn create_memfd(machine: &mut Machine, name: &str, size_bytes: u64, seed: u64) -> Outcome {
    let memfd = File::from(memfd_create(c"kho-live", MFdFlags::MFD_CLOEXEC)?);
    let content = content(size_bytes, seed);
    memfd.set_len(size_bytes)?;
    memfd.write_all_at(&content, 0)?;
    let sha256 = hex(&Sha256::digest(&content));
    let mut file = OpenFile::new(memfd);
    file.object = Some(PreservedObject::Memfd { size_bytes, seed, sha256: sha256.clone() });
    machine.files.insert(name.to_owned(), file);
    Ok(sha256)
}

fn memfd_holds(machine: &Machine, name: &str, size_bytes: u64, seed: u64) -> Outcome {
    let memfd = File::from(machine.file(name)?.fd.try_clone()?);
    let seen = memfd.metadata()?.len();
    if seen != size_bytes {
        return Err(failure(format!("{seen} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(size_bytes).map_err(|e| failure(e.to_string()))?];
    memfd.read_exact_at(&mut bytes, 0)?;
    let differs =
        (0..size_bytes).zip(&bytes).find(|(offset, byte)| content_byte(seed, *offset) != **byte);
    match differs {
        Some((offset, byte)) => Err(failure(format!("byte {offset} is {byte:#04x}"))),
        None => Ok(hex(&Sha256::digest(&bytes))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn close_session(machine: &mut Machine, port: &mut Port, name: &str) -> Outcome {
    if machine.sessions.remove(name).is_none() {
        return Err(failure(format!("no open session {name}")));
    }
    machine.bequest.preserved.retain(|file| file.session != name);
    port.send(Message::SessionClosed { session: name.to_owned() })?;
    Ok(String::new())
}

fn preserve(
    machine: &mut Machine,
    port: &mut Port,
    session: &str,
    file: &str,
    token: u64,
) -> Outcome {
    let open = machine.file(file)?;
    machine.session(session)?.preserve(&open.fd.as_fd(), token)?;
    let object = open
        .object
        .clone()
        .ok_or_else(|| failure("the kernel preserved a file of which nothing is known"))?;
    machine.bequest.preserved.push(PreservedFile {
        session: session.to_owned(),
        token,
        object: object.clone(),
    });
    port.send(Message::Preserved { session: session.to_owned(), token, object })?;
    Ok(String::new())
}

fn retrieve(machine: &mut Machine, session: &str, token: u64, file: &str) -> Outcome {
    let fd: OwnedFd = machine.session(session)?.retrieve(token)?;
    let mut open = OpenFile::new(fd);
    open.object = machine.inherited.object(session, token);
    if open.object.is_none() {
        return Err(failure("the previous kernel's init preserved no such file"));
    }
    machine.files.insert(file.to_owned(), open);
    Ok(String::new())
}

fn no_leaks() -> Outcome {
    let path = "/sys/kernel/debug/kmemleak";
    // An object can look unreferenced while a scan races with its owner; only an object in both
    // scans is a leak.
    for _ in 0..2 {
        fs::write(path, "scan")?;
        thread::sleep(KMEMLEAK_MINIMUM_AGE);
    }
    fs::write(path, "scan")?;
    let report = fs::read_to_string(path)?;
    if report.trim().is_empty() {
        return Ok(String::new());
    }
    println!("{report}");
    Err(failure(format!(
        "{} reports, printed on the console",
        report.matches("unreferenced object").count()
    )))
}

/// Starts the example and leaves it running: its open files are part of the live update.
fn run_example(arguments: &[String], until: &str) -> Outcome {
    let mut child = Command::new(Path::new("/").join(EXAMPLE))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().ok_or_else(|| failure("no pipe from the example"))?;
    let mut last = String::from("nothing");
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("example: {line}");
        if line.starts_with(until) {
            // Dropping the handle neither waits for the program nor ends it.
            return Ok(line);
        }
        last = line;
    }
    let status = child.wait()?;
    Err(Failure { errno: None, text: format!("ended with {status} after printing \"{last}\"") })
}
