// SPDX-License-Identifier: GPL-2.0
//! A second kernel with another version of the contract.

use kho_abi_live_plan::{Flavour, ImageMoment, Look, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    Scenario {
        image: Some(ImageMoment::BetweenTheFirstTwoKernels),
        ..super::vocabulary::scenario(
            "a-handler-of-another-version-leaves-the-bytes-alone",
            "A kernel whose handler speaks vfio-pci-v2 is handed vfio-pci-v1: it refuses to open the sessions, for good, \
             and the bytes stay what they were.",
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
                        leave_traces("nvme"),
                        leave_traces("edu"),
                        create_session("vm0"),
                        preserve("vm0", "nvme", 1),
                        preserve("vm0", "edu", 2),
                        live_update(),
                    ],
                ),
                kho_abi_live_plan::Boot {
                    log_has: vec!["No registered handler for compatible 'vfio-pci-v1'".to_owned()],
                    ..boot(
                        Flavour::V2,
                        vec![
                            load_handler(),
                            bind("nvme"),
                            bind("edu"),
                            refused("EIO", open_live_update()),
                            refused("EIO", open_live_update()),
                            pause("after the refusal", Look::HandedOverBytesUntouched),
                            handler_references(0),
                            open("nvme"),
                            use_device("nvme"),
                        ],
                    )
                },
            ],
        )
    }
}
