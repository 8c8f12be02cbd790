// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! The handover ABI of live-updating Linux kernels, as Rust types: the source of truth.
//!
//! A kernel that updates itself live writes small packed structs into memory that survives the
//! kexec (Kexec HandOver, KHO), and the next kernel reads them. Only a compatible string says which
//! layout they have. This crate states each layout once:
//!
//! ```text
//!   wire::walk          lists in preserved memory, which may be damaged
//!         │
//!   wire::luo, …        one file per kernel header: types, compatible strings, contracts
//!         │                  (compiled by the kernel too, from the same source)
//!   wire::phys, …       what several of them share: addresses, names, bit-fields
//!         │
//!   wire::layout        layouts as data, the assertions, zero-copy views with errors
//!         │
//!   zerocopy            any bytes are a valid value, at any address
//! ```
//!
//! `kho-abi-codegen` generates C headers and frozen layouts from it, and `kho-abi-inspect` reads
//! memory images with it.
//!
//! # Examples
//!
//! ```
//! use kho_abi::wire::layout::WireType;
//! use kho_abi::wire::vfio_pci::vfio_pci_core_device_ser;
//! use zerocopy::IntoBytes;
//!
//! let saved: vfio_pci_core_device_ser = "0000:01:00.0".parse()?;
//! let page = saved.as_bytes();
//!
//! let read = vfio_pci_core_device_ser::view(page)?;
//! assert_eq!((read.bus(), read.device(), read.function()), (1, 0, 0));
//! assert_eq!(read.to_string(), "0000:01:00.0");
//!
//! let error = vfio_pci_core_device_ser::view(&page[1..]).unwrap_err();
//! assert_eq!(error.to_string(), "struct vfio_pci_core_device_ser takes 4 bytes, 3 given");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

pub mod wire;
