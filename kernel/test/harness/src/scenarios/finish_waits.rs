// SPDX-License-Identifier: GPL-2.0
//! Finishing a session before everything was retrieved.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "finish-waits-until-every-device-is-retrieved",
        "A session cannot be finished while a device in it was never asked for, and can be afterwards; a second \
         retrieve of the same token gives the same device.",
        vec![nvme(4), edu(5)],
        vec![
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme", "edu"]),
                    open("nvme"),
                    open("edu"),
                    use_device("nvme"),
                    use_device("edu"),
                    create_session("vm0"),
                    preserve("vm0", "nvme", 1),
                    preserve("vm0", "edu", 2),
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme", "edu"]),
                    retrieve_session("vm0"),
                    refused("EINVAL", retrieve_session("vm0")),
                    refused("EBUSY", finish("vm0")),
                    retrieve("vm0", 1, "nvme"),
                    refused("EBUSY", finish("vm0")),
                    retrieve("vm0", 2, "edu"),
                    retrieve("vm0", 1, "nvme"),
                    handler_references(2),
                    finish("vm0"),
                    handler_references(0),
                    bind_iommufd("nvme"),
                    use_device("nvme"),
                    refused("ENOENT", retrieve("vm0", 1, "nothing")),
                ],
            ),
        ],
    )
}
