// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What live sources share, which listen on a socket: connecting, and waiting no longer than is agreed.

use rustix::event::{poll, PollFd, Timespec};
use rustix::net::{connect, socket_with, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a live source may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For an answer, and for the next piece of memory.
    pub(super) idle: Duration,
    /// Slowest transfer that is worth waiting for, in bytes a second.
    pub(super) rate: u64,
}

/// The step in which a guest's memory is copied.
pub(super) const COPYING: &str = "copying the memory of the guest, which stays paused until then";

pub(super) const PATIENCE: Patience = Patience { idle: Duration::from_secs(20), rate: 256 << 10 };

impl Patience {
    /// When an answer must be there that is waited for from now on.
    pub(super) fn deadline(self) -> Instant {
        Instant::now() + self.idle
    }

    /// When a transfer that began at a moment must have gone on, if it has come to so many bytes.
    pub(super) fn deadline_for(self, started: Instant, bytes: u64) -> Instant {
        let for_all = Duration::from_secs(bytes / self.rate.max(1));
        started + self.idle.saturating_add(for_all)
    }

    /// The error that something was not there in time.
    pub(super) fn timed_out(self, what: &str) -> io::Error {
        let why = format!("{what} within {} seconds", self.idle.as_secs_f32());
        io::Error::new(io::ErrorKind::TimedOut, why)
    }
}

/// Connects to a socket in the file system; reads and writes never block.
pub(super) fn connect_to(path: &Path) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    // A queue that is full would otherwise be waited for.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &address).map_err(io::Error::from).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => other("too many programs are waiting for this socket"),
        _ => error,
    })?;
    Ok(socket)
}

/// An error in words.
pub(super) fn other(why: impl Into<String>) -> io::Error {
    io::Error::other(why.into())
}

/// Whether a read or a write is to be tried again.
pub(super) fn retry(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Waits until something is there; false at the deadline.
pub(super) fn wait(wanted: &mut [PollFd<'_>], deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(wanted, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
