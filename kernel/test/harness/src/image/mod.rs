// SPDX-License-Identifier: GPL-2.0
//! Memory of the machine under test, seen from outside.
//!
//! [`memory`] reads physical addresses out of QEMU's backing file or of an ELF dump, [`kho`] finds
//! what Kexec HandOver preserves, [`luo`] follows the sessions to the pages of each file,
//! [`record`] is what init reported about them, and [`take`] writes images to keep. The walk shares
//! no code with the kernel, and only one type, [`kho_abi`]'s, with the module, so that it is an
//! independent check.

pub mod kho;
pub mod luo;
pub mod memory;
pub mod record;
pub mod take;
