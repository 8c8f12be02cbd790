// SPDX-License-Identifier: GPL-2.0

//! What a preserved page says about a device: written from its address, and read back.
//!
//! Depends on the wire source alone, so that its object code can be looked at by itself; see
//! `record_rust.rs`.

use crate::wire::{
    layout::{ViewError, WireType},
    pci_address::{PciAddress, PciAddressError},
    vfio_pci::vfio_pci_core_device_ser,
};

/// Writes the address of a device down.
///
/// Fails, and leaves `record` alone, when the domain does not fit: nothing is truncated.
#[inline]
pub(crate) fn fill(
    record: &mut vfio_pci_core_device_ser,
    address: PciAddress,
) -> Result<(), PciAddressError> {
    // Field by field: as one value, the compiler would put it together in a register first.
    let vfio_pci_core_device_ser { bdf, domain } = address.try_into()?;
    record.bdf = bdf;
    record.domain = domain;
    Ok(())
}

/// Reads an address from the start of a preserved page, and returns what follows it there.
///
/// Any value of the record is an address, so that it cannot be wrong in itself.
#[inline]
pub(crate) fn read(page: &[u8]) -> Result<(PciAddress, &[u8]), ViewError> {
    let (record, rest) = vfio_pci_core_device_ser::view_prefix(page)?;
    Ok((record.address(), rest))
}
