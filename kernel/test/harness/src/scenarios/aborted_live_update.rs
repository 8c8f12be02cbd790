// SPDX-License-Identifier: GPL-2.0
//! Devices that were frozen for a live update that did not take place.

use kho_abi_live_plan::{Flavour, Look, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "an-aborted-live-update-leaves-devices-usable",
        "When a later file refuses, the devices frozen before it work on, interrupts included; what is preserved stays \
         the same; and the next attempt goes through.",
        vec![nvme(4), edu(5), testdev(6), second_nvme(8)],
        vec![
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme", "edu", "testdev", "nvme2"]),
                    open("nvme"),
                    open("edu"),
                    open("testdev"),
                    open("nvme2"),
                    use_device("nvme"),
                    use_device("edu"),
                    use_device("testdev"),
                    use_device("nvme2"),
                    leave_traces("nvme"),
                    leave_traces("edu"),
                    // Both ways to undo a freeze: inside a session, and of a whole session before
                    // it.
                    create_session("vm0"),
                    create_session("vm1"),
                    preserve("vm0", "nvme", 1),
                    preserve("vm1", "edu", 1),
                    preserve("vm1", "testdev", 2),
                    preserve("vm1", "nvme2", 3),
                    interrupts_on("nvme2"),
                    load_next_kernel(),
                    pause("before the attempt", Look::Remember),
                    refused("EINVAL", jump()),
                    pause(
                        "after the attempt",
                        Look::SamePagesAs {
                            pause: "before the attempt".to_owned(),
                        },
                    ),
                    is_bus_master("nvme"),
                    is_bus_master("edu"),
                    use_device("nvme"),
                    use_device("edu"),
                    use_device("testdev"),
                    use_device("nvme2"),
                    interrupts_on("edu"),
                    raise_interrupt("edu"),
                    interrupts_off("edu"),
                    interrupts_on("nvme"),
                    interrupts_off("nvme"),
                    reset("nvme"),
                    interrupts_off("nvme2"),
                    jump(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme", "edu", "testdev", "nvme2"]),
                    retrieve_session("vm0"),
                    retrieve_session("vm1"),
                    retrieve("vm0", 1, "nvme"),
                    retrieve("vm1", 1, "edu"),
                    retrieve("vm1", 2, "testdev"),
                    retrieve("vm1", 3, "nvme2"),
                    bind_iommufd("nvme"),
                    bind_iommufd("edu"),
                    bind_iommufd("testdev"),
                    bind_iommufd("nvme2"),
                    finish("vm0"),
                    finish("vm1"),
                    use_device("nvme"),
                    use_device("edu"),
                    use_device("testdev"),
                    use_device("nvme2"),
                ],
            ),
        ],
    )
}
