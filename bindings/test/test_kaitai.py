# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The parser that Kaitai Struct makes of kho.ksy reads what the types say, and pages of an image.

tools/check-bindings.sh runs this. KHO_ABI_LAYOUT is what `kho-abi layout --format json` prints,
KHO_ABI_RAW a raw image of memory, KHO_ABI_SHOWN what `kho-abi inspect --format json` shows of it.
"""

import io
import json
import os
import unittest

from kaitaistruct import KaitaiStream
from kho import Kho


def load(variable):
    with open(os.environ[variable], "rb") as file:
        return json.load(file)


def class_of(name):
    return getattr(Kho, "".join(word.capitalize() for word in name.split("_")))


def parse(name, data):
    return class_of(name)(KaitaiStream(io.BytesIO(data)))


class Layout(unittest.TestCase):
    """Each field, with its bits set alone: it has them all, and every other field has none."""

    def setUp(self):
        layout = load("KHO_ABI_LAYOUT")
        items = [item for header in layout["headers"] for item in header["items"]]
        self.plain = layout["target"]["page_size"]
        self.items = [("", item) for item in items]
        for pages in layout["other_pages"]:
            suffix = f"_{pages['page_size'] // 1024}k"
            self.items += [(suffix, item) for item in pages["items"]]
        self.records = {i["name"] + s: (s, i) for s, i in self.items if i["item"] == "record"}

    def number(self, value, field, suffix):
        """What was parsed of a field, as the bits that it was parsed from."""
        if isinstance(value, int):
            return value & ((1 << field["bit_size"]) - 1)
        if isinstance(value, bytes):
            return int.from_bytes(value, "little")
        if isinstance(value, list):
            width = field["bit_size"] // len(value)
            return sum(one << index * width for index, one in enumerate(value))
        name = field["ty"]["name"]
        _, record = self.records.get(name + suffix) or self.records[name]
        return sum(
            self.number(getattr(value, inner["name"]), inner, suffix) << inner["bit_offset"]
            for inner in record["fields"]
        )

    def test_fields(self):
        self.assertGreater(len(self.records), 15)
        for name, (suffix, record) in self.records.items():
            for field in record["fields"]:
                mask = (1 << field["bit_size"]) - 1
                data = mask << field["bit_offset"]
                stream = KaitaiStream(io.BytesIO(data.to_bytes(record["size"], "little")))
                parsed = class_of(name)(stream)
                self.assertTrue(stream.is_eof(), f"{name} does not reach its end")
                for other in record["fields"]:
                    found = self.number(getattr(parsed, other["name"]), other, suffix)
                    expected = mask if other is field else 0
                    self.assertEqual(found, expected, f"{name}.{other['name']}, {field['name']} set")

    def test_constants(self):
        kho = Kho(KaitaiStream(io.BytesIO()))
        seen = 0
        for suffix, item in self.items:
            members = {"constant": [item], "enum": item.get("members", [])}.get(item["item"], [])
            for constant in members:
                if suffix and "page_size" not in constant:
                    continue
                found = getattr(kho, constant["name"].lower() + suffix)
                self.assertEqual(found, constant["value"], constant["name"])
                seen += 1
        self.assertGreater(seen, 20)


class Image(unittest.TestCase):
    """Pages of an image, from LUO's root to the folios of each memfd."""

    def setUp(self):
        self.shown = load("KHO_ABI_SHOWN")
        self.page_size = self.shown["image"]["page_size"]

    def page(self, address, pages=1):
        with open(os.environ["KHO_ABI_RAW"], "rb") as file:
            file.seek(address)
            return file.read(pages * self.page_size)

    def block(self, name, address):
        """The entries of a list of blocks, each with its address."""
        found = []
        while address:
            block = parse(name, self.page(address))
            size = 80 if name == "luo_session_block" else 64
            found += [(address + 16 + i * size, entry) for i, entry in enumerate(block.entries)]
            address = block.header.next
        return found

    def test_sessions_files_and_folios(self):
        luo = self.shown["luo"]
        root = parse("luo_ser", self.page(int(luo["at"], 16)))
        self.assertEqual(root.compatible_text, luo["compatible"])
        self.assertEqual(root.liveupdate_num, luo["liveupdate_num"])
        sessions, memfds, folios = [], 0, 0
        for at, session in self.block("luo_session_block", root.sessions_pa):
            files = []
            for file_at, file in self.block("luo_file_block", session.file_set_ser.files):
                files.append(
                    {
                        "at": f"{file_at:#x}",
                        "token": f"{file.token:#x}",
                        "compatible": file.compatible_text,
                        "data": f"{file.data:#x}",
                    }
                )
                if file.compatible == b"memfd-v2":
                    memfds += 1
                    folios += self.memfd(file, luo)
            self.assertEqual(session.file_set_ser.count, len(files))
            sessions.append({"at": f"{at:#x}", "name": session.name_text, "files": files})
        keys = ["at", "token", "compatible", "data"]
        expected = [
            {
                "at": session["at"],
                "name": session["name"],
                "files": [{key: file[key] for key in keys} for file in session["files"]],
            }
            for session in luo["sessions"]
        ]
        self.assertEqual(sessions, expected)
        self.assertGreater(memfds, 0)
        self.assertGreater(folios, 0)

    def memfd(self, file, luo):
        """The number of folios of a memfd, which are held to what is shown of it."""
        memfd = parse("memfd_luo_ser", self.page(file.data))
        all_files = [file for session in luo["sessions"] for file in session["files"]]
        (shown,) = [one["payload"] for one in all_files if one["data"] == f"{file.data:#x}"]
        for key in ["pos", "size", "seals", "flags", "nr_folios"]:
            self.assertEqual(getattr(memfd, key), shown[key], key)
        found, chunk = [], memfd.folios.first
        while chunk:
            pages = parse("kho_vmalloc_chunk", self.page(chunk))
            for page in filter(None, pages.phys):
                stream = KaitaiStream(io.BytesIO(self.page(page, 1 << memfd.folios.order)))
                while not stream.is_eof() and len(found) < memfd.nr_folios:
                    found.append(Kho.MemfdLuoFolioSer(stream))
            chunk = pages.hdr.next
        expected = []
        for extent in shown["extents"]:
            step = 1 << extent["order"]
            for index in range(extent["folios"]):
                # The extent's page is its lowest one.
                at = extent["folios"] - 1 - index if extent["descending"] else index
                page = int(extent["pfn"], 16) + at * step
                expected.append((page, extent["flags"], extent["index"] + index * step))
        self.assertEqual([(one.pfn, one.flags, one.index) for one in found], expected)
        return len(found)


if __name__ == "__main__":
    unittest.main()
