// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Files that are not memory: what they are, and the command that converts them.
//!
//! A signature that memory may also begin with is weak. A file with a weak signature is searched,
//! and only reported as not memory if it contains nothing of KHO.

use super::bytes::{self, Bytes};
use super::OpenError;

/// A kind of file that is not memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What it is, with its article.
    pub(crate) what: &'static str,
    /// The command that converts it to memory, or how to get an image.
    pub(crate) help: &'static str,
}

impl Foreign {
    pub(crate) fn error(self) -> OpenError {
        OpenError::NotMemory { what: self.what.into(), help: self.help.into() }
    }
}

const DISK: &str = "a disk image contains no memory: dump the running guest, for example with \
                    `virsh dump --memory-only DOMAIN OUT` or QMP's dump-guest-memory";
const VMWARE: &str = "give the .vmem file next to it, or run `vmss2core -N VMSS VMEM`";
const HIBERNATION: &str =
    "resume the machine from it, then dump its memory: only the kernel can unpack this image";
const WINDOWS: &str =
    "KHO is a Linux feature: dump the Linux guest, or convert with `volatility3 -f FILE \
     layerwriter`";
const KERNEL: &str = "give a dump of the machine that ran this kernel; `kho-abi verify` checks \
                      kernels";
const ARCHIVE: &str = "unpack it, and give the dump inside";
const XEN: &str =
    "read Xen's core (`xl dump-core DOMAIN OUT`) with Xen's tools, or convert it: `makedumpfile -X \
     -d 0 IN OUT`";
const OTHER: &str = "give a dump of memory: raw, an ELF core, a kdump, LiME or AVML";
const LKCD: &str =
    "convert it to an ELF core with `makedumpfile -E -d 0 IN OUT` or read it with crash";
const PROCESS: &str =
    "give a dump of the machine: /proc/vmcore, or the output of `virsh dump --memory-only`";
const QEMU: &str =
    "load it into a paused guest with `qemu-system-... -S -incoming file:FILE`, then run \
                    QMP's dump-guest-memory";
const LIBVIRT: &str =
    "run `virsh restore --paused FILE`, then `virsh dump --memory-only DOMAIN OUT`";

/// Signatures that memory never begins with.
const SIGNATURES: &[(u64, &[u8], Foreign)] = &[
    (0, b"QFI\xfb", Foreign { what: "a qcow2 disk image", help: DISK }),
    (0, b"QED\0", Foreign { what: "a QED disk image", help: DISK }),
    (0, b"KDMV", Foreign { what: "a VMDK disk image of VMware", help: DISK }),
    (0, b"COWD", Foreign { what: "a VMDK disk image of VMware", help: DISK }),
    (
        0,
        b"# Disk DescriptorFile",
        Foreign { what: "the description of a VMDK disk image", help: DISK },
    ),
    (0, b"conectix", Foreign { what: "a VHD disk image", help: DISK }),
    (0, b"vhdxfile", Foreign { what: "a VHDX disk image", help: DISK }),
    (64, b"\x7f\x10\xda\xbe", Foreign { what: "a VDI disk image of VirtualBox", help: DISK }),
    (0, b"LUKS\xba\xbe", Foreign { what: "an encrypted disk (LUKS)", help: DISK }),
    (0, b"XFSB", Foreign { what: "a file system (XFS)", help: DISK }),
    (0, b"hsqs", Foreign { what: "a file system (squashfs)", help: DISK }),
    (0x1_0040, b"_BHRfS_M", Foreign { what: "a file system (btrfs)", help: DISK }),
    (0x8001, b"CD001", Foreign { what: "a CD image (ISO 9660)", help: DISK }),
    (
        0,
        b"EVF\x09\x0d\x0a\xff\0",
        Foreign {
            what: "an EnCase image (EWF)",
            help: "run `ewfexport -t OUT -f raw FILE` and give its output",
        },
    ),
    (0, b"QEVM", Foreign { what: "a QEMU save file (migration stream)", help: QEMU }),
    (0, b"LibvirtQemudSave", Foreign { what: "a libvirt save file of QEMU", help: LIBVIRT }),
    (
        0,
        b"LibvirtQemudPart",
        Foreign { what: "an unfinished libvirt save file of QEMU", help: LIBVIRT },
    ),
    (0, b"libvirt-xml\n \0", Foreign { what: "a libvirt save file of Xen", help: LIBVIRT }),
    (
        0,
        b"\x7fVirtualBox SavedState",
        Foreign {
            what: "a saved state of VirtualBox",
            help: "resume the guest, then run `VBoxManage debugvm NAME dumpvmcore --filename OUT`",
        },
    ),
    (0, b"\xff\xff\xff\xff\xff\xff\xff\xffXenF", Foreign { what: "a Xen save file", help: XEN }),
    (0, b"LinuxGuestRecord", Foreign { what: "a Xen save file", help: XEN }),
    (0, b"Xen saved domain", Foreign { what: "a Xen save file", help: XEN }),
    (0, b"\xd0\xbe\xd2\xbe", Foreign { what: "a VMware suspend file (VMSS)", help: VMWARE }),
    (0, b"\xd1\xba\xd1\xba", Foreign { what: "a VMware suspend file (VMSS)", help: VMWARE }),
    (0, b"\xd2\xbe\xd2\xbe", Foreign { what: "a VMware snapshot (VMSN)", help: VMWARE }),
    (0, b"\xd3\xbe\xd3\xbe", Foreign { what: "a VMware snapshot (VMSN)", help: VMWARE }),
    (0, b"PAGEDU64", Foreign { what: "a Windows crash dump", help: WINDOWS }),
    (0, b"PAGEDUMP", Foreign { what: "a Windows crash dump (32 bits)", help: WINDOWS }),
    (0, b"MDMP\x93\xa7", Foreign { what: "a Windows minidump", help: WINDOWS }),
    (0, b"HIBR", Foreign { what: "a Windows hibernation image", help: WINDOWS }),
    (0, b"hibr", Foreign { what: "a Windows hibernation image", help: WINDOWS }),
    (0, b"RSTR\0", Foreign { what: "a Windows hibernation image", help: WINDOWS }),
    (
        0,
        b"minidump FreeBSD/",
        Foreign {
            what: "a FreeBSD minidump",
            help: "KHO is a Linux feature: give a dump of a Linux machine",
        },
    ),
    (4086, b"S1SUSPEND", Foreign { what: "a hibernation image of Linux", help: HIBERNATION }),
    (
        4086,
        b"ULSUSPEND",
        Foreign { what: "a hibernation image of Linux (uswsusp)", help: HIBERNATION },
    ),
    (4086, b"S2SUSPEND", Foreign { what: "a hibernation image of Linux", help: HIBERNATION }),
    (4086, b"LINHIB0001", Foreign { what: "a hibernation image of Linux", help: HIBERNATION }),
    (4086, b"SWAPSPACE2", Foreign { what: "a swap area", help: DISK }),
    (4086, b"SWAP-SPACE", Foreign { what: "a swap area", help: DISK }),
    (16374, b"S1SUSPEND", Foreign { what: "a hibernation image of Linux", help: HIBERNATION }),
    (16374, b"SWAPSPACE2", Foreign { what: "a swap area", help: DISK }),
    (65526, b"S1SUSPEND", Foreign { what: "a hibernation image of Linux", help: HIBERNATION }),
    (65526, b"SWAPSPACE2", Foreign { what: "a swap area", help: DISK }),
    (0, b"DISKDUMP", Foreign { what: "a diskdump of an old kernel", help: LKCD }),
    (
        0,
        b"\xed\x23\x8f\x61\x73\x01\x19\xa8",
        Foreign { what: "an LKCD dump of an old kernel", help: LKCD },
    ),
    (0, b"PK\x03\x04", Foreign { what: "a zip archive", help: ARCHIVE }),
    (0, b"7z\xbc\xaf\x27\x1c", Foreign { what: "a 7z archive", help: ARCHIVE }),
    (0, b"Rar!\x1a\x07", Foreign { what: "a RAR archive", help: ARCHIVE }),
    (257, b"ustar", Foreign { what: "a tar archive", help: ARCHIVE }),
    (0, b"070701", Foreign { what: "a cpio archive", help: ARCHIVE }),
    (0, b"070702", Foreign { what: "a cpio archive", help: ARCHIVE }),
    (0, b"070707", Foreign { what: "a cpio archive", help: ARCHIVE }),
    (0, b"!<arch>\n", Foreign { what: "an ar archive", help: ARCHIVE }),
    (0, b"\xed\xab\xee\xdb", Foreign { what: "an RPM package", help: OTHER }),
    (0, b"\xcf\xfa\xed\xfe", Foreign { what: "a Mach-O file", help: OTHER }),
    (0, b"PERFILE2", Foreign { what: "a recording of perf", help: OTHER }),
    (0, b"%PDF-", Foreign { what: "a PDF document", help: OTHER }),
    (0, b"\x89PNG\r\n", Foreign { what: "a PNG picture", help: OTHER }),
    (0, b"SQLite format 3\0", Foreign { what: "an SQLite database", help: OTHER }),
    (0, b"LPKSHHRH", Foreign { what: "a systemd journal", help: OTHER }),
    (0x202, b"HdrS", Foreign { what: "a Linux kernel (bzImage)", help: KERNEL }),
];

/// Signatures that memory may begin with as well: a kernel at the start of RAM, or text.
const WEAK: &[(u64, &[u8], Foreign)] = &[
    (0x38, b"ARM\x64", Foreign { what: "a Linux kernel (arm64 Image)", help: KERNEL }),
    (0x30, b"RISCV\0", Foreign { what: "a Linux kernel (RISC-V Image)", help: KERNEL }),
    (4, b"zimg", Foreign { what: "a Linux kernel (EFI zboot)", help: KERNEL }),
    (0, b"MZ", Foreign { what: "an EFI or Windows program, perhaps a kernel", help: KERNEL }),
    (0x200, b"EFI PART", Foreign { what: "a disk with a partition table (GPT)", help: DISK }),
    (0x438, b"\x53\xef", Foreign { what: "a file system (ext4)", help: DISK }),
    (0, b"wake", Foreign { what: "a Windows hibernation image", help: WINDOWS }),
    (0, b"WAKE", Foreign { what: "a Windows hibernation image", help: WINDOWS }),
];

const EMPTY: Foreign =
    Foreign { what: "an empty file", help: "make the dump again: this one is empty" };
const TEXT: Foreign = Foreign { what: "text", help: OTHER };
pub(super) const KERNEL_ELF: Foreign =
    Foreign { what: "an ELF program, a library or a kernel (vmlinux), not a core", help: KERNEL };
pub(super) const PROCESS_CORE: Foreign =
    Foreign { what: "an ELF core of a process, not of a machine", help: PROCESS };
pub(super) const XEN_CORE: Foreign =
    Foreign { what: "an ELF core without memory segments, as Xen writes it", help: XEN };

fn begins(bytes: &dyn Bytes, head: &[u8], offset: u64, signature: &[u8]) -> bool {
    let within = usize::try_from(offset).ok().and_then(|offset| head.get(offset..));
    if let Some(rest) = within {
        if rest.len() >= signature.len() {
            return rest.starts_with(signature);
        }
    }
    let mut there = [0; 16];
    let Some(there) = there.get_mut(..signature.len()) else {
        // The longest signatures come first.
        return false;
    };
    bytes.read_exact_at(there, offset).is_ok() && there == signature
}

fn first(table: &[(u64, &[u8], Foreign)], bytes: &dyn Bytes, head: &[u8]) -> Option<Foreign> {
    let known = table.iter().find(|(offset, signature, _)| begins(bytes, head, *offset, signature));
    known.map(|(_, _, foreign)| *foreign)
}

/// What a file certainly is, if it is not memory.
pub(super) fn certain(bytes: &dyn Bytes, head: &[u8]) -> Option<Foreign> {
    if bytes.is_empty() {
        return Some(EMPTY);
    }
    first(SIGNATURES, bytes, head)
}

/// What a file looks like, although it may be memory.
pub(super) fn probable(bytes: &dyn Bytes, head: &[u8]) -> Option<Foreign> {
    let text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | b' '..=b'~' | 0x80..);
    if std::str::from_utf8(head).is_ok_and(|_| head.iter().all(text))
        || head.len() > 64 && head[..head.len() - 4].iter().all(|b| text(b) && *b < 0x80)
    {
        return Some(TEXT);
    }
    first(WEAK, bytes, head).or_else(|| utf16(head))
}

/// UTF-16 text, as Windows writes it.
fn utf16(head: &[u8]) -> Option<Foreign> {
    let marked = head.starts_with(b"\xff\xfe") && head.get(3) == Some(&0);
    marked.then_some(TEXT)
}

/// The first bytes of a file, as many as signatures need.
pub(super) fn head(bytes: &dyn Bytes) -> std::io::Result<Vec<u8>> {
    bytes::head(bytes, 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_recognised_and_helps() {
        for (table, find) in
            [(SIGNATURES, certain as fn(&dyn Bytes, &[u8]) -> Option<Foreign>), (WEAK, probable)]
        {
            for (offset, signature, foreign) in table {
                let mut bytes = vec![1; 128 << 10];
                let at = usize::try_from(*offset).unwrap();
                bytes[at..at + signature.len()].copy_from_slice(signature);
                let found = find(&bytes, &head(&bytes).unwrap());
                assert_eq!(found.map(|found| found.what), Some(foreign.what));
                assert!(foreign.help.contains(' '));
            }
        }
        let none = vec![0; 4096];
        assert_eq!((certain(&none, &none), probable(&none, &none)), (None, None));
        assert_eq!(certain(&Vec::new(), &[]), Some(EMPTY));
        let words = b"[    0.000000] Linux version 7.3.4\n".repeat(200);
        assert_eq!(probable(&words, &head(&words).unwrap()), Some(TEXT));
    }
}
