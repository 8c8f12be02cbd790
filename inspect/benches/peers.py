#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What people would use instead, on the same file: drgn, numpy, and plain Python.

usage: peers.py KHO-ABI SYNTH [GIB]

KHO-ABI is the program, SYNTH the example of that name; both built with
--release. Needs `pip install drgn numpy`. Entries per second, best of three;
drgn and Python read a part of the list, since they would take hours for it.
"""

import os
import struct
import subprocess
import sys
import tempfile
import time

import drgn
import numpy

AT_ONCE = 256 << 10


def best(work):
    times = []
    for _ in range(3):
        begin = time.monotonic()
        work()
        times.append(time.monotonic() - begin)
    return min(times)


def with_numpy(path, start, size, end):
    """The same checks as numpy can make: flags, places, pages in memory."""
    with open(path, "rb", buffering=0) as file:
        last = -1
        for at in range(start, start + size, AT_ONCE):
            file.seek(at)
            words = numpy.frombuffer(file.read(min(AT_ONCE, start + size - at)), dtype="<u8")
            packed, index = words[0::2], words[1::2]
            pages = packed & ((1 << 52) - 1)
            assert not (packed >> 54).any()
            assert pages.all() and (pages < end).all()
            assert int(index[0]) > last and (index[1:] > index[:-1]).all()
            last = int(index[-1])


def with_python(path, start, size, end):
    with open(path, "rb", buffering=0) as file:
        file.seek(start)
        last = -1
        for packed, index in struct.iter_unpack("<QQ", file.read(size)):
            page = packed & ((1 << 52) - 1)
            assert not packed >> 54 and 0 < page < end and index > last
            last = index


def with_drgn(path, start, size, end):
    program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    file = open(path, "rb", buffering=0)

    def read(_address, count, offset, _physical):
        file.seek(offset)
        return file.read(count)

    program.add_memory_segment(0, 1 << 48, read)
    u64 = program.int_type("unsigned long", 8, False)
    folio = program.struct_type(
        "memfd_luo_folio_ser",
        16,
        [
            drgn.TypeMember(drgn.Object(program, u64, bit_field_size=52), "pfn", 0),
            drgn.TypeMember(drgn.Object(program, u64, bit_field_size=12), "flags", 52),
            drgn.TypeMember(u64, "index", 64),
        ],
    )
    array = program.array_type(folio, size // 16)
    last = -1
    for entry in drgn.Object(program, array, address=start).value_():
        assert entry["flags"] <= 3 and 0 < entry["pfn"] < end and entry["index"] > last
        last = entry["index"]


def main():
    program, synth = sys.argv[1:3]
    gib = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "guest.raw")
        said = subprocess.run([synth, "guest", path, str(gib)], capture_output=True, check=True)
        fdt, start, size = (int(word) for word in said.stdout.split())
        end = os.path.getsize(path) >> 12
        rates = {}
        for name, work, part in [
            ("numpy, one thread", with_numpy, size),
            ("python, struct.iter_unpack", with_python, min(size, 32 << 20)),
            ("drgn, array.value_()", with_drgn, min(size, 8 << 20)),
        ]:
            rates[name] = part / 16 / best(lambda: work(path, start, part, end))
        for threads in ["1", "2"]:
            command = [program, "inspect", path, "--fdt", str(fdt), "--page-size", "4096", "--threads", threads]
            rate = size / 16 / best(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
            print(f"kho-abi inspect, {threads} thread(s): {rate / 1e6:.1f} million entries per second")
            for name, other in rates.items():
                print(f"  {rate / other:7.1f} times {name} ({other / 1e6:.2f} million)")


main()
