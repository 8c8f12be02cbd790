// SPDX-License-Identifier: GPL-2.0
//! The ways in which the self-test breaks the module.

use kho_abi_live_plan::Flavour;

/// A change that breaks something.
pub struct Mutation {
    pub name: &'static str,
    /// Relative to the checkout.
    pub file: &'static str,
    /// Replaced texts and their replacements. Each text must occur exactly once.
    pub edits: &'static [(&'static str, &'static str)],
    /// The flavour whose module is broken.
    pub flavour: Flavour,
    pub expectation: Expectation,
}

/// The expected result.
#[derive(Clone, Copy)]
pub enum Expectation {
    /// The module does not build, and the compiler prints this.
    BuildFails(&'static str),
    /// In this scenario, the first check that fails has this in its name.
    CheckFails { scenario: &'static str, check: &'static str },
}

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "fields-in-another-order-than-the-header",
        file: "abi/src/wire/vfio_pci.rs",
        // The source and its own assertion agree, but they differ from the kernel's header.
        edits: &[
            ("        0 => bdf: u16,\n        2 => domain: u16,\n", "        0 => domain: u16,\n        2 => bdf: u16,\n"),
            ("    pub bdf: u16,\n", "    pub other: u16,\n"),
            ("    pub domain: u16,\n", "    pub bdf: u16,\n"),
            ("    pub other: u16,\n", "    pub domain: u16,\n"),
        ],
        flavour: Flavour::Base,
        expectation: Expectation::BuildFails(
            "vfio_pci_core_device_ser.domain: another offset in this kernel's C header",
        ),
    },
    Mutation {
        name: "interrupt-check-skipped",
        file: "kernel/module/vfio_pci.rs",
        edits: &[("if irq_type != bindings::VFIO_PCI_NUM_IRQS as c_int {", "if irq_type == c_int::MIN {")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "interrupts-that-are-on-hold-a-live-update-back",
            check: "kernel 1: live update: refused with EINVAL",
        },
    },
    Mutation {
        name: "files-from-a-group-accepted",
        file: "kernel/module/handler.rs",
        edits: &[("if origin == Origin::Group {", "if origin == Origin::Group && false {")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "what-cannot-be-preserved-is-refused",
            check: "preserve edu in vm0 as token 0x2: refused with ENOENT",
        },
    },
    Mutation {
        name: "two-files-on-one-device-accepted",
        file: "kernel/module/handler.rs",
        edits: &[("Some((device, _)) => device.as_raw() as usize,", "Some(_) => file.as_ptr() as usize,")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "what-cannot-be-preserved-is-refused",
            check: "preserve another in vm0 as token 0x2: refused with EBUSY",
        },
    },
    Mutation {
        name: "page-kept-when-the-session-is-closed",
        file: "kernel/module/handler.rs",
        edits: &[("drop(unsafe { OutgoingRecord::<vfio_pci_core_device_ser>::from_phys(data) });", "core::mem::forget(unsafe { OutgoingRecord::<vfio_pci_core_device_ser>::from_phys(data) });")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "a-closed-session-leaves-nothing-preserved",
            check: "exactly the pages of \"before\" are preserved",
        },
    },
    Mutation {
        name: "finish-without-retrieve-accepted",
        file: "kernel/module/handler.rs",
        edits: &[("        retrieval != Retrieval::NotTried\n    }", "        let _ = retrieval;\n        true\n    }")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "finish-waits-until-every-device-is-retrieved",
            check: "finish session vm0: refused with EBUSY",
        },
    },
    Mutation {
        name: "wrong-bytes-written",
        file: "kernel/module/record.rs",
        edits: &[("    record.bdf = bdf;\n", "    record.bdf = bdf ^ 0x100;\n")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "preserved-bytes-are-the-contracts",
            check: "image: token 0x1 of vm0 leads to the bytes that the contract has",
        },
    },
    Mutation {
        name: "next-version-claims-this-one",
        file: "kernel/module/handler.rs",
        edits: &[("const COMPATIBLE: &'static str = \"vfio-pci-v2\";", "const COMPATIBLE: &'static str = \"vfio-pci-v1\";")],
        flavour: Flavour::V2,
        expectation: Expectation::CheckFails {
            scenario: "a-handler-of-another-version-leaves-the-bytes-alone",
            check: "open /dev/liveupdate: refused with EIO",
        },
    },
    Mutation {
        name: "reset-skipped",
        file: "kernel/module/vfio_pci.rs",
        edits: &[("                if reset_works {\n                    function.reset()", "                if false {\n                    function.reset()")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "preserved-bytes-are-the-contracts",
            check: "image: nvme is at rest",
        },
    },
    Mutation {
        name: "failed-reset-ignored",
        file: "kernel/module/vfio_pci.rs",
        edits: &[("                    function.reset()\n", "                    function.reset().or(Ok(()))\n")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "a-failing-reset-is-reported-not-swallowed",
            check: "kernel 1: live update: refused with ENOTTY",
        },
    },
    Mutation {
        name: "virtual-functions-accepted",
        file: "kernel/module/handler.rs",
        edits: &[("} else if device.is_virtual_function() {", "} else if device.is_virtual_function() && false {")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "a-virtual-function-is-refused",
            check: "preserve vf in vm0 as token 0x1: refused with ENOENT",
        },
    },
    Mutation {
        name: "unit-test-expects-another-offset",
        file: "c-headers/kernel/liveupdate/tests/kho_abi_luo_kunit.c",
        edits: &[("struct luo_file_ser, data, 48, promise);", "struct luo_file_ser, data, 40, promise);")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "the-headers-unit-tests-pass",
            check: "load the unit tests of kho_abi_luo_kunit: luo_file_ser_layout",
        },
    },
    Mutation {
        name: "aborted-freeze-not-undone",
        file: "kernel/module/handler.rs",
        edits: &[("let (users, after) = match state.frozen.take() {", "state.frozen = None;\n        let (users, after) = match state.frozen.take() {")],
        flavour: Flavour::Base,
        expectation: Expectation::CheckFails {
            scenario: "an-aborted-live-update-leaves-devices-usable",
            check: "the device of nvme is still a bus master",
        },
    },
];
