// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Constants of other kernel headers that the wire types use.
//!
//! Generated headers do not define them, but include the headers that do. All are part of the
//! kernel's interface to user space, and so never change.

/// Longest name that `uname()` returns, without its NUL; from `linux/utsname.h`.
pub const __NEW_UTS_LEN: usize = 64;

/// Size of a session's name, in bytes, with its NUL; from `linux/liveupdate.h`.
pub const LIVEUPDATE_SESSION_NAME_LENGTH: usize = 64;

/// Number of bits in a byte; from `linux/bits.h`.
pub const BITS_PER_BYTE: usize = 8;

/// No further seal may be set; from `linux/fcntl.h`, as all seals.
pub const F_SEAL_SEAL: u32 = 0x0001;
/// The file may not shrink.
pub const F_SEAL_SHRINK: u32 = 0x0002;
/// The file may not grow.
pub const F_SEAL_GROW: u32 = 0x0004;
/// The file may not be written to.
pub const F_SEAL_WRITE: u32 = 0x0008;
/// The file may not be written to by those who open or map it from now on.
pub const F_SEAL_FUTURE_WRITE: u32 = 0x0010;
/// The file's execute permission may not change.
pub const F_SEAL_EXEC: u32 = 0x0020;
