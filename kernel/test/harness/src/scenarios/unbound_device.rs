// SPDX-License-Identifier: GPL-2.0
//! A device that exists, but is not bound to vfio-pci yet.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-device-that-is-not-bound-yet-is-told-from-one-that-is-gone",
        "Retrieving a device before it is bound to vfio-pci is refused with an error of its own, which the kernel then \
         repeats; the session can be finished, and the device is an ordinary one again.",
        vec![nvme(4)],
        vec![
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme"]),
                    open("nvme"),
                    use_device("nvme"),
                    create_session("vm0"),
                    preserve("vm0", "nvme", 1),
                    live_update(),
                ],
            ),
            boot_that_logs(
                &["0000:00:04.0: cannot be retrieved: it is not bound to vfio-pci"],
                vec![
                    load_handler(),
                    open_live_update(),
                    retrieve_session("vm0"),
                    refused("ENXIO", retrieve("vm0", 1, "nothing")),
                    bind("nvme"),
                    refused("ENXIO", retrieve("vm0", 1, "nothing")),
                    finish("vm0"),
                    handler_references(0),
                    open("nvme"),
                    use_device("nvme"),
                ],
            ),
        ],
    )
}
