// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The wire files compile without a warning where a crate mounts them by path and keeps them to
//! itself, as the kernel module does: its build takes a warning for an error.
#![deny(warnings)]

use kho_abi::wire::layout::WireType as _;
use wire::layout::WireType as _;
use zerocopy::IntoBytes as _;

// What the module allows, and no more of the compiler's; clippy sees these files in their own crate,
// where it knows that they are an interface.
#[allow(dead_code, missing_docs, unreachable_pub)]
#[allow(clippy::all, clippy::pedantic)]
#[path = "../src/wire/mod.rs"]
mod wire;

#[test]
fn a_mounted_type_is_the_crates_own() {
    let mounted = wire::vfio_pci::vfio_pci_core_device_ser { bdf: 0x0100, domain: 2 };
    let own = kho_abi::wire::vfio_pci::vfio_pci_core_device_ser::view(mounted.as_bytes());
    assert_eq!(own.map(ToString::to_string), Ok(mounted.to_string()));
    assert_eq!(wire::vfio_pci::vfio_pci_core_device_ser::STRUCT_LAYOUT.size, 4);
}
