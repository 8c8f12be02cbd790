// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The devices that the PCI core preserved: a table, sorted by address, in a list of blocks.
//!
//! No released kernel has it yet, and so it is not among the types of `kho-abi`. Its string has no
//! version; the first field has, which is promised never to move. Versions 1 and 2 have the same bytes.

use super::{Given, State};
use crate::finding::{address, AddressText};
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::pci_address::PciAddress;
use kho_abi::wire::phys::PhysAddr;
use kho_abi::wire::walk::{Blocks, Memory as _, WalkError};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

pub(super) const COMPATIBLE: &str = "pci";
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=2;
/// The header: version, number of devices, address of the first block.
const HEADER: usize = 16;
/// An entry: domain, bus with device and function, and a count.
const ENTRY: usize = 8;
/// Devices that are kept; a block has hundreds of them.
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
    /// Number of devices that the header tells.
    pub count: u32,
    /// The devices, in the order of the table.
    pub devices: Vec<Device>,
}

/// A device.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Device {
    /// Its PCI address, as `0000:01:00.0`.
    pub address: String,
    /// Number of preserved devices at or below this one; in version 1, whether it is in use.
    pub refcount: u16,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
}

pub(super) fn read(walker: &mut Walker<'_>, given: &Given) -> Option<State> {
    let at = given.data;
    let mut header = [0; HEADER];
    if let Err(error) = walker.memory.read(PhysAddr::new(at), &mut header) {
        walker.unreadable(at, "the PCI core's state", error);
        return None;
    }
    let version = u32::from_ne_bytes(number(&header, 0));
    if !VERSIONS.contains(&version) {
        return None;
    }
    walker.allocation(at, HEADER as u64, "the PCI core's state", given.owner);
    let count = u32::from_ne_bytes(number(&header, 4));
    let first = u64::from_ne_bytes(number(&header, 8));
    let mut state = Devices { at, version, count, devices: Vec::new() };
    walker.within("devices", Some(first), |walker| {
        let found = entries(walker, first, given, &mut state.devices);
        if found.is_some_and(|found| found != u64::from(count)) {
            walker.find(&rules::COUNT_MISMATCH, at, || {
                format!("the header tells {count} devices, and its list has {}", found.unwrap_or(0))
            });
        }
    });
    Some(State::Pci(state))
}

/// Reads the table, and returns how many devices it has; `None` where it is damaged.
fn entries(
    walker: &mut Walker<'_>,
    first: u64,
    given: &Given,
    devices: &mut Vec<Device>,
) -> Option<u64> {
    let what = "the list of PCI devices";
    let page_size = walker.memory.page_size_usize();
    let memory = crate::image::cache::Cached::new(walker.memory.image(), page_size);
    let mut last: Option<PciAddress> = None;
    let (mut found, mut seen) = (0, HashSet::new());
    for block in Blocks::new(&memory, PhysAddr::new(first), ENTRY) {
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
            let mut entry = [0; ENTRY];
            if let Err(error) = memory.read(at, &mut entry) {
                walker.unreadable(at.get(), what, error);
                return None;
            }
            let domain = u32::from_ne_bytes(number(&entry, 0));
            let bdf = u16::from_ne_bytes(number(&entry, 4));
            let address = PciAddress::from_bdf(domain, bdf);
            if last.is_some_and(|last| last >= address) {
                walker.find(&rules::PCI_DEVICES_UNORDERED, at.get(), || {
                    let last = last.map(|last| last.to_string()).unwrap_or_default();
                    format!("{address} stands behind {last}")
                });
            }
            last = Some(address);
            found += 1;
            if devices.len() < KEPT {
                let refcount = u16::from_ne_bytes(number(&entry, 6));
                devices.push(Device { address: address.to_string(), refcount });
            }
        }
    }
    Some(found)
}
