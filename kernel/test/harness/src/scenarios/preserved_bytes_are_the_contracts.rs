// SPDX-License-Identifier: GPL-2.0
//! The contract itself, read out of the machine's memory from outside.

use kho_abi_live_plan::{Flavour, ImageMoment, Scenario};

use super::vocabulary::*;

/// A session's name has 63 bytes and a zero.
const LONGEST_NAME: &str = "a-session-with-a-name-of-63-bytes-which-is-the-longest-possible";

pub fn scenario() -> Scenario {
    Scenario {
        image: Some(ImageMoment::BetweenTheFirstTwoKernels),
        ..super::vocabulary::scenario(
            "preserved-bytes-are-the-contracts",
            "Between two kernels, the way from KHO's device tree through the sessions leads to pages whose bytes are \
             what the contract's types make of each device, and to the content of each memfd.",
            vec![nvme(4), edu(0x1e), nic_behind_port(7), testdev(6)],
            vec![
                boot(
                    Flavour::Base,
                    vec![
                        ready(&["nvme", "edu", "nic", "testdev"]),
                        open("nvme"),
                        open("edu"),
                        open("nic"),
                        open("testdev"),
                        use_device("nvme"),
                        leave_traces("nvme"),
                        leave_traces("edu"),
                        leave_traces("nic"),
                        create_memfd("ram", 5 * 4096 + 17, 1),
                        // More folio entries than fit into one page.
                        create_memfd("large", 300 * 4096, 2),
                        create_session("vm0"),
                        create_session(LONGEST_NAME),
                        create_session("given-up"),
                        preserve("vm0", "nvme", 1),
                        preserve("vm0", "ram", 2),
                        preserve("vm0", "nic", 0xdead_beef_cafe_f00d),
                        preserve("given-up", "testdev", 1),
                        preserve(
                            LONGEST_NAME,
                            "edu",
                            0,
                        ),
                        preserve(
                            LONGEST_NAME,
                            "large",
                            1,
                        ),
                        close_session("given-up"),
                        live_update(),
                    ],
                ),
                boot(
                    Flavour::Base,
                    vec![
                        ready(&["nvme", "edu", "nic"]),
                        retrieve_session("vm0"),
                        refused("ENOENT", retrieve_session("given-up")),
                        retrieve_session(
                            LONGEST_NAME,
                        ),
                        retrieve("vm0", 1, "nvme"),
                        bind_iommufd("nvme"),
                        use_device("nvme"),
                        retrieve("vm0", 2, "ram"),
                        memfd_holds("ram", 5 * 4096 + 17, 1),
                        retrieve("vm0", 0xdead_beef_cafe_f00d, "nic"),
                        finish("vm0"),
                    ],
                ),
            ],
        )
    }
}
