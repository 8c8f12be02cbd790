# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Sessions, files and folios that a Linux kernel preserved for a live update, as drgn objects.

    prog = kho_drgn.open_image("dump.elf", "vmlinux")   # or any drgn.Program of a Linux kernel
    state = kho_drgn.find(prog)
    for session in state.sessions():
        for file in state.files(session):
            print(session.name.string_(), file.token.value_(), file.compatible.string_())

Objects have the kernel's own types, from debugging symbols where there are any: these are held to
the layout that the compatible strings promise, and must not differ. Without symbols, types are made
of that layout. What cannot be right raises Damaged, with the address: nothing is believed that
would lead in a circle or out of its page.
"""

import ctypes
import os
import struct

import drgn

import kho_abi


class Damaged(ValueError):
    """State that is not as the kernel writes it, or a version that is not known here."""


def open_image(path, *symbols):
    """A program for an image of memory: an ELF core, or a raw file from address 0 on.

    Its addresses are physical ones, also those of objects. Symbols are files such as a vmlinux.
    """
    file = _File(path)
    machine, segments = _segments(file)
    architecture = {62: drgn.Architecture.X86_64, 183: drgn.Architecture.AARCH64}[machine]
    flags = drgn.PlatformFlags.IS_64_BIT | drgn.PlatformFlags.IS_LITTLE_ENDIAN
    prog = drgn.Program(drgn.Platform(architecture, flags))
    for address, size, at in segments:
        prog.add_memory_segment(address, size, _reader(file, at))
    for path in symbols:
        # An image without a kernel's notes names no modules, so drgn does not look for the file.
        module = prog.extra_module(path, create=True)
        module.try_file(path, force=True)
        if module.debug_file_status != drgn.ModuleFileStatus.HAVE:
            raise ValueError(f"{path} has no debugging symbols")
    return prog


class _File:
    """A file that is open for as long as a program reads it."""

    def __init__(self, path):
        self._descriptor = os.open(path, os.O_RDONLY)

    def __del__(self):
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def size(self):
        return os.lseek(self._descriptor, 0, os.SEEK_END)

    def read(self, count, at):
        return os.pread(self._descriptor, count, at)


def _segments(file):
    """The machine, and where physical memory lies in a file: (address, size, offset)."""
    head = file.read(64, 0)
    if head[:4] != b"\x7fELF":
        return 62, [(0, file.size(), 0)]
    if head[4:6] != b"\2\1":
        raise Damaged("not a 64-bit little-endian ELF file")
    machine, offset = struct.unpack_from("<18xH12xQ", head)
    size, count = struct.unpack_from("<HH", head, 54)
    if count == 0xFFFF:
        # The number does not fit the field: the first section has it.
        (sections,) = struct.unpack_from("<Q", head, 40)
        (count,) = struct.unpack("<I", file.read(4, sections + 44))
    segments = []
    for number in range(count):
        header = file.read(56, offset + number * size)
        kind, _, at, _, physical, stored, _, _ = struct.unpack("<IIQQQQQQ", header)
        if kind == 1 and stored:
            segments.append((physical, stored, at))
    return machine, segments


def _reader(file, start):
    return lambda _address, count, offset, _physical: file.read(count, start + offset)


def find(prog, handed_over=True, page_size=None):
    """The state of a program.

    A running or crashed kernel has two: what it hands over to the next one, and what it got from
    the one before (`handed_over=False`). In an image the device tree is searched for.
    """
    if prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
        page_size = page_size or prog["PAGE_SIZE"].value_()
        if handed_over:
            fdt = prog["kho_out"].fdt.value_()
            return State(prog, _to_physical(prog, fdt) if fdt else 0, page_size)
        return State(prog, prog["kho_in"].fdt_phys.value_(), page_size)
    page_size = page_size or 4096
    found = []
    for at in prog.search_memory(kho_abi.KHO_FDT_COMPATIBLE + b"\0"):
        try:
            found.append(State(prog, at - at % page_size, page_size))
        except (Damaged, drgn.FaultError):
            pass
    addresses = sorted({state.address for state in found})
    if len(addresses) != 1:
        shown = ", ".join(f"{at:#x}" for at in addresses) or "none"
        raise Damaged(f"expected one device tree of KHO, found {shown}: State(prog, ADDRESS) takes one")
    return found[0]


def _to_physical(prog, address):
    from drgn.helpers.linux.mm import virt_to_phys

    return virt_to_phys(prog, address).value_()


class State:
    """What one kernel hands over to the next: `entries`, `luo`, and what LUO's state leads to."""

    def __init__(self, prog, fdt, page_size=4096):
        self.prog = prog
        self.address = fdt
        self.abi = kho_abi.with_page_size(page_size)
        self.page_size = page_size
        self._types = {}
        if not fdt:
            raise Damaged("this kernel has no state of KHO")
        root, self.entries = self._device_tree()
        if root.get("compatible") != kho_abi.KHO_FDT_COMPATIBLE + b"\0":
            raise Damaged(f"unknown version {root.get('compatible')} at {fdt:#x}")
        self.map = _number(root.get(kho_abi.KHO_FDT_MEMORY_MAP_PROP_NAME.decode()))

    def type(self, name):
        """A type of the ABI by its C name, from symbols or made of the layout."""
        if name not in self._types:
            wanted = getattr(self.abi, name)
            try:
                found = self.prog.type(f"struct {name}")
                _hold(found, wanted)
            except LookupError:
                found = self._make(wanted)
            self._types[name] = found
        return self._types[name]

    def _make(self, wanted):
        """A drgn type of a ctypes one."""
        if issubclass(wanted, ctypes.Array):
            return self.prog.array_type(self._make(wanted._type_), wanted._length_)
        if not issubclass(wanted, ctypes.Structure):
            return self._integer(wanted)
        members = []
        for name, (offset, bits) in kho_abi.layout(wanted).items():
            field = next(field for field in wanted._fields_ if field[0] == name)
            made = self._make(field[1])
            if len(field) == 3:
                made = drgn.Object(self.prog, made, bit_field_size=bits)
            members.append(drgn.TypeMember(made, name, offset))
        return self.prog.struct_type(wanted.__name__, ctypes.sizeof(wanted), members)

    def _integer(self, wanted):
        names = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long"}
        if issubclass(wanted, ctypes.c_char):
            return self.prog.int_type("char", 1, True)
        size = ctypes.sizeof(wanted)
        return self.prog.int_type(names[size], size, False)

    def read(self, address, size):
        """Bytes at a physical address."""
        return self.prog.read(self._virtual(address), size)

    def object(self, name, address):
        """An object of the ABI at a physical address."""
        return drgn.Object(self.prog, self.type(name), address=self._virtual(address))

    def physical(self, found):
        """The physical address of an object."""
        if self.prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
            return _to_physical(self.prog, found.address_)
        return found.address_

    def _virtual(self, address):
        if self.prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
            from drgn.helpers.linux.mm import phys_to_virt

            return phys_to_virt(self.prog, address).value_()
        return address

    def _device_tree(self):
        """The properties of the root, and each node below it with its address and size."""
        magic, total, tokens, strings, _, version = struct.unpack(">6I", self.read(self.address, 24))
        if magic != 0xD00DFEED or not 40 <= total <= self.page_size or version < 16:
            raise Damaged(f"not a device tree at {self.address:#x}")
        blob = self.read(self.address, total)
        path, nodes = [], {}
        at = tokens
        try:
            while True:
                (token,) = struct.unpack_from(">I", blob, at)
                at += 4
                if token == 1:
                    end = blob.index(b"\0", at)
                    path.append(blob[at:end].decode())
                    nodes.setdefault("/".join(path), {})
                    at = end + 4 & ~3
                elif token == 2:
                    path.pop()
                elif token == 3:
                    size, name = struct.unpack_from(">II", blob, at)
                    start = strings + name
                    name = blob[start : blob.index(b"\0", start)].decode()
                    nodes["/".join(path)][name] = blob[at + 8 : at + 8 + size]
                    at += 8 + size + 3 & ~3
                elif token == 9:
                    break
                elif token != 4:
                    raise Damaged(f"unknown token {token:#x} in the device tree at {self.address:#x}")
        except (struct.error, ValueError, IndexError, KeyError) as error:
            if isinstance(error, Damaged):
                raise
            raise Damaged(f"damaged device tree at {self.address:#x}: {error}") from error
        entries = {}
        for node, properties in nodes.items():
            data = properties.get(kho_abi.KHO_SUB_TREE_PROP_NAME.decode())
            if node.count("/") == 1 and data is not None:
                size = properties.get(kho_abi.KHO_SUB_TREE_SIZE_PROP_NAME.decode())
                entries[node[1:]] = _number(data), _number(size)
        return nodes.get("", {}), entries

    @property
    def luo(self):
        """LUO's own state: a struct luo_ser."""
        entry = self.entries.get(kho_abi.LUO_KHO_ENTRY_NAME.decode())
        if entry is None:
            raise Damaged(f"the state at {self.address:#x} has no entry of LUO's")
        luo = self.object("luo_ser", entry[0])
        if luo.compatible.string_() != kho_abi.LUO_ABI_COMPATIBLE:
            raise Damaged(f"unknown version {luo.compatible.string_()} at {entry[0]:#x}")
        return luo

    def sessions(self):
        """Each session: a struct luo_session_ser."""
        return self._blocks("luo_session_ser", self.luo.sessions_pa.value_())

    def files(self, session):
        """Each file of a session: a struct luo_file_ser."""
        files = session.file_set_ser
        count = 0
        for file in self._blocks("luo_file_ser", files.files.value_()):
            count += 1
            yield file
        if count != files.count.value_():
            name = session.name.string_()
            raise Damaged(f"session {name} claims {files.count.value_()} files and has {count}")

    def flbs(self):
        """Each file-lifecycle-bound object: a struct luo_flb_ser."""
        at = self.luo.flbs_pa.value_()
        if not at:
            return
        header = self.object("luo_flb_header_ser", at)
        size = self.type("luo_flb_header_ser").size
        entry = self.type("luo_flb_ser").size
        count = header.count.value_()
        if size + count * entry > header.pgcnt.value_() * self.page_size:
            raise Damaged(f"the FLBs at {at:#x} claim {count} entries, which their pages do not hold")
        for index in range(count):
            yield self.object("luo_flb_ser", at + size + index * entry)

    def payload(self, file):
        """What a file's handler preserved, where it is known here: a struct of its own, or None."""
        handlers = {
            kho_abi.MEMFD_LUO_FH_COMPATIBLE: "memfd_luo_ser",
            kho_abi.VFIO_PCI_LUO_FH_COMPATIBLE: "vfio_pci_core_device_ser",
        }
        name = handlers.get(file.compatible.string_())
        return name and self.object(name, file.data.value_())

    def folios(self, file):
        """Each folio of a memfd: a struct memfd_luo_folio_ser."""
        memfd = self.payload(file)
        if memfd is None or memfd.type_.tag != "memfd_luo_ser":
            raise ValueError(f"not a memfd: {file.compatible.string_()}")
        size = self.type("memfd_luo_folio_ser").size
        left = memfd.nr_folios.value_()
        if not left:
            return
        for start, length in self._vmalloc(memfd.folios, left * size):
            for index in range(min(left, length // size)):
                yield self.object("memfd_luo_folio_ser", start + index * size)
            left -= min(left, length // size)

    def content(self, file):
        """The content of a memfd: (offset, bytes) for each folio. What lies between is zero."""
        end = self.payload(file).size.value_()
        for folio in self.folios(file):
            page = folio.pfn.value_()
            if page:
                offset = folio.index.value_() * self.page_size
                size = self.page_size << self.order(page)
                yield offset, self.read(page * self.page_size, max(0, min(size, end - offset)))

    def order(self, page):
        """The order of the block that is preserved at a page frame number."""
        abi = self.abi
        shift = self.page_size.bit_length() - 1
        # Most blocks are single pages, so these are asked for first.
        for order in range(64 - shift):
            if page & ((1 << order) - 1):
                break
            key = 1 << (abi.KHO_RADIX_KEY_WIDTH - 1 - order) | page >> order
            node = self.map
            for level in range(abi.KHO_TREE_MAX_DEPTH - 1, 0, -1):
                right = abi.KHO_BITMAP_SIZE_LOG2 + (level - 1) * abi.KHO_TABLE_SIZE_LOG2
                index = key >> right & ((1 << abi.KHO_TABLE_SIZE_LOG2) - 1)
                node = _number(self.read(node + index * 8, 8))
                if not node:
                    break
            bit = key & ((1 << abi.KHO_BITMAP_SIZE_LOG2) - 1)
            if node and self.read(node + bit // 8, 1)[0] >> bit % 8 & 1:
                return order
        raise Damaged(f"page {page:#x} is not preserved")

    def _blocks(self, name, block):
        """The entries of a list of blocks."""
        header_size = self.type("kho_block_header_ser").size
        size = self.type(name).size
        room = (self.abi.KHO_BLOCK_SIZE - header_size) // size
        seen = set()
        while block:
            if block in seen:
                raise Damaged(f"the list of blocks leads back to {block:#x}")
            seen.add(block)
            header = self.object("kho_block_header_ser", block)
            count = header.count.value_()
            if count > room:
                raise Damaged(f"the block at {block:#x} claims {count} entries but holds at most {room}")
            for index in range(count):
                yield self.object(name, block + header_size + index * size)
            block = header.next.value_()

    def _vmalloc(self, memory, wanted):
        """The blocks of pages of a struct kho_vmalloc, until they hold so many bytes."""
        size = self.page_size << memory.order.value_()
        chunk = _address(memory.first)
        seen = set()
        while chunk:
            if chunk in seen:
                raise Damaged(f"the list of pages leads back to {chunk:#x}")
            seen.add(chunk)
            pages = self.object("kho_vmalloc_chunk", chunk)
            for page in pages.phys.value_():
                if not page or wanted <= 0:
                    break
                yield page, size
                wanted -= size
            if wanted <= 0:
                return
            chunk = _address(pages.hdr.next)
        raise Damaged(f"the list of pages ends {wanted} bytes before what it should hold")


def _number(data):
    return int.from_bytes(data or b"", "little")


def _address(pointer):
    """A physical address, alone or in C's union of it with a pointer."""
    return (pointer.phys if pointer.type_.kind == drgn.TypeKind.UNION else pointer).value_()


def _hold(found, wanted):
    """Fails where symbols have another layout than the one that the compatible strings promise."""
    places = {}
    for member in found.members:
        size = member.bit_field_size
        places[member.name] = member.bit_offset, drgn.sizeof(member.type) * 8 if size is None else size
    if (found.size, places) != (ctypes.sizeof(wanted), kho_abi.layout(wanted)):
        raise Damaged(
            f"the symbols' struct {found.tag} differs: {found.size} bytes and fields at bits {places},"
            f" expected {ctypes.sizeof(wanted)} and {kho_abi.layout(wanted)}"
        )
