// SPDX-License-Identifier: GPL-2.0
//! Loads the next kernel, and jumps into it.

use std::convert::Infallible;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::reboot::{reboot, RebootMode};
use nix::Result;

/// Loads a kernel and its initramfs for the next live update (kexec_file_load(2)).
pub fn load(kernel: &impl AsFd, initramfs: &impl AsFd, command_line: &CStr) -> Result<()> {
    let length = command_line.to_bytes_with_nul().len();
    // SAFETY: the descriptors are open for the length of their borrows, and the command line is
    // `length` readable bytes, including the terminating zero, as the kernel requires.
    let status = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            kernel.as_fd().as_raw_fd(),
            initramfs.as_fd().as_raw_fd(),
            length,
            command_line.as_ptr(),
            0usize,
        )
    };
    Errno::result(status).map(drop)
}

/// Jumps into the loaded kernel; does not return on success.
pub fn live_update() -> Result<Infallible> {
    reboot(RebootMode::RB_KEXEC)
}
