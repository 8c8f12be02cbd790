// SPDX-License-Identifier: GPL-2.0
//! What `kho-abi` reports about a machine from inside, on both sides of a live update.

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

pub fn scenario() -> Scenario {
    Scenario {
        // The program makes the initramfs large, and by default the size of the scratch memory is a
        // multiple of the initramfs.
        parameters: "kho_scratch=16M,160M,16M".to_owned(),
        ..super::vocabulary::scenario(
            "the-status-of-a-machine-is-that-of-its-live-updates",
            "Before a live update and after it, kho-abi status finds the machine healthy, and says what was handed \
             over and what is being prepared; and kho-abi inspect finds that in the machine's own memory.",
            vec![],
            vec![
                boot(
                    Flavour::Base,
                    vec![
                        status(&[
                            "received   nothing",
                            ", kexec 1, luo-v5, live update 1",
                            "scratch    192 MiB in 3 areas",
                            "kernel not loaded",
                        ]),
                        open_live_update(),
                        create_session("vm0"),
                        create_memfd("ram", 4096, 1),
                        preserve("vm0", "ram", 1),
                        load_next_kernel(),
                        status(&["kernel loaded"]),
                        jump(),
                    ],
                ),
                boot(
                    Flavour::Base,
                    vec![
                        status(&[
                            "received   kho-v4, from Linux ",
                            ", kexec 1, live update 1",
                            ", kexec 2, luo-v5, live update 2",
                            "scratch    192 MiB in 3 areas",
                        ]),
                        // The machine's own memory, while it runs: first what it prepares, then
                        // what it received.
                        kho_abi(
                            &["inspect", "/proc/kcore"],
                            &[
                                "/proc/kcore: ELF core",
                                "chosen before 1 other tree: it is the latest: kexec number 2",
                                "luo-v5, live update 2, sessions not written yet",
                                "0 findings",
                            ],
                        ),
                        open_live_update(),
                        retrieve_session("vm0"),
                        finish("vm0"),
                    ],
                ),
            ],
        )
    }
}
