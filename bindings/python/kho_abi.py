# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Generated from abi/src/wire/: do not edit.
# To change it, edit the files there and run `kho-abi generate`.
"""State that one Linux kernel hands to the next in a live update, as ctypes structures.

    page = open("page", "rb").read()
    header = kho_abi.kho_block_header_ser.from_buffer_copy(page)

Structures and constants have the names that the kernel's headers give them, and their layout is
checked when the module is imported. Bytes are little-endian. Strings are bytes, as memory has them:
compare `file.compatible` with `MEMFD_LUO_FH_COMPATIBLE`. What depends on the page size is here for
pages of 4 KiB. For other page sizes, its name ends in the page size; `with_page_size()` chooses.
"""

from __future__ import annotations

import ctypes as _c
import types as _types
from typing import Any as _Any

_u8, _u16, _u32, _u64 = _c.c_uint8, _c.c_uint16, _c.c_uint32, _c.c_uint64
_s8, _s16, _s32, _s64 = _c.c_int8, _c.c_int16, _c.c_int32, _c.c_int64
_char = _c.c_char
# A field may have the name of this type.
_bytes = bytes


class _Struct(_c.LittleEndianStructure):
    _layout_ = "ms"
    _pack_ = 1


def layout(struct: type[_c.Structure] | type[_c.Union]) -> dict[str, tuple[int, int]]:
    """Each field's place in a structure, by name: its offset and its size, in bits."""
    return {
        field[0]: _place(struct, *field) for field in struct._fields_ if field[0][0] != "_"
    }


def _place(struct: _Any, name: str, _type: object, bits: int | None = None) -> tuple[int, int]:
    if bits is None:
        found = getattr(struct, name)
        return found.offset * 8, found.size * 8
    value = struct()
    setattr(value, name, (1 << bits) - 1)
    mask = int.from_bytes(bytes(value), "little")
    offset = (mask & -mask).bit_length() - 1
    return offset, mask.bit_length() - offset


def _check(struct: _Any, size: int, expected: dict[str, tuple[int, int]]) -> None:
    """Fails where Python lays out a structure differently from the kernel."""
    found = layout(struct)
    if (_c.sizeof(struct), found) != (size, expected):
        raise ImportError(
            f"{struct.__name__} has {_c.sizeof(struct)} bytes and fields at bits {found},"
            f" expected {size} and {expected}"
        )


# Size of a block with its header, in bytes.
KHO_BLOCK_SIZE = 4096
KHO_BLOCK_SIZE_16K = 16384
KHO_BLOCK_SIZE_64K = 65536

# Compatible string of the device tree's root.
KHO_FDT_COMPATIBLE = b"kho-v4"

# Property of the root: the physical address of the radix tree's root.
KHO_FDT_MEMORY_MAP_PROP_NAME = b"preserved-memory-map"

# Property of an entry: the physical address of what was preserved.
KHO_SUB_TREE_PROP_NAME = b"preserved-data"

# Property of an entry: the size of what was preserved, in bytes.
KHO_SUB_TREE_SIZE_PROP_NAME = b"blob-size"

# Number of addresses in a chunk.
KHO_VMALLOC_SIZE = 511
KHO_VMALLOC_SIZE_16K = 2047
KHO_VMALLOC_SIZE_64K = 8191

# Width of a key, in bits: the page frame number of order 0, and the bit that tells the order.
KHO_RADIX_KEY_WIDTH = 53

# Width of the index into an inner node, in bits.
KHO_TABLE_SIZE_LOG2 = 9

# Width of the index into a leaf, in bits.
KHO_BITMAP_SIZE_LOG2 = 15

# Number of levels, the leaves included.
KHO_TREE_MAX_DEPTH = 6
KHO_RADIX_KEY_WIDTH_16K = 51
KHO_TABLE_SIZE_LOG2_16K = 11
KHO_BITMAP_SIZE_LOG2_16K = 17
KHO_TREE_MAX_DEPTH_16K = 5
KHO_RADIX_KEY_WIDTH_64K = 49
KHO_TABLE_SIZE_LOG2_64K = 13
KHO_BITMAP_SIZE_LOG2_64K = 19
KHO_TREE_MAX_DEPTH_64K = 4

# Version of kho_kexec_metadata, as its first field has it.
KHO_KEXEC_METADATA_VERSION = 1

# Name of the KHO entry that holds the struct.
KHO_METADATA_NODE_NAME = b"kexec-metadata"

# Name of the KHO entry that holds the root.
LUO_KHO_ENTRY_NAME = b"LUO"

# Compatible string of LUO's own state.
LUO_ABI_COMPATIBLE = b"luo-v5"

# Size of the field for the compatible string, in bytes.
#
# The string with its NUL, rounded up so that the fields behind it stay on multiples of eight bytes.
LUO_ABI_COMPAT_LEN = 8

# Size of the field for a file handler's compatible string, in bytes, with its NUL.
LIVEUPDATE_HNDL_COMPAT_LENGTH = 48

# Size of the field for an FLB's compatible string, in bytes, with its NUL.
LIVEUPDATE_FLB_COMPAT_LENGTH = 48

# Name of the KHO entry that holds the device tree.
MEMBLOCK_KHO_FDT = b"memblock"

# Compatible string of the device tree's root.
MEMBLOCK_KHO_NODE_COMPATIBLE = b"memblock-v1"

# Compatible string of a reservation's node.
RESERVE_MEM_KHO_NODE_COMPATIBLE = b"reserve-mem-v1"

# The folio was written to since it was allocated.
#
# One that was not is there because somebody allocated it, as fallocate() does.
MEMFD_LUO_FOLIO_DIRTY = 1

# The folio's content is valid.
#
# One without this flag has yet to be filled with zeroes before anybody may see it.
MEMFD_LUO_FOLIO_UPTODATE = 2

# The seals that are preserved.
#
# A file with another seal is not preserved, and one that names another seal is not retrieved: a
# further seal needs a new version of the contract.
MEMFD_LUO_ALL_SEALS = 63

# Compatible string of the LUO file handler for memfds.
MEMFD_LUO_FH_COMPATIBLE = b"memfd-v2"

# Compatible string of the PCI core's FLB object, in every version.
PCI_LUO_FLB_COMPATIBLE = b"pci"

# Version of pci_ser and all that it leads to, as its first field has it.
PCI_LUO_FLB_VERSION = 2

# Compatible string of the LUO file handler for vfio-pci device files.
VFIO_PCI_LUO_FH_COMPATIBLE = b"vfio-pci-v1"


class kho_block_header_ser(_Struct):
    """Start of a block.

    The entries follow it without a gap. A reader believes neither field: a block holds at least one
    entry and at most as many as its size allows, and a list that is damaged may run in a circle.

    Promised by kho-v4.
    """

    _fields_ = [
        # Physical address of the next block, 0 in the last one.
        ("next", _u64),
        # Number of entries in this block.
        ("count", _u64),
    ]
    next: int
    count: int


_check(kho_block_header_ser, 16, {
    "next": (0, 64),
    "count": (64, 64),
})


class kho_vmalloc_hdr(_Struct):
    """Start of a chunk.

    Promised by kho-v4.
    """

    _fields_ = [
        # The next chunk, at address 0 behind the last one. Physical address of struct
        # kho_vmalloc_chunk.
        ("next", _u64),
    ]
    next: int


_check(kho_vmalloc_hdr, 8, {
    "next": (0, 64),
})


class kho_vmalloc_chunk(_Struct):
    """One page of the list of addresses.

    An address of 0 ends the chunk. A list whose addresses fill its chunks exactly has an empty
    chunk at its end.

    For pages of 4096 bytes.

    Promised by kho-v4.
    """

    _fields_ = [
        # Leads to the next chunk.
        ("hdr", kho_vmalloc_hdr),
        # Physical addresses of blocks of pages, each of the order that kho_vmalloc tells.
        ("phys", _u64 * 511),
    ]
    hdr: kho_vmalloc_hdr
    phys: _c.Array[_c.c_uint64]


_check(kho_vmalloc_chunk, 4096, {
    "hdr": (0, 64),
    "phys": (64, 32704),
})


class kho_vmalloc_chunk_16k(_Struct):
    """The same as kho_vmalloc_chunk, for pages of 16384 bytes."""

    _fields_ = [
        # Leads to the next chunk.
        ("hdr", kho_vmalloc_hdr),
        # Physical addresses of blocks of pages, each of the order that kho_vmalloc tells.
        ("phys", _u64 * 2047),
    ]
    hdr: kho_vmalloc_hdr
    phys: _c.Array[_c.c_uint64]


_check(kho_vmalloc_chunk_16k, 16384, {
    "hdr": (0, 64),
    "phys": (64, 131008),
})


class kho_vmalloc_chunk_64k(_Struct):
    """The same as kho_vmalloc_chunk, for pages of 65536 bytes."""

    _fields_ = [
        # Leads to the next chunk.
        ("hdr", kho_vmalloc_hdr),
        # Physical addresses of blocks of pages, each of the order that kho_vmalloc tells.
        ("phys", _u64 * 8191),
    ]
    hdr: kho_vmalloc_hdr
    phys: _c.Array[_c.c_uint64]


_check(kho_vmalloc_chunk_64k, 65536, {
    "hdr": (0, 64),
    "phys": (64, 524224),
})


class kho_vmalloc(_Struct):
    """Memory that was allocated with vmalloc().

    Promised by kho-v4 and memfd-v2.
    """

    _fields_ = [
        # The first chunk of the list of its pages. Physical address of struct kho_vmalloc_chunk.
        ("first", _u64),
        # Number of pages, of the kernel's page size, in all blocks together.
        ("total_pages", _u32),
        # How it was allocated: bits that KHO has of its own, not those of vmalloc().
        ("flags", _u16),
        # Order of the blocks: each is 1 << order pages.
        ("order", _u16),
    ]
    first: int
    total_pages: int
    flags: int
    order: int


_check(kho_vmalloc, 16, {
    "first": (0, 64),
    "total_pages": (64, 32),
    "flags": (96, 16),
    "order": (112, 16),
})


class kho_radix_node(_Struct):
    """An inner node of the radix tree.

    For pages of 4096 bytes.

    Promised by kho-v4.
    """

    _fields_ = [
        # Physical addresses of the nodes below, 0 where there is none.
        ("table", _u64 * 512),
    ]
    table: _c.Array[_c.c_uint64]


_check(kho_radix_node, 4096, {
    "table": (0, 32768),
})


class kho_radix_node_16k(_Struct):
    """The same as kho_radix_node, for pages of 16384 bytes."""

    _fields_ = [
        # Physical addresses of the nodes below, 0 where there is none.
        ("table", _u64 * 2048),
    ]
    table: _c.Array[_c.c_uint64]


_check(kho_radix_node_16k, 16384, {
    "table": (0, 131072),
})


class kho_radix_node_64k(_Struct):
    """The same as kho_radix_node, for pages of 65536 bytes."""

    _fields_ = [
        # Physical addresses of the nodes below, 0 where there is none.
        ("table", _u64 * 8192),
    ]
    table: _c.Array[_c.c_uint64]


_check(kho_radix_node_64k, 65536, {
    "table": (0, 524288),
})


class kho_radix_leaf(_Struct):
    """A leaf of the radix tree.

    For pages of 4096 bytes.

    Promised by kho-v4.
    """

    _fields_ = [
        # One bit for each key that ends here, set where its pages are preserved.
        ("bitmap", _u64 * 512),
    ]
    bitmap: _c.Array[_c.c_uint64]


_check(kho_radix_leaf, 4096, {
    "bitmap": (0, 32768),
})


class kho_radix_leaf_16k(_Struct):
    """The same as kho_radix_leaf, for pages of 16384 bytes."""

    _fields_ = [
        # One bit for each key that ends here, set where its pages are preserved.
        ("bitmap", _u64 * 2048),
    ]
    bitmap: _c.Array[_c.c_uint64]


_check(kho_radix_leaf_16k, 16384, {
    "bitmap": (0, 131072),
})


class kho_radix_leaf_64k(_Struct):
    """The same as kho_radix_leaf, for pages of 65536 bytes."""

    _fields_ = [
        # One bit for each key that ends here, set where its pages are preserved.
        ("bitmap", _u64 * 8192),
    ]
    bitmap: _c.Array[_c.c_uint64]


_check(kho_radix_leaf_64k, 65536, {
    "bitmap": (0, 524288),
})


class kho_kexec_metadata(_Struct):
    """What a kernel tells the next one about itself.

    The length of a release is a part of the interface to user space, and does not change.

    Promised by kexec-metadata-v1.
    """

    _fields_ = [
        # KHO_KEXEC_METADATA_VERSION: a kernel that finds another number reads no further.
        ("version", _u32),
        # Release of the kernel that did the kexec, as uname -r prints it.
        ("previous_release", _char * 65),
        # Number of kexecs since the machine was started cold, this one included.
        ("kexec_count", _u32),
    ]
    version: int
    previous_release: _bytes
    kexec_count: int


_check(kho_kexec_metadata, 73, {
    "version": (0, 32),
    "previous_release": (32, 520),
    "kexec_count": (552, 32),
})


class luo_ser(_Struct):
    """Root of LUO's state.

    Promised by luo-v5.
    """

    _fields_ = [
        # LUO_ABI_COMPATIBLE: a kernel that finds another string reads no further.
        ("compatible", _char * 8),
        # Number of live updates since the machine was started cold, this one included.
        ("liveupdate_num", _u64),
        # Physical address of the first block (kho_block_header_ser) of luo_session_ser, 0 where
        # there are none.
        ("sessions_pa", _u64),
        # Physical address of the luo_flb_header_ser.
        ("flbs_pa", _u64),
    ]
    compatible: _bytes
    liveupdate_num: int
    sessions_pa: int
    flbs_pa: int


_check(luo_ser, 32, {
    "compatible": (0, 64),
    "liveupdate_num": (64, 64),
    "sessions_pa": (128, 64),
    "flbs_pa": (192, 64),
})


class luo_file_ser(_Struct):
    """A preserved file.

    Promised by luo-v5.
    """

    _fields_ = [
        # Compatible string of the file handler that preserved the file, and can retrieve it.
        ("compatible", _char * 48),
        # What the handler wants back; for most, a physical address.
        ("data", _u64),
        # What user space knows the file by within its session.
        ("token", _u64),
    ]
    compatible: _bytes
    data: int
    token: int


_check(luo_file_ser, 64, {
    "compatible": (0, 384),
    "data": (384, 64),
    "token": (448, 64),
})


class luo_file_set_ser(_Struct):
    """The files of a session.

    Promised by luo-v5.
    """

    _fields_ = [
        # Physical address of the first block (kho_block_header_ser) of luo_file_ser, 0 where there
        # are none.
        ("files", _u64),
        # Number of files in all blocks together.
        ("count", _u64),
    ]
    files: int
    count: int


_check(luo_file_set_ser, 16, {
    "files": (0, 64),
    "count": (64, 64),
})


class luo_session_ser(_Struct):
    """A session.

    Promised by luo-v5.
    """

    _fields_ = [
        # Name that user space gave the session; no two sessions have the same.
        ("name", _char * 64),
        # Its files.
        ("file_set_ser", luo_file_set_ser),
    ]
    name: _bytes
    file_set_ser: luo_file_set_ser


_check(luo_session_ser, 80, {
    "name": (0, 512),
    "file_set_ser": (512, 128),
})


class luo_flb_header_ser(_Struct):
    """Start of the array of FLBs.

    Promised by luo-v5.
    """

    _fields_ = [
        # Number of pages that header and array take together.
        ("pgcnt", _u64),
        # Number of luo_flb_ser entries behind this header.
        ("count", _u64),
    ]
    pgcnt: int
    count: int


_check(luo_flb_header_ser, 16, {
    "pgcnt": (0, 64),
    "count": (64, 64),
})


class luo_flb_ser(_Struct):
    """State that preserved files share.

    Promised by luo-v5.
    """

    _fields_ = [
        # Compatible string of whoever preserved the state, and can retrieve it.
        ("name", _char * 48),
        # What it wants back; for most, a physical address.
        ("data", _u64),
        # Number of preserved files that need the state.
        ("count", _u64),
    ]
    name: _bytes
    data: int
    count: int


_check(luo_flb_ser, 64, {
    "name": (0, 384),
    "data": (384, 64),
    "count": (448, 64),
})


class memfd_luo_folio_ser(_Struct):
    """A folio of a memfd.

    Promised by memfd-v2.
    """

    _fields_ = [
        # Page frame number of the folio; 0 where there is none.
        ("pfn", _u64, 52),
        # MEMFD_LUO_FOLIO_DIRTY and MEMFD_LUO_FOLIO_UPTODATE, or neither.
        ("flags", _u64, 12),
        # The folio's place in the file, in pages.
        ("index", _u64),
    ]
    pfn: int
    flags: int
    index: int


_check(memfd_luo_folio_ser, 16, {
    "pfn": (0, 52),
    "flags": (52, 12),
    "index": (64, 64),
})


class memfd_luo_ser(_Struct):
    """A memfd.

    Promised by memfd-v2.
    """

    _fields_ = [
        # Position of the file, in bytes.
        ("pos", _u64),
        # Size of the file, in bytes.
        ("size", _u64),
        # Its seals, as fcntl() has them.
        ("seals", _u32),
        # Flags of the file; no bit has a meaning yet, and all are 0.
        ("flags", _u32),
        # Number of entries in the array of folios.
        ("nr_folios", _u64),
        # The array of memfd_luo_folio_ser; not set where the file's size is 0.
        ("folios", kho_vmalloc),
    ]
    pos: int
    size: int
    seals: int
    flags: int
    nr_folios: int
    folios: kho_vmalloc


_check(memfd_luo_ser, 48, {
    "pos": (0, 64),
    "size": (64, 64),
    "seals": (128, 32),
    "flags": (160, 32),
    "nr_folios": (192, 64),
    "folios": (256, 128),
})


class pci_dev_ser(_Struct):
    """A preserved device, or a bridge above one.

    Domain and address together name one PCI function. In the list each is there once, and the list
    is sorted by domain, and by address within a domain.

    Promised by pci@2.
    """

    _fields_ = [
        # PCI domain, which the PCI specifications call segment.
        ("domain", _u32),
        # Bus number in bits 8 to 15, device number in bits 3 to 7, function number in bits 0 to 2.
        ("bdf", _u16),
        # Number of preserved devices at or below this one.
        ("refcount", _u16),
    ]
    domain: int
    bdf: int
    refcount: int


_check(pci_dev_ser, 8, {
    "domain": (0, 32),
    "bdf": (32, 16),
    "refcount": (48, 16),
})


class pci_ser(_Struct):
    """What the PCI core hands over.

    Promised by pci@2.
    """

    _fields_ = [
        # PCI_LUO_FLB_VERSION: never removed, moved or given another size, in any version.
        ("version", _u32),
        # Number of devices in all blocks.
        ("nr_devices", _u32),
        # Physical address of the first block (kho_block_header_ser) of pci_dev_ser.
        ("devices", _u64),
    ]
    version: int
    nr_devices: int
    devices: int


_check(pci_ser, 16, {
    "version": (0, 32),
    "nr_devices": (32, 32),
    "devices": (64, 64),
})


class vfio_pci_core_device_ser(_Struct):
    """Identity of a preserved vfio-pci device.

    Both fields together name one PCI function. A device in a domain that does not fit cannot be
    preserved.

    Promised by vfio-pci-v1.
    """

    _fields_ = [
        # Bus number in bits 8 to 15, device number in bits 3 to 7, function number in bits 0 to 2.
        ("bdf", _u16),
        # PCI domain, which the PCI specifications call segment.
        ("domain", _u16),
    ]
    bdf: int
    domain: int


_check(vfio_pci_core_device_ser, 4, {
    "bdf": (0, 16),
    "domain": (16, 16),
})


# The structures that each version promises, by the name that reports give the version.
CONTRACTS: dict[str, tuple[type[_c.Structure] | type[_c.Union], ...]] = {
    "kho-v4": (
        kho_block_header_ser,
        kho_vmalloc_hdr,
        kho_vmalloc_chunk,
        kho_vmalloc_chunk_16k,
        kho_vmalloc_chunk_64k,
        kho_vmalloc,
        kho_radix_node,
        kho_radix_node_16k,
        kho_radix_node_64k,
        kho_radix_leaf,
        kho_radix_leaf_16k,
        kho_radix_leaf_64k,
    ),
    "kexec-metadata-v1": (
        kho_kexec_metadata,
    ),
    "luo-v5": (
        luo_ser,
        luo_file_ser,
        luo_file_set_ser,
        luo_session_ser,
        luo_flb_header_ser,
        luo_flb_ser,
    ),
    "memblock-v1": (),
    "reserve-mem-v1": (),
    "memfd-v2": (
        kho_vmalloc,
        memfd_luo_folio_ser,
        memfd_luo_ser,
    ),
    "pci@2": (
        pci_dev_ser,
        pci_ser,
    ),
    "vfio-pci-v1": (
        vfio_pci_core_device_ser,
    ),
}

# What depends on the page size, by that size.
_PAGED: dict[int, dict[str, _Any]] = {
    4096: {
        "KHO_BLOCK_SIZE": KHO_BLOCK_SIZE,
        "KHO_VMALLOC_SIZE": KHO_VMALLOC_SIZE,
        "KHO_RADIX_KEY_WIDTH": KHO_RADIX_KEY_WIDTH,
        "KHO_TABLE_SIZE_LOG2": KHO_TABLE_SIZE_LOG2,
        "KHO_BITMAP_SIZE_LOG2": KHO_BITMAP_SIZE_LOG2,
        "KHO_TREE_MAX_DEPTH": KHO_TREE_MAX_DEPTH,
        "kho_vmalloc_chunk": kho_vmalloc_chunk,
        "kho_radix_node": kho_radix_node,
        "kho_radix_leaf": kho_radix_leaf,
    },
    16384: {
        "KHO_BLOCK_SIZE": KHO_BLOCK_SIZE_16K,
        "KHO_VMALLOC_SIZE": KHO_VMALLOC_SIZE_16K,
        "KHO_RADIX_KEY_WIDTH": KHO_RADIX_KEY_WIDTH_16K,
        "KHO_TABLE_SIZE_LOG2": KHO_TABLE_SIZE_LOG2_16K,
        "KHO_BITMAP_SIZE_LOG2": KHO_BITMAP_SIZE_LOG2_16K,
        "KHO_TREE_MAX_DEPTH": KHO_TREE_MAX_DEPTH_16K,
        "kho_vmalloc_chunk": kho_vmalloc_chunk_16k,
        "kho_radix_node": kho_radix_node_16k,
        "kho_radix_leaf": kho_radix_leaf_16k,
    },
    65536: {
        "KHO_BLOCK_SIZE": KHO_BLOCK_SIZE_64K,
        "KHO_VMALLOC_SIZE": KHO_VMALLOC_SIZE_64K,
        "KHO_RADIX_KEY_WIDTH": KHO_RADIX_KEY_WIDTH_64K,
        "KHO_TABLE_SIZE_LOG2": KHO_TABLE_SIZE_LOG2_64K,
        "KHO_BITMAP_SIZE_LOG2": KHO_BITMAP_SIZE_LOG2_64K,
        "KHO_TREE_MAX_DEPTH": KHO_TREE_MAX_DEPTH_64K,
        "kho_vmalloc_chunk": kho_vmalloc_chunk_64k,
        "kho_radix_node": kho_radix_node_64k,
        "kho_radix_leaf": kho_radix_leaf_64k,
    },
}


def with_page_size(page_size: int) -> _types.SimpleNamespace:
    """Everything in this module as it is for a page size, each under its plain name."""
    if page_size not in _PAGED:
        raise ValueError(f"unknown page size {page_size} (expected one of {sorted(_PAGED)})")
    names = {name: value for name, value in globals().items() if not name.startswith("_")}
    return _types.SimpleNamespace(**{**names, **_PAGED[page_size]})
