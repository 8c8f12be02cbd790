// SPDX-License-Identifier: GPL-2.0
//! The success path and the failure paths under a kernel that checks itself.

use kho_abi_live_plan::{Boot, Flavour, Scenario};

use super::devices_and_memory_survive as good_path;
use super::vocabulary::*;

pub fn scenario() -> Scenario {
    let mut before = good_path::before();
    // The live update is the last step, so examinations come before it.
    let jump = before.pop().unwrap_or_default();
    before.extend([
        // Failures have their own code paths.
        create_session("given-up"),
        refused("EBUSY", preserve("given-up", "nvme", 1)),
        close_session("given-up"),
        interrupts_on("nvme2"),
        load_next_kernel(),
        refused("EINVAL", super::vocabulary::jump()),
        interrupts_off("nvme2"),
        no_leaks(),
        jump,
    ]);
    let mut after = good_path::after();
    after.extend([unload_handler(), no_leaks()]);
    // The kernel's own built-in tests. The first one's memory, and the second one's data, which it
    // attaches to the memfd, go through the same live update.
    let logs = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let before = Boot {
        log_has: logs(&["test: liveupdate-test-flb-v2: preserve was triggered"]),
        ..boot(Flavour::Debug, before)
    };
    let after = Boot {
        log_has: logs(&[
            "KHO restore succeeded",
            "test: liveupdate-test-flb-v2: found flb data from the previous boot",
            "test: liveupdate-test-flb-v2: finish was triggered",
        ]),
        ..boot(Flavour::Debug, after)
    };
    super::vocabulary::scenario(
        "a-kernel-that-checks-itself-finds-nothing",
        "Lockdep, kmemleak, list and slab debugging, and KASAN where it is there, watch the whole good path, a refused \
         live update and the module's end, and report nothing; the tests of KHO and LUO that are built into the kernel \
         pass beside it.",
        good_path::devices(),
        vec![before, after],
    )
}
