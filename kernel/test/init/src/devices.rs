// SPDX-License-Identifier: GPL-2.0
//! The steps for vfio devices, and the answers of each kind of device when it works.

use std::thread;
use std::time::{Duration, Instant};

use kho_abi_live_plan::{DeviceKind, PreservedObject, Use, NVME_TRACE};
use kho_abi_live_uapi::iommufd::Iommufd;
use kho_abi_live_uapi::vfio::{open_read_write, VfioDevice};
use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::machine::{Machine, OpenFile};
use crate::outcome::{failure, Outcome};

const BAR0: u32 = 0;
/// VFIO_PCI_CONFIG_REGION_INDEX.
const CONFIG: u32 = 7;
/// VFIO_DEVICE_FLAGS_RESET and VFIO_DEVICE_FLAGS_PCI.
const INFO_RESET: u32 = 1;
const INFO_PCI: u32 = 2;
/// The command register, and its bit for bus mastering.
const COMMAND: u64 = 4;
const BUS_MASTER: u16 = 0x4;
const INTERRUPT_PATIENCE: Duration = Duration::from_secs(5);

pub fn bind_driver(machine: &Machine, device: &str) -> Outcome {
    let address = machine.address(device)?;
    address.bind_to_vfio_pci()?;
    let cdev = address.vfio_cdev()?;
    Ok(format!("{address} is {}", cdev.display()))
}

pub fn enable_virtual_function(machine: &Machine, device: &str) -> Outcome {
    let address = machine.address(device)?;
    address.enable_virtual_function()?;
    Ok(address.first_virtual_function()?.to_string())
}

pub fn reset_methods_off(machine: &Machine, device: &str) -> Outcome {
    let address = machine.address(device)?;
    address.turn_reset_methods_off()?;
    match address.reset_methods()? {
        left if left.is_empty() => Ok(address.to_string()),
        left => Err(failure(format!("{address} still has {left}"))),
    }
}

pub fn reset_methods_on(machine: &Machine, device: &str) -> Outcome {
    let address = machine.address(device)?;
    address.turn_reset_methods_on()?;
    match address.reset_methods()? {
        methods if methods.is_empty() => Err(failure(format!("{address} has none"))),
        methods => Ok(format!("{address} has {methods}")),
    }
}

pub fn remove(machine: &Machine, device: &str) -> Outcome {
    let address = machine.address(device)?;
    address.remove()?;
    if address.sysfs().exists() {
        return Err(failure(format!("{address} is still there")));
    }
    Ok(address.to_string())
}

/// The description of this device in a session.
fn describe(machine: &Machine, device: &str) -> Result<PreservedObject, crate::outcome::Failure> {
    let address = machine.address(device)?;
    Ok(PreservedObject::VfioPci {
        device: device.to_owned(),
        domain: address.0.domain(),
        bus: address.0.bus(),
        slot: address.0.device(),
        function: address.0.function(),
        vendor: address.attribute_u16("vendor")?,
        device_id: address.attribute_u16("device")?,
    })
}

pub fn open_cdev(machine: &mut Machine, device: &str, file: &str) -> Outcome {
    let address = machine.address(device)?;
    let mut open = OpenFile::new(std::os::fd::OwnedFd::from(VfioDevice::open_cdev(address)?));
    open.object = Some(describe(machine, device)?);
    machine.files.insert(file.to_owned(), open);
    Ok(address.to_string())
}

pub fn open_through_group(machine: &mut Machine, device: &str, file: &str) -> Outcome {
    let address = machine.address(device)?;
    let iommufd = Iommufd::open()?;
    let (group, opened) = VfioDevice::open_through_group(address, &iommufd)?;
    let mut open = OpenFile::new(std::os::fd::OwnedFd::from(opened));
    open.group = Some(group);
    open.iommufd = Some(iommufd);
    machine.files.insert(file.to_owned(), open);
    Ok(address.to_string())
}

pub fn open_group(machine: &mut Machine, device: &str, file: &str) -> Outcome {
    let path = machine.address(device)?.vfio_group()?;
    let group = open_read_write(&path)?;
    machine.files.insert(file.to_owned(), OpenFile::new(group));
    Ok(path.display().to_string())
}

pub fn bind_iommufd(machine: &mut Machine, file: &str) -> Outcome {
    let open = machine.file_mut(file)?;
    let device = open.device()?;
    let iommufd = Iommufd::open()?;
    device.bind_iommufd(&iommufd)?;
    device.attach(iommufd.allocate_address_space()?)?;
    open.iommufd = Some(iommufd);
    Ok(String::new())
}

pub fn interrupts_on(machine: &mut Machine, file: &str) -> Outcome {
    let open = machine.file_mut(file)?;
    let device = open.device()?;
    let index = device.best_interrupt()?.ok_or_else(|| failure("the device has no interrupt"))?;
    let eventfd = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
    device.interrupts_on(index, &eventfd)?;
    open.interrupts = Some((index, eventfd));
    Ok(format!("vfio interrupt index {index}"))
}

pub fn interrupts_off(machine: &mut Machine, file: &str) -> Outcome {
    let open = machine.file_mut(file)?;
    let device = open.device()?;
    let (index, _eventfd) =
        open.interrupts.take().ok_or_else(|| failure("the interrupts are not on"))?;
    device.interrupts_off(index)?;
    Ok(format!("vfio interrupt index {index}"))
}

pub fn use_device(machine: &mut Machine, device: &str, file: &str, with: Use) -> Outcome {
    match with {
        Use::ConfigSpace => config_space(machine, device, file),
        Use::Registers => {
            let kind = machine.device(device)?.kind;
            registers(kind, &machine.file(file)?.device()?)
        }
        Use::LeaveTraces => {
            let kind = machine.device(device)?.kind;
            leave_traces(kind, &machine.file(file)?.device()?)
        }
        Use::IsBusMaster => {
            let command = machine.file(file)?.device()?.config_u16(COMMAND)?;
            match command & BUS_MASTER {
                0 => Err(failure(format!("command register {command:#06x}"))),
                _ => Ok(format!("command register {command:#06x}")),
            }
        }
        Use::RaiseInterrupt => {
            if machine.device(device)?.kind != DeviceKind::Edu {
                return Err(failure("only edu raises an interrupt on demand"));
            }
            raise_interrupt(machine, file)
        }
    }
}

/// Reads configuration space and compares it with what QEMU plugged in, what sysfs shows, and what
/// the previous kernel saw.
fn config_space(machine: &mut Machine, name: &str, file: &str) -> Outcome {
    let device = machine.file(file)?.device()?;
    let info = device.info()?;
    if info.flags & INFO_PCI == 0 {
        return Err(failure(format!("flags {:#x} lack PCI", info.flags)));
    }
    let mut header = [0; 64];
    device.read(CONFIG, 0, &mut header)?;
    let word = |offset: usize| u16::from_le_bytes([header[offset], header[offset + 1]]);
    let ids = (word(0), word(2));
    let expected = machine.device(name)?.kind.ids();
    let address = machine.address(name)?;
    let sysfs = (address.attribute_u16("vendor")?, address.attribute_u16("device")?);
    if ids != expected || ids != sysfs {
        return Err(failure(format!(
            "read {ids:04x?}, QEMU has {expected:04x?}, sysfs {sysfs:04x?}"
        )));
    }
    // What identifies a device, and no driver may change: numbers, revision and class, subsystem.
    let identity = [&header[0..4], &header[8..12], &header[0x2c..0x30]].concat();
    if let Some(before) = machine.inherited.identities.get(name) {
        if *before != identity {
            return Err(failure(format!("{identity:02x?}, was {before:02x?}")));
        }
    } else if machine.boot > 1 {
        return Err(failure("the previous kernel did not look at this device"));
    }
    machine.bequest.identities.insert(name.to_owned(), identity);
    let reset = if info.flags & INFO_RESET != 0 { "reset" } else { "no reset" };
    Ok(format!("{:04x}:{:04x}, {reset}", ids.0, ids.1))
}

/// Reads, and if harmless writes, registers with known values.
fn registers(kind: DeviceKind, device: &VfioDevice) -> Outcome {
    let expect = |what: &str, seen: u32, expected: u32| {
        if seen == expected {
            Ok(format!("{what} {seen:#010x}"))
        } else {
            Err(failure(format!("{what} {seen:#010x}, not {expected:#010x}")))
        }
    };
    match kind {
        // The version register: 1.4.
        DeviceKind::Nvme | DeviceKind::NvmeWithVirtualFunction => {
            expect("version", device.read_u32(BAR0, 0x08)?, 0x0001_0400)
        }
        DeviceKind::Edu => {
            expect("identification", device.read_u32(BAR0, 0x00)?, 0x0100_00ed)?;
            device.write_u32(BAR0, 0x04, 0x1234_5678)?;
            expect("liveness", device.read_u32(BAR0, 0x04)?, !0x1234_5678)
        }
        DeviceKind::PciTestdev => {
            // Selecting test 0 makes its name readable.
            device.write(BAR0, 0, &[0])?;
            let mut name = [0; 4];
            for (offset, byte) in name.iter_mut().enumerate() {
                device.read(BAR0, 16 + offset as u64, std::slice::from_mut(byte))?;
            }
            expect("test name", u32::from_be_bytes(name), u32::from_be_bytes(*b"mmio"))
        }
        // The low half of the MAC address, which a reset loads from the EEPROM.
        DeviceKind::E1000e => {
            expect("receive address", device.read_u32(BAR0, 0x5400)?, 0x1200_5452)
        }
    }
}

/// Turns bus mastering on, and configures an nvme without starting it.
fn leave_traces(kind: DeviceKind, device: &VfioDevice) -> Outcome {
    device.write(CONFIG, COMMAND, &(device.config_u16(COMMAND)? | BUS_MASTER).to_le_bytes())?;
    let command = device.config_u16(COMMAND)?;
    if command & BUS_MASTER == 0 {
        return Err(failure(format!("command register {command:#06x}")));
    }
    if kind == DeviceKind::Nvme {
        device.write_u32(BAR0, NVME_TRACE.0, NVME_TRACE.1)?;
        let seen = device.read_u32(BAR0, NVME_TRACE.0)?;
        if seen != NVME_TRACE.1 {
            return Err(failure(format!("the register took {seen:#010x}")));
        }
    }
    Ok(format!("command register {command:#06x}"))
}

/// Makes edu raise its interrupt and waits for the eventfd.
fn raise_interrupt(machine: &Machine, file: &str) -> Outcome {
    let open = machine.file(file)?;
    let device = open.device()?;
    let (_, eventfd) =
        open.interrupts.as_ref().ok_or_else(|| failure("the interrupts are not on"))?;
    // The device writes a message-signalled interrupt, so it must be a bus master.
    let command = device.config_u16(COMMAND)?;
    device.write(CONFIG, COMMAND, &(command | BUS_MASTER).to_le_bytes())?;
    device.write_u32(BAR0, 0x60, 1)?;
    let started = Instant::now();
    loop {
        match eventfd.read() {
            Ok(count) => {
                device.write_u32(BAR0, 0x64, 1)?;
                return Ok(format!("{count} interrupt"));
            }
            Err(Errno::EAGAIN) if started.elapsed() < INTERRUPT_PATIENCE => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(Errno::EAGAIN) => return Err(failure("no interrupt arrived")),
            Err(errno) => return Err(errno.into()),
        }
    }
}
