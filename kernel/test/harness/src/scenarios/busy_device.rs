// SPDX-License-Identifier: GPL-2.0
//! A device that another program opens before it is retrieved.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-device-that-somebody-has-is-not-retrieved",
        "Retrieving a device that another program has bound to its iommufd is refused, and that program keeps it.",
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
                &["0000:00:04.0: cannot be retrieved: it is open already"],
                vec![
                    ready(&["nvme"]),
                    open("nvme"),
                    retrieve_session("vm0"),
                    refused("EBUSY", retrieve("vm0", 1, "nothing")),
                    use_device("nvme"),
                    finish("vm0"),
                    use_device("nvme"),
                    close("nvme"),
                    open("nvme"),
                    use_device("nvme"),
                    close_session("vm0"),
                    handler_references(0),
                ],
            ),
        ],
    )
}
