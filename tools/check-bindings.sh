#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Runs the bindings in the tools that they are for: Kaitai Struct's compiler makes
# a parser of kho.ksy, which reads pages of an image.
#
#   check-bindings.sh            on an image that is made up here
#   check-bindings.sh RAW        on a raw image of a real kernel
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

install_packages python3 python3-venv
command -v npm >/dev/null || install_packages nodejs npm

# What the tools are is their versions and the Python that runs them: another of these, another directory.
state=$(cat "$tests/requirements.txt" "$tests/package-lock.json" <(python3 --version) | sha256sum | cut -c1-12)
tools=$(cache_dir)/bindings/$state
if [ ! -e "$tools/complete" ]; then
	say "installing drgn and Kaitai Struct into $tools"
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

raw=${1:-}
if [ -z "$raw" ]; then
	# As the tests are built, so that after them nothing is.
	cargo build --quiet --locked --workspace --example synth
	synth=${CARGO_TARGET_DIR:-target}/debug/examples/synth
	raw=$work/synth.raw
	"$synth" raw "$raw"
fi
kho_abi layout --format json >"$work/layout.json"
kho_abi inspect "$raw" --format json >"$work/shown.json"

say "Kaitai Struct, on ${raw##*/}"
export NODE_PATH=$tools/node_modules PYTHONDONTWRITEBYTECODE=1
node "$tests/compile-ksy.js" bindings/kaitai/kho.ksy "$work"
# The truth has no union and no enumeration that Kaitai could have; the tests' model has.
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
