// SPDX-License-Identifier: GPL-2.0
//! `/dev/iommu`: device files are bound to it, and their DMA goes through its address spaces.

use std::fs::{File, OpenOptions};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use iommufd_bindings::iommu_ioas_alloc;
use nix::Result;

use crate::liveupdate::errno_of;

mod raw {
    use iommufd_bindings::iommu_ioas_alloc;
    use nix::{ioctl_readwrite_bad, request_code_none};

    ioctl_readwrite_bad!(ioas_alloc, request_code_none!(b';', 0x81), iommu_ioas_alloc);
}

/// An open iommufd.
#[derive(Debug)]
pub struct Iommufd(File);

impl Iommufd {
    /// Opens `/dev/iommu`.
    pub fn open() -> Result<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/iommu").map(Self).map_err(errno_of)
    }

    /// Allocates an address space and returns its id.
    pub fn allocate_address_space(&self) -> Result<u32> {
        let mut request = iommu_ioas_alloc {
            size: size_of::<iommu_ioas_alloc>() as u32,
            flags: 0,
            out_ioas_id: 0,
        };
        // SAFETY: the descriptor is open for the length of the borrow, and the argument is the kernel's structure for
        // this request, with its size in the first field.
        unsafe { raw::ioas_alloc(self.0.as_raw_fd(), &mut request) }?;
        Ok(request.out_ioas_id)
    }
}

impl AsFd for Iommufd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
