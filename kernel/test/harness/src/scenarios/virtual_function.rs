// SPDX-License-Identifier: GPL-2.0
//! Virtual functions, which the next kernel turns off before any program could retrieve them.

use kho_abi_live_plan::Scenario;

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "a-virtual-function-is-refused",
        "A virtual function does not exist in the next kernel before its physical function is driven, so its file is \
         not preserved, and the log says why; its physical function's file is.",
        nvme_with_virtual_function(7),
        vec![boot_that_logs(
            &["cannot be preserved: virtual functions are not preserved"],
            vec![
                load_handler(),
                bind("pf"),
                enable_virtual_function("pf"),
                bind("vf"),
                open_live_update(),
                open_cdev("vf"),
                open_cdev("pf"),
                create_session("vm0"),
                refused("ENOENT", preserve("vm0", "vf", 1)),
                handler_references(0),
                preserve("vm0", "pf", 1),
                close_session("vm0"),
                handler_references(0),
            ],
        )],
    )
}
