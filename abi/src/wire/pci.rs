// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! PCI core Live Update ABI
//!
//! The devices that the PCI core keeps as they are across a live update: those that a driver
//! preserves, and the bridges above them. The kernel that runs before the update lists them in blocks
//! of [`pci_dev_ser`], and leaves a [`pci_ser`] that leads to the first block. The kernel that runs
//! after it finds a device on the bus, and looks it up in that list.
//!
//! It is a File-Lifecycle-Bound (FLB) object of the Live Update Orchestrator (LUO): there as long as a
//! file that needs it is. The object's entry in LUO carries [`PCI_LUO_FLB_COMPATIBLE`], which has no
//! version in it and stays the same, and the physical address of a [`pci_ser`] in its data. The version
//! is [`PCI_LUO_FLB_VERSION`], in the struct's first field. A kernel that finds another number there
//! panics. Fields are in the byte order of the CPU.

use super::layout::{self, WireType};
use super::pci_address::PciAddress;
use super::phys::PhysAddr;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Compatible string of the PCI core's FLB object, in every version.
pub const PCI_LUO_FLB_COMPATIBLE: &str = "pci";

/// Version of [`pci_ser`] and all that it leads to, as its first field has it.
pub const PCI_LUO_FLB_VERSION: u32 = 2;

/// A preserved device, or a bridge above one.
///
/// Domain and address together name one PCI function. In the list each is there once, and the list is
/// sorted by domain, and by address within a domain.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq, Hash,
)]
pub struct pci_dev_ser {
    /// PCI domain, which the PCI specifications call segment.
    pub domain: u32,
    /// Bus number in bits 8 to 15, device number in bits 3 to 7, function number in bits 0 to 2.
    pub bdf: u16,
    /// Number of preserved devices at or below this one.
    pub refcount: u16,
}

layout::wire_layout! {
    struct pci_dev_ser of PCI_LUO_FLB_COMPATIBLE, size 8, align 1 {
        0 => domain: u32,
        4 => bdf: u16,
        6 => refcount: u16,
    }
}

/// What the PCI core hands over.
#[repr(C, packed)]
#[derive(
    FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug, PartialEq, Eq,
)]
pub struct pci_ser {
    /// [`PCI_LUO_FLB_VERSION`]: never removed, moved or given another size, in any version.
    pub version: u32,
    /// Number of devices in all blocks.
    pub nr_devices: u32,
    /// Physical address of the first block (`kho_block_header_ser`) of [`pci_dev_ser`].
    pub devices: PhysAddr,
}

layout::wire_layout! {
    struct pci_ser of PCI_LUO_FLB_COMPATIBLE, size 16, align 1 {
        0 => version: u32,
        4 => nr_devices: u32,
        8 => devices: PhysAddr,
    }
}

/// The header `linux/kho/abi/pci.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "pci",
    file: "pci.rs",
    source: include_str!("pci.rs"),
    guard: "_LINUX_KHO_ABI_PCI_H",
    includes: &["linux/compiler.h", "linux/types.h"],
    structs: &[pci_dev_ser::STRUCT_LAYOUT, pci_ser::STRUCT_LAYOUT],
    contracts: &[layout::Contract {
        compatible: layout::NamedStr { name: "PCI_LUO_FLB_VERSION", value: PCI_LUO_FLB_COMPATIBLE },
        version: Some(PCI_LUO_FLB_VERSION),
        name: Some(layout::named_str!(PCI_LUO_FLB_COMPATIBLE)),
        roots: &[pci_dev_ser::STRUCT_LAYOUT, pci_ser::STRUCT_LAYOUT],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};

impl pci_dev_ser {
    /// The stored address. Every value of the six bytes is valid.
    #[must_use]
    pub const fn address(&self) -> PciAddress {
        PciAddress::from_bdf(self.domain, self.bdf)
    }
}
