// SPDX-License-Identifier: GPL-2.0
//! Unloading the module while a session uses it.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "the-module-cannot-be-unloaded-while-a-session-holds-a-file",
        "A preserved file holds the module in the first kernel, a handed-over one in the second, until the session is \
         closed or finished; then the module can be unloaded and loaded again.",
        vec![nvme(4)],
        vec![
            boot(
                Flavour::Base,
                vec![
                    ready(&["nvme"]),
                    open("nvme"),
                    use_device("nvme"),
                    create_session("vm0"),
                    unload_handler(),
                    refused("ENOENT", preserve("vm0", "nvme", 1)),
                    load_handler(),
                    preserve("vm0", "nvme", 1),
                    handler_references(1),
                    refused("EAGAIN", unload_handler()),
                    close_session("vm0"),
                    unload_handler(),
                    load_handler(),
                    create_session("vm1"),
                    preserve("vm1", "nvme", 1),
                    refused("EAGAIN", unload_handler()),
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    load_handler(),
                    handler_references(0),
                    bind("nvme"),
                    open_live_update(),
                    // The sessions are read when the device is first opened.
                    handler_references(1),
                    refused("EAGAIN", unload_handler()),
                    retrieve_session("vm1"),
                    retrieve("vm1", 1, "nvme"),
                    refused("EAGAIN", unload_handler()),
                    finish("vm1"),
                    handler_references(0),
                    unload_handler(),
                    bind_iommufd("nvme"),
                    use_device("nvme"),
                ],
            ),
        ],
    )
}
