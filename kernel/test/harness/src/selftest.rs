// SPDX-License-Identifier: GPL-2.0
//! Does the test fail if it should? Breaks one thing at a time in a copy of the sources, and
//! expects a failure.
//!
//! A mutation names a file, the texts to replace in it, and the expected result: a module that does
//! not build, or one check that fails. A text that does not occur exactly once stops the run, so
//! that a mutation cannot silently become void when the sources change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};
use kho_abi_live_plan::Flavour;

use crate::checks::Verdict;
use crate::kernels;
use crate::mutations::{Expectation, Mutation, MUTATIONS};
use crate::run::{self, Environment};
use crate::scenarios;

/// The inputs of a module build, relative to the checkout.
const SOURCES: &[&str] = &[
    "abi/src",
    "c-headers",
    "tools",
    "kernel/build.sh",
    "kernel/configs",
    "kernel/module",
    "kernel/patches",
];

/// The names of all mutations.
pub fn names() -> impl Iterator<Item = &'static str> {
    MUTATIONS.iter().map(|mutation| mutation.name)
}

/// Runs one mutation. An error means that it could not be run; the verdict says whether it was
/// noticed.
pub fn run(mutation: &Mutation, checkout: &Path, environment: &Environment<'_>) -> Result<Verdict> {
    let copy = tempfile::Builder::new().prefix("kho-selftest-").tempdir()?;
    copy_sources(checkout, copy.path())?;
    let file = copy.path().join(mutation.file);
    let mut text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", mutation.file))?;
    for (find, replace) in mutation.edits {
        let found = text.matches(find).count();
        if found != 1 {
            bail!(
                "{}: the text to be broken is in {} {found} times, not once:\n{find}",
                mutation.name,
                mutation.file
            );
        }
        text = text.replace(find, replace);
    }
    fs::write(&file, text)?;
    let output = Command::new(copy.path().join("kernel/build.sh"))
        .args(["--flavour", mutation.flavour.name()])
        .stdin(Stdio::null())
        .output()
        .context("cannot run the copy of kernel/build.sh")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    match mutation.expectation {
        Expectation::BuildFails(text) => Ok(if output.status.success() {
            red("the module was built all the same".to_owned())
        } else if complaint.contains(text) {
            green()
        } else {
            red(format!("the build failed without saying \"{text}\":\n{complaint}"))
        }),
        Expectation::CheckFails { scenario, check } => {
            if !output.status.success() {
                bail!("{}: the broken module does not build:\n{complaint}", mutation.name);
            }
            let kernel = kernels::parse(&String::from_utf8(output.stdout)?)?;
            let mut kernels: BTreeMap<Flavour, kernels::Kernel> = environment.kernels.clone();
            kernels.insert(mutation.flavour, kernel);
            let scenario = scenarios::all()
                .into_iter()
                .find(|known| known.name == scenario)
                .with_context(|| format!("no scenario {scenario}"))?;
            let logs = environment.logs.join("selftest").join(mutation.name);
            let environment = Environment { kernels: &kernels, logs: &logs, ..*environment };
            let finished = run::run(&environment, &scenario, None);
            Ok(judge(&finished.verdicts, check))
        }
    }
}

/// The expected check failed, and none before it: people look at the first failure.
fn judge(verdicts: &[(String, Verdict)], check: &str) -> Verdict {
    match verdicts.iter().find(|(_, verdict)| !verdict.ok) {
        None => red("everything passed".to_owned()),
        Some((name, _)) if name.contains(check) => green(),
        Some((name, verdict)) => {
            red(format!("\"{name}\" failed instead of \"{check}\": {}", verdict.detail))
        }
    }
}

fn green() -> Verdict {
    Verdict { ok: true, skipped: false, detail: String::new() }
}

fn red(detail: String) -> Verdict {
    Verdict { ok: false, skipped: false, detail }
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for source in SOURCES {
        let (from, to) = (from.join(source), to.join(source));
        let parent = to.parent().context("a source without a directory")?;
        fs::create_dir_all(parent)?;
        // cp preserves modes, which the scripts need.
        let status = Command::new("cp").arg("-a").arg(&from).arg(&to).status()?;
        if !status.success() {
            bail!("cannot copy {}", from.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(verdicts: &[(&str, bool)]) -> Vec<(String, Verdict)> {
        let one = |(name, ok): &(&str, bool)| {
            ((*name).to_owned(), if *ok { green() } else { red("seen".to_owned()) })
        };
        verdicts.iter().map(one).collect()
    }

    #[test]
    fn only_the_right_red_check_will_do() {
        assert!(judge(&verdicts(&[("a", true), ("b: EINVAL", false)]), "b").ok);
        assert!(!judge(&verdicts(&[("a", true), ("b", true)]), "b").ok);
        assert!(!judge(&verdicts(&[("a", false), ("b", false)]), "b").ok);
    }

    #[test]
    fn every_mutation_names_a_check_that_exists() {
        for mutation in MUTATIONS {
            let Expectation::CheckFails { scenario, check } = mutation.expectation else {
                continue;
            };
            let all = scenarios::all();
            let known = all.iter().find(|known| known.name == scenario);
            let verdicts = crate::checks::Checks::of(known.unwrap()).finish("");
            assert!(
                verdicts.iter().any(|(name, _)| name.contains(check)),
                "{}: {check}",
                mutation.name
            );
        }
    }
}
