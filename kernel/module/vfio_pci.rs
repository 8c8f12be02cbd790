// SPDX-License-Identifier: GPL-2.0

//! Devices of the vfio-pci driver.
//!
//! C header: `include/linux/vfio_pci_core.h`.

use crate::pci_state::{LockedFunction, SavedState};
use crate::vfio::{SetGuard, VfioDevice};
use crate::wire::pci_address::PciAddress;
use core::ptr::NonNull;
use kernel::{
    bindings,
    error::to_result,
    pci,
    prelude::*,
    sync::{aref::ARef, Mutex},
    types::Opaque,
};

/// The PCI function at an address, or `None` if there is none.
pub(crate) fn function_at(address: PciAddress) -> Option<ARef<pci::Device>> {
    let domain = c_int::try_from(address.domain()).ok()?;
    let [bus, devfn] = address.bdf().to_be_bytes();

    // SAFETY: The function accepts any numbers.
    let pdev = unsafe {
        bindings::pci_get_domain_bus_and_slot(domain, c_uint::from(bus), c_uint::from(devfn))
    };

    // SAFETY: The function returns a reference, which passes to the result. `pci::Device` is
    // transparent.
    NonNull::new(pdev).map(|pdev| unsafe { ARef::from_raw(pdev.cast()) })
}

/// The result of freezing a device.
pub(crate) enum Quiesced {
    /// The device is not open. vfio-pci left it idle when it was closed, or never woke it.
    Closed,
    /// The device was reset; its user's configuration is kept in case the kexec is cancelled.
    Reset(SavedState),
    /// The device cannot be reset. It was taken off the bus, and keeps the rest of its state.
    Silenced(SavedState),
}

/// A `struct vfio_pci_core_device` that vfio-pci, the driver, owns and has registered.
///
/// # Invariants
///
/// The device is valid, and stays registered for as long as there are references to this.
#[repr(transparent)]
pub(crate) struct VfioPciDevice(Opaque<bindings::vfio_pci_core_device>);

impl VfioPciDevice {
    /// The vfio-pci side of a vfio device, or `None` if the device belongs to another driver.
    pub(crate) fn new(device: &VfioDevice) -> Option<&Self> {
        // SAFETY: `VfioDevice` guarantees a valid device.
        if !unsafe { bindings::vfio_pci_owns_device(device.as_raw()) } {
            return None;
        }

        // SAFETY: A device of vfio-pci is embedded in a `struct vfio_pci_core_device`.
        let core =
            unsafe { kernel::container_of!(device.as_raw(), bindings::vfio_pci_core_device, vdev) };

        // SAFETY: The embedding struct lives as long as `device`, which is registered for as long
        // as the reference to it, and so the result, lives. `VfioPciDevice` is transparent.
        Some(unsafe { &*core.cast() })
    }

    fn as_raw(&self) -> *mut bindings::vfio_pci_core_device {
        self.0.get()
    }

    fn vfio(&self) -> &VfioDevice {
        // SAFETY: By the type invariant the device is valid. This takes the address of a field.
        let vdev = unsafe { &raw mut (*self.as_raw()).vdev };

        // SAFETY: By the type invariant the device is registered for as long as `self` lives.
        // `VfioDevice` is transparent.
        unsafe { &*vdev.cast() }
    }

    fn pdev(&self) -> NonNull<bindings::pci_dev> {
        // SAFETY: By the type invariant the device is valid. The field is set before registration,
        // and not changed afterwards.
        let pdev = unsafe { (*self.as_raw()).pdev };

        // SAFETY: For the same reason it is not null.
        unsafe { NonNull::new_unchecked(pdev) }
    }

    /// The PCI function.
    pub(crate) fn function(&self) -> &pci::Device {
        // SAFETY: vfio-pci is bound to the function for as long as the device is registered, which
        // it is for as long as `self` lives. `pci::Device` is transparent.
        unsafe { self.pdev().cast().as_ref() }
    }

    /// The address of the function.
    pub(crate) fn address(&self) -> Result<PciAddress> {
        // SAFETY: The function is valid, see `function`, and on a bus for as long as it is.
        let bus = unsafe { (*self.pdev().as_ptr()).bus };

        // SAFETY: The bus outlives the functions on it.
        let domain = unsafe { bindings::pci_domain_nr(bus) };

        let domain = u32::try_from(domain).map_err(|_| ERANGE)?;
        Ok(PciAddress::from_bdf(domain, self.function().dev_id()))
    }

    /// Whether the function is a virtual one.
    pub(crate) fn is_virtual_function(&self) -> bool {
        // SAFETY: The function is valid, see `function`. The flag is set before it is bound to a
        // driver, and not changed afterwards.
        unsafe { bindings::pci_dev::is_virtfn_raw(self.pdev().as_ptr()) != 0 }
    }

    /// Whether the function is an Intel display adapter, for which vfio-pci keeps state in extra
    /// regions.
    pub(crate) fn is_intel_display(&self) -> bool {
        const BASE_CLASS_SHIFT: u32 = 16;

        let function = self.function();
        function.vendor_id() == pci::Vendor::INTEL
            && function.pci_class().as_raw() >> BASE_CLASS_SHIFT == bindings::PCI_BASE_CLASS_DISPLAY
    }

    /// Quiesces the device for the kexec, if its interrupts are off.
    ///
    /// Takes the lock of the device set, then that of interrupt configuration, then tries for the
    /// PCI locks, then takes the one that guards the device's memory: the order of vfio-pci itself.
    ///
    /// `EINVAL`: interrupts are on. `EAGAIN`: the device is locked, by a reset or an unbind in
    /// progress. Otherwise the error of the step that failed. After an error, the device's user has
    /// its old configuration, unless the log says otherwise.
    pub(crate) fn quiesce(&self) -> Result<Quiesced> {
        let set = self.vfio().lock_set();
        if !self.vfio().is_open(&set) {
            return Ok(Quiesced::Closed);
        }

        // SAFETY: By the type invariant the device is valid. This takes the address of a field.
        let igate = unsafe { &raw mut (*self.as_raw()).igate };
        // SAFETY: The lock is initialised and lives as long as the device.
        let _igate = unsafe { Mutex::from_raw(igate) }.lock();

        // SAFETY: By the type invariant the device is valid. The lock of interrupt configuration,
        // which is held, keeps the field from being written.
        let irq_type = unsafe { (*self.as_raw()).irq_type };
        if irq_type != bindings::VFIO_PCI_NUM_IRQS as c_int {
            let kind = irq_name(irq_type);
            dev_err!(
                self.function(),
                "live update refused: {kind} interrupts are enabled; disable them first\n"
            );
            return Err(EINVAL);
        }

        // SAFETY: By the type invariant the device is valid. The field is written when the device
        // is opened and closed, which the lock of its set prevents.
        let initial =
            NonNull::new(unsafe { (*self.as_raw()).pci_saved_state }).ok_or_else(|| {
                dev_err!(
                    self.function(),
                    "live update refused: no configuration was saved when the device was opened\n"
                );
                EIO
            })?;
        // SAFETY: As above.
        let reset_works = unsafe { bindings::vfio_pci_core_device::reset_works_raw(self.as_raw()) };

        let section = ResetSection::enter(self, &set).inspect_err(|e| {
            dev_err!(
                self.function(),
                "live update refused: device is not available: {e:?}\n"
            );
        })?;
        let function = section.function();

        let users = function.save()?;
        let result = function
            .silence()
            .and_then(|()| {
                if reset_works {
                    function.reset()
                } else {
                    Ok(())
                }
            })
            // SAFETY: vfio-pci stored the state for this function when the device was opened, and
            // keeps it until the device is closed, which the lock of its set prevents.
            .and_then(|()| unsafe { function.load(initial) });

        if let Err(e) = result {
            dev_err!(
                self.function(),
                "live update refused: reset failed: {e:?}; close the device if it misbehaves\n"
            );
            if let Err(e) = function.load_saved(users) {
                dev_err!(
                    self.function(),
                    "configuration is lost: {e:?}; close the device\n"
                );
            }
            function.restore();
            return Err(e);
        }

        // Bus mastering is off in this state, since vfio-pci saves it before the user gets the
        // device.
        function.restore();

        if reset_works {
            Ok(Quiesced::Reset(users))
        } else {
            dev_warn!(
                self.function(),
                "has no reset: DMA and interrupts are off, the rest of its state stays\n"
            );
            Ok(Quiesced::Silenced(users))
        }
    }

    /// Returns the device to its user, with its old configuration.
    pub(crate) fn resume(&self, users: SavedState) -> Result {
        let set = self.vfio().lock_set();
        if !self.vfio().is_open(&set) {
            return Ok(());
        }

        let section = ResetSection::enter(self, &set)?;
        let function = section.function();
        function.load_saved(users)?;
        function.restore();
        Ok(())
    }
}

/// The name of an interrupt index of vfio-pci, for the log.
fn irq_name(index: c_int) -> &'static str {
    match u32::try_from(index) {
        Ok(bindings::VFIO_PCI_INTX_IRQ_INDEX) => "INTx",
        Ok(bindings::VFIO_PCI_MSI_IRQ_INDEX) => "MSI",
        Ok(bindings::VFIO_PCI_MSIX_IRQ_INDEX) => "MSI-X",
        _ => "unknown",
    }
}

/// The time during which a device is awake and locked, and no one else can access its memory.
///
/// # Invariants
///
/// `vfio_pci_core_begin_reset()` succeeded for the device, and was not ended.
struct ResetSection<'a> {
    device: &'a VfioPciDevice,
}

impl<'a> ResetSection<'a> {
    fn enter(device: &'a VfioPciDevice, _open_and_locked: &'a SetGuard<'_>) -> Result<Self> {
        // SAFETY: `VfioPciDevice` guarantees a valid device. The lock of its set is held.
        to_result(unsafe { bindings::vfio_pci_core_begin_reset(device.as_raw()) })?;

        // INVARIANT: It has just succeeded.
        Ok(Self { device })
    }

    fn function(&self) -> LockedFunction<'_> {
        // SAFETY: By the type invariant the function is awake, and the locks are held: by the
        // current thread, which a section does not leave, as `VfioPciDevice` is not `Sync`.
        unsafe { LockedFunction::new(self.device.pdev()) }
    }
}

impl Drop for ResetSection<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a section to end.
        unsafe { bindings::vfio_pci_core_end_reset(self.device.as_raw()) };
    }
}
