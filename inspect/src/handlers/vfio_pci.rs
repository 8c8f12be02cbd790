// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Devices of vfio-pci: the preserved PCI address.

use super::{Given, Payload};
use crate::finding::{address, AddressText};
use crate::rules;
use crate::walk::Walker;
use kho_abi::wire::versions::vfio_pci_v1::vfio_pci_core_device_ser;
use schemars::JsonSchema;
use serde::Serialize;

/// A device.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Device {
    /// Where its struct is.
    #[serde(serialize_with = "address")]
    #[schemars(with = "AddressText")]
    pub at: u64,
    /// Its PCI address, such as `0000:01:00.0`.
    pub address: String,
}

pub(super) fn read(walker: &mut Walker<'_>, given: &mut Given<'_>) -> Payload {
    let Given { data, entry, owner, ref mut seen } = *given;
    walker.within("vfio_pci_core_device_ser", Some(data), |walker| {
        let Some(ser) = walker.value::<vfio_pci_core_device_ser>(data, "a device") else {
            return Payload::Unreadable;
        };
        let size = size_of::<vfio_pci_core_device_ser>() as u64;
        walker.allocation(data, size, "the page of a device", owner);
        let address = ser.address();
        if let Some(other) = seen.devices.insert(address, entry) {
            walker.find(&rules::DEVICE_TWICE, data, || {
                format!("{address} is preserved by the file at {other:#x} as well")
            });
        }
        Payload::VfioPci(Device { at: data, address: address.to_string() })
    })
}
