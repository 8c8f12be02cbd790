// SPDX-License-Identifier: GPL-2.0
//! What a scenario is made of.

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
    /// The kernels, in the order in which they run. Each but the last ends in a live update.
    pub boots: Vec<Boot>,
    /// When, if ever, the harness takes an image of the machine's memory and reads it.
    pub image: Option<ImageMoment>,
    /// Processors of the machine.
    pub cpus: u32,
    /// Kernel parameters beside those that every scenario gets; usually none.
    pub parameters: String,
}

/// The moment at which memory is looked at from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageMoment {
    /// When the first kernel says that it starts the next one. Everything is serialised and nothing is consumed yet.
    BetweenTheFirstTwoKernels,
}

/// Which build of kernel and module runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// What the documentation describes.
    Base,
    /// Lockdep, kmemleak, list and slab debugging, and KASAN where the toolchain has it.
    Debug,
    /// The base kernel with a module whose handler speaks the next version of the contract.
    V2,
}

impl Flavour {
    /// The name by which the build script knows this flavour.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Base => "base",
            Flavour::Debug => "debug",
            Flavour::V2 => "v2",
        }
    }
}

/// The kinds of PCI device that the scenarios use, each for what sets it apart.
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

/// The register that traces are left in on an nvme, and what is written: the controller configuration, with sizes of
/// queue entries and without the bit that starts it. A reset clears it, in QEMU's device too.
pub const NVME_TRACE: (u64, u32) = (0x14, 0x0046_0000);

/// Where a device sits. The harness plugs it in there, and init finds it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// This slot of bus 0.
    Slot(u8),
    /// Slot 0 of the bus behind a root port in this slot of bus 0.
    BehindRootPort(u8),
    /// The first virtual function of the device behind a root port in this slot of bus 0; not plugged in, but turned on.
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
    /// Text that this kernel's log has to contain: a refusal without a word in the log helps nobody.
    pub log_has: Vec<String>,
}

/// One thing that init does, and what must come of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    /// The name of the error that the action has to end in; none if it has to succeed.
    pub fails: Option<String>,
}

/// What "use" means in a step that uses a device through its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// Configuration space shows the device that sysfs shows, and the one the previous kernel saw.
    ConfigSpace,
    /// Registers answer as this kind of device answers.
    Registers,
    /// An interrupt that the device is told to raise arrives at an eventfd.
    RaiseInterrupt,
    /// Turn bus mastering on, and where the kind has a harmless register that a reset clears, write it: traces by which
    /// a device that was brought to rest can be told from one that was not.
    LeaveTraces,
    /// Bus mastering is on, as it was left.
    IsBusMaster,
}

/// What the harness looks at while init waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Look {
    /// Remember which pages KHO preserves, under the pause's name.
    Remember,
    /// KHO preserves exactly the pages that it preserved at that earlier pause.
    SamePagesAs { pause: String },
    /// KHO preserves all pages that it preserved at that earlier pause, and at least so many others.
    MorePagesThan { pause: String, at_least: usize },
    /// Every vfio-pci page that the image between the kernels shows still has the bytes that it had there.
    HandedOverBytesUntouched,
}

/// The steps that init can take. Names of files, sessions and devices are those of the scenario.
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
    /// Turn the virtual function of a device on that vfio-pci has.
    EnableVirtualFunction { device: String },
    /// Leave a device without any method to reset it, whatever was found out about it before.
    ResetMethodsOff { device: String },
    /// Let a device have the methods again that it comes with.
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
    /// Have kmemleak scan, twice with the pause that it needs, and find nothing.
    NoLeaks,
    /// Run the documented example program with these arguments until it prints a line that starts with this text.
    RunExample { arguments: Vec<String>, until: String },
    /// Load a module of unit tests, which run right then, and report each of these cases.
    LoadUnitTests { module: String, suite: String, cases: Vec<String> },
    /// Run one of the kernel's own test programs to its end, or to where it leaves a child behind that keeps its
    /// sessions open. It has to end well, and to print a line with this text; each of these cases is reported.
    RunSelftest { program: String, arguments: Vec<String>, cases: Vec<String>, says: String },
    /// Run `kho-abi` with these arguments, which has to find nothing wrong, and to print each of these.
    KhoAbi { arguments: Vec<String>, shows: Vec<String> },
    /// Stop until the harness has looked at the machine's memory from outside.
    Pause { name: String, look: Look },
    /// Load the kernel that the next boot of the scenario asks for.
    LoadNextKernel,
    /// Live update: reboot(2) into the loaded kernel.
    LiveUpdate,
}

impl Action {
    /// The cases of tests that the step reports one by one, beside how it came out itself.
    pub fn cases(&self) -> &[String] {
        match self {
            Action::LoadUnitTests { cases, .. } | Action::RunSelftest { cases, .. } => cases,
            _ => &[],
        }
    }
}
