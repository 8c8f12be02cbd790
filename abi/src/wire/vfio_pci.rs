// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! vfio-pci Live Update ABI
//!
//! A vfio-pci device file that user space preserves through the Live Update Orchestrator (LUO) leaves
//! one struct in a preserved page. The kernel that runs before the update writes it when the file is
//! preserved; the kernel that runs after it reads it when the file is retrieved, to find the device
//! again.
//!
//! The file's entry in the LUO session carries [`VFIO_PCI_LUO_FH_COMPATIBLE`], and the physical
//! address of a [`vfio_pci_core_device_ser`] in its data. Fields are in the byte order of the CPU.

use core::{fmt, str::FromStr};

use super::layout::{self, WireType};
use super::pci_address::{PciAddress, PciAddressError};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Compatible string of the LUO file handler for vfio-pci device files.
pub const VFIO_PCI_LUO_FH_COMPATIBLE: &str = "vfio-pci-v1";

/// Identity of a preserved vfio-pci device.
///
/// Both fields together name one PCI function. A device in a domain that does not fit cannot be
/// preserved.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq, Hash,
)]
pub struct vfio_pci_core_device_ser {
    /// Bus number in bits 8 to 15, device number in bits 3 to 7, function number in bits 0 to 2.
    pub bdf: u16,
    /// PCI domain, which the PCI specifications call segment.
    pub domain: u16,
}

layout::wire_layout! {
    struct vfio_pci_core_device_ser of VFIO_PCI_LUO_FH_COMPATIBLE, size 4, align 1 {
        0 => bdf: u16,
        2 => domain: u16,
    }
}

/// The header `linux/kho/abi/vfio_pci.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "vfio_pci",
    file: "vfio_pci.rs",
    source: include_str!("vfio_pci.rs"),
    guard: "_LINUX_LIVEUPDATE_ABI_VFIO_PCI_H",
    includes: &["linux/compiler.h", "linux/types.h"],
    structs: &[vfio_pci_core_device_ser::STRUCT_LAYOUT],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(VFIO_PCI_LUO_FH_COMPATIBLE),
        roots: &[vfio_pci_core_device_ser::STRUCT_LAYOUT],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};

impl vfio_pci_core_device_ser {
    /// Checks the four parts of an address, and stores it.
    ///
    /// # Errors
    ///
    /// A domain above `u16::MAX`, a device above 0x1f or a function above 7: nothing is truncated.
    pub fn from_parts(
        domain: u32,
        bus: u8,
        device: u8,
        function: u8,
    ) -> Result<Self, PciAddressError> {
        PciAddress::new(domain, bus, device, function)?.try_into()
    }

    /// The stored address. Every value of the four bytes is valid.
    #[must_use]
    pub const fn address(&self) -> PciAddress {
        PciAddress::from_bdf(self.domain as u32, self.bdf)
    }

    /// The bus number.
    #[must_use]
    pub const fn bus(&self) -> u8 {
        self.address().bus()
    }

    /// The device number on the bus, at most 0x1f.
    #[must_use]
    pub const fn device(&self) -> u8 {
        self.address().device()
    }

    /// The function number of the device, at most 7.
    #[must_use]
    pub const fn function(&self) -> u8 {
        self.address().function()
    }
}

impl From<vfio_pci_core_device_ser> for PciAddress {
    fn from(ser: vfio_pci_core_device_ser) -> Self {
        ser.address()
    }
}

impl TryFrom<PciAddress> for vfio_pci_core_device_ser {
    type Error = PciAddressError;

    /// Stores an address, or refuses a domain above `u16::MAX`: nothing is truncated.
    fn try_from(address: PciAddress) -> Result<Self, PciAddressError> {
        let domain = u16::try_from(address.domain())
            .map_err(|_| PciAddressError::Domain(address.domain()))?;
        Ok(Self { bdf: address.bdf(), domain })
    }
}

impl fmt::Display for vfio_pci_core_device_ser {
    /// Prints the address, as `0000:01:00.0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl FromStr for vfio_pci_core_device_ser {
    type Err = PciAddressError;

    /// Parses the address, as `0000:01:00.0`.
    fn from_str(text: &str) -> Result<Self, PciAddressError> {
        text.parse::<PciAddress>()?.try_into()
    }
}
