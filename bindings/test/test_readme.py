# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The examples of bindings/README.md run, each on its own, and print each session or file."""

import contextlib
import io
import json
import os
import re
import tempfile
import unittest

import kho_drgn

README = os.path.join(os.path.dirname(__file__), "..", "README.md")


class Readme(unittest.TestCase):
    def test_examples(self):
        with open(os.environ["KHO_ABI_SHOWN"], "rb") as file:
            sessions = json.load(file)["luo"]["sessions"]
        page = kho_drgn.open_image(os.environ["KHO_ABI_IMAGE"]).read(int(sessions[0]["at"], 16) & ~4095, 4096)
        with open(README, encoding="utf-8") as file:
            examples = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
        image, symbols = (os.path.abspath(os.environ[f"KHO_ABI_{name}"]) for name in ["IMAGE", "SYMBOLS"])
        said = []
        with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
            with open("page", "wb") as file:
                file.write(page)
            os.symlink(image, "dump.elf")
            os.symlink(symbols, "vmlinux")
            for example in examples:
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(example, README, "exec"), {})
                said.append(out.getvalue())
        ctypes, drgn, kaitai = said
        self.assertEqual(ctypes, f"{[(s['name'].encode(), s['count']) for s in sessions]}\n")
        self.assertEqual(kaitai, f"{[(s['name'], s['count']) for s in sessions]}\n")
        for file in (file for session in sessions for file in session["files"]):
            self.assertIn(f" {int(file['token'], 16)} ", drgn)
        memfds = (f["payload"] for s in sessions for f in s["files"] if f["payload"]["kind"] == "memfd")
        counts = [int(line) for line in drgn.splitlines() if line.isdigit()]
        self.assertEqual(counts, [memfd["totals"]["folios"] for memfd in memfds])


if __name__ == "__main__":
    unittest.main()
