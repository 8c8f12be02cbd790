// SPDX-License-Identifier: GPL-2.0
//! Initramfs archives: the harness makes the first kernel's, and init makes those of all later
//! kernels.
//!
//! A kernel needs the bzImage and the initramfs of its successor. Nested archives would depend on
//! the number of live updates. Instead, each init packs the files that it was given, so one
//! initramfs serves any number of kernels. Device nodes are not needed: the kernel's built-in
//! archive has `/dev/console`, and devtmpfs the rest.

use std::io::{self, Write};

use cpio::newc::{trailer, Builder};

/// The scenario, as JSON.
pub const SCENARIO: &str = "scenario.json";
/// What the init of one kernel passes to the next, as JSON. Absent in the first kernel.
pub const FACTS: &str = "facts.json";
/// The example program.
pub const EXAMPLE: &str = "preserve-device";
/// The directory that contains a directory for each flavour, each with a [`KERNEL`] and the
/// handler's `.ko`.
pub const KERNELS: &str = "kernels";
/// The directory with modules of unit tests, the kernel's own test programs and `kho-abi`; absent
/// if a scenario has none.
pub const TESTS: &str = "tests";
/// The name of the program `kho-abi` among them.
pub const KHO_ABI: &str = "kho-abi";
/// The name of a kernel image inside its flavour's directory.
pub const KERNEL: &str = "bzImage";
/// The kernel parameter that numbers the kernels of a scenario from 1.
pub const BOOT_PARAMETER: &str = "khotest.boot=";

const MODE_DIRECTORY: u32 = 0o040_755;
const MODE_PROGRAM: u32 = 0o100_755;

/// A builder of an archive.
pub struct Archive<W: Write> {
    output: W,
    next_inode: u32,
}

impl<W: Write> Archive<W> {
    /// An empty archive, which is written to `output`.
    pub fn new(output: W) -> Self {
        Self { output, next_inode: 1 }
    }

    /// Adds a directory. Its parents must exist already.
    pub fn directory(self, name: &str) -> io::Result<Self> {
        self.entry(name, MODE_DIRECTORY, &[])
    }

    /// Adds a file. All files are executable: a distinction is not needed here.
    pub fn file(self, name: &str, content: &[u8]) -> io::Result<Self> {
        self.entry(name, MODE_PROGRAM, content)
    }

    fn entry(mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<Self> {
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "file too large for newc"))?;
        let mut writer =
            Builder::new(name).ino(self.next_inode).mode(mode).nlink(1).write(self.output, size);
        writer.write_all(content)?;
        self.output = writer.finish()?;
        self.next_inode += 1;
        Ok(self)
    }

    /// Ends the archive and returns the output.
    pub fn finish(self) -> io::Result<W> {
        trailer(self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    #[test]
    fn entries_can_be_read_back() {
        let bytes = Archive::new(Vec::new())
            .directory("kernels")
            .and_then(|archive| archive.file("kernels/bzImage", b"12345"))
            .and_then(Archive::finish)
            .unwrap();
        let reader = cpio::NewcReader::new(&bytes[..]).unwrap();
        assert_eq!(reader.entry().name(), "kernels");
        assert_eq!(reader.entry().mode() & 0o170_000, 0o040_000);
        let reader = cpio::NewcReader::new(reader.finish().unwrap()).unwrap();
        assert_eq!(reader.entry().name(), "kernels/bzImage");
        assert_eq!(reader.entry().file_size(), 5);
        let reader = cpio::NewcReader::new(reader.finish().unwrap()).unwrap();
        assert!(reader.entry().is_trailer());
    }
}
