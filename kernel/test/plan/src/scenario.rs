// SPDX-License-Identifier: GPL-2.0
//! The parts of a scenario.

use serde::{Deserialize, Serialize};

/// A machine, the kernels that follow each other on it, and what must be true.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// States what must be true; unique, and usable as a directory name.
    pub name: String,
    /// The same as a sentence, with the reason why it matters.
    pub claim: String,
    /// The PCI devices of the machine.
    pub devices: Vec<Device>,
    /// The kernels, in the order in which they run. All but the last end in a live update.
    pub boots: Vec<Boot>,
    /// When, if ever, the harness takes an image of the machine's memory and reads it.
    pub image: Option<ImageMoment>,
    /// Processors of the machine.
    pub cpus: u32,
    /// Kernel parameters in addition to those that every scenario gets; usually empty.
    pub parameters: String,
}

/// The moment at which memory is examined from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageMoment {
    /// When the first kernel reports that it starts the next one. Everything is serialised and
    /// nothing is consumed yet.
    BetweenTheFirstTwoKernels,
}

/// The build of kernel and module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// What the documentation describes.
    Base,
    /// Lockdep, kmemleak, list and slab debugging, and KASAN if the toolchain has it.
    Debug,
    /// The base kernel with a module whose handler uses the next version of the contract.
    V2,
}

impl Flavour {
    /// The name of this flavour in the build script.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Base => "base",
            Flavour::Debug => "debug",
            Flavour::V2 => "v2",
        }
    }
}

/// The kinds of PCI device that the scenarios use, each with its distinguishing features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// Function level reset and MSI-X.
    Nvme,
    /// No reset at all, MSI, and an interrupt that a register write raises.
    Edu,
    /// No interrupt, no reset.
    PciTestdev,
    /// A network card with a function level reset, MSI and MSI-X.
    E1000e,
    /// An nvme that can have a virtual function, which is an nvme too.
    NvmeWithVirtualFunction,
}

impl DeviceKind {
    /// Vendor and device number in configuration space.
    pub fn ids(self) -> (u16, u16) {
        match self {
            DeviceKind::Nvme | DeviceKind::NvmeWithVirtualFunction => (0x1b36, 0x0010),
            DeviceKind::Edu => (0x1234, 0x11e8),
            DeviceKind::PciTestdev => (0x1b36, 0x0005),
            DeviceKind::E1000e => (0x8086, 0x10d3),
        }
    }
}

/// The register for traces on an nvme, and the value to write: the controller configuration, with
/// sizes of queue entries and without the bit that starts it. A reset clears it, in QEMU's device
/// too.
pub const NVME_TRACE: (u64, u32) = (0x14, 0x0046_0000);

/// The place of a device. The harness plugs it in there, and init finds it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// This slot of bus 0.
    Slot(u8),
    /// Slot 0 of the bus behind a root port in this slot of bus 0.
    BehindRootPort(u8),
    /// The first virtual function of the device behind a root port in this slot of bus 0; it is
    /// enabled instead of plugged in.
    VirtualFunctionBehindRootPort(u8),
}

/// One PCI device of the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The name by which steps refer to it.
    pub name: String,
    pub kind: DeviceKind,
    pub at: Location,
}

/// One kernel's life.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    pub flavour: Flavour,
    pub steps: Vec<Step>,
    /// Text that this kernel's log must contain: a refusal that is not in the log helps no user.
    pub log_has: Vec<String>,
}

/// One action of init, and its expected result.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    /// The name of the expected error; `None` if the action has to succeed.
    pub fails: Option<String>,
}

/// The meaning of "use" in a step that uses a device through its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Configuration space shows the device that sysfs shows, and the one the previous kernel saw.
    ConfigSpace,
    /// Registers answer as this kind of device answers.
    Registers,
    /// An interrupt that the device is made to raise arrives at an eventfd.
    RaiseInterrupt,
    /// Turn bus mastering on. If the kind has a harmless register that a reset clears, also write
    /// it. These traces show whether a device was quiesced.
    LeaveTraces,
    /// Bus mastering is on, as it was left.
    IsBusMaster,
}

/// What the harness examines while init waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Look {
    /// Remember which pages KHO preserves, under the pause's name.
    Remember,
    /// KHO preserves exactly the pages that it preserved at that earlier pause.
    SamePagesAs { pause: String },
    /// KHO preserves all pages that it preserved at that earlier pause, and at least that many
    /// others.
    MorePagesThan { pause: String, at_least: usize },
    /// Every vfio-pci page that the image between the kernels shows still has the same bytes.
    HandedOverBytesUntouched,
}

/// The steps of init. Names of files, sessions and devices are those of the scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Load the module that registers the vfio-pci file handler.
    LoadHandler,
    /// Unload it.
    UnloadHandler,
    /// The handler module's reference count is this.
    HandlerIsHeld { references: u32 },
    /// Give a device to vfio-pci.
    BindDriver { device: String },
    /// Enable the virtual function of a device that vfio-pci has.
    EnableVirtualFunction { device: String },
    /// Leave a device without any reset method, whatever was found out about it before.
    ResetMethodsOff { device: String },
    /// Restore a device's default reset methods.
    ResetMethodsOn { device: String },
    /// Take a device off the bus, as if it had been pulled between the two kernels.
    RemoveDevice { device: String },
    /// Open `/dev/liveupdate`.
    OpenLiveUpdate,
    /// Open a device through its own character device.
    OpenCdev { device: String, file: String },
    /// Open a device through its group's file.
    OpenThroughGroup { device: String, file: String },
    /// Open a device's group file itself.
    OpenGroup { device: String, file: String },
    /// Open any path.
    OpenPath { path: String, file: String },
    /// Bind a device file to an iommufd of its own and attach an address space.
    BindIommufd { file: String },
    /// Create a memfd with content made from a seed.
    CreateMemfd { file: String, size_bytes: u64, seed: u64 },
    /// A memfd has this size and the content made from this seed.
    MemfdHolds { file: String, size_bytes: u64, seed: u64 },
    /// Close a file.
    Close { file: String },
    /// Create a session.
    CreateSession { session: String },
    /// Close a session's file.
    CloseSession { session: String },
    /// Preserve a file in a session.
    Preserve { session: String, file: String, token: u64 },
    /// Get a session back from the previous kernel.
    RetrieveSession { session: String },
    /// Get a file back from the previous kernel.
    Retrieve { session: String, token: u64, file: String },
    /// Finish a retrieved session.
    Finish { session: String },
    /// Use a device through a file.
    UseDevice { device: String, file: String, with: Use },
    /// Point a device's interrupts at an eventfd.
    InterruptsOn { file: String },
    /// Turn a device's interrupts off.
    InterruptsOff { file: String },
    /// Reset a device through its file.
    Reset { file: String },
    /// Have kmemleak scan twice, with the required delay, and find nothing.
    NoLeaks,
    /// Run the documented example program with these arguments until it prints a line that starts with this text.
    RunExample { arguments: Vec<String>, until: String },
    /// Load a module of unit tests, which run immediately, and report each of these cases.
    LoadUnitTests { module: String, suite: String, cases: Vec<String> },
    /// Run one of the kernel's own test programs to its end, or until it leaves a child that keeps
    /// its sessions open. It must succeed, and print a line with this text; each of these cases is
    /// reported.
    RunSelftest { program: String, arguments: Vec<String>, cases: Vec<String>, says: String },
    /// Run `kho-abi` with these arguments. It must find nothing wrong, and print each of these
    /// texts.
    KhoAbi { arguments: Vec<String>, shows: Vec<String> },
    /// Stop until the harness has examined the machine's memory from outside.
    Pause { name: String, look: Look },
    /// Load the kernel for the next boot of the scenario.
    LoadNextKernel,
    /// Live update: reboot(2) into the loaded kernel.
    LiveUpdate,
}

impl Action {
    /// The test cases that the step reports individually, in addition to its own result.
    pub fn cases(&self) -> &[String] {
        match self {
            Action::LoadUnitTests { cases, .. } | Action::RunSelftest { cases, .. } => cases,
            _ => &[],
        }
    }
}
