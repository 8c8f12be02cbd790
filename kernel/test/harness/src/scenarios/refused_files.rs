// SPDX-License-Identifier: GPL-2.0
//! Everything that preserve must refuse.

use kho_abi_live_plan::{Flavour, Look, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "what-cannot-be-preserved-is-refused",
        "Files of no handler, groups and devices opened through a group are refused, as are a token and a file that \
         are taken; a refusal leaves nothing behind.",
        vec![nvme(4), edu(5)],
        vec![boot(
            Flavour::Base,
            vec![
                ready(&["nvme", "edu"]),
                open("nvme"),
                open_group("edu", "group"),
                close("group"),
                open_path("/dev/null", "null"),
                open_path("/dev/iommu", "iommufd"),
                create_session("vm0"),
                create_session("vm1"),
                preserve("vm0", "nvme", 1),
                pause("before the refusals", Look::Remember),
                handler_references(1),
                refused("ENOENT", preserve("vm0", "null", 2)),
                refused("ENOENT", preserve("vm0", "iommufd", 2)),
                open_group("edu", "group"),
                refused("ENOENT", preserve("vm0", "group", 2)),
                close("group"),
                open_through_group("edu", "edu"),
                refused("ENOENT", preserve("vm0", "edu", 2)),
                refused("EBUSY", preserve("vm0", "nvme", 2)),
                refused("EBUSY", preserve("vm1", "nvme", 2)),
                // Another file on the same device is the same device.
                open_cdev_again("nvme", "another"),
                refused("EBUSY", preserve("vm0", "another", 2)),
                create_memfd("ram", 4096, 1),
                refused("EEXIST", preserve("vm0", "ram", 1)),
                refused("EINVAL", finish("vm0")),
                refused("EINVAL", retrieve("vm0", 1, "nothing")),
                refused("EEXIST", create_session("vm0")),
                refused("EBUSY", open_live_update()),
                handler_references(1),
                pause(
                    "after the refusals",
                    Look::SamePagesAs {
                        pause: "before the refusals".to_owned(),
                    },
                ),
                use_device("nvme"),
            ],
        )],
    )
}
