# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""kho_drgn gives what kho-abi shows of an image, with types from symbols and with types of its own.

tools/check-bindings.sh runs this. KHO_ABI_IMAGE is an image of memory, KHO_ABI_SHOWN what `kho-abi
inspect --format json` shows of it, KHO_ABI_SYMBOLS a file with debugging symbols, KHO_ABI_OTHERS one
whose struct luo_ser is another, KHO_ABI the program. Where a kernel wrote the image, KHO_ABI_RECORD is
what its init program said that it preserved.
"""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import drgn

import kho_abi
import kho_drgn

IMAGE = os.environ["KHO_ABI_IMAGE"]


def load(variable):
    with open(os.environ[variable], "rb") as file:
        return json.load(file)


def contents(state, file):
    """The whole content of a memfd."""
    content = bytearray(state.payload(file).size.value_())
    for offset, data in state.content(file):
        content[offset : offset + len(data)] = data
    return bytes(content)


def of_the_kernel():
    """The image as the crashed kernel that it is, with virtual addresses and symbols.

    QEMU writes VMCOREINFO into a dump where the guest has a device for it; the kernel has it anyway.
    """
    image = kho_drgn.open_image(IMAGE)
    for at in image.search_memory(b"OSRELEASE="):
        info = image.read(at, 4096 - at % 4096).split(b"\0")[0]
        if b"SYMBOL(swapper_pg_dir)=" in info:
            prog = drgn.Program(vmcoreinfo=info)
            prog.set_core_dump(IMAGE)
            prog.load_debug_info([os.environ["KHO_ABI_SYMBOLS"]])
            return prog
    raise AssertionError("the image has no VMCOREINFO")


def address_of(device):
    bdf = device.bdf.value_()
    return f"{device.domain.value_():04x}:{bdf >> 8:02x}:{bdf >> 3 & 31:02x}.{bdf & 7:x}"


class Image(unittest.TestCase):
    """What the image holds, for each way to have types."""

    def states(self):
        yield "own types", kho_drgn.find(kho_drgn.open_image(IMAGE))
        yield "symbols", kho_drgn.find(kho_drgn.open_image(IMAGE, os.environ["KHO_ABI_SYMBOLS"]))
        if "KHO_ABI_RECORD" in os.environ:
            yield "kernel", kho_drgn.find(of_the_kernel())

    def test_objects_are_those_of_the_image(self):
        shown = load("KHO_ABI_SHOWN")
        for name, state in self.states():
            with self.subTest(name):
                self.assertEqual(f"{state.address:#x}", shown["kho"]["at"])
                entries = {e["name"]: (int(e["data"], 16), e["size"]) for e in shown["kho"]["entries"]}
                self.assertEqual(state.entries, entries)
                self.assertEqual(state.luo.liveupdate_num.value_(), shown["luo"]["liveupdate_num"])
                # The kernel's sources say u64.
                spelled = state.luo.sessions_pa.type_.type_name()
                self.assertEqual(spelled, "unsigned long" if name == "own types" else "u64")
                sessions = list(state.sessions())
                self.assertGreater(len(sessions), 0)
                for session, expected in zip(sessions, shown["luo"]["sessions"], strict=True):
                    self.assertEqual(session.type_.type_name(), "struct luo_session_ser")
                    self.assertEqual(f"{state.physical(session):#x}", expected["at"])
                    self.assertEqual(session.name.string_().decode(), expected["name"])
                    self.files(state, session, expected["files"])

    def files(self, state, session, expected):
        for file, expected in zip(state.files(session), expected, strict=True):
            self.assertEqual(file.type_.type_name(), "struct luo_file_ser")
            self.assertEqual(f"{state.physical(file):#x}", expected["at"])
            self.assertEqual(f"{file.token.value_():#x}", expected["token"])
            self.assertEqual(file.compatible.string_().decode(), expected["compatible"])
            payload = state.payload(file)
            self.assertEqual(f"{state.physical(payload):#x}", expected["payload"]["at"])
            if expected["payload"]["kind"] == "memfd":
                for key in ["pos", "size", "seals", "flags", "nr_folios"]:
                    self.assertEqual(payload.member_(key).value_(), expected["payload"][key], key)
                self.folios(state, file, expected["payload"]["extents"])
            else:
                self.assertEqual(address_of(payload), expected["payload"]["address"])

    def folios(self, state, file, extents):
        expected = []
        for extent in extents:
            step = 1 << extent["order"]
            for index in range(extent["folios"]):
                # The extent's page is its lowest one.
                at = extent["folios"] - 1 - index if extent["descending"] else index
                page = int(extent["pfn"], 16) + at * step
                expected.append((page, extent["flags"], extent["index"] + index * step, extent["order"]))
        found = []
        for folio in state.folios(file):
            self.assertEqual(folio.type_.type_name(), "struct memfd_luo_folio_ser")
            page = folio.pfn.value_()
            found.append((page, folio.flags.value_(), folio.index.value_(), state.order(page)))
        self.assertEqual(found, expected)

    def test_memfds_have_the_content_that_was_preserved(self):
        digests = {}
        record = "KHO_ABI_RECORD" in os.environ
        if record:
            for session in load("KHO_ABI_RECORD")["sessions"]:
                for file in session["files"]:
                    if "memfd" in file["object"]:
                        key = session["name"], file["token"]
                        digests[key] = file["object"]["memfd"]["sha256"]
        state = kho_drgn.find(kho_drgn.open_image(IMAGE))
        seen = 0
        for session in state.sessions():
            for file in state.files(session):
                if file.compatible.string_() != kho_abi.MEMFD_LUO_FH_COMPATIBLE:
                    continue
                key = session.name.string_().decode(), file.token.value_()
                expected = digests[key] if record else self.extracted(*key)
                self.assertEqual(hashlib.sha256(contents(state, file)).hexdigest(), expected, key)
                seen += 1
        self.assertGreater(seen, 0)
        self.assertIn(len(digests), (0, seen))

    def extracted(self, session, token):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "content")
            command = [os.environ["KHO_ABI"], "inspect", IMAGE, "--session", session]
            command += ["--extract", str(token), "-o", path]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            with open(path, "rb") as file:
                return hashlib.sha256(file.read()).hexdigest()

    def test_types_of_its_own_have_the_layout(self):
        state = kho_drgn.find(kho_drgn.open_image(IMAGE))
        structs = {struct for structs in kho_abi.CONTRACTS.values() for struct in structs}
        for struct in structs:
            kho_drgn._hold(state.type(struct.__name__), struct)
        self.assertGreater(len(structs), 15)

    def test_symbols_with_another_layout_are_refused(self):
        prog = kho_drgn.open_image(IMAGE, os.environ["KHO_ABI_OTHERS"])
        with self.assertRaisesRegex(kho_drgn.Damaged, "the symbols' struct luo_ser differs: 24 bytes"):
            kho_drgn.find(prog).luo


class Kernel(unittest.TestCase):
    """What only the image of a real kernel has."""

    def test_objects_have_the_addresses_of_the_kernel(self):
        prog = of_the_kernel()
        state = kho_drgn.find(prog)
        session = next(state.sessions())
        self.assertNotEqual(session.address_, state.physical(session))
        self.assertEqual(prog.read(session.address_, 64).rstrip(b"\0"), session.name.string_())
        with self.assertRaisesRegex(kho_drgn.Damaged, "this kernel has no state of KHO"):
            kho_drgn.find(prog, handed_over=False)


class Damage(unittest.TestCase):
    """State that is damaged ends with its address, whatever is asked for."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "image")
        shutil.copy(IMAGE, self.path)
        self.state = kho_drgn.find(kho_drgn.open_image(IMAGE))
        self.sessions = self.state.luo.sessions_pa.value_()
        self.session = next(self.state.sessions())

    def write(self, address, data):
        _, segments = kho_drgn._segments(kho_drgn._File(self.path))
        with open(self.path, "r+b") as file:
            (at,) = (at + address - pa for pa, size, at in segments if pa <= address < pa + size)
            file.seek(at)
            file.write(data)

    def damaged(self, message):
        with self.assertRaisesRegex(kho_drgn.Damaged, message):
            state = kho_drgn.find(kho_drgn.open_image(self.path))
            for session in state.sessions():
                for file in state.files(session):
                    if file.compatible.string_() == kho_abi.MEMFD_LUO_FH_COMPATIBLE:
                        contents(state, file)
            list(state.flbs())

    def memfd(self):
        files = self.state.files(self.session)
        wanted = kho_abi.MEMFD_LUO_FH_COMPATIBLE
        file = next(file for file in files if file.compatible.string_() == wanted)
        return self.state.payload(file)

    def test_a_list_of_blocks_in_a_circle(self):
        self.write(self.sessions, struct.pack("<Q", self.sessions))
        self.damaged(f"the list of blocks leads back to {self.sessions:#x}")

    def test_a_block_with_too_many_entries(self):
        self.write(self.sessions + 8, struct.pack("<Q", 1000))
        self.damaged(f"the block at {self.sessions:#x} claims 1000 entries but holds at most 51")

    def test_a_session_with_too_few_files(self):
        self.write(self.session.address_ + 72, struct.pack("<Q", 7))
        self.damaged("session b'vm0' claims 7 files and has 3")

    def test_flbs_beyond_their_pages(self):
        self.write(self.state.luo.flbs_pa.value_() + 8, struct.pack("<Q", 1 << 60))
        self.damaged("which their pages do not hold")

    def test_an_unknown_version(self):
        self.write(self.state.luo.address_, b"luo-v9\0")
        self.damaged("unknown version b'luo-v9' at ")

    def test_a_list_of_folios_that_is_too_short(self):
        self.write(self.memfd().address_ + 24, struct.pack("<Q", 1 << 40))
        self.damaged("the list of pages ends .* bytes before what it should hold")

    def test_a_list_of_pages_in_a_circle(self):
        memfd = self.memfd()
        chunk = memfd.folios.first.value_()
        self.write(memfd.address_ + 24, struct.pack("<Q", 1 << 40))
        self.write(chunk, struct.pack("<Q", chunk))
        self.damaged(f"the list of pages leads back to {chunk:#x}")

    def test_a_folio_that_is_not_preserved(self):
        folio = next(self.state.folios(next(f for f in self.state.files(self.session) if f.token == 2)))
        self.write(folio.address_, struct.pack("<Q", 0x3FFF | 3 << 52))
        self.damaged("page 0x3fff is not preserved")

    def test_a_device_tree_that_is_none(self):
        for at, data in [(0, b"\0"), (8, struct.pack(">I", 0xFFFFFFF0)), (56, b"\xff" * 16)]:
            with self.subTest(at):
                shutil.copy(IMAGE, self.path)
                self.write(self.state.address + at, data)
                self.damaged("expected one device tree of KHO, found none")

    def test_two_device_trees(self):
        self.write(0x3000000, self.state.read(self.state.address, 4096))
        self.damaged(f"found {self.state.address:#x}, 0x3000000: State")
        state = kho_drgn.State(kho_drgn.open_image(self.path), 0x3000000)
        self.assertEqual(len(list(state.sessions())), 3)

    def test_a_file_that_is_no_memfd(self):
        file = next(self.state.files(self.session))
        with self.assertRaisesRegex(ValueError, "not a memfd: b'vfio-pci-v1'"):
            list(self.state.folios(file))

    def test_symbols_that_are_none(self):
        with self.assertRaisesRegex(ValueError, "has no debugging symbols"):
            kho_drgn.open_image(IMAGE, "/bin/true")


if __name__ == "__main__":
    unittest.main()
