// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The wire files compile without a warning if a crate mounts them by path and keeps them private,
//! as the kernel module does, whose build treats warnings as errors.
#![deny(warnings)]

use kho_abi::wire::layout::WireType as _;
use wire::layout::WireType as _;
use zerocopy::IntoBytes as _;

// The compiler lints that the module allows, and no others. clippy checks these files in their own
// crate, where they are public.
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
