// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! memblock kexec handover ABI
//!
//! Memory that was set aside by name, with the `reserve_mem` option on the kernel's command line, is
//! found again after a kexec at the same address. What is handed over is a flattened device tree, the
//! KHO entry [`MEMBLOCK_KHO_FDT`]: its root has one child for each reservation, named as the command
//! line names it. The next kernel takes a reservation where it asks for the same name, size and
//! alignment, and reserves new memory where it does not.

use super::layout;

/// Name of the KHO entry that holds the device tree.
pub const MEMBLOCK_KHO_FDT: &str = "memblock";

/// Compatible string of the device tree's root.
pub const MEMBLOCK_KHO_NODE_COMPATIBLE: &str = "memblock-v1";

/// Compatible string of a reservation's node.
pub const RESERVE_MEM_KHO_NODE_COMPATIBLE: &str = "reserve-mem-v1";

/// The header `linux/kho/abi/memblock.h`.
pub const HEADER: layout::Header = layout::Header {
    name: "memblock",
    file: "memblock.rs",
    source: include_str!("memblock.rs"),
    guard: "_LINUX_KHO_ABI_MEMBLOCK_H",
    contracts: &[
        layout::Contract {
            compatible: layout::named_str!(MEMBLOCK_KHO_NODE_COMPATIBLE),
            constants: &["MEMBLOCK_KHO_FDT"],
            nodes: &[layout::FdtNode {
                path: "/",
                properties: &[layout::FdtProperty {
                    name: "compatible",
                    size: None,
                    doc: "`MEMBLOCK_KHO_NODE_COMPATIBLE`.",
                }],
            }],
            ..layout::Contract::EMPTY
        },
        layout::Contract {
            compatible: layout::named_str!(RESERVE_MEM_KHO_NODE_COMPATIBLE),
            nodes: &[layout::FdtNode {
                path: "/<name>",
                properties: &[
                    layout::FdtProperty {
                        name: "compatible",
                        size: None,
                        doc: "`RESERVE_MEM_KHO_NODE_COMPATIBLE`.",
                    },
                    layout::FdtProperty {
                        name: "start",
                        size: Some(8),
                        doc: "Physical address of the reservation.",
                    },
                    layout::FdtProperty {
                        name: "size",
                        size: Some(8),
                        doc: "Size of the reservation, in bytes.",
                    },
                ],
            }],
            ..layout::Contract::EMPTY
        },
    ],
    ..layout::Header::EMPTY
};
