# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Holds kho_abi.py to what a test expects of it, on standard input; says what differs.

For each field it makes bytes with the bits of that field set, and reads every field of the structure
from them: a field sees as much of these bits as lies within it.
"""

import ctypes
import json
import re
import sys

sys.path.insert(0, sys.argv[1])
import kho_abi


def number(value, size):
    """A value of any type, as the bits that it was read from."""
    if isinstance(value, int):
        return value & ((1 << size) - 1)
    return int.from_bytes(bytes(value), "little")


def main():
    wrong = []
    for page_size, expected in json.load(sys.stdin):
        names = kho_abi.with_page_size(page_size)
        for name, value in expected["constants"]:
            found = getattr(names, name)
            found = found.decode() if isinstance(found, bytes) else found
            if found != value:
                wrong.append(f"{name} is {found!r}, expected {value!r}")
        for name, size, fields in expected["structs"]:
            struct = getattr(names, name)
            if ctypes.sizeof(struct) != size:
                wrong.append(f"{name} has {ctypes.sizeof(struct)} bytes, expected {size}")
                continue
            declared = [field[0] for field in struct._fields_ if not field[0].startswith("_hole")]
            if declared != [field[0] for field in fields]:
                wrong.append(f"{name} has the fields {declared}")
                continue
            for field, offset, bits in fields:
                data = ((1 << bits) - 1) << offset
                value = struct.from_buffer_copy(data.to_bytes(size, "little"))
                for other, at, width in fields:
                    found = number(getattr(value, other), width)
                    if found != data >> at & ((1 << width) - 1):
                        wrong.append(f"{name}.{other} is {found:#x} where {field} alone is set")
        for compatible, structs in expected["contracts"]:
            found = [struct.__name__ for struct in kho_abi.CONTRACTS[compatible]]
            plain = [name for name in found if not re.search(r"_\d+k$", name)]
            if sorted(plain) != sorted(structs):
                wrong.append(f"{compatible} promises {found}, expected {structs}")
    print("\n".join(wrong) or "all as expected")


main()
