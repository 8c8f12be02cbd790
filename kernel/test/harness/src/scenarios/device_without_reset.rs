// SPDX-License-Identifier: GPL-2.0
//! Devices that cannot be reset.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-device-without-reset-is-handed-over-with-a-warning",
        "A device that has no reset goes through the live update with its state restored and its bus mastering off; \
         the log names it.",
        vec![edu(5), testdev(6)],
        vec![
            boot_that_logs(
                &["0000:00:05.0: has no reset", "0000:00:06.0: has no reset"],
                vec![
                    ready(&["edu", "testdev"]),
                    open("edu"),
                    open("testdev"),
                    use_device("edu"),
                    use_device("testdev"),
                    refused("EINVAL", reset("edu")),
                    refused("EINVAL", reset("testdev")),
                    interrupts_on("edu"),
                    raise_interrupt("edu"),
                    interrupts_off("edu"),
                    create_session("vm0"),
                    preserve("vm0", "edu", 1),
                    preserve("vm0", "testdev", 2),
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["edu", "testdev"]),
                    retrieve_session("vm0"),
                    retrieve("vm0", 1, "edu"),
                    retrieve("vm0", 2, "testdev"),
                    bind_iommufd("edu"),
                    bind_iommufd("testdev"),
                    finish("vm0"),
                    use_device("edu"),
                    use_device("testdev"),
                    interrupts_on("edu"),
                    raise_interrupt("edu"),
                ],
            ),
        ],
    )
}
