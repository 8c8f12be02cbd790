// SPDX-License-Identifier: GPL-2.0
//! A program that closes its device, or dies, after preserving it.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "closing-the-own-file-after-preserving-tears-nothing-down",
        "The session's reference keeps a preserved device open: nobody else gets at it, and it goes through the live \
         update although its owner has closed it.",
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
                    close("nvme"),
                    close("edu"),
                    handler_references(2),
                    // A second opener gets a file, but cannot claim a device that is still claimed.
                    open_cdev("nvme"),
                    refused("EINVAL", bind_iommufd("nvme")),
                    close("nvme"),
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme", "edu"]),
                    retrieve_session("vm0"),
                    retrieve("vm0", 1, "nvme"),
                    retrieve("vm0", 2, "edu"),
                    bind_iommufd("nvme"),
                    bind_iommufd("edu"),
                    finish("vm0"),
                    use_device("nvme"),
                    use_device("edu"),
                ],
            ),
        ],
    )
}
