// SPDX-License-Identifier: GPL-2.0

//! What happens to a vfio-pci device file at each step of a live update.

use crate::kho::{IncomingPage, OutgoingRecord};
use crate::liveupdate::{FileHandler, HeldFile, Retrieval};
use crate::record;
use crate::vfio::{Origin, Registered, VfioDevice};
use crate::vfio_pci::{function_at, Quiesced, VfioPciDevice};
use crate::wire::pci_address::{PciAddress, PciAddressError};
use crate::wire::vfio_pci::vfio_pci_core_device_ser;
use kernel::{fs::File, prelude::*, sync::aref::ARef};

/// The handler of vfio-pci device files.
pub(crate) struct VfioPciFiles;

/// Why a vfio-pci device file is not preserved.
enum Refusal {
    /// It is from a group, and a group is not preserved.
    FromGroup,
    /// vfio-pci is built to support s390's virtualisation, whose state is not preserved.
    Zdev,
    /// The function is an Intel display adapter, with state in regions that are not preserved.
    IntelDisplay,
    /// The function is a virtual one. In the next kernel it does not exist before its physical
    /// function is driven, and that may give other functions its address.
    VirtualFunction,
}

impl Refusal {
    fn reason(&self) -> &'static str {
        match self {
            Self::FromGroup => "the file is from a group, not from the device's cdev",
            Self::Zdev => "the kernel is built with CONFIG_VFIO_PCI_ZDEV_KVM",
            Self::IntelDisplay => "Intel display devices have state that is not preserved",
            Self::VirtualFunction => "virtual functions are not preserved",
        }
    }

    /// The reason for refusing a vfio-pci file, if there is one.
    fn of(device: &VfioPciDevice, origin: Origin) -> Option<Self> {
        if origin == Origin::Group {
            Some(Self::FromGroup)
        } else if cfg!(CONFIG_VFIO_PCI_ZDEV_KVM) {
            Some(Self::Zdev)
        } else if device.is_intel_display() {
            Some(Self::IntelDisplay)
        } else if device.is_virtual_function() {
            Some(Self::VirtualFunction)
        } else {
            None
        }
    }
}

/// What the handler remembers about a file that it preserved.
pub(crate) struct State {
    /// The result of freezing the device, until that is undone.
    frozen: Option<Quiesced>,
}

/// The device that a file is open on, and the file's origin; `None` if it does not belong to
/// vfio-pci.
fn vfio_pci_device<'a>(file: HeldFile<'a>) -> Option<(&'a VfioPciDevice, Origin)> {
    let (device, origin) = VfioDevice::of(file)?;
    Some((VfioPciDevice::new(device)?, origin))
}

/// Reads the address of a device from a preserved page, if the page holds that and nothing else.
///
/// The writer gets a zeroed page and puts the record at its start. Anything else in the page means
/// that this is not the record that the compatible string promises.
pub(crate) fn read_address(page: &[u8]) -> Result<PciAddress> {
    let (address, rest) = record::read(page).map_err(|_| EBADMSG)?;
    if rest.iter().any(|&byte| byte != 0) {
        return Err(EBADMSG);
    }
    Ok(address)
}

// The kernel's macros print types that implement the kernel's own trait.
impl kernel::fmt::Display for PciAddress {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl kernel::fmt::Display for PciAddressError {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl FileHandler for VfioPciFiles {
    #[cfg(not(speak_v2))]
    const COMPATIBLE: &'static str = crate::wire::vfio_pci::VFIO_PCI_LUO_FH_COMPATIBLE;
    // For tests: a next kernel with a newer version. See Kbuild.
    #[cfg(speak_v2)]
    const COMPATIBLE: &'static str = "vfio-pci-v2";

    type Owner = crate::KhoVfioPci;
    type State = State;

    fn can_preserve(file: HeldFile<'_>) -> bool {
        let Some((device, origin)) = vfio_pci_device(file) else {
            return false;
        };
        if let Some(refusal) = Refusal::of(device, origin) {
            // LUO returns ENOENT, as for any file without a handler.
            dev_info!(
                device.function(),
                "cannot be preserved: {}\n",
                refusal.reason()
            );
            return false;
        }
        true
    }

    fn identity(file: HeldFile<'_>) -> usize {
        // Two files on one device would be preserved as the same address, and the next kernel might
        // allow its user to bind only one of them.
        match VfioDevice::of(file) {
            Some((device, _)) => device.as_raw() as usize,
            None => file.as_ptr() as usize,
        }
    }

    fn preserve(file: HeldFile<'_>) -> Result<(u64, KBox<State>)> {
        let (device, _) = vfio_pci_device(file).ok_or(EINVAL)?;
        let address = device.address()?;

        let state = KBox::new(State { frozen: None }, GFP_KERNEL)?;
        let mut page = OutgoingRecord::<vfio_pci_core_device_ser>::new()?;
        record::fill(&mut page, address).map_err(|e| {
            dev_err!(device.function(), "cannot be preserved: {e}\n");
            EOVERFLOW
        })?;

        Ok((page.into_phys(), state))
    }

    unsafe fn unpreserve(data: u64, _state: KBox<State>) {
        // SAFETY: The caller guarantees that `data` comes from `preserve`, which made it from such
        // a page, and that this was not done before.
        drop(unsafe { OutgoingRecord::<vfio_pci_core_device_ser>::from_phys(data) });
    }

    fn freeze(file: HeldFile<'_>, state: &mut State) -> Result {
        let (device, _) = vfio_pci_device(file).ok_or(EINVAL)?;
        state.frozen = Some(device.quiesce()?);
        Ok(())
    }

    fn unfreeze(file: HeldFile<'_>, state: &mut State) {
        let Some((device, _)) = vfio_pci_device(file) else {
            return;
        };
        let (users, after) = match state.frozen.take() {
            None | Some(Quiesced::Closed) => return,
            Some(Quiesced::Reset(users)) => (users, "the device was reset, set it up again"),
            Some(Quiesced::Silenced(users)) => (users, "the device goes on as it was"),
        };
        match device.resume(users) {
            Ok(()) => dev_info!(device.function(), "live update is off: {after}\n"),
            Err(e) => dev_err!(
                device.function(),
                "live update is off, but reset or close the device before use: {e:?}\n"
            ),
        }
    }

    unsafe fn retrieve(data: u64) -> Result<ARef<File>> {
        // SAFETY: The caller guarantees that `data` is from an entry with this handler's compatible
        // string. The writer of such an entry had the page preserved for its reader.
        let page = unsafe { IncomingPage::restore(data) }.inspect_err(|e| {
            pr_err!("no preserved page at {data:#x}: {e:?}\n");
        })?;
        let address = read_address(page.bytes()).inspect_err(|_| {
            pr_err!(
                "page at {data:#x} does not hold a {}: there is something behind it\n",
                Self::COMPATIBLE
            );
        })?;
        // Its content was copied, and it will not be requested again.
        drop(page);

        let function = function_at(address).ok_or_else(|| {
            pr_err!("{address}: there is no such device\n");
            ENODEV
        })?;
        let device = Registered::on((*function).as_ref()).ok_or_else(|| {
            dev_err!(
                function,
                "cannot be retrieved: it is not bound to vfio-pci\n"
            );
            ENXIO
        })?;
        if VfioPciDevice::new(&device).is_none() {
            dev_err!(
                function,
                "cannot be retrieved: it is bound to another driver than vfio-pci\n"
            );
            return Err(ENXIO);
        }

        device.open_cdev().inspect_err(|e| {
            let why = if *e == EBUSY {
                "it is open already"
            } else {
                "opening it failed"
            };
            dev_err!(function, "cannot be retrieved: {why}: {e:?}\n");
        })
    }

    fn can_finish(retrieval: Retrieval) -> bool {
        // A file that was not requested is more likely forgotten than given up. One that could not
        // be retrieved never will be, and must not keep its session from ending.
        retrieval != Retrieval::NotTried
    }

    unsafe fn finish(data: u64, retrieval: Retrieval) {
        if retrieval != Retrieval::NotTried {
            // `retrieve` took the page over, whatever its result.
            return;
        }
        // SAFETY: As in `retrieve`, which was not and will not be called.
        match unsafe { IncomingPage::restore(data) } {
            Ok(page) => drop(page),
            Err(e) => pr_err!("no preserved page at {data:#x} to release: {e:?}\n"),
        }
    }
}
