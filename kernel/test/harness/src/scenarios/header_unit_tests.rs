// SPDX-License-Identifier: GPL-2.0
//! The unit tests that are generated beside the headers, inside the kernel.

use std::fs;
use std::path::Path;

use kho_abi_live_plan::{Flavour, Scenario};

use super::vocabulary::*;

/// Each header, with the text of its tests, as they are handed out.
fn suites() -> Vec<(&'static str, String)> {
    let of = |header: &&'static kho_abi::wire::layout::Header| {
        let tests = "../../../c-headers/kernel/liveupdate/tests";
        let file = format!("{tests}/kho_abi_{}_kunit.c", header.name);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&path);
        (header.name, text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    kho_abi::wire::HEADERS.iter().map(of).collect()
}

pub fn scenario() -> Scenario {
    let suites = suites();
    let suites = suites.iter().map(|(header, text)| {
        let suite = format!("kho_abi_{header}");
        load_unit_tests(&format!("{suite}_kunit"), &suite, cases(text))
    });
    Scenario {
        parameters: "kunit.enable=1".to_owned(),
        ..super::vocabulary::scenario(
            "the-headers-unit-tests-pass",
            "The KUnit suites that a kernel can take beside the headers run in a kernel that has the headers, each \
             case of each, and pass.",
            vec![],
            vec![boot(Flavour::Base, suites.collect())],
        )
    }
}

/// The names of the cases in a suite's text, in the order in which they run.
fn cases(text: &str) -> Vec<String> {
    let name = |line: &str| {
        line.trim().strip_prefix("KUNIT_CASE(")?.strip_suffix("),").map(ToOwned::to_owned)
    };
    text.lines().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A missing suite, or one without its cases, would pass silently.
    #[test]
    fn every_header_has_its_suite_and_every_function_of_it_is_a_case() {
        let mut total = 0;
        for (header, text) in suites() {
            let functions = text.matches("(struct kunit *test)\n{").count();
            assert_eq!(cases(&text).len(), functions, "{header}");
            assert!(functions > 0, "{header}");
            total += functions;
        }
        // Strings, constants, and a case for each struct: the present number, so that none gets
        // lost.
        assert!(total >= 33, "{total} cases");
    }
}
