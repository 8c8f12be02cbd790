// SPDX-License-Identifier: GPL-2.0
//! The first kernel's initramfs: init, the scenario, and every kernel that the scenario runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use kho_abi_live_plan::initramfs::{Archive, EXAMPLE, KERNEL, KERNELS, SCENARIO};
use kho_abi_live_plan::{Flavour, Scenario};

use crate::kernels::Kernel;

/// The programs that run in the guest.
pub struct Programs {
    pub init: Vec<u8>,
    pub example: Vec<u8>,
}

impl Programs {
    /// Reads the programs from where cargo has put them.
    pub fn load(directory: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self { init: read("kho-abi-live-init")?, example: read("examples/preserve-device")? })
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
    fs::write(path, archive.finish()?)?;
    Ok(())
}
