// SPDX-License-Identifier: GPL-2.0
//! A device that is handed on again and again.

use kho_abi_live_plan::{Boot, Flavour, Scenario};

use super::vocabulary::*;

const LIVE_UPDATES: u64 = 10;
const MEMFD_BYTES: u64 = 65_536;

pub fn scenario() -> Scenario {
    let mut boots = vec![boot(
        Flavour::Base,
        vec![
            ready(&["nvme", "edu"]),
            open("nvme"),
            open("edu"),
            use_device("nvme"),
            use_device("edu"),
            create_memfd("ram", MEMFD_BYTES, 10),
            hand_on(1),
        ],
    )];
    boots.extend((1..=LIVE_UPDATES).map(in_the_middle));
    super::vocabulary::scenario(
        "ten-live-updates-in-a-row-keep-devices-and-memory",
        "What was retrieved can be preserved again: the same two devices and the same memory reach the eleventh kernel.",
        vec![nvme(4), edu(5)],
        boots,
    )
}

/// Kernel `number + 1`: takes over from session `number`, and hands on unless it is the last.
fn in_the_middle(number: u64) -> Boot {
    let session = format!("round-{number}");
    let mut steps = vec![
        ready(&["nvme", "edu"]),
        retrieve_session(&session),
        retrieve(&session, number, "nvme"),
        retrieve(&session, number + 100, "edu"),
        retrieve(&session, number + 200, "ram"),
        bind_iommufd("nvme"),
        bind_iommufd("edu"),
        finish(&session),
        close_session(&session),
        handler_references(0),
        use_device("nvme"),
        use_device("edu"),
        memfd_holds("ram", MEMFD_BYTES, 10),
    ];
    if number < LIVE_UPDATES {
        steps.push(hand_on(number + 1));
    }
    boot(Flavour::Base, steps)
}

fn hand_on(number: u64) -> Vec<kho_abi_live_plan::Step> {
    let session = format!("round-{number}");
    [
        create_session(&session),
        preserve(&session, "nvme", number),
        preserve(&session, "edu", number + 100),
        preserve(&session, "ram", number + 200),
        live_update(),
    ]
    .concat()
}
