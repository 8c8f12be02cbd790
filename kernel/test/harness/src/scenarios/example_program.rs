// SPDX-License-Identifier: GPL-2.0
//! The program in the documentation.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    super::vocabulary::scenario(
        "the-documented-example-preserves-and-retrieves-a-device",
        "The example program of the documentation hands a device to itself in the next kernel.",
        vec![nvme(4)],
        vec![
            boot(
                Flavour::Base,
                vec![
                    load_handler(),
                    bind("nvme"),
                    example(
                        &["preserve", "0000:00:04.0", "--session", "demo", "--token", "7"],
                        "preserved 0000:00:04.0",
                    ),
                    handler_references(1),
                    live_update(),
                ],
            ),
            boot(
                Flavour::Base,
                vec![
                    load_handler(),
                    bind("nvme"),
                    example(
                        &["retrieve", "--session", "demo", "--token", "7"],
                        "retrieved 1b36:0010",
                    ),
                    handler_references(0),
                ],
            ),
        ],
    )
}
