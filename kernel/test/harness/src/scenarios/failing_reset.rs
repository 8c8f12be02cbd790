// SPDX-License-Identifier: GPL-2.0
//! A device whose reset worked when it was opened, but fails when it is needed.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-failing-reset-is-reported-not-swallowed",
        "Nobody knows what state a device is in whose reset failed: the live update is refused with that error, the \
         device keeps its configuration, and when the reset works again the same session goes through.",
        vec![nvme(4)],
        vec![
            boot_that_logs(
                &["0000:00:04.0: live update refused: reset failed"],
                vec![
                    ready(&["nvme"]),
                    open("nvme"),
                    use_device("nvme"),
                    // When the file was opened, vfio-pci found that the reset works.
                    reset("nvme"),
                    leave_traces("nvme"),
                    create_session("vm0"),
                    preserve("vm0", "nvme", 1),
                    load_next_kernel(),
                    reset_methods_off("nvme"),
                    refused("ENOTTY", jump()),
                    is_bus_master("nvme"),
                    use_device("nvme"),
                    interrupts_on("nvme"),
                    interrupts_off("nvme"),
                    create_memfd("memory", 0x3000, 1),
                    preserve("vm0", "memory", 2),
                    // The second attempt starts with what the first one left.
                    refused("ENOTTY", jump()),
                    is_bus_master("nvme"),
                    reset_methods_on("nvme"),
                    // Loaded again, since init's knowledge of the memory travels with the kernel.
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme"]),
                    retrieve_session("vm0"),
                    retrieve("vm0", 1, "nvme"),
                    retrieve("vm0", 2, "memory"),
                    bind_iommufd("nvme"),
                    use_device("nvme"),
                    memfd_holds("memory", 0x3000, 1),
                    finish("vm0"),
                    use_device("nvme"),
                ],
            ),
        ],
    )
}
