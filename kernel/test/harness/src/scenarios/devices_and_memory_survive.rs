// SPDX-License-Identifier: GPL-2.0
//! The success path, with everything that can differ between devices.

use kho_abi_live_plan::{Boot, Device, Flavour, Scenario};

use super::vocabulary::*;

/// Not a multiple of the page size: the tail of the last page must be left out.
const MEMFD_BYTES: u64 = 300_001;

pub fn scenario() -> Scenario {
    Scenario {
        cpus: 2,
        ..super::vocabulary::scenario(
            "devices-and-memory-survive-a-live-update",
            "Devices with and without reset, with MSI-X, MSI and no interrupt, on two buses, and a memfd go through a \
             live update in two sessions, and can be used afterwards.",
            devices(),
            boots(Flavour::Base),
        )
    }
}

pub fn devices() -> Vec<Device> {
    vec![
        nvme(4),
        edu(5),
        testdev(6),
        nic_behind_port(7),
        second_nvme(8),
    ]
}

/// Both kernels, in any flavour.
pub fn boots(flavour: Flavour) -> Vec<Boot> {
    vec![boot(flavour, before()), boot(flavour, after())]
}

pub fn before() -> Vec<Vec<kho_abi_live_plan::Step>> {
    let names = ["nvme", "edu", "testdev", "nic", "nvme2"];
    let mut steps = vec![ready(&names)];
    for name in names {
        steps.push(open(name));
        steps.push(use_device(name));
    }
    steps.extend([
        create_memfd("ram", MEMFD_BYTES, 7),
        create_session("vm0"),
        create_session("vm1"),
        preserve("vm0", "nvme", 0x10),
        preserve("vm0", "ram", 0x11),
        preserve("vm0", "edu", 0x12),
        preserve("vm0", "nic", u64::MAX),
        // The same token in another session is a different token.
        preserve("vm1", "testdev", 0x10),
        preserve("vm1", "nvme2", 0x11),
        live_update(),
    ]);
    steps
}

pub fn after() -> Vec<Vec<kho_abi_live_plan::Step>> {
    let mut steps = vec![
        ready(&["nvme", "edu", "testdev", "nic", "nvme2"]),
        retrieve_session("vm1"),
        retrieve_session("vm0"),
        refused("ENOENT", retrieve_session("vm2")),
        // Not in the order in which they were preserved.
        retrieve("vm0", u64::MAX, "nic"),
        retrieve("vm1", 0x11, "nvme2"),
        retrieve("vm0", 0x12, "edu"),
        retrieve("vm0", 0x11, "ram"),
        retrieve("vm0", 0x10, "nvme"),
        retrieve("vm1", 0x10, "testdev"),
        refused("ENOENT", retrieve("vm1", 0x12, "nothing")),
        memfd_holds("ram", MEMFD_BYTES, 7),
    ];
    let names = ["nvme", "edu", "testdev", "nic", "nvme2"];
    for name in names {
        steps.push(bind_iommufd(name));
        steps.push(use_device(name));
    }
    steps.extend([finish("vm0"), finish("vm1")]);
    for name in names {
        steps.push(use_device(name));
    }
    steps.extend([
        interrupts_on("edu"),
        raise_interrupt("edu"),
        interrupts_off("edu"),
        interrupts_on("nvme"),
        interrupts_off("nvme"),
        reset("nvme"),
        use_device("nvme"),
        memfd_holds("ram", MEMFD_BYTES, 7),
        // A retrieved file is an ordinary one: when it is closed, the device can be opened again.
        close("testdev"),
        open("testdev"),
        use_device("testdev"),
        close_session("vm0"),
        close_session("vm1"),
        handler_references(0),
    ]);
    steps
}
