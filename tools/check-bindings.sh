#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Runs the bindings in the tools that they are for: Kaitai Struct's compiler makes
# a parser of kho.ksy, which reads pages of an image; drgn follows kho_drgn.py
# through one, with types from symbols and without; pip installs the wheel, whose
# types mypy checks in the example.
#
#   check-bindings.sh                            on images that are made up here
#   check-bindings.sh RAW ELF RECORD VMLINUX     on images of a real kernel
#
# RECORD is the init program's report of what it preserved.
#
# The tools come from PyPI and npm, in fixed versions, into the cache.
#
# Exit status: 0 passed; 1 a check failed; 2 could not run.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/lib.sh
. "$here/lib.sh"
root=$(cd "$here/.." && pwd)
tests=$root/bindings/test

install_packages gcc python3 python3-venv
command -v npm >/dev/null || install_packages nodejs npm

# The directory depends on the versions of the tools and of Python.
state=$(cat "$tests/requirements.txt" "$tests/package-lock.json" <(python3 --version) | sha256sum | cut -c1-12)
tools=$(cache_dir)/bindings/$state
if [ ! -e "$tools/complete" ]; then
	say "installing drgn, Kaitai Struct and mypy into $tools"
	rm -rf "$tools"
	mkdir -p "$tools"
	cp "$tests/package.json" "$tests/package-lock.json" "$tools"
	(cd "$tools" && npm ci --silent --no-audit --no-fund --ignore-scripts) ||
		die "npm cannot install what bindings/test/package.json names" "check the connection to the npm registry"
	python3 -m venv "$tools/venv"
	"$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$tests/requirements.txt" ||
		die "pip cannot install what bindings/test/requirements.txt names" "check the connection to PyPI"
	touch "$tools/complete"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
kho_abi() { cargo run --quiet --locked -- "$@"; }

compile() { gcc -std=gnu11 -nostdinc -g -fPIC -shared -nostdlib -x c -o "$@"; }

drgn_tests=(Image)
case $# in
4)
	raw=$1 elf=$2 symbols=$4
	export KHO_ABI_RECORD=$3
	drgn_tests+=(Kernel)
	;;
0)
	# With the flags of the tests, so that nothing is rebuilt after them.
	cargo build --quiet --locked --workspace --example synth
	synth=${CARGO_TARGET_DIR:-target}/debug/examples/synth
	raw=$work/synth.raw elf=$work/synth.elf symbols=$work/symbols
	"$synth" raw "$raw"
	"$synth" elf "$elf"
	# The symbols of a kernel with the generated headers.
	for header in block kexec_handover luo memfd pci vfio_pci; do
		printf '#include <linux/kho/abi/%s.h>\n' "$header"
	done >"$work/symbols.c"
	for name in kho_block_header_ser kho_vmalloc_chunk luo_ser luo_session_ser luo_file_ser \
		luo_flb_header_ser luo_flb_ser memfd_luo_ser memfd_luo_folio_ser pci_dev_ser pci_ser vfio_pci_core_device_ser; do
		printf 'struct %s a_%s;\n' "$name" "$name"
	done >>"$work/symbols.c"
	compile "$symbols" -DPAGE_SHIFT=12 -Iread/stand-in -Ic-headers/include "$work/symbols.c"
	drgn_tests+=(Damage)
	;;
*) die "expected no image, or RAW ELF RECORD VMLINUX" "see the first lines of ${0##*/}" ;;
esac
kho_abi layout --format json >"$work/layout.json"
kho_abi inspect "$raw" --format json >"$work/shown.json"

say "Kaitai Struct, on ${raw##*/}"
export NODE_PATH=$tools/node_modules PYTHONDONTWRITEBYTECODE=1
node "$tests/compile-ksy.js" bindings/kaitai/kho.ksy "$work"
# The truth has no union or enumeration for Kaitai, but the tests' model has.
mkdir "$work/everything"
awk 'marks > 1; /^---$/ { marks++ }' snapshots/goldens/everything.ksy.snap >"$work/everything/kho.ksy"
node "$tests/compile-ksy.js" "$work/everything/kho.ksy" "$work/everything"
PYTHONPATH=$work/everything "$tools/venv/bin/python" - <<'PYTHON'
from kaitaistruct import BytesIO, KaitaiStream
from kho import Kho

root = Kho.EveryRootSer(KaitaiStream(BytesIO(bytes(range(1, 71)))))
union = root.a_field_with_quite_a_long_name_to_break_its_line
assert union.pa == 0x3E3D3C3B3A393837, hex(union.pa)
assert union.bytes == bytes([0x37, 0x38, 0x39, 0x3A]), union.bytes
assert (root.page.pfn, root.page.flags) == (0x544434241403F, 0x464), root.page.pfn
assert Kho.EveryShape.every_shape_wide.value == 2
PYTHON
KHO_ABI_LAYOUT=$work/layout.json KHO_ABI_RAW=$raw KHO_ABI_SHOWN=$work/shown.json \
	PYTHONPATH=$work "$tools/venv/bin/python" "$tests/test_kaitai.py"

say "drgn, on ${elf##*/}"
compile "$work/others" - <<<'struct luo_ser { char compatible[8]; unsigned long liveupdate_num, sessions_pa; } luo;'
kho_abi inspect "$elf" --format json >"$work/shown.json"
export KHO_ABI=${CARGO_TARGET_DIR:-target}/debug/kho-abi KHO_ABI_IMAGE=$elf
export KHO_ABI_SHOWN=$work/shown.json KHO_ABI_SYMBOLS=$symbols KHO_ABI_OTHERS=$work/others
export PYTHONPATH=$work:bindings/python
"$tools/venv/bin/python" "$tests/test_drgn.py" "${drgn_tests[@]}"

say "the examples of bindings/README.md"
PYTHONPATH=$work:$root/bindings/python "$tools/venv/bin/python" "$tests/test_readme.py"

say "the wheel, on ${raw##*/}"
wheel=$(PYTHON=$tools/venv/bin/python tools/wheel.sh "$work/wheel")
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel" ||
	die "pip cannot install the wheel" "see the lines above"
example=bindings/python/examples/sessions.py
# mypy knows the hints only if the package that is installed says that it has them.
(unset PYTHONPATH && cd "$work" && "$tools/venv/bin/mypy" --strict --python-executable "$work/venv/bin/python" "$root/$example")
kho_abi inspect "$raw" --format json >"$work/shown.json" || [ $? -eq 1 ]
PYTHONPATH='' PATH=$(realpath "$(dirname "$KHO_ABI")"):$PATH "$work/venv/bin/python" "$example" "$raw" >"$work/said"
"$tools/venv/bin/python" - "$work/shown.json" >"$work/expected" <<'PYTHON'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    for session in json.load(file)["luo"]["sessions"]:
        print(f"session {session['name']}: {len(session['files'])} files")
        for file in session["files"]:
            print(f"  token {int(file['token'], 16):#x}  {file['compatible']}")
PYTHON
[ "$(wc -l <"$work/expected")" -gt 2 ] || die "the image has no sessions" "give another one"
diff "$work/expected" "$work/said"
