// SPDX-License-Identifier: GPL-2.0
//! The state of init: open files, sessions, and its knowledge from the previous kernel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use kho_abi_live_plan::initramfs::KERNELS;
use kho_abi_live_plan::{Device, Flavour, Location, PreservedObject, Scenario};
use kho_abi_live_uapi::iommufd::Iommufd;
use kho_abi_live_uapi::liveupdate::{LiveUpdate, Session};
use kho_abi_live_uapi::pci::PciFunction;
use kho_abi_live_uapi::vfio::VfioDevice;
use nix::sys::eventfd::EventFd;

use crate::facts::Facts;
use crate::outcome::{failure, Failure};

/// An open file, with everything that has to stay open with it.
pub struct OpenFile {
    pub fd: OwnedFd,
    /// The object in a session that preserves this file; `None` for files that cannot be preserved.
    pub object: Option<PreservedObject>,
    /// A group that the device was opened through.
    pub group: Option<File>,
    /// The iommufd that the device is bound to.
    pub iommufd: Option<Iommufd>,
    /// The kind of interrupt that is on, and the eventfd that it signals.
    pub interrupts: Option<(u32, EventFd)>,
}

impl OpenFile {
    pub fn new(fd: impl Into<OwnedFd>) -> Self {
        Self { fd: fd.into(), object: None, group: None, iommufd: None, interrupts: None }
    }

    /// The same open file as a vfio device: a duplicate of the descriptor, closed after the step.
    pub fn device(&self) -> Result<VfioDevice, Failure> {
        Ok(VfioDevice::from(self.fd.try_clone()?))
    }
}

/// The state between steps.
pub struct Machine {
    pub scenario: Scenario,
    pub boot: u32,
    pub live_update: Option<LiveUpdate>,
    pub sessions: BTreeMap<String, Session>,
    pub files: BTreeMap<String, OpenFile>,
    /// What the previous kernel's init left.
    pub inherited: Facts,
    /// What the next kernel's init gets.
    pub bequest: Facts,
}

impl Machine {
    pub fn new(scenario: Scenario, boot: u32) -> Result<Self, Failure> {
        let inherited = Facts::load()?;
        let bequest = Facts { identities: inherited.identities.clone(), preserved: Vec::new() };
        Ok(Self {
            scenario,
            boot,
            live_update: None,
            sessions: BTreeMap::new(),
            files: BTreeMap::new(),
            inherited,
            bequest,
        })
    }

    /// The device of this name.
    pub fn device(&self, name: &str) -> Result<&Device, Failure> {
        self.scenario
            .devices
            .iter()
            .find(|device| device.name == name)
            .ok_or_else(|| failure(format!("the scenario has no device {name}")))
    }

    /// The present address of the device of this name.
    pub fn address(&self, name: &str) -> Result<PciFunction, Failure> {
        match self.device(name)?.at {
            Location::Slot(slot) => Ok(PciFunction::on_bus_0(slot)),
            // Not `?` on the I/O error: a missing device is not a refusal of the kernel.
            Location::VirtualFunctionBehindRootPort(slot) => PciFunction::on_bus_0(slot)
                .behind_bridge()
                .and_then(PciFunction::first_virtual_function)
                .map_err(|error| failure(error.to_string())),
            Location::BehindRootPort(slot) => PciFunction::on_bus_0(slot)
                .behind_bridge()
                .map_err(|error| failure(error.to_string())),
        }
    }

    pub fn file(&self, name: &str) -> Result<&OpenFile, Failure> {
        self.files.get(name).ok_or_else(|| failure(format!("no open file {name}")))
    }

    pub fn file_mut(&mut self, name: &str) -> Result<&mut OpenFile, Failure> {
        self.files.get_mut(name).ok_or_else(|| failure(format!("no open file {name}")))
    }

    pub fn session(&self, name: &str) -> Result<&Session, Failure> {
        self.sessions.get(name).ok_or_else(|| failure(format!("no open session {name}")))
    }

    pub fn live_update(&self) -> Result<&LiveUpdate, Failure> {
        self.live_update.as_ref().ok_or_else(|| failure("/dev/liveupdate is not open"))
    }

    /// The running flavour.
    pub fn flavour(&self) -> Flavour {
        self.scenario.boots[self.boot as usize - 1].flavour
    }

    /// The handler module of this kernel, and its name in the kernel.
    pub fn handler_module(&self) -> Result<(PathBuf, String), Failure> {
        let directory = Path::new("/").join(KERNELS).join(self.flavour().name());
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ko") {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = stem.replace('-', "_");
                return Ok((path, name));
            }
        }
        Err(failure(format!("no module in {}", directory.display())))
    }
}
