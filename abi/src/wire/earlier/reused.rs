// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Facts about released kernels: which compatible strings they have, and which strings are
//! ambiguous.
//!
//! A kernel that knows a string trusts the bytes. If two kernels use one string for different
//! bytes, the string does not say which format the bytes have. A reader then needs the release of
//! the kernel that wrote them.

/// One compatible string for two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reused {
    /// The string.
    pub compatible: &'static str,
    /// What differs, as a struct or a constant.
    pub item: &'static str,
    /// The page sizes for which it differs, in bytes.
    pub page_sizes: &'static [usize],
    /// The two formats, in the order in which kernels had them.
    pub forms: [Form; 2],
    /// The source of this fact.
    pub source: &'static str,
}

/// One of the formats that a compatible string means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The kernels that have it.
    pub kernels: &'static str,
    /// The struct or constant in this format.
    pub is: &'static str,
    /// Whether the frozen layout of that string has this format.
    pub frozen: bool,
}

/// Every compatible string that is known to mean two formats.
pub const REUSED: &[Reused] = &[
    Reused {
        compatible: "kho-v1",
        item: "kho_mem_phys_bits",
        page_sizes: &[4096, 16384, 65536],
        forms: [
            Form {
                kernels: "Linux 6.16, and 6.17 up to 6.17.8",
                is: "a bitmap of 512 bytes, which covers 4096 blocks",
                frozen: false,
            },
            Form {
                kernels: "Linux 6.17.9 and later 6.17 kernels, and 6.18 to 7.0",
                is: "a bitmap of one page, which covers eight blocks per byte",
                frozen: true,
            },
        ],
        source: "kernel/kexec_handover.c; the change \"kho: increase metadata bitmap size to PAGE_SIZE\", \
                 backported to 6.17.9",
    },
    Reused {
        compatible: "kho-v3",
        item: "KHO_TREE_MAX_DEPTH",
        page_sizes: &[16384],
        forms: [
            Form {
                kernels: "Linux 7.1-rc1 to rc5",
                is: "4 levels, one too few for the bit that holds the order",
                frozen: false,
            },
            Form {
                kernels: "Linux 7.1 since rc6",
                is: "5 levels",
                frozen: true,
            },
        ],
        source: "include/linux/kho/abi/kexec_handover.h; commit d64b0372760e, \"kho: fix KHO_TREE_MAX_DEPTH for non-4KB page sizes\"",
    },
    Reused {
        compatible: "vfio-pci-v1",
        item: "vfio_pci_core_device_ser",
        page_sizes: &[4096, 16384, 65536],
        forms: [
            Form {
                kernels: "v2 of a series that no kernel has yet",
                is: "{ u16 bdf; u16 domain; }",
                frozen: true,
            },
            Form {
                kernels: "v5 of that series",
                is: "{ u32 domain; u16 bdf; }",
                frozen: false,
            },
        ],
        source: "20260129212510.967611-6-dmatlack@google.com, 20260714151505.3466855-7-vipinsh@google.com",
    },
];

/// A constant that has another name under the same string, with the same bytes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The string.
    pub compatible: &'static str,
    /// Its earlier name.
    pub before: &'static str,
    /// The kernels that have the earlier name.
    pub kernels: &'static str,
    /// Its name in the truth.
    pub now: &'static str,
    /// Its present value minus its earlier one.
    pub more: i128,
}

/// Every constant that is known under two names.
pub const RENAMED: &[Renamed] = &[Renamed {
    compatible: "kho-v4",
    before: "KHO_ORDER_0_LOG2",
    kernels: "Linux 7.2",
    now: "KHO_RADIX_KEY_WIDTH",
    more: 1,
}];

/// The compatible strings of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The release, as `7.3`.
    pub release: &'static str,
    /// The compatible strings that it is known to have; it may have more.
    pub compatible: &'static [&'static str],
    /// Whether the list is complete.
    pub complete: bool,
    /// The source of this fact.
    pub source: &'static str,
}

/// The kernels whose strings are known for a fact, oldest first.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        release: "6.17",
        compatible: &["kho-v1"],
        complete: false,
        source: "kernel/kexec_handover.c",
    },
    Kernel {
        release: "6.19",
        compatible: &["kho-v1", "luo-v1", "luo-session-v2", "memfd-v1"],
        complete: false,
        source: "kernel/liveupdate/kexec_handover.c; include/linux/kho/abi/luo.h, commit cc4adab164b7; \
                 include/linux/kho/abi/memfd.h",
    },
    Kernel {
        release: "7.0",
        compatible: &["kho-v1", "luo-v1", "luo-session-v2", "memfd-v1"],
        complete: false,
        source: "include/linux/kho/abi/kexec_handover.h, commit c17ee635fd3a; the commits that changed \
                 these strings, 3f2ad90060f6 and 8a552d68a86e among them, were merged for 7.1",
    },
    Kernel {
        release: "7.1",
        compatible: &[
            "kho-v3",
            "luo-v1",
            "luo-session-v2",
            "luo-flb-v1",
            "memfd-v2",
            "memblock-v1",
            "reserve-mem-v1",
        ],
        complete: false,
        source: "include/linux/kho/abi/kexec_handover.h at the merge 9d87d0fc8c8e; commit 8a552d68a86e; \
                 the kernel's documentation as published with it",
    },
    Kernel {
        release: "7.2",
        compatible: &["kho-v4", "luo-v5", "memfd-v2", "memblock-v1", "reserve-mem-v1", "kexec-metadata-v1"],
        complete: true,
        source: "Debian's linux-headers packages of 7.2.6, 7.2.12 and 7.2.13",
    },
    Kernel {
        release: "7.3",
        compatible: &["kho-v4", "luo-v5", "memfd-v2", "memblock-v1", "reserve-mem-v1", "kexec-metadata-v1"],
        complete: true,
        source: "Debian's linux-headers package of 7.3~rc7 and linux-source-7.3 of 7.3.4",
    },
];
