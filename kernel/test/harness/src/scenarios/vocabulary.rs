// SPDX-License-Identifier: GPL-2.0
//! The building blocks of scenarios.

use kho_abi_live_plan::{
    Action, Boot, Device, DeviceKind, Flavour, Location, Look, Scenario, Step, Use,
};

/// A scenario without devices, on one processor, without an image.
pub fn scenario(name: &str, claim: &str, devices: Vec<Device>, boots: Vec<Boot>) -> Scenario {
    Scenario {
        name: name.to_owned(),
        claim: claim.to_owned(),
        devices,
        boots,
        image: None,
        cpus: 1,
        parameters: String::new(),
    }
}

pub fn boot(flavour: Flavour, steps: Vec<Vec<Step>>) -> Boot {
    Boot { flavour, steps: steps.into_iter().flatten().collect(), log_has: Vec::new() }
}

/// The base flavour, whose log must contain something.
pub fn boot_that_logs(log_has: &[&str], steps: Vec<Vec<Step>>) -> Boot {
    Boot {
        log_has: log_has.iter().map(|text| (*text).to_owned()).collect(),
        ..boot(Flavour::Base, steps)
    }
}

pub fn nvme(slot: u8) -> Device {
    device("nvme", DeviceKind::Nvme, Location::Slot(slot))
}

pub fn second_nvme(slot: u8) -> Device {
    device("nvme2", DeviceKind::Nvme, Location::Slot(slot))
}

pub fn edu(slot: u8) -> Device {
    device("edu", DeviceKind::Edu, Location::Slot(slot))
}

pub fn testdev(slot: u8) -> Device {
    device("testdev", DeviceKind::PciTestdev, Location::Slot(slot))
}

pub fn nic_behind_port(slot: u8) -> Device {
    device("nic", DeviceKind::E1000e, Location::BehindRootPort(slot))
}

/// An nvme behind a root port, and its possible virtual function.
pub fn nvme_with_virtual_function(slot: u8) -> Vec<Device> {
    let kind = DeviceKind::NvmeWithVirtualFunction;
    vec![
        device("pf", kind, Location::BehindRootPort(slot)),
        device("vf", DeviceKind::Nvme, Location::VirtualFunctionBehindRootPort(slot)),
    ]
}

fn device(name: &str, kind: DeviceKind, at: Location) -> Device {
    Device { name: name.to_owned(), kind, at }
}

fn must(action: Action) -> Vec<Step> {
    vec![Step { action, fails: None }]
}

/// The same steps, each of which must be refused.
pub fn refused(errno: &str, steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().map(|step| Step { fails: Some(errno.to_owned()), ..step }).collect()
}

/// Loads the handler, binds the devices, opens `/dev/liveupdate`: only this order works.
pub fn ready(devices: &[&str]) -> Vec<Step> {
    let mut steps = load_handler();
    for device in devices {
        steps.extend(bind(device));
    }
    steps.extend(open_live_update());
    steps
}

pub fn load_handler() -> Vec<Step> {
    must(Action::LoadHandler)
}

pub fn unload_handler() -> Vec<Step> {
    must(Action::UnloadHandler)
}

pub fn handler_references(references: u32) -> Vec<Step> {
    must(Action::HandlerIsHeld { references })
}

pub fn bind(device: &str) -> Vec<Step> {
    let device = device.to_owned();
    must(Action::BindDriver { device })
}

pub fn enable_virtual_function(device: &str) -> Vec<Step> {
    let device = device.to_owned();
    must(Action::EnableVirtualFunction { device })
}

pub fn reset_methods_off(device: &str) -> Vec<Step> {
    let device = device.to_owned();
    must(Action::ResetMethodsOff { device })
}

pub fn reset_methods_on(device: &str) -> Vec<Step> {
    let device = device.to_owned();
    must(Action::ResetMethodsOn { device })
}

pub fn pull(device: &str) -> Vec<Step> {
    let device = device.to_owned();
    must(Action::RemoveDevice { device })
}

pub fn open_live_update() -> Vec<Step> {
    must(Action::OpenLiveUpdate)
}

/// A device's file, bound to an iommufd; the file is named after the device.
pub fn open(device: &str) -> Vec<Step> {
    let mut steps = open_cdev(device);
    steps.extend(bind_iommufd(device));
    steps
}

pub fn open_cdev(device: &str) -> Vec<Step> {
    must(Action::OpenCdev { device: device.to_owned(), file: device.to_owned() })
}

/// Another file on a device, with its own name.
pub fn open_cdev_again(device: &str, file: &str) -> Vec<Step> {
    must(Action::OpenCdev { device: device.to_owned(), file: file.to_owned() })
}

pub fn open_through_group(device: &str, file: &str) -> Vec<Step> {
    must(Action::OpenThroughGroup { device: device.to_owned(), file: file.to_owned() })
}

pub fn open_group(device: &str, file: &str) -> Vec<Step> {
    must(Action::OpenGroup { device: device.to_owned(), file: file.to_owned() })
}

pub fn open_path(path: &str, file: &str) -> Vec<Step> {
    must(Action::OpenPath { path: path.to_owned(), file: file.to_owned() })
}

pub fn bind_iommufd(file: &str) -> Vec<Step> {
    let file = file.to_owned();
    must(Action::BindIommufd { file })
}

pub fn create_memfd(file: &str, size_bytes: u64, seed: u64) -> Vec<Step> {
    must(Action::CreateMemfd { file: file.to_owned(), size_bytes, seed })
}

pub fn memfd_holds(file: &str, size_bytes: u64, seed: u64) -> Vec<Step> {
    must(Action::MemfdHolds { file: file.to_owned(), size_bytes, seed })
}

pub fn close(file: &str) -> Vec<Step> {
    let file = file.to_owned();
    must(Action::Close { file })
}

pub fn create_session(session: &str) -> Vec<Step> {
    let session = session.to_owned();
    must(Action::CreateSession { session })
}

pub fn close_session(session: &str) -> Vec<Step> {
    let session = session.to_owned();
    must(Action::CloseSession { session })
}

pub fn preserve(session: &str, file: &str, token: u64) -> Vec<Step> {
    must(Action::Preserve { session: session.to_owned(), file: file.to_owned(), token })
}

pub fn retrieve_session(session: &str) -> Vec<Step> {
    let session = session.to_owned();
    must(Action::RetrieveSession { session })
}

pub fn retrieve(session: &str, token: u64, file: &str) -> Vec<Step> {
    must(Action::Retrieve { session: session.to_owned(), token, file: file.to_owned() })
}

pub fn finish(session: &str) -> Vec<Step> {
    let session = session.to_owned();
    must(Action::Finish { session })
}

/// Configuration space and registers, through the file that is named after the device.
pub fn use_device(device: &str) -> Vec<Step> {
    [Use::ConfigSpace, Use::Registers].into_iter().flat_map(|with| use_with(device, with)).collect()
}

/// Traces that show whether a device was quiesced.
pub fn leave_traces(device: &str) -> Vec<Step> {
    use_with(device, Use::LeaveTraces)
}

pub fn is_bus_master(device: &str) -> Vec<Step> {
    use_with(device, Use::IsBusMaster)
}

/// Makes the device raise an interrupt; interrupts must be on.
pub fn raise_interrupt(device: &str) -> Vec<Step> {
    use_with(device, Use::RaiseInterrupt)
}

fn use_with(device: &str, with: Use) -> Vec<Step> {
    must(Action::UseDevice { device: device.to_owned(), file: device.to_owned(), with })
}

pub fn interrupts_on(file: &str) -> Vec<Step> {
    let file = file.to_owned();
    must(Action::InterruptsOn { file })
}

pub fn interrupts_off(file: &str) -> Vec<Step> {
    let file = file.to_owned();
    must(Action::InterruptsOff { file })
}

pub fn reset(file: &str) -> Vec<Step> {
    let file = file.to_owned();
    must(Action::Reset { file })
}

pub fn no_leaks() -> Vec<Step> {
    must(Action::NoLeaks)
}

pub fn example(arguments: &[&str], until: &str) -> Vec<Step> {
    must(Action::RunExample {
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        until: until.to_owned(),
    })
}

/// Loads the unit tests of a module.
pub fn load_unit_tests(module: &str, suite: &str, cases: Vec<String>) -> Vec<Step> {
    must(Action::LoadUnitTests { module: module.to_owned(), suite: suite.to_owned(), cases })
}

/// Runs one of the kernel's own test programs.
pub fn selftest(program: &str, arguments: &[&str], cases: Vec<String>, says: &str) -> Vec<Step> {
    must(Action::RunSelftest {
        program: program.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        cases,
        says: says.to_owned(),
    })
}

/// The machine is healthy, and its state contains these words.
pub fn status(shows: &[&str]) -> Vec<Step> {
    kho_abi(&["status"], shows)
}

/// `kho-abi` finds nothing wrong, and its output contains these words.
pub fn kho_abi(arguments: &[&str], shows: &[&str]) -> Vec<Step> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    must(Action::KhoAbi { arguments: owned(arguments), shows: owned(shows) })
}

pub fn pause(name: &str, look: Look) -> Vec<Step> {
    must(Action::Pause { name: name.to_owned(), look })
}

/// Loads the next kernel and jumps into it.
pub fn live_update() -> Vec<Step> {
    let mut steps = load_next_kernel();
    steps.extend(must(Action::LiveUpdate));
    steps
}

pub fn load_next_kernel() -> Vec<Step> {
    must(Action::LoadNextKernel)
}

/// Only the jump, for a kernel that is loaded already.
pub fn jump() -> Vec<Step> {
    must(Action::LiveUpdate)
}
