// SPDX-License-Identifier: GPL-2.0
//! A device that is gone when the second kernel looks for it.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-device-that-is-gone-is-reported-and-does-not-block-the-rest",
        "Retrieving a device that is not there is refused, every time; the other device of the session is retrieved \
         all the same, and the session can be finished.",
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
            boot_that_logs(
                &["0000:00:04.0: there is no such device"],
                vec![
                    load_handler(),
                    pull("nvme"),
                    bind("edu"),
                    open_live_update(),
                    retrieve_session("vm0"),
                    refused("ENODEV", retrieve("vm0", 1, "nothing")),
                    refused("ENODEV", retrieve("vm0", 1, "nothing")),
                    retrieve("vm0", 2, "edu"),
                    bind_iommufd("edu"),
                    use_device("edu"),
                    finish("vm0"),
                    handler_references(0),
                    use_device("edu"),
                ],
            ),
        ],
    )
}
