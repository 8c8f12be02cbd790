// SPDX-License-Identifier: GPL-2.0
//! The first kernel's initramfs: init, the scenario, and every kernel that the scenario runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use kho_abi_live_plan::initramfs::{Archive, EXAMPLE, KERNEL, KERNELS, KHO_ABI, SCENARIO, TESTS};
use kho_abi_live_plan::{Action, Flavour, Scenario};

use crate::kernels::Kernel;

/// The programs that run in the guest.
pub struct Programs {
    pub init: Vec<u8>,
    pub example: Vec<u8>,
    pub kho_abi: Vec<u8>,
}

impl Programs {
    /// Reads the programs from cargo's output directory.
    pub fn load(directory: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self {
            init: read("kho-abi-live-init")?,
            example: read("examples/preserve-device")?,
            kho_abi: read(KHO_ABI)?,
        })
    }
}

/// Writes the initramfs of a scenario.
pub fn write_initramfs(
    scenario: &Scenario,
    kernels: &BTreeMap<Flavour, Kernel>,
    programs: &Programs,
    path: &Path,
) -> Result<()> {
    let mut archive = Archive::new(Vec::new())
        .file("init", &programs.init)?
        .file(EXAMPLE, &programs.example)?
        .file(SCENARIO, &serde_json::to_vec(scenario)?)?
        .directory(KERNELS)?;
    let flavours: BTreeSet<Flavour> = scenario.boots.iter().map(|boot| boot.flavour).collect();
    for flavour in flavours {
        let kernel = kernels
            .get(&flavour)
            .with_context(|| format!("flavour {} was not built", flavour.name()))?;
        let directory = format!("{KERNELS}/{}", flavour.name());
        archive = archive
            .directory(&directory)?
            .file(&format!("{directory}/{KERNEL}"), &kernel.image)?
            .file(&format!("{directory}/{}", kernel.module_name), &kernel.module)?;
    }
    let tests = tests(scenario, kernels, programs)?;
    if !tests.is_empty() {
        archive = archive.directory(TESTS)?;
        for (name, content) in tests {
            archive = archive.file(&format!("{TESTS}/{name}"), content)?;
        }
    }
    fs::write(path, archive.finish()?)?;
    Ok(())
}

/// The tests that the scenario's steps request, by file name.
fn tests<'a>(
    scenario: &Scenario,
    kernels: &'a BTreeMap<Flavour, Kernel>,
    programs: &'a Programs,
) -> Result<BTreeMap<String, &'a [u8]>> {
    let mut tests = BTreeMap::new();
    for boot in &scenario.boots {
        let flavour = boot.flavour.name();
        let kernel = kernels.get(&boot.flavour).with_context(|| format!("no kernel {flavour}"))?;
        for step in &boot.steps {
            let (file, name, built) = match &step.action {
                Action::KhoAbi { .. } => {
                    tests.insert(KHO_ABI.to_owned(), programs.kho_abi.as_slice());
                    continue;
                }
                // A module works with one kernel only, and a scenario may have several kernels.
                Action::LoadUnitTests { module, .. } => {
                    (format!("{flavour}-{module}.ko"), module, &kernel.unit_tests)
                }
                Action::RunSelftest { program, .. } => {
                    (program.clone(), program, &kernel.selftests)
                }
                _ => continue,
            };
            let content =
                built.get(name).with_context(|| format!("{name} was not built for {flavour}"))?;
            tests.insert(file, content.as_slice());
        }
    }
    Ok(tests)
}
