// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Log ring Live Update ABI
//!
//! A log ring keeps its records across a live update. The kernel that runs before the update leaves a
//! [`log_ring_ser`] in a preserved page, under the KHO entry [`LOG_RING_KHO_ENTRY_NAME`]. The kernel
//! that runs after it compares [`LOG_RING_COMPATIBLE`], and goes on where the other one stopped.

use core::ffi::c_char;

use kho_abi::wire::bits;
use kho_abi::wire::kexec_handover::kho_vmalloc;
use kho_abi::wire::layout::{self, WireType};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Name of the KHO entry that holds the ring.
pub const LOG_RING_KHO_ENTRY_NAME: &str = "log-ring";

/// Compatible string of the ring.
pub const LOG_RING_COMPATIBLE: &str = "log-ring-v1";

/// Size of the field for the compatible string, in bytes, with its NUL.
pub const LOG_RING_COMPAT_LEN: usize = 16;

/// The ring lost records before the update.
pub const LOG_RING_LOST: u32 = 1 << 0;

/// Where a record lies.
#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug)]
pub struct log_ring_record_ser {
    /// Where `offset` and `level` lie; C has them as bit-fields.
    pub offset_and_level: u64,
}

bits::bit_fields! {
    log_ring_record_ser.offset_and_level: u64 {
        /// Distance of the text from the start of the ring, in bytes.
        0..60 => offset, set_offset;
        /// Level of the record, as `printk()` has it.
        60..64 => level, set_level;
    }
}

layout::wire_layout! {
    struct log_ring_record_ser of LOG_RING_COMPATIBLE, size 8, align 1 {
        0 => offset_and_level: u64,
    }
}

/// The ring.
#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Clone, Copy, Debug)]
pub struct log_ring_ser {
    /// [`LOG_RING_COMPATIBLE`]: a kernel that finds another string reads no further.
    pub compatible: [c_char; LOG_RING_COMPAT_LEN],
    /// Number of records that were ever written.
    pub nr_records: u64,
    /// [`LOG_RING_LOST`], or 0.
    pub flags: u32,
    /// Size of the text in `texts`, in bytes.
    pub size: u32,
    /// The texts.
    pub texts: kho_vmalloc,
    /// The newest records, oldest first.
    pub newest: [log_ring_record_ser; 4],
}

layout::wire_layout! {
    struct log_ring_ser of LOG_RING_COMPATIBLE, size 80, align 1 {
        0 => compatible: [c_char; LOG_RING_COMPAT_LEN],
        16 => nr_records: u64,
        24 => flags: u32,
        28 => size: u32,
        32 => texts: kho_vmalloc,
        48 => newest: [log_ring_record_ser; 4],
    }
}

/// The header `linux/kho/abi/log_ring.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "log_ring",
    file: "log_ring.rs",
    source: include_str!("log_ring.rs"),
    guard: "_LINUX_KHO_ABI_LOG_RING_H",
    includes: &[
        "linux/bits.h",
        "linux/compiler.h",
        "linux/kho/abi/kexec_handover.h",
        "linux/types.h",
    ],
    structs: &[log_ring_record_ser::STRUCT_LAYOUT, log_ring_ser::STRUCT_LAYOUT],
    constants: &[layout::named_int!(LOG_RING_LOST, "BIT(0)")],
    bit_fields: &[log_ring_record_ser::BIT_FIELDS],
    contracts: &[layout::Contract {
        compatible: layout::named_str!(LOG_RING_COMPATIBLE),
        roots: &[log_ring_ser::STRUCT_LAYOUT],
        constants: &["LOG_RING_KHO_ENTRY_NAME", "LOG_RING_COMPAT_LEN", "LOG_RING_LOST"],
        ..layout::Contract::EMPTY
    }],
    ..layout::Header::EMPTY
};
