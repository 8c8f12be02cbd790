// SPDX-License-Identifier: GPL-2.0
//! The checks on the memory between two kernels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{bail, Context, Result};
use kho_abi::wire::vfio_pci::{vfio_pci_core_device_ser, VFIO_PCI_LUO_FH_COMPATIBLE};
use kho_abi_live_plan::{DeviceKind, Location, PreservedObject, Scenario, NVME_TRACE};
use serde_json::{json, Value};
use zerocopy::IntoBytes;

use crate::checks::{handed_over, Check, Checks, Origin};
use crate::image::kho::Kho;
use crate::image::luo::{self, Luo, LuoFile, MEMFD_COMPATIBLE};
use crate::image::memory::{ElfMemory, Memory, RawMemory, PAGE_BYTES};
use crate::image::record::{Preserved, Record, SCHEMA};
use crate::image::take::{self, Format};
use crate::qemu::Qemu;
use crate::run::WantedImage;

/// Where the firmware of a q35 machine maps configuration space.
const CONFIG_WINDOW: u64 = 0xb000_0000;
/// Far more than any scenario puts into a memfd.
const MEMFD_LIMIT_BYTES: u64 = 64 << 20;

/// Decides every check on the image, and returns the bytes that the vfio-pci handler left, by address.
pub fn decide(
    checks: &mut Checks,
    scenario: &Scenario,
    preserved: &Preserved,
    memory: &RawMemory,
    machine: &mut Qemu,
    scratch: &Path,
) -> BTreeMap<u64, [u8; 4]> {
    let mut bytes = BTreeMap::new();
    let found = Kho::find(memory).and_then(|kho| {
        let luo = Luo::read(memory, kho.luo_pa)?;
        Ok((kho, luo))
    });
    let (kho, luo) = match found {
        Ok(found) => found,
        Err(error) => {
            checks.decide(&Check::ImageSessions, Err(format!("{error:#}")));
            return bytes;
        }
    };
    checks.decide(&Check::ImageSessions, same_sessions(&luo, preserved));
    let mut pages = luo.chain_pages.clone();
    pages.insert(kho.fdt_pa);
    for planned in handed_over(scenario) {
        let check = Check::ImageFile { session: planned.session.clone(), token: planned.token };
        let result = (|| {
            let file = luo.file(&planned.session, planned.token)?;
            let (_, _, object) = preserved
                .files()
                .find(|(session, token, _)| *session == planned.session && *token == planned.token)
                .context("init did not report it")?;
            match object {
                PreservedObject::VfioPci { .. } => {
                    let (seen, text) = device_bytes(scenario, memory, machine, file, object)?;
                    pages.insert(file.data_pa & !(PAGE_BYTES - 1));
                    bytes.insert(file.data_pa, seen);
                    Ok(text)
                }
                PreservedObject::Memfd { size_bytes, sha256, .. } => {
                    let memfd = luo::read_memfd(memory, file, MEMFD_LIMIT_BYTES)?;
                    if memfd.size_bytes != *size_bytes || memfd.sha256 != *sha256 {
                        bail!("{} bytes with SHA-256 {}", memfd.size_bytes, memfd.sha256);
                    }
                    pages.extend(memfd.pages);
                    Ok(memfd.sha256)
                }
            }
        })();
        checks.decide(&check, flatten(result));
        if let Origin::Device(kind) = planned.origin {
            let (session, token) = (planned.session, planned.token);
            let object = preserved
                .files()
                .find(|(known, number, _)| *known == session && *number == token)
                .map(|(_, _, object)| object);
            let result = at_rest(machine, kind, object);
            checks.decide(&Check::ImageAtRest { session, token }, flatten(result));
        }
    }
    let missing: Vec<String> =
        pages.iter().filter(|pa| !kho.preserves(**pa)).map(|pa| format!("{pa:#x}")).collect();
    checks.decide(
        &Check::ImagePreserved,
        match missing.is_empty() {
            true => Ok(format!("{} pages", pages.len())),
            false => Err(format!("not preserved: {}", missing.join(", "))),
        },
    );
    let formats = same_in_all_formats(machine, memory, &pages, scratch);
    checks.decide(&Check::ImageFormats, flatten(formats));
    bytes
}

fn flatten(result: Result<String>) -> Result<String, String> {
    result.map_err(|error| format!("{error:#}"))
}

/// The compatible string of the handler for such a file.
fn compatible(object: &PreservedObject) -> String {
    match object {
        PreservedObject::VfioPci { .. } => VFIO_PCI_LUO_FH_COMPATIBLE.to_owned(),
        PreservedObject::Memfd { .. } => MEMFD_COMPATIBLE.to_owned(),
    }
}

fn same_sessions(luo: &Luo, preserved: &Preserved) -> Result<String, String> {
    let seen: BTreeSet<(String, u64, String)> = luo
        .sessions
        .iter()
        .flat_map(|session| {
            let name = &session.name;
            session
                .files
                .iter()
                .map(move |file| (name.clone(), file.token, file.compatible.clone()))
        })
        .collect();
    let reported: BTreeSet<(String, u64, String)> = preserved
        .files()
        .map(|(session, token, object)| (session.to_owned(), token, compatible(object)))
        .collect();
    if reported.is_empty() {
        Err("init reported nothing".to_owned())
    } else if seen == reported {
        Ok(format!("{} files, live update number {}", seen.len(), luo.liveupdate_number))
    } else {
        Err(format!("memory has {seen:?}, init reported {reported:?}"))
    }
}

/// Compares a device's page with what the contract's types make of the device's address, which init
/// read in sysfs, and with what QEMU has plugged in there.
fn device_bytes(
    scenario: &Scenario,
    memory: &RawMemory,
    machine: &mut Qemu,
    file: &LuoFile,
    object: &PreservedObject,
) -> Result<([u8; 4], String)> {
    let PreservedObject::VfioPci { device, domain, bus, slot, function, vendor, device_id } =
        object
    else {
        bail!("not a device");
    };
    let expected = vfio_pci_core_device_ser::from_parts(*domain, *bus, *slot, *function)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let (seen, value) = luo::vfio_pci_bytes(memory, file)?;
    if seen != expected.as_bytes() {
        bail!("{seen:02x?} ({value}), not {expected}");
    }
    let plugged = scenario
        .devices
        .iter()
        .find(|candidate| candidate.name == *device)
        .context("the scenario has no such device")?;
    let behind_port = matches!(plugged.at, Location::BehindRootPort(_));
    if behind_port == (*bus == 0) || plugged.kind.ids() != (*vendor, *device_id) {
        bail!("{value} is {vendor:04x}:{device_id:04x}, which is not what was plugged in");
    }
    let buses = machine.qmp.execute("query-pci", json!({}))?;
    let known = find_pci(&buses, *bus, *slot, *function);
    if known != Some((u64::from(*vendor), u64::from(*device_id))) {
        bail!("QEMU has {known:x?} at {value}");
    }
    Ok((seen, format!("{seen:02x?} is {value}")))
}

/// Examines a device through the registers that it shows on the bus.
fn at_rest(
    machine: &mut Qemu,
    kind: DeviceKind,
    object: Option<&PreservedObject>,
) -> Result<String> {
    let Some(PreservedObject::VfioPci { bus, slot, function, .. }) = object else {
        bail!("init did not report it");
    };
    let config = CONFIG_WINDOW
        + (u64::from(*bus) << 20)
        + (u64::from(*slot) << 15)
        + (u64::from(*function) << 12);
    let command = physical_u32(machine, config + 4)? & 0xffff;
    if command & 0x4 != 0 {
        bail!("it is a bus master: command register {command:#06x}");
    }
    if kind == DeviceKind::Nvme {
        let bar0 = u64::from(physical_u32(machine, config + 0x10)? & !0xf)
            | u64::from(physical_u32(machine, config + 0x14)?) << 32;
        // A register that no reset changes shows whether the device responds at all.
        let version = physical_u32(machine, bar0 + 0x08)?;
        let trace = physical_u32(machine, bar0 + NVME_TRACE.0)?;
        if version != 0x0001_0400 || trace != 0 {
            bail!("it was not reset: {trace:#010x} at {:#x}, version {version:#x}", NVME_TRACE.0);
        }
    }
    Ok(format!("command register {command:#06x}"))
}

/// Makes QEMU read four bytes of its physical address space, including devices.
fn physical_u32(machine: &mut Qemu, pa: u64) -> Result<u32> {
    let command = format!("xp /1wx {pa:#x}");
    let answer =
        machine.qmp.execute("human-monitor-command", json!({ "command-line": command }))?;
    let text = answer.as_str().unwrap_or_default();
    let digits = text.trim().rsplit("0x").next().unwrap_or_default();
    u32::from_str_radix(digits, 16).with_context(|| format!("QEMU answers {text:?} to {command}"))
}

/// Vendor and device number of QEMU's device at this address, including devices behind bridges.
fn find_pci(buses: &Value, bus: u8, slot: u8, function: u8) -> Option<(u64, u64)> {
    let buses = buses.as_array()?;
    for entry in buses {
        for device in entry["devices"].as_array()? {
            if device["bus"] == bus && device["slot"] == slot && device["function"] == function {
                let id = &device["id"];
                return Some((id["vendor"].as_u64()?, id["device"].as_u64()?));
            }
            // QEMU lists the devices behind a bridge in the same form as those of a bus.
            if let Some(behind) = device["pci_bridge"].get("devices") {
                let found = find_pci(&json!([{ "devices": behind }]), bus, slot, function);
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}

/// Reads every page of the chain through QEMU's monitor and from an ELF dump as well.
fn same_in_all_formats(
    machine: &mut Qemu,
    memory: &RawMemory,
    pages: &BTreeSet<u64>,
    scratch: &Path,
) -> Result<String> {
    let dump = scratch.with_extension("elf");
    let backing_file = machine.backing_file.clone();
    take::take(&mut machine.qmp, &backing_file, Format::Elf, &dump)?;
    let elf = ElfMemory::open(&dump)?;
    for pa in pages {
        let raw = memory.array::<{ PAGE_BYTES as usize }>(*pa)?;
        if elf.array::<{ PAGE_BYTES as usize }>(*pa)? != raw {
            bail!("the ELF dump has other bytes at {pa:#x}");
        }
        if take::page_through_qemu(&mut machine.qmp, *pa, scratch)? != raw {
            bail!("the monitor shows other bytes at {pa:#x}");
        }
    }
    fs::remove_file(&dump)?;
    Ok(format!("{} pages", pages.len()))
}

/// Keeps an image, with a file of what init reported about its content.
pub fn keep(
    wanted: &WantedImage,
    scenario: &Scenario,
    release: &str,
    preserved: &Preserved,
    memory_bytes: u64,
    machine: &mut Qemu,
) -> Result<()> {
    let backing_file = machine.backing_file.clone();
    take::take(&mut machine.qmp, &backing_file, wanted.format, &wanted.output)?;
    let record = Record {
        schema: SCHEMA,
        scenario: scenario.name.clone(),
        kernel_release: release.to_owned(),
        format: wanted.format.name().to_owned(),
        memory_bytes,
        page_bytes: PAGE_BYTES,
        sessions: preserved.sessions(compatible),
    };
    let mut path = wanted.output.clone().into_os_string();
    path.push(".json");
    let mut text = serde_json::to_string_pretty(&record)?;
    text.push('\n');
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.to_string_lossy()))
}
