// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Reads small files of a machine, or of a copy of its file system.
//!
//! A copy is untrusted: its links cannot leave it, nothing in it blocks, and files are read up to a
//! limit.

use rustix::fs::{openat2, Dir, Mode, OFlags, ResolveFlags};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How much of one file to read, in bytes.
pub(super) const SIZE_LIMIT: u64 = 16 << 20;
/// How many entries of one directory to read.
const ENTRY_LIMIT: usize = 4096;

/// The root of a file system.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// The root of a copy; `None` for this machine.
    copy: Option<File>,
}

/// Whether an error says that there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

impl Tree {
    /// This machine for `/`; otherwise a copy.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let live = root == Path::new("/");
        let flags = OFlags::DIRECTORY.bits().cast_signed();
        let copy = OpenOptions::new().read(true).custom_flags(flags).open(root)?;
        Ok(Self { root: root.into(), copy: (!live).then_some(copy) })
    }

    /// Whether this is the machine itself.
    pub(super) fn is_live(&self) -> bool {
        self.copy.is_none()
    }

    fn handle(&self, path: &str, flags: OFlags) -> io::Result<File> {
        // openat2 refuses flags that have no meaning for O_PATH.
        let more = if flags.contains(OFlags::PATH) {
            OFlags::CLOEXEC
        } else {
            OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY
        };
        let flags = flags | more;
        match &self.copy {
            Some(copy) => {
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                Ok(openat2(copy, path, flags, Mode::empty(), resolve)?.into())
            }
            None => OpenOptions::new()
                .read(true)
                .custom_flags(flags.bits().cast_signed())
                .open(self.root.join(path)),
        }
    }

    /// Opens the log device of this machine, whose reads do not block.
    pub(super) fn device(&self, path: &str) -> io::Result<File> {
        self.handle(path, OFlags::RDONLY)
    }

    /// Reads a regular file.
    pub(super) fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let file = self.handle(path, OFlags::RDONLY)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > SIZE_LIMIT {
            return Err(io::Error::other(format!("longer than {SIZE_LIMIT} bytes")));
        }
        Ok(bytes)
    }

    /// Reads a regular file as text, without the white space around it.
    pub(super) fn text(&self, path: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path)?).trim().to_owned())
    }

    /// Lists a directory, sorted.
    pub(super) fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let directory = self.handle(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == ENTRY_LIMIT {
                return Err(io::Error::other(format!("more than {ENTRY_LIMIT} entries")));
            }
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Whether a file of that name and any type exists.
    pub(super) fn exists(&self, path: &str) -> io::Result<bool> {
        match self.handle(path, OFlags::PATH) {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
