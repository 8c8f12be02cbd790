// SPDX-License-Identifier: GPL-2.0
//! The minimum for a kernel with the generated headers: it contains no Rust, and no code of ours.

use kho_abi_live_plan::{Flavour, ImageMoment, Scenario};

use super::vocabulary::*;

/// More folio entries than fit into one page, and a partial last page.
const MEMFD_BYTES: u64 = 600 * 4096 + 17;

pub fn scenario() -> Scenario {
    Scenario {
        image: Some(ImageMoment::BetweenTheFirstTwoKernels),
        ..super::vocabulary::scenario(
            "a-kernel-with-the-generated-headers-live-updates-a-memfd",
            "A Linux 7.3 that was built with the generated headers in the place of its own hands a memfd to the next \
             one, without the module; the types find its content in between.",
            vec![],
            vec![
                boot(
                    Flavour::Base,
                    vec![
                        open_live_update(),
                        create_memfd("ram", MEMFD_BYTES, 3),
                        create_session("vm0"),
                        preserve("vm0", "ram", 1),
                        live_update(),
                    ],
                ),
                boot(
                    Flavour::Base,
                    vec![
                        open_live_update(),
                        retrieve_session("vm0"),
                        retrieve("vm0", 1, "ram"),
                        memfd_holds("ram", MEMFD_BYTES, 3),
                        finish("vm0"),
                        memfd_holds("ram", MEMFD_BYTES, 3),
                    ],
                ),
            ],
        )
    }
}
