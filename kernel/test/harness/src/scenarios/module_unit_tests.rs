// SPDX-License-Identifier: GPL-2.0
//! The module's own tests, inside the kernel.

use kho_abi_live_plan::Scenario;

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    Scenario {
        parameters: "kunit.enable=1".to_owned(),
        ..super::vocabulary::scenario(
            "the-modules-unit-tests-pass",
            "The module's KUnit suite runs when it is loaded, and passes: a domain that does not fit, and pages that \
             hold something else.",
            vec![],
            vec![boot_that_logs(
                // The number is a plan: a test that does not run has not passed.
                &["# kho_vfio_pci: pass:5 fail:0"],
                vec![load_handler()],
            )],
        )
    }
}
