#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Prints the sessions of a raw image of memory, and the files of each, read with kho_abi.

    sessions.py IMAGE

`kho-abi inspect` finds where the sessions begin; from there on, the bytes are read here.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from typing import BinaryIO, Iterator, TypeVar

import kho_abi

Entry = TypeVar("Entry", bound=ctypes.Structure)
# More blocks than these are a circle.
LIMIT = 100_000


def entries(memory: BinaryIO, block: int, entry: type[Entry]) -> Iterator[Entry]:
    """The entries of a list of blocks; each block is a page with a header."""
    for _ in range(LIMIT):
        if block == 0:
            return
        memory.seek(block)
        page = memory.read(kho_abi.KHO_BLOCK_SIZE)
        header = kho_abi.kho_block_header_ser.from_buffer_copy(page)
        array = (entry * header.count).from_buffer_copy(page, ctypes.sizeof(header))
        yield from array
        block = header.next
    raise ValueError(f"more than {LIMIT} blocks")


def main(image: str) -> None:
    found = subprocess.run(
        ["kho-abi", "inspect", image, "--format", "json"], stdout=subprocess.PIPE, check=False
    )
    if found.returncode == 2:
        sys.exit(2)  # kho-abi has said why.
    luo = json.loads(found.stdout)["luo"]
    if luo is None or not luo["sessions"]:
        sys.exit(f"{image}: no session was found")
    first = luo["sessions"][0]
    # A block of sessions is a page: the first session's address leads to its header.
    block = int(first["at"], 16) & ~(kho_abi.KHO_BLOCK_SIZE - 1)
    with open(image, "rb") as memory:
        for session in entries(memory, block, kho_abi.luo_session_ser):
            print(f"session {session.name.decode()}: {session.file_set_ser.count} files")
            for file in entries(memory, session.file_set_ser.files, kho_abi.luo_file_ser):
                print(f"  token {file.token:#x}  {file.compatible.decode()}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
