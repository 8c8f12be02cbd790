// SPDX-License-Identifier: GPL-2.0
//! The system calls of a live update with Rust types around them.
//!
//! One module per kernel interface: [`liveupdate`] for sessions, [`vfio`] for device files,
//! [`iommufd`] for the address spaces that they are bound to, [`pci`] for finding devices in sysfs,
//! [`kexec`] for the next kernel. Every error is the kernel's errno, unchanged, since the tests
//! check which one it is. File descriptors are owned, so closing is dropping.
//!
//! `examples/preserve-device.rs` shows the whole flow from a program's point of view.

pub mod iommufd;
pub mod kexec;
pub mod liveupdate;
pub mod pci;
pub mod vfio;
