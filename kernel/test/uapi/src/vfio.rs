// SPDX-License-Identifier: GPL-2.0
//! vfio device files, and the groups through which they can be opened, too
//! (`include/uapi/linux/vfio.h`).

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::Result;
use vfio_bindings::bindings::vfio::{
    vfio_device_attach_iommufd_pt, vfio_device_bind_iommufd, vfio_device_info, vfio_irq_info,
    vfio_region_info, VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD,
    VFIO_IRQ_SET_DATA_NONE, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_INTX_IRQ_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
};

use crate::iommufd::Iommufd;
use crate::liveupdate::errno_of;
use crate::pci::PciFunction;

/// `struct vfio_irq_set` with space for one eventfd; `argsz` says whether it counts.
#[repr(C)]
struct IrqSet {
    argsz: u32,
    flags: u32,
    index: u32,
    start: u32,
    count: u32,
    eventfd: i32,
}

mod raw {
    use std::ffi::{c_char, c_int};

    use nix::{ioctl_none_bad, ioctl_readwrite_bad, ioctl_write_ptr_bad, request_code_none};
    use vfio_bindings::bindings::vfio::{
        vfio_device_attach_iommufd_pt, vfio_device_bind_iommufd, vfio_device_info, vfio_irq_info,
        vfio_region_info, VFIO_BASE, VFIO_TYPE,
    };

    use super::IrqSet;

    const fn request(number: u32) -> nix::sys::ioctl::ioctl_num_type {
        request_code_none!(VFIO_TYPE, VFIO_BASE + number)
    }

    ioctl_write_ptr_bad!(group_get_device_fd, request(6), c_char);
    ioctl_write_ptr_bad!(group_set_container, request(4), c_int);
    ioctl_readwrite_bad!(device_get_info, request(7), vfio_device_info);
    ioctl_readwrite_bad!(device_get_region_info, request(8), vfio_region_info);
    ioctl_readwrite_bad!(device_get_irq_info, request(9), vfio_irq_info);
    ioctl_readwrite_bad!(device_set_irqs, request(10), IrqSet);
    ioctl_none_bad!(device_reset, request(11));
    ioctl_readwrite_bad!(device_bind_iommufd, request(18), vfio_device_bind_iommufd);
    ioctl_readwrite_bad!(device_attach_iommufd_pt, request(19), vfio_device_attach_iommufd_pt);
}

/// An open vfio device file.
#[derive(Debug)]
pub struct VfioDevice(File);

/// A window of a device, as an offset into its file.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    pub size_bytes: u64,
    pub file_offset: u64,
}

impl VfioDevice {
    /// Opens a device through its own character device.
    pub fn open_cdev(address: PciFunction) -> Result<Self> {
        open_read_write(&address.vfio_cdev().map_err(errno_of)?).map(Self)
    }

    /// Opens a device through its group; the group stays open as long as its file does. The iommufd
    /// replaces the container that groups need.
    pub fn open_through_group(address: PciFunction, iommufd: &Iommufd) -> Result<(File, Self)> {
        let group = open_read_write(&address.vfio_group().map_err(errno_of)?)?;
        let container = iommufd.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open for the length of the call, and the kernel reads one int.
        unsafe { raw::group_set_container(group.as_raw_fd(), &container) }?;
        let name = CString::new(address.to_string()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the group is open, and the kernel reads a zero-terminated string, which the CString is.
        let fd = unsafe { raw::group_get_device_fd(group.as_raw_fd(), name.as_ptr()) }?;
        // SAFETY: the kernel installed this descriptor for the call that has just succeeded;
        // nothing else owns it.
        let device = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok((group, Self(File::from(device))))
    }

    /// Binds the device to an iommufd, which makes a file from a cdev usable.
    pub fn bind_iommufd(&self, iommufd: &Iommufd) -> Result<()> {
        let mut request = vfio_device_bind_iommufd {
            argsz: size_of::<vfio_device_bind_iommufd>() as u32,
            flags: 0,
            iommufd: iommufd.as_fd().as_raw_fd(),
            out_devid: 0,
            token_uuid_ptr: 0,
        };
        // SAFETY: both descriptors are open for the length of their borrows, and the argument is the kernel's
        // structure for this request, with its size in the first field.
        unsafe { raw::device_bind_iommufd(self.0.as_raw_fd(), &mut request) }?;
        Ok(())
    }

    /// Attaches the device to an address space of the iommufd that it is bound to.
    pub fn attach(&self, address_space: u32) -> Result<()> {
        let mut request = vfio_device_attach_iommufd_pt {
            argsz: size_of::<vfio_device_attach_iommufd_pt>() as u32,
            flags: 0,
            pt_id: address_space,
            pasid: 0,
        };
        // SAFETY: the device is open for the length of the borrow, and the argument is the kernel's structure for
        // this request, with its size in the first field.
        unsafe { raw::device_attach_iommufd_pt(self.0.as_raw_fd(), &mut request) }?;
        Ok(())
    }

    /// What VFIO_DEVICE_GET_INFO says.
    pub fn info(&self) -> Result<vfio_device_info> {
        let mut info = vfio_device_info {
            argsz: size_of::<vfio_device_info>() as u32,
            flags: 0,
            num_regions: 0,
            num_irqs: 0,
            cap_offset: 0,
            pad: 0,
        };
        // SAFETY: the device is open for the length of the borrow, and the kernel writes at most `argsz` bytes.
        unsafe { raw::device_get_info(self.0.as_raw_fd(), &mut info) }?;
        Ok(info)
    }

    /// Where a region is in the file.
    pub fn region(&self, index: u32) -> Result<Region> {
        let mut info = vfio_region_info {
            argsz: size_of::<vfio_region_info>() as u32,
            flags: 0,
            index,
            cap_offset: 0,
            size: 0,
            offset: 0,
        };
        // SAFETY: the device is open for the length of the borrow, and the kernel writes at most `argsz` bytes.
        unsafe { raw::device_get_region_info(self.0.as_raw_fd(), &mut info) }?;
        Ok(Region { size_bytes: info.size, file_offset: info.offset })
    }

    /// Reads all of `buffer` from a region.
    pub fn read(&self, region: u32, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let region = self.region(region)?;
        self.0.read_exact_at(buffer, region.file_offset + offset).map_err(errno_of)
    }

    /// Writes all of `buffer` into a region.
    pub fn write(&self, region: u32, offset: u64, buffer: &[u8]) -> Result<()> {
        let region = self.region(region)?;
        self.0.write_all_at(buffer, region.file_offset + offset).map_err(errno_of)
    }

    /// Reads a 32-bit register.
    pub fn read_u32(&self, region: u32, offset: u64) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read(region, offset, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Writes a 32-bit register.
    pub fn write_u32(&self, region: u32, offset: u64, value: u32) -> Result<()> {
        self.write(region, offset, &value.to_le_bytes())
    }

    /// Reads a 16-bit word of configuration space.
    pub fn config_u16(&self, offset: u64) -> Result<u16> {
        let mut bytes = [0; 2];
        self.read(VFIO_PCI_CONFIG_REGION_INDEX, offset, &mut bytes)?;
        Ok(u16::from_le_bytes(bytes))
    }

    /// The best kind of interrupt that the device has: MSI-X, MSI, or the pin.
    pub fn best_interrupt(&self) -> Result<Option<u32>> {
        for index in [VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_INTX_IRQ_INDEX] {
            let mut info = vfio_irq_info {
                argsz: size_of::<vfio_irq_info>() as u32,
                flags: 0,
                index,
                count: 0,
            };
            // SAFETY: the device is open for the length of the borrow, and the kernel writes at most `argsz` bytes.
            unsafe { raw::device_get_irq_info(self.0.as_raw_fd(), &mut info) }?;
            if info.count > 0 {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Makes the first interrupt of this kind signal an eventfd.
    pub fn interrupts_on(&self, index: u32, eventfd: &impl AsFd) -> Result<()> {
        self.set_irqs(IrqSet {
            argsz: size_of::<IrqSet>() as u32,
            flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
            index,
            start: 0,
            count: 1,
            eventfd: eventfd.as_fd().as_raw_fd(),
        })
    }

    /// Turns all interrupts of this kind off.
    pub fn interrupts_off(&self, index: u32) -> Result<()> {
        self.set_irqs(IrqSet {
            argsz: (size_of::<IrqSet>() - size_of::<i32>()) as u32,
            flags: VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
            index,
            start: 0,
            count: 0,
            eventfd: -1,
        })
    }

    fn set_irqs(&self, mut set: IrqSet) -> Result<()> {
        // SAFETY: the device is open for the length of the borrow; the argument starts with the
        // kernel's header for this request, and `argsz` never exceeds the size of the structure.
        unsafe { raw::device_set_irqs(self.0.as_raw_fd(), &mut set) }?;
        Ok(())
    }

    /// Resets the device.
    pub fn reset(&self) -> Result<()> {
        // SAFETY: the device is open for the length of the borrow, and the request takes no argument.
        unsafe { raw::device_reset(self.0.as_raw_fd()) }?;
        Ok(())
    }
}

impl From<OwnedFd> for VfioDevice {
    fn from(fd: OwnedFd) -> Self {
        Self(File::from(fd))
    }
}

impl AsFd for VfioDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Opens a vfio file in the mode that vfio requires.
pub fn open_read_write(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).map_err(errno_of)
}

impl From<VfioDevice> for OwnedFd {
    fn from(device: VfioDevice) -> Self {
        device.0.into()
    }
}
