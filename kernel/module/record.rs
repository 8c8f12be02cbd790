// SPDX-License-Identifier: GPL-2.0

//! The record of a device in a preserved page: written from its address, and read back.
//!
//! Only depends on the wire source, so that its object code can be examined by itself; see
//! `record_rust.rs`.

use crate::wire::{
    layout::{ViewError, WireType},
    pci_address::{PciAddress, PciAddressError},
    vfio_pci::vfio_pci_core_device_ser,
};

/// Writes the address of a device.
///
/// Fails, and leaves `record` unchanged, if the domain does not fit: nothing is truncated.
#[inline]
pub(crate) fn fill(
    record: &mut vfio_pci_core_device_ser,
    address: PciAddress,
) -> Result<(), PciAddressError> {
    // Field by field: otherwise the compiler would assemble the value in a register first.
    let vfio_pci_core_device_ser { bdf, domain } = address.try_into()?;
    record.bdf = bdf;
    record.domain = domain;
    Ok(())
}

/// Reads an address from the start of a preserved page, and returns what follows it there.
///
/// Any value of the record is a valid address.
#[inline]
pub(crate) fn read(page: &[u8]) -> Result<(PciAddress, &[u8]), ViewError> {
    let (record, rest) = vfio_pci_core_device_ser::view_prefix(page)?;
    Ok((record.address(), rest))
}
