// SPDX-License-Identifier: GPL-2.0
//! The registry: one file for each scenario, one line here for each file.

mod vocabulary;

macro_rules! registry {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// All scenarios, in the order in which they run and are printed.
        pub fn all() -> Vec<kho_abi_live_plan::Scenario> {
            vec![$($module::scenario()),*]
        }

        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($module)),*];
    };
}

registry![
    generated_headers,
    devices_and_memory_survive,
    preserved_bytes_are_the_contracts,
    ten_live_updates,
    closing_the_own_file,
    refused_files,
    virtual_function,
    interrupts_hold_back,
    aborted_live_update,
    closed_session,
    finish_waits,
    missing_device,
    unbound_device,
    busy_device,
    foreign_version,
    held_module,
    device_without_reset,
    failing_reset,
    example_program,
    module_unit_tests,
    header_unit_tests,
    kernel_selftests,
    status_of_the_machine,
    debug_kernel,
];

#[cfg(test)]
mod tests {
    use super::{all, FILES};
    use kho_abi_live_plan::Action;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_registered() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scenarios");
        let on_disk: BTreeSet<String> = std::fs::read_dir(here)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .filter(|stem| stem != "mod" && stem != "vocabulary")
            .collect();
        let registered: BTreeSet<String> = FILES.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(on_disk, registered);
    }

    #[test]
    fn names_are_unique_and_fit_for_directories() {
        let mut names = BTreeSet::new();
        for scenario in all() {
            assert!(
                scenario.name.chars().all(|letter| letter.is_ascii_lowercase()
                    || letter == '-'
                    || letter.is_ascii_digit()),
                "{}",
                scenario.name
            );
            assert!(scenario.claim.ends_with('.'), "{}", scenario.name);
            assert!(names.insert(scenario.name));
        }
    }

    /// A kernel without a live update at its end would make the later ones unreachable, and one
    /// that never checks anything would prove nothing.
    #[test]
    fn every_kernel_but_the_last_ends_in_a_live_update() {
        for scenario in all() {
            let (last, before) = scenario.boots.split_last().unwrap();
            for boot in before {
                let end = boot.steps.last().unwrap();
                assert!(matches!(end.action, Action::LiveUpdate), "{}", scenario.name);
                assert!(end.fails.is_none(), "{}", scenario.name);
            }
            let ends = last
                .steps
                .iter()
                .filter(|step| matches!(step.action, Action::LiveUpdate) && step.fails.is_none());
            assert_eq!(ends.count(), 0, "{}", scenario.name);
            assert!(!last.steps.is_empty(), "{}", scenario.name);
        }
    }
}
