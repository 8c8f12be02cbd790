// SPDX-License-Identifier: GPL-2.0
//! A device with enabled interrupts would interrupt a kernel that does not expect it.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "interrupts-that-are-on-hold-a-live-update-back",
        "With interrupts on, the live update is refused and nothing changes: the interrupts still arrive. With \
         interrupts off, the same session goes through.",
        vec![edu(5), nvme(4)],
        vec![
            boot_that_logs(
                &[
                    "0000:00:05.0: live update refused: MSI interrupts are enabled",
                    "0000:00:04.0: live update refused: MSI-X interrupts are enabled",
                ],
                vec![
                    ready(&["edu", "nvme"]),
                    open("edu"),
                    open("nvme"),
                    use_device("edu"),
                    use_device("nvme"),
                    create_session("vm0"),
                    preserve("vm0", "edu", 1),
                    preserve("vm0", "nvme", 2),
                    interrupts_on("edu"),
                    raise_interrupt("edu"),
                    load_next_kernel(),
                    refused("EINVAL", jump()),
                    raise_interrupt("edu"),
                    use_device("edu"),
                    refused("EINVAL", jump()),
                    interrupts_off("edu"),
                    interrupts_on("nvme"),
                    refused("EINVAL", jump()),
                    interrupts_off("nvme"),
                    jump(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    ready(&["edu", "nvme"]),
                    retrieve_session("vm0"),
                    retrieve("vm0", 1, "edu"),
                    retrieve("vm0", 2, "nvme"),
                    bind_iommufd("edu"),
                    bind_iommufd("nvme"),
                    finish("vm0"),
                    use_device("edu"),
                    use_device("nvme"),
                    interrupts_on("edu"),
                    raise_interrupt("edu"),
                ],
            ),
        ],
    )
}
