// SPDX-License-Identifier: GPL-2.0

//! The functions of `record`, under names that can be found in an object file.
//!
//! Not a part of the module. `compare-codegen.sh` builds this and `record_c.c`, and compares them.

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../abi/src/wire/mod.rs"]
mod wire;

mod record;

use kernel::{bindings, ffi::c_int};
use wire::{pci_address::PciAddress, vfio_pci::vfio_pci_core_device_ser};

/// As `c_record_fill()`.
#[no_mangle]
pub extern "C" fn rust_record_fill(
    record: &mut vfio_pci_core_device_ser,
    domain: u32,
    bdf: u16,
) -> c_int {
    match record::fill(record, PciAddress::from_bdf(domain, bdf)) {
        Ok(()) => 0,
        Err(_) => -(bindings::EOVERFLOW as c_int),
    }
}

/// As `c_record_read()`.
#[no_mangle]
pub extern "C" fn rust_record_read(
    page: &[u8; kernel::page::PAGE_SIZE],
    domain: &mut u32,
    bdf: &mut u16,
) -> c_int {
    let Ok((address, _)) = record::read(page) else {
        return -(bindings::EBADMSG as c_int);
    };
    *domain = address.domain();
    *bdf = address.bdf();
    0
}
