// SPDX-License-Identifier: GPL-2.0
//! The kernel's own tests of live update, from `tools/testing/selftests/liveupdate`.

use kho_abi_live_plan::{Flavour, Scenario, Step};

use super::vocabulary::*;

/// The cases of the program that does not need a live update.
const CASES: &[&str] = &[
    "basic_open_close",
    "exclusive_open",
    "create_duplicate_session",
    "create_distinct_sessions",
    "preserve_memfd",
    "preserve_multiple_memfds",
    "preserve_complex_scenario",
    "preserve_unsupported_fd",
    "prevent_double_preservation",
    "create_session_no_null_termination",
    "create_session_empty_name",
    "get_session_name",
    "get_session_name_max_length",
    "preserve_many_sessions",
    "preserve_many_files",
];

/// The programs that go through a live update, each with what it prints when its second stage is
/// complete.
const ACROSS: &[(&str, &str)] = &[
    ("luo_kexec_simple", "--- SIMPLE KEXEC TEST PASSED ---"),
    ("luo_multi_session", "--- MULTI-SESSION KEXEC TEST PASSED ---"),
    ("luo_stress_files", "--- MANY-FILES KEXEC TEST PASSED (500 files) ---"),
    ("luo_stress_sessions", "--- MANY-SESSIONS KEXEC TEST PASSED (2000 sessions) ---"),
];

pub fn scenario() -> Scenario {
    let cases = CASES.iter().map(|case| format!("liveupdate_device.{case}")).collect();
    let mut before = vec![selftest("liveupdate", &[], cases, "# Totals: pass:15 fail:0")];
    // Each leaves a child that holds its sessions, so all of them can go through the same live
    // update.
    before.extend(ACROSS.iter().map(|(program, _)| {
        stage(program, "1", "You may now perform kexec reboot.")
    }));
    before.push(live_update());
    let after = ACROSS.iter().map(|(program, passed)| stage(program, "2", passed)).collect();
    super::vocabulary::scenario(
        "the-kernels-own-live-update-tests-pass",
        "The test programs that come with the kernel find nothing wrong with a kernel that has the generated headers \
         in the place of its own: within one kernel, and across a live update with 2000 sessions and 500 files.",
        vec![],
        vec![boot(Flavour::Base, before), boot(Flavour::Base, after)],
    )
}

fn stage(program: &str, number: &str, says: &str) -> Vec<Step> {
    selftest(program, &["-s", number], Vec::new(), says)
}
