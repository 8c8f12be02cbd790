// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Every version of every contract, under a name that stays.
//!
//! The present version of memfd's contract is in `memfd`, whatever its number is, and moves to `earlier`
//! with the next bump. A reader of a version names it here instead: the bytes that it reads are the
//! same after the bump, and so is its source. `kho-abi bump` and `kho-abi new` keep the list.

pub use super::earlier::kexec_handover_v1 as kho_v1;
pub use super::earlier::kexec_handover_v3 as kho_v3;
pub use super::earlier::luo_v1 as luo_flb_v1;
pub use super::earlier::luo_v1 as luo_session_v2;
pub use super::earlier::luo_v1;
pub use super::earlier::memfd_v1;
pub use super::kexec_handover as kho_v4;
pub use super::kexec_metadata as kexec_metadata_v1;
pub use super::luo as luo_v5;
pub use super::memblock as memblock_v1;
pub use super::memblock as reserve_mem_v1;
pub use super::memfd as memfd_v2;
pub use super::pci as pci_v2;
pub use super::vfio_pci as vfio_pci_v1;
