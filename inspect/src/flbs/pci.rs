// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The devices that the PCI core preserved: a table, sorted by address, in a list of blocks.
//!
//! Its string has no version. The version is in the first field, which is promised never to move.
//! Versions 1 and 2 have the same bytes.

use super::{Given, State};
use crate::finding::{address, AddressText};
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::pci_address::PciAddress;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::versions::pci_v2::{
    pci_dev_ser, pci_ser, PCI_LUO_FLB_COMPATIBLE, PCI_LUO_FLB_VERSION,
};
use kho_abi::wire::walk::{Blocks, WalkError};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

pub(super) const COMPATIBLE: &str = PCI_LUO_FLB_COMPATIBLE;
/// How many devices to keep; a block has hundreds of them.
const KEPT: usize = 1 << 16;

/// The devices that the PCI core preserved.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Devices {
    /// Where the header is.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// The version.
    pub version: u32,
    /// Number of devices that the header claims.
    pub count: u32,
    /// The devices, in the order of the table.
    pub devices: Vec<Device>,
}

/// A device.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Device {
    /// Its PCI address, such as `0000:01:00.0`.
    pub address: String,
    /// Number of preserved devices at or below this one; in version 1, whether it is in use.
    pub refcount: u16,
}

/// Whether a version has the bytes of the present one, as 1 has those of 2.
fn has_present_bytes(version: u32) -> bool {
    version == PCI_LUO_FLB_VERSION || (version, PCI_LUO_FLB_VERSION) == (1, 2)
}

pub(super) fn read(walker: &mut Walker<'_>, given: &Given) -> Option<State> {
    let at = given.data;
    let ser: pci_ser = walker.value(at, "the PCI core's state")?;
    let version = ser.version;
    if !has_present_bytes(version) {
        return None;
    }
    walker.allocation(at, size_of::<pci_ser>() as u64, "the PCI core's state", given.owner);
    let (count, first) = (ser.nr_devices, ser.devices);
    let mut state = Devices { at, version, count, devices: Vec::new() };
    walker.within("devices", Some(first.get()), |walker| {
        let found = entries(walker, first, given, &mut state.devices);
        if found.is_some_and(|found| found != u64::from(count)) {
            walker.find(&rules::COUNT_MISMATCH, at, || {
                format!(
                    "the header claims {count} devices, but the list has {}",
                    found.unwrap_or(0)
                )
            });
        }
    });
    Some(State::Pci(state))
}

/// Reads the table, and returns the number of devices; `None` if it is damaged.
fn entries(
    walker: &mut Walker<'_>,
    first: PhysAddr,
    given: &Given,
    devices: &mut Vec<Device>,
) -> Option<u64> {
    let what = "the list of PCI devices";
    let page_size = walker.memory.page_size_usize();
    let memory = crate::image::cache::Cached::new(walker.memory.image(), page_size);
    let mut last: Option<PciAddress> = None;
    let (mut found, mut seen) = (0, HashSet::new());
    for block in Blocks::new(&memory, first, size_of::<pci_dev_ser>()) {
        let block = match block {
            Ok(block) if seen.insert(block.at) => block,
            Ok(block) => {
                walker.walk_error(what, &WalkError::Cycle { at: block.at });
                return None;
            }
            Err(error) => {
                walker.walk_error(what, &error);
                return None;
            }
        };
        walker.allocation(block.at.get(), page_size as u64, what, given.owner);
        for index in 0..block.count {
            let at = block.entry_at(index)?;
            let device: pci_dev_ser = match block.entry(&memory, index) {
                Ok(device) => device?,
                Err(error) => {
                    walker.walk_error(what, &error);
                    return None;
                }
            };
            let address = device.address();
            if last.is_some_and(|last| last >= address) {
                walker.find(&rules::PCI_DEVICES_UNORDERED, at.get(), || {
                    let last = last.map(|last| last.to_string()).unwrap_or_default();
                    format!("{address} follows {last}")
                });
            }
            last = Some(address);
            found += 1;
            if devices.len() < KEPT {
                let refcount = device.refcount;
                devices.push(Device { address: address.to_string(), refcount });
            }
        }
    }
    Some(found)
}
