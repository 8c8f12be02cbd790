#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes of an ELF dump that QEMU wrote what /proc/vmcore of a crash kernel is.

    as-vmcore.py DUMP VMCORE

That is: with a VMCOREINFO note, which QEMU has no part of and the guest keeps in its
memory; with virtual addresses in the direct map; and with the kernel's text as a segment
of its own, which is a part of RAM once more. makedumpfile wants all of that.

x86-64 alone, with the RAM of one segment from address 0.
"""
import mmap
import re
import struct
import sys

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
PT_LOAD, PT_NOTE = 1, 4
DIRECT_MAP = {b"0": 0xFFFF888000000000, b"1": 0xFF11000000000000}
TEXT_MAP = 0xFFFFFFFF80000000
TEXT_START, TEXT_SIZE = 16 << 20, 32 << 20
PAGE = 4096


def vmcoreinfo(memory):
    """The text of the guest's VMCOREINFO: lines of KEY=VALUE, of which several places have the first."""
    for found in re.finditer(rb"OSRELEASE=", memory):
        text = memory[found.start() : memory.find(b"\0", found.start())]
        if b"\nPAGESIZE=" in text and b"\nKERNELOFFSET=" in text:
            return text
    sys.exit("as-vmcore.py: the dump has no VMCOREINFO in its memory")


def note(name, content):
    pad = lambda data: data + bytes(-len(data) % 4)
    name += b"\0"
    return struct.pack("<III", len(name), len(content), 0) + pad(name) + pad(content)


def main(source, target):
    with open(source, "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    ehdr = list(EHDR.unpack_from(memory))
    first, count = ehdr[5], ehdr[10]
    phdrs = [PHDR.unpack_from(memory, first + index * PHDR.size) for index in range(count)]
    old = next(phdr for phdr in phdrs if phdr[0] == PT_NOTE)
    ram = next(phdr for phdr in phdrs if phdr[0] == PT_LOAD and phdr[4] == 0)
    info = vmcoreinfo(memory)
    value = lambda key: re.search(rb"^" + key + rb"=(\S+)$", info, re.M).group(1)
    direct = DIRECT_MAP[value(rb"NUMBER\(pgtable_l5_enabled\)")]
    offset = int(value(rb"KERNELOFFSET"), 16)
    notes = memory[old[2] : old[2] + old[5]] + note(b"VMCOREINFO", info)

    # Its physical address, its virtual address, and its length.
    parts = [
        (TEXT_START, TEXT_MAP + TEXT_START + offset, TEXT_SIZE),
        (0, direct, ram[5]),
    ]
    head = EHDR.size + PHDR.size * (1 + len(parts))
    at = -(-(head + len(notes)) // PAGE) * PAGE
    ehdr[5], ehdr[6], ehdr[10], ehdr[11:] = EHDR.size, 0, 1 + len(parts), [0, 0, 0]
    with open(target, "wb") as file:
        file.write(EHDR.pack(*ehdr))
        file.write(PHDR.pack(PT_NOTE, 0, head, 0, 0, len(notes), len(notes), 0))
        for physical, virtual, size in parts:
            file.write(PHDR.pack(PT_LOAD, 7, at, virtual, physical, size, size, 0))
            at += size
        file.write(notes)
        file.seek(at - sum(size for _, _, size in parts))
        for physical, _, size in parts:
            file.write(memory[ram[2] + physical : ram[2] + physical + size])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
