// SPDX-License-Identifier: GPL-2.0
//! Memory of the machine under test, seen from outside.
//!
//! [`memory`] reads physical addresses out of QEMU's backing file or of an ELF dump, [`kho`] finds what Kexec
//! HandOver preserves, [`luo`] follows the sessions to the pages of each file, [`record`] is what init said about
//! them, and [`take`] writes images to keep. The walk shares no code with the kernel and only one type with the
//! module, [`kho_abi`]'s: what both agree on is then more than one program's opinion.

pub mod kho;
pub mod luo;
pub mod memory;
pub mod record;
pub mod take;
