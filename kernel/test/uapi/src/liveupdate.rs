// SPDX-License-Identifier: GPL-2.0
//! `/dev/liveupdate` and its sessions (`include/uapi/linux/liveupdate.h`).

use std::fs::{File, OpenOptions};
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::Result;

const IOCTL_TYPE: u8 = 0xBA;
/// Length of a session's name in bytes, including the terminating zero.
pub const SESSION_NAME_LENGTH: usize = 64;

/// `struct liveupdate_ioctl_create_session` and `struct liveupdate_ioctl_retrieve_session`, which
/// have the same layout.
#[repr(C)]
struct SessionByName {
    size: u32,
    fd: i32,
    name: [u8; SESSION_NAME_LENGTH],
}

/// `struct liveupdate_session_preserve_fd` and `struct liveupdate_session_retrieve_fd`.
#[repr(C, align(8))]
struct FileByToken {
    size: u32,
    fd: i32,
    token: u64,
}

/// `struct liveupdate_session_finish`.
#[repr(C)]
struct FinishSession {
    size: u32,
    reserved: u32,
}

mod raw {
    use super::{FileByToken, FinishSession, SessionByName, IOCTL_TYPE};
    use nix::{ioctl_readwrite_bad, request_code_none};

    ioctl_readwrite_bad!(create_session, request_code_none!(IOCTL_TYPE, 0x00), SessionByName);
    ioctl_readwrite_bad!(retrieve_session, request_code_none!(IOCTL_TYPE, 0x01), SessionByName);
    ioctl_readwrite_bad!(preserve_fd, request_code_none!(IOCTL_TYPE, 0x40), FileByToken);
    ioctl_readwrite_bad!(retrieve_fd, request_code_none!(IOCTL_TYPE, 0x41), FileByToken);
    ioctl_readwrite_bad!(finish, request_code_none!(IOCTL_TYPE, 0x42), FinishSession);
}

/// Takes ownership of a descriptor that an ioctl has just returned.
fn adopt(fd: RawFd) -> OwnedFd {
    // SAFETY: the kernel installed this descriptor for the ioctl that has just succeeded, and only
    // returned it here, so it is open and nothing else in this process owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn session_request(name: &str) -> Result<SessionByName> {
    let mut request = SessionByName {
        size: size_of::<SessionByName>() as u32,
        fd: -1,
        name: [0; SESSION_NAME_LENGTH],
    };
    let bytes = name.as_bytes();
    if bytes.len() >= SESSION_NAME_LENGTH {
        return Err(Errno::ENAMETOOLONG);
    }
    request.name[..bytes.len()].copy_from_slice(bytes);
    Ok(request)
}

/// The open device; the kernel allows only one at a time.
#[derive(Debug)]
pub struct LiveUpdate(File);

impl LiveUpdate {
    /// Opens `/dev/liveupdate`. A kernel that was handed sessions reads them now, so every file
    /// handler that they need must be registered already: a failure here is final.
    pub fn open() -> Result<Self> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/liveupdate")
            .map(Self)
            .map_err(errno_of)
    }

    /// Creates an empty session. It lives as long as its descriptor does.
    pub fn create_session(&self, name: &str) -> Result<Session> {
        let mut request = session_request(name)?;
        // SAFETY: the descriptor is open for the length of the borrow, and the argument is the kernel's structure for
        // this request, with its size in the first field; the kernel writes `fd` and nothing beyond the structure.
        unsafe { raw::create_session(self.0.as_raw_fd(), &mut request) }?;
        Ok(Session(adopt(request.fd)))
    }

    /// Gets a session of the previous kernel by its name.
    pub fn retrieve_session(&self, name: &str) -> Result<Session> {
        let mut request = session_request(name)?;
        // SAFETY: as for `create_session`: an open descriptor and the request's own structure, alive for the call.
        unsafe { raw::retrieve_session(self.0.as_raw_fd(), &mut request) }?;
        Ok(Session(adopt(request.fd)))
    }
}

/// A named set of files that go, or came, through a live update together.
#[derive(Debug)]
pub struct Session(OwnedFd);

impl Session {
    /// Makes the kernel hold `file` until the session ends, and hand it to the next kernel under
    /// `token`.
    pub fn preserve(&self, file: &impl AsFd, token: u64) -> Result<()> {
        let mut request = FileByToken {
            size: size_of::<FileByToken>() as u32,
            fd: file.as_fd().as_raw_fd(),
            token,
        };
        // SAFETY: both descriptors are open for the length of their borrows, and the argument is the kernel's
        // structure for this request, alive for the call.
        unsafe { raw::preserve_fd(self.0.as_raw_fd(), &mut request) }?;
        Ok(())
    }

    /// Gets the file that the previous kernel handed over under `token`.
    pub fn retrieve(&self, token: u64) -> Result<OwnedFd> {
        let mut request = FileByToken { size: size_of::<FileByToken>() as u32, fd: -1, token };
        // SAFETY: the session is open for the length of the borrow, and the argument is the kernel's structure for
        // this request; the kernel writes `fd` and nothing beyond the structure.
        unsafe { raw::retrieve_fd(self.0.as_raw_fd(), &mut request) }?;
        Ok(adopt(request.fd))
    }

    /// Reports to the kernel that everything was retrieved, so that it releases what it preserved.
    pub fn finish(&self) -> Result<()> {
        let mut request = FinishSession { size: size_of::<FinishSession>() as u32, reserved: 0 };
        // SAFETY: the session is open for the length of the borrow, and the argument is the kernel's structure for
        // this request, alive for the call.
        unsafe { raw::finish(self.0.as_raw_fd(), &mut request) }?;
        Ok(())
    }
}

/// The errno inside an I/O error of the standard library.
pub(crate) fn errno_of(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}
