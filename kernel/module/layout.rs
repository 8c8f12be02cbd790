// SPDX-License-Identifier: GPL-2.0

//! Compares the wire types with the C structs that this kernel declares.
//!
//! The wire types are compiled from Rust; the C structs are what bindgen read from the header in
//! the kernel's own tree, `include/linux/kho/abi/vfio_pci.h`. That header is generated from the
//! wire source, but the tree may contain an older, a newer, or an edited one. Then this file does
//! not compile, so that no module can write or misread a page.

use crate::wire;
use core::mem::offset_of;
use kernel::{bindings, prelude::*};

/// Compares a wire type with a C struct: size, alignment, and name, type and offset of each field.
macro_rules! hold_to_c {
    ($wire:path, $c:path { $($field:ident: $ty:ty),+ $(,)? }) => {
        const _: () = assert!(
            size_of::<$wire>() == size_of::<$c>(),
            concat!(stringify!($wire), ": another size in this kernel's C header"),
        );
        const _: () = assert!(
            align_of::<$wire>() == align_of::<$c>(),
            concat!(stringify!($wire), ": another alignment in this kernel's C header"),
        );
        $(
            const _: () = assert!(
                offset_of!($wire, $field) == offset_of!($c, $field),
                concat!(
                    stringify!($wire), ".", stringify!($field),
                    ": another offset in this kernel's C header"
                ),
            );
            // Neither signedness nor width may differ, even if the offsets agree.
            const _: (fn($wire) -> $ty, fn($c) -> $ty) = (|rust| rust.$field, |c| c.$field);
        )+
        // The list above is complete, on either side.
        const _: (fn($wire), fn($c)) = (
            |rust| {
                let $wire { $($field: _),+ } = rust;
            },
            |c| {
                let $c { $($field: _),+ } = c;
            },
        );
    };
}

hold_to_c! {
    wire::vfio_pci::vfio_pci_core_device_ser, bindings::vfio_pci_core_device_ser {
        bdf: u16,
        domain: u16,
    }
}

/// Whether `c`, as bindgen reads a string macro, is `rust` followed by C's NUL.
const fn same_string(rust: &str, c: &[u8]) -> bool {
    let rust = rust.as_bytes();
    if c.len() != rust.len() + 1 || c[rust.len()] != 0 {
        return false;
    }
    let mut at = 0;
    while at < rust.len() {
        if rust[at] != c[at] {
            return false;
        }
        at += 1;
    }
    true
}

const _: () = assert!(
    same_string(
        wire::vfio_pci::VFIO_PCI_LUO_FH_COMPATIBLE,
        bindings::VFIO_PCI_LUO_FH_COMPATIBLE
    ),
    "VFIO_PCI_LUO_FH_COMPATIBLE: another version in this kernel's C header",
);
