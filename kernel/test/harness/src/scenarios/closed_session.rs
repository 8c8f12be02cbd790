// SPDX-License-Identifier: GPL-2.0
//! A session that is closed before the live update.

use kho_abi_live_plan::{Flavour, Look, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-closed-session-leaves-nothing-preserved",
        "Closing a session unpreserves its files to the last page, the device stays usable, and the next kernel knows \
         nothing of it.",
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
                    pause("before", Look::Remember),
                    handler_references(0),
                    create_session("vm0"),
                    preserve("vm0", "nvme", 1),
                    preserve("vm0", "edu", 2),
                    // A block of sessions, one of files, and a page for each device.
                    pause(
                        "meanwhile",
                        Look::MorePagesThan {
                            pause: "before".to_owned(),
                            at_least: 4,
                        },
                    ),
                    handler_references(2),
                    close_session("vm0"),
                    pause(
                        "after",
                        Look::SamePagesAs {
                            pause: "before".to_owned(),
                        },
                    ),
                    handler_references(0),
                    use_device("nvme"),
                    // A released file can be preserved again.
                    create_session("vm1"),
                    preserve("vm1", "nvme", 1),
                    close_session("vm1"),
                    pause(
                        "after the second time",
                        Look::SamePagesAs {
                            pause: "before".to_owned(),
                        },
                    ),
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme", "edu"]),
                    refused("ENOENT", retrieve_session("vm0")),
                    refused("ENOENT", retrieve_session("vm1")),
                    handler_references(0),
                    open("nvme"),
                    use_device("nvme"),
                ],
            ),
        ],
    )
}
