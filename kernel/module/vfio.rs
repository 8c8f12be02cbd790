// SPDX-License-Identifier: GPL-2.0

//! vfio devices, and the files that are open on them.
//!
//! C header: `include/linux/vfio.h`.

use crate::liveupdate::HeldFile;
use core::ops::Deref;
use core::ptr::NonNull;
use kernel::{
    bindings,
    device::Device,
    error::from_err_ptr,
    fs::File,
    prelude::*,
    sync::{
        aref::ARef,
        lock::{mutex::MutexBackend, Guard},
        Mutex,
    },
    types::Opaque,
};

/// A `struct vfio_device` that is registered.
///
/// # Invariants
///
/// The device is valid, and stays registered for as long as there are references to this.
#[repr(transparent)]
pub(crate) struct VfioDevice(Opaque<bindings::vfio_device>);

/// The origin of a vfio device file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `/dev/vfio/devices/vfioN`, or a stand-in for it that a handler made.
    Cdev,
    /// The device's group.
    Group,
}

/// The lock of a device set, held.
pub(crate) type SetGuard<'a> = Guard<'a, (), MutexBackend>;

impl VfioDevice {
    /// The device that a file is open on, or `None` if it is not a vfio device file.
    pub(crate) fn of<'a>(file: HeldFile<'a>) -> Option<(&'a Self, Origin)> {
        // SAFETY: `HeldFile` guarantees a valid file.
        let device = unsafe { bindings::vfio_device_from_file(file.as_ptr()) };
        let device = NonNull::new(device)?;

        // SAFETY: `HeldFile` guarantees a valid file.
        let origin = if unsafe { bindings::vfio_file_is_device_cdev(file.as_ptr()) } {
            Origin::Cdev
        } else {
            Origin::Group
        };

        // SAFETY: `VfioDevice` is transparent. A vfio device file keeps its device registered, and
        // the file is held throughout `'a`.
        Some((unsafe { device.cast().as_ref() }, origin))
    }

    /// The `struct vfio_device`, valid for as long as `self` lives.
    pub(crate) fn as_raw(&self) -> *mut bindings::vfio_device {
        self.0.get()
    }

    /// Takes the lock of the device's set, whose devices can only be reset together.
    ///
    /// While it is held, no device of the set is opened or closed.
    pub(crate) fn lock_set(&self) -> SetGuard<'_> {
        // SAFETY: By the type invariant the device is valid. It is in a set from its registration
        // to its release.
        let set = unsafe { (*self.as_raw()).dev_set };

        // SAFETY: `set` is valid for as long as a device is in it.
        let lock = unsafe { &raw mut (*set).lock };

        // SAFETY: The lock was initialised with the set, and lives as long as the set, which is
        // longer than `self`.
        unsafe { Mutex::from_raw(lock) }.lock()
    }

    /// Whether the device is open: bound to an iommufd, or handed out by its group.
    pub(crate) fn is_open(&self, _locked: &SetGuard<'_>) -> bool {
        // SAFETY: By the type invariant the device is valid. The lock of its set, which is held,
        // keeps the field from being written.
        unsafe { (*self.as_raw()).open_count > 0 }
    }

    /// Makes a file on the device, with the properties of one from its cdev.
    ///
    /// `EBUSY` if the device is open.
    pub(crate) fn open_cdev(&self) -> Result<ARef<File>> {
        // SAFETY: By the type invariant the device is valid, and it is registered.
        let file = from_err_ptr(unsafe { bindings::vfio_device_cdev_getfile(self.as_raw()) })?;
        let file = NonNull::new(file).ok_or(ENOMEM)?;

        // SAFETY: The file is new: its one reference passes to the result, and no thread uses its
        // position yet. `File` is transparent.
        Ok(unsafe { ARef::from_raw(file.cast()) })
    }
}

/// A reference that keeps a vfio device registered.
///
/// # Invariants
///
/// Owns one registration reference on the device.
pub(crate) struct Registered {
    device: NonNull<VfioDevice>,
}

impl Registered {
    /// The vfio device on top of a physical one, or `None` if no vfio driver is bound to it.
    pub(crate) fn on(parent: &Device) -> Option<Self> {
        // `Device` is transparent.
        let parent: *const bindings::device = core::ptr::from_ref(parent).cast();

        // SAFETY: `parent` is from a reference to a device, which is valid. Nothing more is
        // required.
        let device = unsafe { bindings::vfio_device_get_by_parent(parent.cast_mut()) };

        Some(Self {
            // INVARIANT: The function returns a reference. `VfioDevice` is transparent.
            device: NonNull::new(device)?.cast(),
        })
    }
}

impl Deref for Registered {
    type Target = VfioDevice;

    fn deref(&self) -> &VfioDevice {
        // SAFETY: By the type invariant the device is registered for as long as `self` lives.
        unsafe { self.device.as_ref() }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference to give back.
        unsafe { bindings::vfio_device_put_registration(self.as_raw()) };
    }
}
